// SPDX-License-Identifier: Apache-2.0

package plugintest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"google.golang.org/grpc"

	checks "github.com/bulkhead-ml/bulkhead/sdk/check"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
	"github.com/bulkhead-ml/bulkhead/sdk/kernel"
	"github.com/bulkhead-ml/bulkhead/sdk/plugin"
	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

// parts are what a plugin of these tests is made of. Each breaker changes one
// thing of a plugin that keeps the whole contract.
type parts struct {
	info      plugin.Info
	collector fact.Collector
	check     checks.Check
	kernel    kernel.Kernel
	learner   kernel.Kernel
	describe  func(*pluginv1.DescribeResponse)
	checker   func(*pluginv1.CheckRequest, *pluginv1.CheckResponse)
	call      *wireHooks
	bare      bool // without the gate that Drain closes
}

func sound() *parts {
	return &parts{
		info: plugin.Info{Name: "sample", Version: "1.0.0"},
		collector: fact.Collector{
			Name: "files", Facts: []fact.Description{{Address: "sample.release", Type: "string"}, {Address: "sample.files", Type: "number"}},
			Collect: func(_ context.Context, target *fact.Target, record *fact.Recorder) error {
				text, err := target.ReadFile("/etc/os-release")
				if err != nil {
					return nil
				}
				record.Add("sample.release", string(text[:4]))
				record.Add("sample.files", 1)
				return nil
			},
		},
		check: checks.Check{
			Code: "sample.many", Title: "Many files", Area: "sample", Needs: []string{"sample.files"}, Doc: checks.Doc{Meaning: "There are files."},
			Run: func(c *checks.Context) {
				if n, _ := c.Facts.Int("sample.files"); n > 0 {
					c.Report(checks.Finding{Severity: checks.Warning})
				}
			},
		},
		kernel: kernel.Kernel{Name: "copy", Compartment: kernel.Data, Transforms: true, Config: settingsOfCopy{},
			New: func(s *kernel.Setup) (kernel.Instance, error) {
				c := &copier{}
				return c, s.Config(&c.settings)
			}},
		learner: kernel.Kernel{Name: "learn", Compartment: kernel.Algorithms, Fits: true, Transforms: true,
			New: func(*kernel.Setup) (kernel.Instance, error) { return &learner{}, nil }},
	}
}

type settingsOfCopy struct {
	Loud bool `json:"loud" doc:"Nothing."`
}

// copier passes on what it reads.
type copier struct {
	settings settingsOfCopy
	write    func(*kernel.Writer, arrow.RecordBatch) error
}

func (c *copier) Transform(_ context.Context, in *kernel.Reader, out *kernel.Writer) (kernel.Report, error) {
	return nil, in.Each(func(b arrow.RecordBatch) error {
		if c.write != nil {
			return c.write(out, b)
		}
		return out.Write(b)
	})
}

// learner counts rows.
type learner struct {
	copier
	rows int64
	load func([]byte) error
}

func (l *learner) Fit(_ context.Context, in *kernel.Reader) (kernel.Report, error) {
	_, err := in.ReadAll()
	l.rows = in.Rows()
	return nil, err
}

func (l *learner) Save() ([]byte, error) { return fmt.Appendf(nil, "rows: %d", l.rows), nil }

func (l *learner) Load(state []byte) error {
	if l.load != nil {
		return l.load(state)
	}
	if n, err := fmt.Sscanf(string(state), "rows: %d", &l.rows); n != 1 || err != nil || len(state) < 7 {
		return errors.New("not a state of this kernel")
	}
	return nil
}

// services puts a plugin together: new values for every instance, as in a new
// process.
func (p *parts) services() []plugin.Service {
	kernels := kernel.Serve(p.kernel, p.learner)
	return []plugin.Service{fact.Serve(p.collector), &checkService{checks.Serve(p.check), p.checker}, &kernelService{kernels, p.call}, describer(p.describe)}
}

type describer func(*pluginv1.DescribeResponse)

func (d describer) Register(grpc.ServiceRegistrar) {}
func (d describer) Describe(out *pluginv1.DescribeResponse) {
	if d != nil {
		d(out)
	}
}

type checkService struct {
	*checks.Service
	change func(*pluginv1.CheckRequest, *pluginv1.CheckResponse)
}

func (s *checkService) Register(r grpc.ServiceRegistrar) { pluginv1.RegisterCheckerServiceServer(r, s) }

