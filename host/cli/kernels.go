// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/bulkhead-ml/bulkhead/host/catalog"
	"github.com/bulkhead-ml/bulkhead/host/dataplane"
	"github.com/bulkhead-ml/bulkhead/host/plugin"
	"github.com/bulkhead-ml/bulkhead/registry/manifest"
	"github.com/bulkhead-ml/bulkhead/sdk/diag"
)

// kernels gives the engine the kernels of running plugins. It kills a plugin
// in which a call was given up, as soon as no other call needs the process: a
// call past its budget or timeout was cancelled, and a kernel that does not
// listen would go on using the processor.
type kernels struct {
	launcher *catalog.Launcher

	mu   sync.Mutex
	uses map[*catalog.Running]*use
}

// use is what calls make of one process.
type use struct {
	calls   int           // in hand
	givenUp bool          // whether a call may still work though nobody waits for it
	gone    chan struct{} // not nil when the process must not be called any more; closed when it is gone
}

// killTimeout is what a plugin that was given up gets to end in peace.
const killTimeout = 200 * time.Millisecond

// Open starts the plugin when it does not run and returns its kernels.
func (k *kernels) Open(ctx context.Context, plugin string) (dataplane.Kernel, error) {
	r, err := k.launcher.Start(ctx, plugin)
	if err != nil {
		return nil, err
	}
	w := &watched{kernels: k, plugin: plugin}
	w.take(r)
	return w, nil
}

// enter begins a call. For a process that must not be called it begins none and
// returns what to wait for.
func (k *kernels) enter(r *catalog.Running) <-chan struct{} {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.uses == nil {
		k.uses = map[*catalog.Running]*use{}
	}
	u := k.uses[r]
	if u == nil {
		u = &use{}
		k.uses[r] = u
	}
	if u.gone != nil {
		return u.gone
	}
	u.calls++
	return nil
}

// leave ends a call, and the process when it is of no use any more.
func (k *kernels) leave(r *catalog.Running, givenUp bool) {
	k.mu.Lock()
	u := k.uses[r]
	u.calls--
	u.givenUp = u.givenUp || givenUp
	condemned := u.givenUp && u.calls == 0
	if condemned {
		u.gone = make(chan struct{})
	}
	k.mu.Unlock()
	if condemned {
		defer close(u.gone)
		k.kill(r)
	}
}

func (k *kernels) kill(r *catalog.Running) {
	stop, cancel := context.WithTimeout(context.Background(), killTimeout)
	defer cancel()
	if err := r.Close(stop); err != nil {
		k.launcher.Logger.Debug("plugin killed after a call was given up", "plugin", r.Entry.Name, "error", err)
	}
}

// watched is the kernels of a plugin, whatever process it has. Calls are
// counted, and their errors tell why the process is gone.
type watched struct {
	kernels *kernels
	plugin  string
	running *catalog.Running
	kernel  dataplane.Kernel
}

func (w *watched) take(r *catalog.Running) {
	w.running, w.kernel = r, dataplane.New(r.Conn(), dataplane.Options{
		Usage: dataplane.ProcessUsage(r.PID()), Side: w.kernels.launcher.Side(r),
	})
}

// call makes one call. Kernels keep nothing from call to call, so that a process
// that was killed for another's call is replaced in silence.
func (w *watched) call(ctx context.Context, do func(dataplane.Kernel) error) error {
	for {
		gone := w.kernels.enter(w.running)
		if gone == nil {
			break
		}
		select {
		case <-gone:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		r, err := w.kernels.launcher.Start(ctx, w.plugin)
		if err != nil {
			return &dataplane.TransportError{Op: "start", Code: codes.Unavailable, Message: err.Error()}
		}
		w.take(r)
	}
	err := do(w.kernel)
	err = w.cause(err)
	w.kernels.leave(w.running, givenUp(ctx, err))
	return err
}

// givenUp reports whether the plugin may still work on a call that is over: it
// was cancelled, or the host did not want to hear the rest. A kernel's own error
// and a lost connection end its work.
func givenUp(ctx context.Context, err error) bool {
	_, transport := errors.AsType[*dataplane.TransportError](err)
	_, refused := errors.AsType[*diag.Diagnostic](err)
	return ctx.Err() != nil || err != nil && !transport && !refused
}

// Validate passes on, with the cause of death.
func (w *watched) Validate(ctx context.Context, open dataplane.Open) (verdict *dataplane.Verdict, err error) {
	err = w.call(ctx, func(k dataplane.Kernel) (err error) {
		verdict, err = k.Validate(ctx, open)
		return err
	})
	return verdict, err
}

// Undo passes on, with the cause of death.
func (w *watched) Undo(ctx context.Context, open dataplane.Open, token []byte) (diags []*diag.Diagnostic, err error) {
	err = w.call(ctx, func(k dataplane.Kernel) (err error) {
		diags, err = k.Undo(ctx, open, token)
		return err
	})
	return diags, err
}

// Fit passes on, with the cause of death.
func (w *watched) Fit(ctx context.Context, open dataplane.Open, in dataplane.Batches, progress func(dataplane.Progress)) (state []byte, out *dataplane.Outcome, err error) {
	err = w.call(ctx, func(k dataplane.Kernel) (err error) {
		state, out, err = k.Fit(ctx, open, in, progress)
		return err
	})
	return state, out, err
}

// Transform passes on, with the cause of death.
func (w *watched) Transform(ctx context.Context, open dataplane.Open, state []byte, in dataplane.Batches, out dataplane.Output) (outcome *dataplane.Outcome, err error) {
	if err := w.mayWrite(open); err != nil {
		return nil, err
	}
	err = w.call(ctx, func(k dataplane.Kernel) (err error) {
		outcome, err = k.Transform(ctx, open, state, in, out)
		return err
	})
	return outcome, err
}

// mayWrite refuses to hand the file of a sink to a plugin that was not granted it.
func (w *watched) mayWrite(open dataplane.Open) error {
	output := slices.ContainsFunc(open.Files, func(f dataplane.File) bool { return f.Name == "output" })
	if !output || w.running.WritesSinks() {
		return nil
	}
	return diag.Errorf("Sink that the plugin may not write", "Plugin %s was not granted %q. Its manifest has to ask for it, and the configuration must not take it away.", w.plugin, "write "+manifest.Sink)
}

// cause keeps the kind of a transport error, which the engine retries, and puts
// in why the process is gone.
func (w *watched) cause(err error) error {
	transport, ok := errors.AsType[*dataplane.TransportError](err)
	if !ok {
		return err
	}
	died, ok := errors.AsType[*plugin.CallFailure](w.running.CallError(status.Error(transport.Code, transport.Message)))
	if !ok {
		return err
	}
	return &dataplane.TransportError{Op: transport.Op, Code: transport.Code, Message: died.Error()}
}
