// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"google.golang.org/grpc"

	"github.com/bulkhead-ml/bulkhead/host/audit"
	"github.com/bulkhead-ml/bulkhead/host/config"
	"github.com/bulkhead-ml/bulkhead/host/dataplane"
	"github.com/bulkhead-ml/bulkhead/host/plugin"
	"github.com/bulkhead-ml/bulkhead/host/sandbox"
	"github.com/bulkhead-ml/bulkhead/host/target"
	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

// drainTimeout is what a plugin gets to end calls that nobody waits for any
// more: those in hand have ended when a command closes its plugins.
const drainTimeout = 300 * time.Millisecond

// Launcher starts plugins of a catalog and remembers what runs. It is safe for
// concurrent use.
type Launcher struct {
	Catalog *Catalog
	// Machine that collectors may see; nil gives every plugin an empty view.
	Machine *target.Machine
	// Config says how plugins are enclosed; nil leaves the defaults.
	Config *config.Config
	// Floor is the weakest sandbox level that is good enough; Floors has those of
	// plugins that differ.
	Floor  sandbox.Level
	Floors map[string]sandbox.Level
	Logger hclog.Logger
	// Audit is told of grants, launches, denials and deaths; nil keeps no log.
	Audit func() *audit.Log
	// Fault is told when a plugin dies that nobody ended, introduces itself wrongly
	// or cannot describe itself; nil tells nobody. It may be called at the same time
	// for several plugins, and several times for one.
	Fault func(e *Entry, err error)
	// Trace says who is told what a plugin does; nil, and a nil answer, trace nothing.
	Trace func(*Entry) Tracer
	// CacheDir remembers measured digests and descriptions; "" remembers none.
	CacheDir string
	// CallTimeout bounds one call; 0 leaves the default.
	CallTimeout time.Duration
	// StartTimeout bounds a start; 0 is the default of package plugin.
	StartTimeout time.Duration
	// DrainTimeout is what a plugin gets to end its calls when it is closed; 0 is
	// 300 ms: nobody waits for what is in hand then.
	DrainTimeout time.Duration

	// SharedBatches is how many of the largest batches a call may have under way
	// each way in shared memory, where the system has it: for those who run
	// kernels. 0 lets tables travel in messages.
	SharedBatches int
	// Lifetime bounds the life of every plugin; nil bounds none. Calls have
	// contexts of their own, and a plugin outlives the call that started it.
	Lifetime context.Context

	sides  sync.Map // of *plugin.Process to *dataplane.Side
	mu     sync.Mutex
	slots  map[string]*slot
	closed bool
	sight  *target.Look // begun at looked
	looked time.Time
	// described has what pinned plugins said about themselves.
	described map[*Entry]*pluginv1.DescribeResponse
}

// ErrClosed means that a launcher was asked for a plugin after Close.
var ErrClosed = errors.New("the host is closing its plugins and starts no other")

// slot is the place of one plugin: its supervisor and the process it has now.
type slot struct {
	entry      *Entry
	view       target.View
	supervisor *plugin.Supervisor
	startTime  time.Duration // to start and to describe itself
	turn       chan struct{} // held by the one that starts and describes

	mu      sync.Mutex // never held over a wait
	current *Running
}

// is returns what is known of a process, nil for another than the last.
func (s *slot) is(p *plugin.Process) *Running {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current != nil && s.current.Process == p {
		return s.current
	}
	return nil
}

func (s *slot) set(r *Running) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current = r
}

// Running is a started plugin.
type Running struct {
	*plugin.Process
	Entry       *Entry
	Description *pluginv1.DescribeResponse
	// Target is the machine as this plugin sees it; nil without a view.
	Target *pluginv1.Target
	// Started is how long it took from launch to description.
	Started time.Duration

	view target.View
}

// Side is what the process shares with the host, nil when that is nothing.
func (l *Launcher) Side(r *Running) *dataplane.Side {
	side, _ := l.sides.Load(r.Process)
	s, _ := side.(*dataplane.Side)
	return s
}

// Sandbox is what stands around the plugin. Skipped has also the grants that
// came to nothing before the sandbox was built.
func (r *Running) Sandbox() sandbox.Report {
	out := r.Process.Sandbox()
	out.Skipped = slices.Concat(withheld(r.view), valueless(r.Entry, r.view.Secrets), out.Skipped)
	return out
}

// Denials are what the plugin was refused, see [plugin.Process.Denials].
func (r *Running) Denials() []sandbox.Denial { return hints(r.Process.Denials(), r.view) }

// Start returns the running plugin of a name. It starts the plugin when it does
// not run, and again after a death, with growing pauses and not for ever.
func (l *Launcher) Start(ctx context.Context, name string) (*Running, error) {
	s, err := l.slot(name)
	if err != nil {
		return nil, err
	}
	return l.start(ctx, s)
}

