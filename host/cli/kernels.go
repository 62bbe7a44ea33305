// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"sync"
	"time"

	"google.golang.org/grpc/status"

	"github.com/bulkhead-ml/bulkhead/host/catalog"
	"github.com/bulkhead-ml/bulkhead/host/dataplane"
	"github.com/bulkhead-ml/bulkhead/host/plugin"
	"github.com/bulkhead-ml/bulkhead/sdk/diag"
)

// kernels gives the engine the kernels of running plugins. It kills a plugin
// that was given up: a call past its budget or timeout was cancelled, and a
// kernel that does not listen would go on using the processor.
type kernels struct {
	launcher *catalog.Launcher

	mu    sync.Mutex
	calls map[*catalog.Running]int // calls in hand
}

// killTimeout is what a plugin that was given up gets to end in peace.
const killTimeout = 200 * time.Millisecond

// Open starts the plugin when it does not run and returns its kernels.
func (k *kernels) Open(ctx context.Context, plugin string) (dataplane.Kernel, error) {
	r, err := k.launcher.Start(ctx, plugin)
	if err != nil {
		return nil, err
	}
	return &watched{
		Kernel:  dataplane.New(r.Conn(), dataplane.Options{Usage: dataplane.ProcessUsage(r.PID())}),
		running: r, kernels: k,
	}, nil
}

func (k *kernels) enter(r *catalog.Running) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.calls == nil {
		k.calls = map[*catalog.Running]int{}
	}
	k.calls[r]++
}

// leave ends a call. A process whose last call was given up is killed; one that
// others still use is left to them.
func (k *kernels) leave(ctx context.Context, r *catalog.Running) {
	k.mu.Lock()
	k.calls[r]--
	idle := k.calls[r] == 0
	k.mu.Unlock()
	if ctx.Err() == nil || !idle {
		return
	}
	stop, cancel := context.WithTimeout(context.Background(), killTimeout)
	defer cancel()
	if err := r.Close(stop); err != nil {
		k.launcher.Logger.Debug("plugin killed after a call was given up", "plugin", r.Entry.Name, "error", err)
	}
}

// watched is a kernel whose calls are counted, and whose errors tell why the
// process is gone.
type watched struct {
	dataplane.Kernel
	running *catalog.Running
	kernels *kernels
}

// Validate passes on, with the cause of death.
func (w *watched) Validate(ctx context.Context, open dataplane.Open) ([]*diag.Diagnostic, error) {
	diags, err := w.Kernel.Validate(ctx, open)
	return diags, w.cause(err)
}

// Fit passes on, with the cause of death.
func (w *watched) Fit(ctx context.Context, open dataplane.Open, in dataplane.Batches, progress func(dataplane.Progress)) ([]byte, *dataplane.Outcome, error) {
	w.kernels.enter(w.running)
	defer w.kernels.leave(ctx, w.running)
	state, out, err := w.Kernel.Fit(ctx, open, in, progress)
	return state, out, w.cause(err)
}

// Transform passes on, with the cause of death.
func (w *watched) Transform(ctx context.Context, open dataplane.Open, state []byte, in dataplane.Batches, out func(batch) error) (*dataplane.Outcome, error) {
	w.kernels.enter(w.running)
	defer w.kernels.leave(ctx, w.running)
	outcome, err := w.Kernel.Transform(ctx, open, state, in, out)
	return outcome, w.cause(err)
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
