// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"google.golang.org/grpc"

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
	// Floor is the weakest sandbox level that is good enough.
	Floor  sandbox.Level
	Logger hclog.Logger
	// CacheDir remembers measured digests and descriptions; "" remembers none.
	CacheDir string
	// CallTimeout bounds one call; 0 leaves the default.
	CallTimeout time.Duration

	mu      sync.Mutex
	running map[string]*Running
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
}

// Start returns the running plugin of a name, starting it when it does not run.
func (l *Launcher) Start(ctx context.Context, name string) (*Running, error) {
	l.mu.Lock()
	r := l.running[name]
	l.mu.Unlock()
	if r != nil && r.Exit() == nil {
		return r, nil
	}
	e, ok := l.Catalog.Entry(name)
	if !ok {
		return nil, fmt.Errorf("no plugin %q is installed; `bulkhead plugin list` shows those that are", name)
	}
	r, err := l.launch(ctx, e)
	if err != nil {
		return nil, err
	}
	return l.keep(name, r), nil
}

// keep remembers r, unless another goroutine was faster: then that one stands.
func (l *Launcher) keep(name string, r *Running) *Running {
	l.mu.Lock()
	defer l.mu.Unlock()
	if other := l.running[name]; other != nil && other.Exit() == nil {
		go l.discard(r)
		return other
	}
	if l.running == nil {
		l.running = map[string]*Running{}
	}
	l.running[name] = r
	return r
}

func (l *Launcher) launch(ctx context.Context, e *Entry) (*Running, error) {
	begin := time.Now()
	view := target.View{}
	spec := plugin.Spec{
		Name: e.Name, Path: e.Executable, Digest: e.Digest, Floor: l.Floor, CallTimeout: l.CallTimeout,
	}
	if l.Machine != nil && len(e.Grants) > 0 {
		view = l.Machine.Expand(e.Grants)
		spec.Binds, spec.Root, spec.Identity = view.Binds, l.Machine.Root, sandbox.SameUID
	}
	if e.Declaration != nil && e.Declaration.Timeout > 0 {
		spec.CallTimeout = e.Declaration.Timeout
	}
	// A plugin that never starts must leave time for those that do.
	if l.CallTimeout > 0 {
		spec.StartTimeout = min(l.CallTimeout/2, plugin.DefaultStartTimeout)
	}
	p, err := plugin.Launch(ctx, spec, plugin.Options{
		Logger: l.Logger, DigestCache: l.cache("digests"), Drain: drain, DrainTimeout: drainTimeout,
	})
	if err != nil {
		return nil, err
	}
	r := &Running{Process: p, Entry: e}
	if r.Description, err = describe(ctx, r, spec.StartTimeout); err != nil {
		l.discard(r)
		return nil, err
	}
	if l.Machine != nil {
		r.Target = l.Machine.Message(root(l.Machine, p.Sandbox()), view.Env)
	}
	r.Started = time.Since(begin)
	l.remember(p.Digest(), r.Description)
	return r, nil
}

// root is where a plugin finds the machine's "/": below the sandbox's target
// directory, or at its own place when there is no private root.
func root(m *target.Machine, report sandbox.Report) string {
	switch {
	case report.Level >= sandbox.Namespaced:
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

// Running returns what runs now, in no order.
func (l *Launcher) Running() []*Running {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make([]*Running, 0, len(l.running))
	for _, r := range l.running {
		out = append(out, r)
	}
	return out
}

// Close ends every plugin, all at the same time.
func (l *Launcher) Close(ctx context.Context) error {
	var (
		wg   sync.WaitGroup
		mu   sync.Mutex
		errs []error
	)
	for _, r := range l.Running() {
		wg.Go(func() {
			err := closeOne(ctx, r)
			mu.Lock()
			defer mu.Unlock()
			errs = append(errs, err)
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// discard ends a plugin that nobody will use. That it did not end in peace is
// of no use to the caller, whose own error says more.
func (l *Launcher) discard(r *Running) {
	if err := closeOne(context.Background(), r); err != nil && l.Logger != nil {
		l.Logger.Debug("plugin discarded", "error", err)
	}
}

func closeOne(ctx context.Context, r *Running) error {
	if err := r.Close(ctx); err != nil {
		return fmt.Errorf("closing plugin %q: %w", r.Name(), err)
	}
	return nil
}