func (s *checkService) Check(ctx context.Context, req *pluginv1.CheckRequest) (*pluginv1.CheckResponse, error) {
	resp, err := s.Service.Check(ctx, req)
	if s.change != nil && err == nil {
		s.change(req, resp)
	}
	return resp, err
}

// wireHooks change a transform on the wire, below the SDK.
type wireHooks struct {
	lenient bool                                   // an unknown kernel becomes the kernel copy
	verdict func(*pluginv1.ValidateResponse)       // changes an answer
	swallow func(*pluginv1.Batch) bool             // batches that never arrive
	end     func(o *pluginv1.Open, rows int) error // what a transform ends with
}

type kernelService struct {
	*kernel.Service
	hooks *wireHooks
}

func (s *kernelService) Register(r grpc.ServiceRegistrar) { pluginv1.RegisterKernelServiceServer(r, s) }

func (s *kernelService) Validate(ctx context.Context, req *pluginv1.ValidateRequest) (*pluginv1.ValidateResponse, error) {
	if s.hooks != nil && s.hooks.lenient && req.GetOpen().GetKernel() == "no_such_kernel" {
		return &pluginv1.ValidateResponse{}, nil
	}
	resp, err := s.Service.Validate(ctx, req)
	if s.hooks != nil && s.hooks.verdict != nil && err == nil {
		s.hooks.verdict(resp)
	}
	return resp, err
}

type transformServer = grpc.BidiStreamingServer[pluginv1.TransformRequest, pluginv1.TransformResponse]

func (s *kernelService) Transform(stream transformServer) error {
	if s.hooks == nil {
		return s.Service.Transform(stream)
	}
	hooked := &hookedStream{transformServer: stream, hooks: s.hooks}
	err := s.Service.Transform(hooked)
	if s.hooks.end != nil && err == nil {
		err = s.hooks.end(hooked.open, hooked.batches)
	}
	return err
}

type hookedStream struct {
	transformServer
	hooks   *wireHooks
	open    *pluginv1.Open
	batches int
}

func (h *hookedStream) Recv() (*pluginv1.TransformRequest, error) {
	req, err := h.transformServer.Recv()
	switch {
	case err != nil:
		return req, err
	case req.GetOpen() != nil:
		h.open = req.GetOpen()
	case req.GetBatch() != nil:
		if h.batches++; h.hooks.swallow != nil && h.hooks.swallow(req.GetBatch()) {
			return h.Recv()
		}
	}
	return req, err
}

// subject starts a new instance of the parts each time.
func (p *parts) subject() Subject {
	return Subject{Name: p.info.Name, Start: func(_ context.Context, machine string) (*Plugin, error) {
		if !p.bare {
			return attach(plugin.NewServer(p.info, p.services()...), machine)
		}
		server := grpc.NewServer(grpc.MaxRecvMsgSize(plugin.MaxMessageBytes))
		bare := &bareService{}
		for _, s := range p.services() {
			s.Register(server)
			bare.services = append(bare.services, s)
		}
		pluginv1.RegisterPluginServiceServer(server, bare)
		return attach(server, machine)
	}}
}

// bareService is a plugin service whose Drain does nothing.
type bareService struct {
	pluginv1.UnimplementedPluginServiceServer
	services []plugin.Service
}

func (b *bareService) Describe(context.Context, *pluginv1.DescribeRequest) (*pluginv1.DescribeResponse, error) {
	out := &pluginv1.DescribeResponse{Name: "sample", Version: "1.0.0"}
	for _, s := range b.services {
		s.Describe(out)
	}
	return out, nil
}

func (b *bareService) Drain(context.Context, *pluginv1.DrainRequest) (*pluginv1.DrainResponse, error) {
	return &pluginv1.DrainResponse{}, nil
}

// fromOutside are the rules that need a process or shared memory.
var fromOutside = []string{"kernel/both-ways", "life/nothing-stays", "leak/descriptors", "leak/processes", "leak/memory"}

// unpromised are the rules about what the kernels of sound do not promise.
var unpromised = []string{"kernel/row-wise", "kernel/output", "kernel/undo"}

func TestSoundPluginPasses(t *testing.T) {
	report := Run(t.Context(), sound().subject())
	for _, c := range report.Cases {
		want := Passed
		if slices.Contains(fromOutside, c.Name) || slices.Contains(unpromised, c.Name) {
			want = Skipped
		}
		if c.Status != want {
			t.Errorf("%s %s: %s", c.Name, c.Status, c.Detail)
		}
	}
}

