// SPDX-License-Identifier: Apache-2.0

package fact

import (
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"

	"github.com/bulkhead-ml/bulkhead/sdk/diag"
	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

// Collector observes one side of a machine.
type Collector struct {
	// Name in lower-case letters, digits and dashes.
	Name    string
	Summary string
	// Facts lists what Collect may record, without instance keys. Recording
	// anything else is a bug that the contract suite finds.
	Facts []Description
	// TTL is for how long the facts hold while nothing that Collect saw through
	// its Target has changed; 0 means that they tell of the present moment only,
	// as what a library, a service or a clock says does. A collector with a TTL
	// looks at the machine through its Target alone.
	TTL time.Duration
	// Collect records what it sees. It must honour ctx. An error or a panic
	// costs the facts not yet recorded and becomes a warning of the report.
	Collect func(ctx context.Context, target *Target, record *Recorder) error
}

// Keep gives collectors that look at the machine through their Target alone a
// time to live. Where one asks something else it says so with Recorder.Live.
func Keep(ttl time.Duration, collectors ...Collector) []Collector {
	for i := range collectors {
		collectors[i].TTL = ttl
	}
	return collectors
}

// Description documents a fact.
type Description struct {
	// Address without instance keys: "python.env.version".
	Address string
	Summary string
	// Type is the JSON type: string, number, bool, list or object.
	Type string
	// Unit of a number: "bytes", "seconds", or empty.
	Unit string
}

// Recorder gathers the facts of one Collect. It is safe for concurrent use.
type Recorder struct {
	mu    sync.Mutex
	facts []Fact
	live  string
}

// Live says that this time something was asked that only the present moment can
// answer, whatever the TTL of the collector: a library of a device that is there.
func (r *Recorder) Live(what string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.live = what
}

// Add records a value. A value that JSON cannot hold is recorded as unknown.
func (r *Recorder) Add(address string, value any, evidence ...Evidence) {
	data, err := marshal(value)
	if err != nil {
		r.Unknown(address, err.Error(), evidence...)
		return
	}
	r.append(Fact{Address: address, Value: data, Evidence: evidence})
}

// Unknown records that a value is there but could not be read, and why.
func (r *Recorder) Unknown(address, reason string, evidence ...Evidence) {
	r.append(Fact{Address: address, Unknown: reason, Evidence: evidence})
}

func (r *Recorder) append(f Fact) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.facts = append(r.facts, f)
}

// Facts returns what was recorded, in address order.
func (r *Recorder) Facts() []Fact {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := slices.Clone(r.facts)
	slices.SortStableFunc(out, func(a, b Fact) int { return strings.Compare(a.Address, b.Address) })
	return out
}

// Service serves collectors. Pass it to plugin.Serve.
type Service struct {
	pluginv1.UnimplementedCollectorServiceServer
	collectors []Collector
}

// Serve makes a plugin part of collectors.
func Serve(collectors ...Collector) *Service {
	return &Service{collectors: collectors}
}

// Register adds the gRPC service.
func (s *Service) Register(server grpc.ServiceRegistrar) {
	pluginv1.RegisterCollectorServiceServer(server, s)
}

// Describe adds the collectors to the plugin's description.
func (s *Service) Describe(out *pluginv1.DescribeResponse) {
	for _, c := range s.collectors {
		d := &pluginv1.CollectorDescription{Name: c.Name, Summary: c.Summary}
		for _, f := range c.Facts {
			d.Facts = append(d.Facts, &pluginv1.FactDescription{Address: f.Address, Summary: f.Summary, Type: f.Type, Unit: f.Unit})
		}
		out.Collectors = append(out.Collectors, d)
	}
}

// Collect answers the host.
func (s *Service) Collect(ctx context.Context, req *pluginv1.CollectRequest) (*pluginv1.CollectResponse, error) {
	target, ttl := TargetFromProto(req.GetTarget()), keep(s.collectors)
	if req.GetWantInputs() && ttl > 0 {
		target.inputs = &inputs{seen: map[string]*pluginv1.Input{}}
	}
	facts, diags := Observe(ctx, target, s.collectors...)
	out := &pluginv1.CollectResponse{Facts: ToProto(facts), Diagnostics: diag.ToProto(diags)}
	if target.inputs != nil && len(diags) == 0 && ctx.Err() == nil {
		if seen, live := target.inputs.list(); live == "" {
			out.Inputs, out.KeepNs = seen, ttl.Nanoseconds()
		}
	}
	return out, nil
}

// Observe runs collectors at the same time on one target.
func Observe(ctx context.Context, target *Target, collectors ...Collector) ([]Fact, []*diag.Diagnostic) {
	var (
		record  Recorder
		wg      sync.WaitGroup
		results = make([]error, len(collectors))
	)
	for i, c := range collectors {
		wg.Go(func() { results[i] = observeOne(ctx, c, target, &record) })
	}
	wg.Wait()
	if record.live != "" {
		target.inputs.forget(record.live)
	}
	var diags []*diag.Diagnostic
	for i, err := range results {
		if err != nil {
			diags = append(diags, diag.Warningf("Collector "+collectors[i].Name+" failed",
				"Its facts are incomplete, and checks that need them are skipped: %v.", err))
		}
	}
	return record.Facts(), diags
}

func observeOne(ctx context.Context, c Collector, target *Target, record *Recorder) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v\n%s", r, debug.Stack())
		}
	}()
	return c.Collect(ctx, target, record)
}