// slot returns the place of a plugin, made when it is first asked for.
func (l *Launcher) slot(name string) (*slot, error) {
	e, ok := l.Catalog.Entry(name)
	if !ok {
		return nil, fmt.Errorf("no plugin %q is installed; `bulkhead plugin list` shows those that are", name)
	}
	if s, err := l.find(e.Name); s != nil || err != nil {
		return s, err
	}
	// Looking at the machine may take its time, and others need not wait for it.
	s := &slot{entry: e, turn: make(chan struct{}, 1)}
	s.view = l.view(e)
	spec, err := l.spec(e, s.view)
	if err != nil {
		return nil, err
	}
	s.startTime = cmp.Or(spec.StartTimeout, plugin.DefaultStartTimeout)
	s.supervisor = plugin.Supervise(l.lifetime(), spec, plugin.Options{
		Logger: l.Logger, DigestCache: l.cache("digests"), Drain: drain, DrainTimeout: cmp.Or(l.DrainTimeout, drainTimeout), Prepare: l.attend(e, s.view),
		Redact: redactor(spec.Secrets).Line,
	}, plugin.Backoff{})
	return l.add(s)
}

// find returns a place that was made; nil when there is none yet.
func (l *Launcher) find(name string) (*slot, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, ErrClosed
	}
	return l.slots[name], nil
}

// add keeps a place, unless somebody else was faster.
func (l *Launcher) add(s *slot) (*slot, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	first, taken := l.slots[s.entry.Name]
	if l.closed || taken {
		_ = s.supervisor.Close(context.Background()) // it has started nothing
	}
	switch {
	case l.closed:
		return nil, ErrClosed
	case taken:
		return first, nil
	case l.slots == nil:
		l.slots = map[string]*slot{}
	}
	l.slots[s.entry.Name] = s
	return s, nil
}

// audit is the log to write to; a nil log takes everything and keeps nothing.
func (l *Launcher) audit() *audit.Log {
	if l.Audit == nil {
		return nil
	}
	return l.Audit()
}

// logger is never nil.
func (l *Launcher) logger(name string) hclog.Logger {
	if l.Logger == nil {
		return hclog.NewNullLogger()
	}
	return l.Logger.Named(name)
}

func (l *Launcher) lifetime() context.Context {
	if l.Lifetime != nil {
		return l.Lifetime
	}
	return context.Background()
}

// start returns the process of a slot, with its description.
func (l *Launcher) start(ctx context.Context, s *slot) (*Running, error) {
	begin := time.Now()
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	p, err := s.supervisor.Process(ctx)
	if err != nil {
		l.stillborn(ctx, s.entry, err)
		return nil, err
	}
	if r := s.is(p); r != nil {
		return r, nil
	}
	r := &Running{Process: p, Entry: s.entry, view: s.view}
	if r.Description, err = l.description(ctx, r, s.startTime); err != nil {
		// A caller who went away says nothing about the plugin.
		if ctx.Err() == nil {
			s.supervisor.Reject(p, err)
			l.fault(s.entry, err)
		}
		return nil, err
	}
	if l.Machine != nil {
		r.Target = l.Machine.Message(root(l.Machine, p.Sandbox()), s.view)
	}
	r.Started = time.Since(begin)
	for _, limit := range unenforced(l.Config.SandboxOf(s.entry.Name).Limits, p.Sandbox()) {
		l.logger("host").Warn("a limit of the configuration is not enforced here, since it needs a control group", "plugin", s.entry.Name, "limit", limit)
	}
	l.logger("host").Debug("plugin started", "plugin", s.entry.Name, "level", p.Sandbox().Level.String(), "pid", p.PID(), "took", r.Started)
	s.set(r)
	return r, nil
}

// root is where a plugin finds the machine's "/": below the sandbox's target
// directory, or at its own place when there is no private root.
func root(m *target.Machine, report sandbox.Report) string {
	switch {
	case report.Level.Spaces():
		return sandbox.TargetDir
	case m.Live():
		return "/"
	}
	return m.Root
}

func drain(ctx context.Context, conn *grpc.ClientConn) error {
	_, err := pluginv1.NewPluginServiceClient(conn).Drain(ctx, &pluginv1.DrainRequest{})
	return err
}

// Running returns the plugins that were started, in no order.
func (l *Launcher) Running() []*Running {
	var out []*Running
	for _, s := range l.all() {
		s.mu.Lock()
		if s.current != nil {
			out = append(out, s.current)
		}
		s.mu.Unlock()
	}
	return out
}

func (l *Launcher) all() []*slot {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Collect(maps.Values(l.slots))
}

// Close ends every plugin, all at the same time, also those that are being
// started, and starts no other.
func (l *Launcher) Close(ctx context.Context) error {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	slots := l.all()
	errs := make([]error, len(slots))
	var wg sync.WaitGroup
	for i, s := range slots {
		wg.Go(func() {
			if err := s.supervisor.Close(ctx); err != nil {
				errs[i] = fmt.Errorf("closing plugin %q: %w", s.entry.Name, err)
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}