// breakers name the rule that a change breaks.
var breakers = map[string]func(*parts){
	"describe/valid":           func(p *parts) { p.info.Name = "Sample One" },
	"describe/documented":      func(p *parts) { p.check.Doc.Meaning = "" },
	"describe/settings":        func(p *parts) { p.describe = badSettings },
	"describe/same-every-time": func(p *parts) { p.describe = restless() },
	"collect/empty-machine": func(p *parts) {
		p.collector.Collect = func(_ context.Context, target *fact.Target, _ *fact.Recorder) error {
			if _, err := target.ReadFile("/etc/os-release"); err != nil {
				panic("no release")
			}
			return nil
		}
	},
	"collect/garbage-machine": func(p *parts) {
		sound := p.collector.Collect
		p.collector.Collect = func(ctx context.Context, target *fact.Target, record *fact.Recorder) error {
			if _, err := target.ReadFile("/etc/os-release"); err == nil {
				record.Add("sample.surprise", 1)
			}
			return sound(ctx, target, record)
		}
	},
	"collect/same-every-time": func(p *parts) {
		var calls atomic.Int64
		p.collector.Collect = func(_ context.Context, _ *fact.Target, record *fact.Recorder) error {
			record.Add("sample.release", calls.Add(1))
			return nil
		}
	},
	"collect/cancelled": func(p *parts) {
		var calls atomic.Int64
		p.collector.Collect = func(ctx context.Context, _ *fact.Target, _ *fact.Recorder) error {
			if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < time.Second {
				time.Sleep(2 * promptly)
			}
			calls.Add(1)
			return nil
		}
	},
	"check/no-facts": func(p *parts) {
		p.check.Needs = nil
		p.check.Run = func(c *checks.Context) {
			if _, ok := c.Facts.Int("sample.files"); !ok && len(c.Facts.All()) == 0 {
				c.Report(checks.Finding{Severity: checks.Warning})
			}
		}
	},
	"check/unknown-facts": func(p *parts) {
		p.checker = func(req *pluginv1.CheckRequest, resp *pluginv1.CheckResponse) {
			if len(req.GetFacts()) > 0 && req.GetFacts()[0].GetUnknown() != "" {
				resp.Findings = append(resp.Findings, &pluginv1.Finding{Code: "sample.many", Title: "x", Severity: pluginv1.Finding_SEVERITY_ERROR})
			}
		}
	},
	"check/wrong-types": func(p *parts) {
		p.check.Run = func(c *checks.Context) {
			if _, ok := c.Facts.Int("sample.files"); !ok {
				panic("not a number")
			}
		}
	},
	"check/pure": func(p *parts) {
		var calls atomic.Int64
		p.check.Run = func(c *checks.Context) {
			if n, _ := c.Facts.Int("sample.files"); n > 0 {
				c.Report(checks.Finding{Severity: checks.Warning, Detail: fmt.Sprint(calls.Add(1))})
			}
		}
	},
	"kernel/unknown":          func(p *parts) { p.call = &wireHooks{lenient: true} },
	"kernel/broken-settings":  func(p *parts) { p.kernel.New = forgiving("unknown field") },
	"kernel/hostile-settings": func(p *parts) { p.kernel.New = forgiving("cannot unmarshal string into Go struct field") },
	"kernel/hostile-tables": func(p *parts) {
		p.kernel.New = copying(func(out *kernel.Writer, b arrow.RecordBatch) error {
			if b.Schema().Field(0).Name == "" {
				panic("no name")
			}
			return out.Write(b)
		})
	},
	"kernel/duplicate-names": func(p *parts) {
		p.call = &wireHooks{verdict: func(resp *pluginv1.ValidateResponse) {
			resp.Diagnostics = slices.DeleteFunc(resp.GetDiagnostics(), func(d *pluginv1.Diagnostic) bool { return strings.Contains(d.GetDetail(), "stands twice") })
		}}
	},
	"kernel/empty-table": func(p *parts) {
		p.call = &wireHooks{end: func(o *pluginv1.Open, batches int) error {
			return dieIf(o.GetKernel() == "learn" && batches == 0 && len(o.GetSchema().GetColumns()) > 0)
		}}
	},
	"kernel/no-columns": func(p *parts) {
		p.call = &wireHooks{end: func(o *pluginv1.Open, _ int) error { return dieIf(len(o.GetSchema().GetColumns()) == 0) }}
	},
	"kernel/rows-add-up": func(p *parts) {
		p.kernel.New = copying(func(out *kernel.Writer, b arrow.RecordBatch) error { return out.Write(b.NewSlice(1, b.NumRows())) })
	},
	"kernel/same-every-time": func(p *parts) {
		var calls atomic.Int64
		p.kernel.New = copying(func(out *kernel.Writer, b arrow.RecordBatch) error {
			cut := calls.Add(1) % max(b.NumRows(), 1)
			return errors.Join(out.Write(b.NewSlice(cut, b.NumRows())), out.Write(b.NewSlice(0, cut)))
		})
	},
	"kernel/broken-state": func(p *parts) {
		p.learner.New = func(*kernel.Setup) (kernel.Instance, error) {
			return &learner{load: func([]byte) error { return nil }}, nil
		}
	},
	"kernel/broken-batch": func(p *parts) {
		p.call = &wireHooks{swallow: func(b *pluginv1.Batch) bool { return len(b.GetColumns()[0].GetValues()) == 500 }}
	},
	"kernel/row-wise": func(p *parts) {
		p.kernel.RowWise = true
		p.kernel.New = copying(func(out *kernel.Writer, b arrow.RecordBatch) error {
			step := max(1, b.NumRows()/100) // a large table takes no message for each row
			for i := b.NumRows(); i > 0; i -= step {
				if err := out.Write(b.NewSlice(max(0, i-step), i)); err != nil {
					return err
				}
			}
			return nil
		})
	},
	"kernel/output": func(p *parts) {
		p.call = &wireHooks{verdict: func(resp *pluginv1.ValidateResponse) {
			resp.Output = &pluginv1.TableSchema{Columns: []*pluginv1.TableColumn{{Name: "other", Type: pluginv1.TableColumn_TYPE_BOOL}}}
		}}
	},
	"kernel/undo": func(p *parts) {
		var undone atomic.Bool
		p.kernel.Undoes = true
		p.kernel.New = func(s *kernel.Setup) (kernel.Instance, error) {
			u := &undoer{setup: s, undone: &undone}
			return u, s.Config(&u.settings)
		}
	},
	"kernel/cancelled": func(p *parts) {
		p.kernel.New = func(s *kernel.Setup) (kernel.Instance, error) {
			c := &stubborn{}
			return c, s.Config(&c.settings)
		}
	},
	"kernel/cancelled-at-work": func(p *parts) {
		p.kernel.New = func(s *kernel.Setup) (kernel.Instance, error) {
			c := &stubborn{patience: 10_000}
			return c, s.Config(&c.settings)
		}
	},
	"life/drain": func(p *parts) { p.bare = true },
}

