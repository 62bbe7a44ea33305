// SPDX-License-Identifier: Apache-2.0

package upgrade

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/bulkhead-ml/bulkhead/host/catalog"
	"github.com/bulkhead-ml/bulkhead/host/dataplane"
	"github.com/bulkhead-ml/bulkhead/sdk/diag"
	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

// loadTimes bounds loading the states of one plugin, and loadShare is the part of
// it that one state may take with one version.
const (
	loadTimes = 3 * time.Minute
	loadShare = 6
)

// load has the candidate load the newest states that its predecessor made, in its
// sandbox, and tells how that went. A state that the candidate refuses and its
// predecessor takes, in the same calls, is lost.
func (r *run) load(ctx context.Context, c *Candidate, kept []State) (told []string, err error) {
	limited, cancel := context.WithTimeoutCause(ctx, r.loadTimes(), errors.New("there was no time for it"))
	defer cancel()
	l := &loading{run: r, candidate: c, fresh: &bench{run: r, life: limited, installation: c.Installation}, kept: len(kept)}
	defer l.close()
	for _, s := range kept {
		if l.tried == r.States || limited.Err() != nil {
			break
		}
		if s.Trial != nil {
			l.state(limited, s)
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
	}
	if told, err = r.judge(c, l.lost); err != nil || l.kept == 0 {
		return told, err
	}
	return append(told, l.String()), nil
}

func (r *run) loadTimes() time.Duration {
	if r.LoadTime > 0 {
		return r.LoadTime
	}
	return loadTimes
}

// loading is the states of one plugin on trial.
type loading struct {
	run        *run
	candidate  *Candidate
	fresh, old *bench // old is made when it is needed

	kept, tried, loaded int
	lost, unknown       []string
}

func (l *loading) close() {
	l.fresh.close()
	if l.old != nil {
		l.old.close()
	}
}

// String is "2 of 9 kept states of acme/times were tried: 1 loads; not known: ...".
func (l *loading) String() string {
	text := fmt.Sprintf("%d of %d kept states of %s were tried, the newest first: %d load", l.tried, l.kept, l.candidate.ID, l.loaded)
	if len(l.unknown) > 0 {
		text += ", and of these it is not known: " + listed(l.unknown)
	}
	return text
}

// state tries one.
func (l *loading) state(ctx context.Context, s State) {
	k := l.candidate.Kernel(s.Kernel)
	if !takes(k, s.Version) {
		return // it was named before
	}
	l.tried++
	if why := untriable(k); why != "" {
		l.unknown = append(l.unknown, s.String()+": "+why)
		return
	}
	t, err := s.Trial()
	if err != nil {
		l.unknown = append(l.unknown, fmt.Sprintf("%v: %v", s, err))
		return
	}
	refused := l.fresh.load(ctx, k, t)
	if refused == nil {
		l.loaded++
		return
	}
	known, before := l.before(ctx, k, t)
	switch {
	case ctx.Err() != nil:
		l.unknown = append(l.unknown, fmt.Sprintf("%v: %v", s, context.Cause(ctx)))
	case known && before != nil:
		l.unknown = append(l.unknown, fmt.Sprintf("%v: %s does not load it either: %v", s, l.candidate.From, before))
	default:
		l.lost = append(l.lost, fmt.Sprintf("%v: %v", s, refused))
	}
}

// before loads a state with the version that made it. It is not known when that
// version does not start.
func (l *loading) before(ctx context.Context, k *pluginv1.KernelDescription, t Trial) (known bool, err error) {
	if l.old == nil {
		if l.candidate.Old == nil {
			return false, nil
		}
		l.old = &bench{run: l.run, life: l.fresh.life, installation: l.candidate.Before}
	}
	return true, l.old.load(ctx, k, t)
}

// untriable says why a kernel is not called for the sake of a trial.
func untriable(k *pluginv1.KernelDescription) string {
	switch {
	case !k.GetTransforms() || k.GetReadsFile():
		return "its kernel takes no table"
	case k.GetUndoes() || k.GetWritesFile():
		return "its kernel acts outside of its output"
	}
	return ""
}

// bench has one version of a plugin that loads states.
type bench struct {
	run          *run
	life         context.Context // of its process
	installation catalog.Installation
	kernel       dataplane.Kernel
	stop         func()
}

// load loads a state in the first call that takes it. The error is why the first
// one does not.
func (b *bench) load(ctx context.Context, k *pluginv1.KernelDescription, t Trial) error {
	share := b.run.loadTimes() / loadShare
	ctx, cancel := context.WithTimeoutCause(ctx, share, fmt.Errorf("it was not loaded within %s", share))
	defer cancel()
	var first error
	for _, call := range t.Calls {
		err := b.call(ctx, k, t.State, call)
		if err == nil {
			return nil
		}
		if first == nil {
			first = err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	if first == nil {
		first = errors.New("nothing is known of how it is called")
	}
	return first
}

// call is a transform of no rows: the smallest call that loads a state.
func (b *bench) call(ctx context.Context, k *pluginv1.KernelDescription, state []byte, call Call) error {
	if err := b.start(ctx); err != nil {
		return err
	}
	open := dataplane.Open{Kernel: k.GetName(), Config: call.Config, Schema: call.Schema, Seed: call.Seed, RowWise: k.GetRowWise()}
	outcome, err := b.kernel.Transform(ctx, open, state, noRows, dataplane.Output{})
	if err != nil {
		b.close() // whatever state it is in
		return err
	}
	for _, d := range outcome.Diagnostics {
		if d.Severity == diag.Error {
			return fmt.Errorf("%s: %s", d.Summary, strings.TrimSpace(d.Detail))
		}
	}
	return nil
}

func noRows(func(arrow.RecordBatch, error) bool) {}

// start starts the plugin unless it runs.
func (b *bench) start(ctx context.Context) error {
	if b.kernel != nil {
		return nil
	}
	running, stop, err := b.run.start(ctx, b.life, b.installation)
	if err != nil {
		return err
	}
	b.kernel, b.stop = dataplane.New(running.Conn(), dataplane.Options{}), stop
	return nil
}

func (b *bench) close() {
	if b.stop != nil {
		b.stop()
	}
	b.kernel, b.stop = nil, nil
}
