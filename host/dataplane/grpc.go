// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"context"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"google.golang.org/grpc"

	"github.com/bulkhead-ml/bulkhead/sdk/diag"
	"github.com/bulkhead-ml/bulkhead/sdk/plugin"
	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
	"github.com/bulkhead-ml/bulkhead/sdk/table"
)

// Options of New. The zero value is fine.
type Options struct {
	Limits Limits
	// Usage of the kernel's process; nil leaves CPU and memory unmeasured.
	Usage Usage
	// CloseGrace is how long a plugin may take to end a stream after its
	// result. Default 2 s.
	CloseGrace time.Duration
}

// New makes a Kernel over a connection to a plugin. The connection stays the
// caller's.
func New(conn grpc.ClientConnInterface, o Options) Kernel {
	o.Limits = o.Limits.withDefaults()
	if o.CloseGrace <= 0 {
		o.CloseGrace = 2 * time.Second
	}
	return &client{service: pluginv1.NewKernelServiceClient(conn), options: o}
}

type client struct {
	service pluginv1.KernelServiceClient
	options Options
}

// callOptions bounds messages both ways, whatever the connection allows.
func callOptions() []grpc.CallOption {
	return []grpc.CallOption{
		grpc.MaxCallRecvMsgSize(plugin.MaxMessageBytes),
		grpc.MaxCallSendMsgSize(plugin.MaxMessageBytes),
	}
}

func (o Open) proto() (*pluginv1.Open, error) {
	schema, err := table.EncodeSchema(o.Schema)
	if err != nil {
		return nil, err
	}
	return &pluginv1.Open{
		Kernel: o.Kernel, ConfigJson: o.Config, Schema: schema, Seed: o.Seed, BudgetNs: int64(o.Budget),
	}, nil
}

func (c *client) Validate(ctx context.Context, open Open) ([]*diag.Diagnostic, error) {
	req, err := open.proto()
	if err != nil {
		return nil, err
	}
	inner, cancel := withoutDeadline(ctx)
	defer cancel()
	resp, err := c.service.Validate(inner, &pluginv1.ValidateRequest{Open: req}, callOptions()...)
	if err != nil {
		return nil, wireError(ctx, "validate", err)
	}
	return diagnostics(resp.GetDiagnostics(), c.options.Limits), nil
}

func (c *client) Fit(ctx context.Context, open Open, in Batches, onProgress func(Progress)) ([]byte, *Outcome, error) {
	req, err := open.proto()
	if err != nil {
		return nil, nil, err
	}
	call := newCall(ctx, "fit", c.options, open, req.GetSchema())
	defer call.cancel()
	stream, err := c.service.Fit(call.ctx, callOptions()...)
	if err != nil {
		return nil, nil, wireError(ctx, "fit", err)
	}
	call.start(&sender{
		send:  func(b *pluginv1.Batch) error { return stream.Send(fitBatch(b)) },
		close: stream.CloseSend,
	}, func() error {
		return stream.Send(&pluginv1.FitRequest{Message: &pluginv1.FitRequest_Open{Open: req}})
	}, in)
	fit := fitReceiver{call: call, progress: onProgress}
	outcome, err := call.finish(receive(call, stream.Recv, fit.take))
	if err != nil {
		return nil, nil, err
	}
	state := fit.state()
	if open.Account != nil && !outcome.Failed() {
		open.Account.OutputDigest = DigestBytes(state)
	}
	return state, outcome, nil
}

func fitBatch(b *pluginv1.Batch) *pluginv1.FitRequest {
	return &pluginv1.FitRequest{Message: &pluginv1.FitRequest_Batch{Batch: b}}
}

func (c *client) Transform(ctx context.Context, open Open, state []byte, in Batches, out func(arrow.RecordBatch) error) (*Outcome, error) {
	req, err := open.proto()
	if err != nil {
		return nil, err
	}
	call := newCall(ctx, "transform", c.options, open, req.GetSchema())
	defer call.cancel()
	stream, err := c.service.Transform(call.ctx, callOptions()...)
	if err != nil {
		return nil, wireError(ctx, "transform", err)
	}
	call.start(&sender{
		send:  func(b *pluginv1.Batch) error { return stream.Send(transformBatch(b)) },
		close: stream.CloseSend,
	}, func() error { return sendState(stream, req, state) }, in)
	receiver := transformReceiver{call: call, out: out}
	outcome, err := call.finish(receive(call, stream.Recv, receiver.take))
	if err == nil && open.Account != nil {
		open.Output.learn(open.Account.OutputDigest)
	}
	return outcome, err
}

func transformBatch(b *pluginv1.Batch) *pluginv1.TransformRequest {
	return &pluginv1.TransformRequest{Message: &pluginv1.TransformRequest_Batch{Batch: b}}
}

// stateChunk is the size of the pieces that a state is sent in, in bytes.
const stateChunk = 1 << 20

// sendState opens a transform and sends what its fit learnt.
func sendState(stream grpc.BidiStreamingClient[pluginv1.TransformRequest, pluginv1.TransformResponse], open *pluginv1.Open, state []byte) error {
	err := stream.Send(&pluginv1.TransformRequest{Message: &pluginv1.TransformRequest_Open{Open: open}})
	for err == nil && len(state) > 0 {
		n := min(len(state), stateChunk)
		err = stream.Send(&pluginv1.TransformRequest{Message: &pluginv1.TransformRequest_StateChunk{StateChunk: state[:n]}})
		state = state[n:]
	}
	return err
}
