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
	span           *span
	method, kernel string
	node           string
	fused          int
	code           codes.Code
	outcome        string
	// dropped and rejected rows, and the metrics of a call that came to its end.
	dropped, rejected int64
	metrics           dataplane.Metrics
}

// begin opens the span of a call and puts its name into the metadata.
func (k *tracedKernel) begin(ctx context.Context, method string, open *dataplane.Open) (context.Context, *call) {
	s := k.run.t.begin(k.run.node(open.Node).spanContext, service+method, client)
	c := &call{tracedKernel: k, span: s, method: method, kernel: open.Kernel, node: open.Node, fused: len(open.Then)}
	s.more = c.attributes
	return metadata.AppendToOutgoingContext(ctx, "traceparent", s.traceparent()), c
}

// end closes a call by what came of it.
func (c *call) end(ctx context.Context, o *dataplane.Outcome, ds []*diag.Diagnostic, err error) {
	m := c.run.t.metrics
	c.judge(ctx, ds, err)
	if o != nil {
		c.dropped, c.rejected, c.metrics = o.RowsDropped, o.RowsRejected, o.Metrics
		m.add(callCPU, o.Metrics.CPU.Seconds(), c.plugin, c.kernel, c.method)
		m.highest(peakMemory, float64(o.Metrics.PeakRSS), c.plugin)
	}
	m.observe(callTime, time.Since(c.span.start).Seconds(), c.plugin, c.kernel, c.method)
	m.add(callsEnded, 1, c.plugin, c.kernel, c.method, c.outcome)
	c.run.t.finish(c.span)
}

// attributes of the span of a call that has ended.
func (c *call) attributes() []attribute {
	m := c.metrics
	return []attribute{
		{"rpc.system.name", "grpc"}, {"rpc.method", service + c.method}, {"server.address", c.plugin}, {"rpc.response.status_code", statusCode(c.code)},
		{"bulkhead.plugin", c.plugin}, {"bulkhead.kernel", c.kernel}, {"bulkhead.node", c.node}, {"bulkhead.fused", int64(c.fused)}, {"bulkhead.outcome", c.outcome},
		{"bulkhead.rows.in", m.RowsIn}, {"bulkhead.rows.out", m.RowsOut}, {"bulkhead.rows.dropped", c.dropped}, {"bulkhead.rows.rejected", c.rejected},
		{"bulkhead.bytes.in", m.BytesIn}, {"bulkhead.bytes.out", m.BytesOut}, {"bulkhead.batches.in", m.BatchesIn}, {"bulkhead.batches.out", m.BatchesOut},
		{"bulkhead.cpu_ns", int64(m.CPU)}, {"bulkhead.memory.peak", int64(m.PeakRSS)},
	}
}

// judge gives the span its status, and the call its outcome in a word: ok,
// refused, lost, broken, cancelled or failed.
func (c *call) judge(ctx context.Context, ds []*diag.Diagnostic, err error) {
	code, word, reason := codes.OK, "ok", ""
	switch transport, lost := errors.AsType[*dataplane.TransportError](err); {
	case err == nil && diag.HasErrors(ds):
		word, reason = "refused", firstError(ds)
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
		reason = err.Error()
	}
	c.code, c.outcome = code, word
	if reason != "" {
		c.span.fail(word, reason)
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
	inner, c := k.begin(ctx, "Validate", &open)
	v, err := k.Kernel.Validate(inner, open)
	var ds []*diag.Diagnostic
	if v != nil {
		ds = v.Diagnostics
	}
	c.end(ctx, nil, ds, err)
	return v, err
}

// Fit is a span with the rows that it read.
func (k *tracedKernel) Fit(ctx context.Context, open dataplane.Open, in dataplane.Batches, onProgress func(dataplane.Progress)) ([]byte, *dataplane.Outcome, error) {
	inner, c := k.begin(ctx, "Fit", &open)
	state, o, err := k.Kernel.Fit(inner, open, in, onProgress)
	c.endOutcome(ctx, o, err)
	return state, o, err
}

// Transform is a span with the rows that it read and wrote.
func (k *tracedKernel) Transform(ctx context.Context, open dataplane.Open, state []byte, in dataplane.Batches, out dataplane.Output) (*dataplane.Outcome, error) {
	inner, c := k.begin(ctx, "Transform", &open)
	o, err := k.Kernel.Transform(inner, open, state, in, out)
	c.endOutcome(ctx, o, err)
	return o, err
}

// Undo is a span without rows.
func (k *tracedKernel) Undo(ctx context.Context, open dataplane.Open, token []byte) ([]*diag.Diagnostic, error) {
	inner, c := k.begin(ctx, "Undo", &open)
	ds, err := k.Kernel.Undo(inner, open, token)
	c.end(ctx, nil, ds, err)
	return ds, err
}

func (c *call) endOutcome(ctx context.Context, o *dataplane.Outcome, err error) {
	var ds []*diag.Diagnostic
	if o != nil {
		ds = o.Diagnostics
	}
	c.end(ctx, o, ds, err)
}