// undoer takes back once.
type undoer struct {
	copier
	setup  *kernel.Setup
	undone *atomic.Bool
}

func (u *undoer) Transform(ctx context.Context, in *kernel.Reader, out *kernel.Writer) (kernel.Report, error) {
	u.setup.UndoToken([]byte("it"))
	return u.copier.Transform(ctx, in, out)
}

func (u *undoer) Undo(context.Context, []byte) error {
	if u.undone.Swap(true) {
		return errors.New("it is gone already")
	}
	return nil
}

// stubborn goes on after its stream was cancelled, when it has read some rows.
type stubborn struct {
	copier
	patience int64
}

func (c *stubborn) Transform(ctx context.Context, in *kernel.Reader, out *kernel.Writer) (kernel.Report, error) {
	report, err := c.copier.Transform(ctx, in, out)
	if ctx.Err() != nil && in.Rows() >= c.patience {
		time.Sleep(2 * promptly)
	}
	return report, err
}

func copying(write func(*kernel.Writer, arrow.RecordBatch) error) func(*kernel.Setup) (kernel.Instance, error) {
	return func(s *kernel.Setup) (kernel.Instance, error) {
		c := &copier{write: write}
		return c, s.Config(&c.settings)
	}
}

// forgiving makes copiers that overlook one kind of error in their settings.
func forgiving(text string) func(*kernel.Setup) (kernel.Instance, error) {
	return func(s *kernel.Setup) (kernel.Instance, error) {
		c := &copier{}
		err := s.Config(&c.settings)
		if err != nil && strings.Contains(err.Error(), text) {
			err = nil
		}
		return c, err
	}
}

