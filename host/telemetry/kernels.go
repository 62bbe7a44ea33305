// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"context"
	"errors"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"

	"github.com/bulkhead-ml/bulkhead/host/dataplane"
	"github.com/bulkhead-ml/bulkhead/sdk/diag"
)

// Kernels gives the kernels of plugins; it is the interface of package
// pipeline.
type Kernels interface {
	Open(ctx context.Context, plugin string) (dataplane.Kernel, error)
}

// Kernels gives the kernels of k, each call of which is a span of the run,
// counted, and told its place in the trace. On nil it is k itself.
func (r *Run) Kernels(k Kernels) Kernels {
	if r == nil {
		return k
	}
	return traced{k, r}
}

type traced struct {
	Kernels
	run *Run
}

// Open gives the traced kernel of a plugin.
func (t traced) Open(ctx context.Context, plugin string) (dataplane.Kernel, error) {
	k, err := t.Kernels.Open(ctx, plugin)
	if err != nil {
		return nil, err
	}
	return &tracedKernel{k, plugin, t.run}, nil
}

type tracedKernel struct {
	dataplane.Kernel
	plugin string
	run    *Run
}

// service is the gRPC service of kernels.
const service = "bulkhead.plugin.v1.KernelService/"

// call is one call in the making.
type call struct {
	*tracedKernel
	span   span
	method string
}

// begin opens the span of a call and puts its name into the metadata, once for
// all batches of the call. Method is that of the service, with the service.
func (k *tracedKernel) begin(ctx context.Context, method string, open *dataplane.Open) (context.Context, call) {
	c := call{k, k.run.t.begin(k.run.node(open.Node), method, client), method[len(service):]}
	t := &c.span.texts
	t[rpcSystem], t[rpcMethod], t[serverAddress] = "grpc", method, k.plugin
	t[pluginName], t[kernelName], t[nodeName] = k.plugin, open.Kernel, open.Node
	c.span.numbers[fused] = int64(len(open.Then))
	return metadata.AppendToOutgoingContext(ctx, "traceparent", c.span.traceparent()), c
}

// end closes a call by what came of it.
func (c *call) end(ctx context.Context, ds []*diag.Diagnostic, err error) {
	c.span.end = time.Now()
	c.judge(ctx, ds, err)
	t, r := &c.span.texts, c.run.t.metrics
	r.observe(callTime, c.span.end.Sub(c.span.start).Seconds(), c.plugin, t[kernelName], c.method)
	r.add(callsEnded, 1, c.plugin, t[kernelName], c.method, t[outcome])
	c.run.t.send(&c.span)
}

// endOutcome closes a call that may have come to its end.
func (c *call) endOutcome(ctx context.Context, o *dataplane.Outcome, err error) {
	if o == nil {
		c.end(ctx, nil, err)
		return
	}
	n, m, r := &c.span.numbers, &o.Metrics, c.run.t.metrics
	n[rowsIn], n[rowsOut], n[rowsDropped], n[rowsRejected] = m.RowsIn, m.RowsOut, o.RowsDropped, o.RowsRejected
	n[bytesIn], n[bytesOut], n[batchesIn], n[batchesOut] = m.BytesIn, m.BytesOut, m.BatchesIn, m.BatchesOut
	n[cpuTime], n[memoryPeak] = int64(m.CPU), int64(m.PeakRSS)
	r.add(callCPU, m.CPU.Seconds(), c.plugin, c.span.texts[kernelName], c.method)
	r.highest(peakMemory, float64(m.PeakRSS), c.plugin)
	c.end(ctx, o.Diagnostics, err)
}

// judge gives the span its status, and the call its outcome in a word: ok,
// refused, lost, broken, cancelled or failed.
func (c *call) judge(ctx context.Context, ds []*diag.Diagnostic, err error) {
	code, word, why := codes.OK, "ok", ""
	switch transport, lost := errors.AsType[*dataplane.TransportError](err); {
	case err == nil && diag.HasErrors(ds):
		word, why = "refused", firstError(ds)
	case err == nil:
	case lost:
		code, word = transport.Code, "lost"
	case ctx.Err() != nil:
		code, word = codes.Canceled, "cancelled"
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			code = codes.DeadlineExceeded
		}
	default:
		word = "failed"
		if _, broken := errors.AsType[*dataplane.ProtocolError](err); broken {
			word = "broken"
		}
	}
	if err != nil {
		why = err.Error()
	}
	c.span.texts[rpcStatus], c.span.texts[outcome] = statusCode(code), word
	if why != "" {
		c.span.fail(word, why)
	}
}

func firstError(ds []*diag.Diagnostic) string {
	for _, d := range ds {
		if d.Severity == diag.Error {
			return d.Error()
		}
	}
	return ""
}

// statusCode spells a code as the conventions do: DEADLINE_EXCEEDED.
func statusCode(c codes.Code) string {
	names := [...]string{
		"OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED",
		"FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
	}
	if int(c) < len(names) {
		return names[c]
	}
	return "UNKNOWN"
}

// Validate is a span without rows.
func (k *tracedKernel) Validate(ctx context.Context, open dataplane.Open) (*dataplane.Verdict, error) {
	inner, c := k.begin(ctx, service+"Validate", &open)
	v, err := k.Kernel.Validate(inner, open)
	var ds []*diag.Diagnostic
	if v != nil {
		ds = v.Diagnostics
	}
	c.end(ctx, ds, err)
	return v, err
}

// Fit is a span with the rows that it read.
func (k *tracedKernel) Fit(ctx context.Context, open dataplane.Open, in dataplane.Batches, onProgress func(dataplane.Progress)) ([]byte, *dataplane.Outcome, error) {
	inner, c := k.begin(ctx, service+"Fit", &open)
	state, o, err := k.Kernel.Fit(inner, open, in, onProgress)
	c.endOutcome(ctx, o, err)
	return state, o, err
}

// Transform is a span with the rows that it read and wrote.
func (k *tracedKernel) Transform(ctx context.Context, open dataplane.Open, state []byte, in dataplane.Batches, out dataplane.Output) (*dataplane.Outcome, error) {
	inner, c := k.begin(ctx, service+"Transform", &open)
	o, err := k.Kernel.Transform(inner, open, state, in, out)
	c.endOutcome(ctx, o, err)
	return o, err
}

// Undo is a span without rows.
func (k *tracedKernel) Undo(ctx context.Context, open dataplane.Open, token []byte) ([]*diag.Diagnostic, error) {
	inner, c := k.begin(ctx, service+"Undo", &open)
	ds, err := k.Kernel.Undo(inner, open, token)
	c.end(ctx, ds, err)
	return ds, err
}
