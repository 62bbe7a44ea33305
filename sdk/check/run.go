// SPDX-License-Identifier: Apache-2.0

package check

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"

	"github.com/bulkhead-ml/bulkhead/sdk/fact"
	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
	"github.com/bulkhead-ml/bulkhead/sdk/schema"
)

// Service serves checks. Pass it to plugin.Serve.
type Service struct {
	pluginv1.UnimplementedCheckerServiceServer
	checks []Check
}

// Serve makes a plugin part of checks.
func Serve(checks ...Check) *Service {
	return &Service{checks: checks}
}

// Register adds the gRPC service.
func (s *Service) Register(server grpc.ServiceRegistrar) {
	pluginv1.RegisterCheckerServiceServer(server, s)
}

// Describe adds the checks to the plugin's description.
func (s *Service) Describe(out *pluginv1.DescribeResponse) {
	for _, c := range s.checks {
		out.Checks = append(out.Checks, &pluginv1.CheckDescription{
			Code: c.Code, Title: c.Title, Area: c.Area, Needs: c.Needs, Config: schema.Of(c.Config),
			Documentation: &pluginv1.Documentation{
				Meaning: c.Doc.Meaning, Detection: c.Doc.Detection, Cause: c.Doc.Cause,
				Fix: c.Doc.Fix, Verify: c.Doc.Verify, References: c.Doc.References,
			},
		})
	}
}

// Check answers the host.
func (s *Service) Check(ctx context.Context, req *pluginv1.CheckRequest) (*pluginv1.CheckResponse, error) {
	facts, err := fact.FromProto(req.GetFacts())
	if err != nil {
		return &pluginv1.CheckResponse{Diagnostics: []*pluginv1.Diagnostic{{
			Severity: pluginv1.Diagnostic_SEVERITY_ERROR, Summary: "Facts that cannot be read", Detail: err.Error(),
		}}}, nil
	}
	out, reads := &pluginv1.CheckResponse{}, &fact.Reads{}
	for _, r := range Run(ctx, fact.NewSet(facts).Noting(reads), s.selected(req.GetCodes()), req.GetConfigJson()) {
		for _, f := range r.Findings {
			out.Findings = append(out.Findings, f.toProto())
		}
		out.Outcomes = append(out.Outcomes, &pluginv1.CheckOutcome{
			Code: r.Code, Status: r.Status, Reason: r.Reason, DurationNs: r.Duration.Nanoseconds(),
		})
	}
	out.Reads = reads.ToProto()
	return out, nil
}

func (s *Service) selected(codes []string) []Check {
	if len(codes) == 0 {
		return s.checks
	}
	var out []Check
	for _, c := range s.checks {
		if slices.Contains(codes, c.Code) {
			out = append(out, c)
		}
	}
	return out
}

// Outcome is what became of one check.
type Outcome struct {
	Code     string
	Status   pluginv1.CheckOutcome_Status
	Reason   string
	Duration time.Duration
	Findings []Finding
}

// Run runs checks over one set of facts, as many at a time as there are
// processors: hundreds of goroutines would each grow a stack of its own. The
// outcomes stand in the order of the checks. A check that panics has failed, alone.
func Run(ctx context.Context, facts fact.Set, checks []Check, config map[string][]byte) []Outcome {
	out := make([]Outcome, len(checks))
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(len(checks), runtime.GOMAXPROCS(0)) {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(checks); i = int(next.Add(1)) - 1 {
				out[i] = runOne(ctx, facts, &checks[i], config[checks[i].Code])
			}
		})
	}
	wg.Wait()
	return out
}

func runOne(ctx context.Context, facts fact.Set, c *Check, config []byte) (out Outcome) {
	start := time.Now()
	out = Outcome{Code: c.Code, Status: pluginv1.CheckOutcome_STATUS_RAN}
	defer func() {
		out.Duration = time.Since(start)
		if r := recover(); r != nil {
			out.Status, out.Findings = pluginv1.CheckOutcome_STATUS_FAILED, nil
			out.Reason = fmt.Sprintf("panic: %v\n%s", r, debug.Stack())
		}
	}()
	if reason := missing(facts, c.Needs); reason != "" {
		out.Status, out.Reason = pluginv1.CheckOutcome_STATUS_SKIPPED, reason
		return out
	}
	if err := ctx.Err(); err != nil {
		out.Status, out.Reason = pluginv1.CheckOutcome_STATUS_SKIPPED, err.Error()
		return out
	}
	run := &Context{Facts: facts, check: c, config: config}
	if config == nil && c.Config != nil {
		run.config = schema.Defaults(c.Config)
	}
	c.Run(run)
	out.Findings = run.findings
	return out
}

// missing names the first need that no fact satisfies.
func missing(facts fact.Set, needs []string) string {
	for _, need := range needs {
		f, ok := facts.Lookup(need)
		switch {
		case ok && f.Unknown != "":
			return fmt.Sprintf("fact %s is unknown: %s", need, f.Unknown)
		case !ok && !anyInstance(facts, need):
			return fmt.Sprintf("fact %s was not observed", need)
		}
	}
	return ""
}

// anyInstance reports whether an address without keys ("python.env.version")
// is known under some key ("python.env[/opt/venv].version").
func anyInstance(facts fact.Set, need string) bool {
	words := strings.Split(need, ".")
	for i := 1; i <= len(words); i++ {
		group, field := strings.Join(words[:i], "."), strings.Join(words[i:], ".")
		for _, key := range facts.Instances(group) {
			if facts.Known(fact.At(group, key, field)) {
				return true
			}
		}
	}
	return false
}