func dieIf(condition bool) error {
	if condition {
		return errors.New("died")
	}
	return nil
}

func badSettings(out *pluginv1.DescribeResponse) {
	out.Kernels[0].Config.Attributes[0].Type = "a string"
}

func restless() func(*pluginv1.DescribeResponse) {
	var calls atomic.Int64
	return func(out *pluginv1.DescribeResponse) { out.Capabilities = []string{fmt.Sprint(calls.Add(1))} }
}

// consequences are the other rules that a breaker breaks.
var consequences = map[string][]string{
	"kernel/cancelled":   {"kernel/cancelled-at-work"},
	"kernel/rows-add-up": {"kernel/hostile-tables"},
}

func TestEachRuleCatchesItsBreaker(t *testing.T) {
	for name, change := range breakers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := append([]string{name}, consequences[name]...)
			// What is cancelled after milliseconds may not have come to the plugin by
			// then, on a machine that is busy.
			attempts := 1
			if strings.Contains(name, "/cancelled") {
				attempts = 5
			}
			var got []string
			for range attempts {
				p := sound()
				change(p)
				if got = failures(Run(t.Context(), p.subject())); slices.Equal(got, want) {
					return
				}
			}
			t.Errorf("fails %v", got)
		})
	}
}

func failures(r Report) []string {
	var out []string
	for _, c := range r.Cases {
		if c.Status == Failed {
			out = append(out, c.Name)
		}
	}
	return out
}

// The one rule that needs more than one kind of process.
func TestStateThatStaysBehind(t *testing.T) {
	var processes atomic.Int64
	subject := Subject{Name: "sample", Start: func(ctx context.Context, machine string) (*Plugin, error) {
		p := sound()
		me := processes.Add(1)
		p.learner.New = func(*kernel.Setup) (kernel.Instance, error) { return &forgetful{me: me}, nil }
		return p.subject().Start(ctx, machine)
	}}
	if got := failures(Run(t.Context(), subject)); !slices.Equal(got, []string{"kernel/state-travels"}) {
		t.Errorf("fails %v", got)
	}
}

// forgetful keeps in its process what belongs into its state.
type forgetful struct {
	learner
	me int64
}

func (f *forgetful) Save() ([]byte, error) { return fmt.Appendf(nil, "rows: 1%06d", f.me), nil }

func (f *forgetful) Load(state []byte) error {
	if string(state) != fmt.Sprintf("rows: 1%06d", f.me) {
		return errors.New("not a state of this process")
	}
	return nil
}

func TestPluginThatDoesNotStartAgain(t *testing.T) {
	count := func(limit int64) (int64, []string) {
		var starts atomic.Int64
		subject := Subject{Name: "sample", Start: func(ctx context.Context, machine string) (*Plugin, error) {
			if starts.Add(1) > limit {
				return nil, errors.New("no more")
			}
			return sound().subject().Start(ctx, machine)
		}}
		got := failures(RunWith(t.Context(), subject, Options{Only: []string{"describe", "kernel", "life/drain", "life/restart"}}))
		return starts.Load(), got
	}
	all, got := count(1 << 30)
	if len(got) > 0 {
		t.Fatalf("fails %v", got)
	}
	if _, got := count(all - 1); !slices.Equal(got, []string{"life/restart"}) {
		t.Errorf("fails %v", got)
	}
}

// A plugin that dies in one rule gets a new process for the next.
func TestDeathInOneRuleSparesTheOthers(t *testing.T) {
	b := &bench{ctx: t.Context(), subject: sound().subject()}
	defer b.close()
	first, err := b.plugin()
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Stop(); err != nil {
		t.Fatal(err)
	}
	second, err := b.plugin()
	if err != nil || second == first {
		t.Fatalf("the dead instance is used again, %v", err)
	}
	if _, err := describe(t.Context(), second); err != nil {
		t.Error(err)
	}
}

// Every rule has a breaker, so that none can go blind unnoticed.
func TestEveryRuleHasABreaker(t *testing.T) {
	elsewhere := append([]string{"kernel/state-travels", "life/restart"}, fromOutside...)
	for _, r := range (Options{}).rules() {
		if breakers[r.name] == nil && !slices.Contains(elsewhere, r.name) {
			t.Errorf("no test breaks %s", r.name)
		}
	}
}
