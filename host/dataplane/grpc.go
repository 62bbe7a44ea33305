// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"context"
	"time"

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
	// Side is what the process shares with the host; nil, and a Side that the
	// plugin does not use, carries batches in gRPC messages.
	Side *Side
}

// New makes a Kernel over a connection to a plugin. The connection stays the
// caller's. With package codec of the SDK as its codec, batches in messages are
// copied less.
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

func (c *client) Validate(ctx context.Context, open Open) (*Verdict, error) {
	req, err := open.proto(nil)
	if err != nil {
		return nil, err
	}
	inner, cancel := withoutDeadline(ctx)
	defer cancel()
	resp, err := c.service.Validate(inner, &pluginv1.ValidateRequest{Open: req}, callOptions()...)
	if err != nil {
		return nil, wireError(ctx, "validate", err)
	}
	return c.verdict(resp)
}

func (c *client) verdict(resp *pluginv1.ValidateResponse) (*Verdict, error) {
	v := &Verdict{Diagnostics: diagnostics(resp.GetDiagnostics(), c.options.Limits)}
	if resp.GetOutput() != nil {
		var err error
		if v.Output, err = table.DecodeSchema(resp.GetOutput()); err != nil {
			return nil, broken("validate", "its output schema: %v", err)
		}
	}
	if e := resp.GetEstimate(); e != nil {
		v.Estimate = &Estimate{SecondsPerRow: e.GetSecondsPerRow(), Seconds: e.GetSeconds(), BytesPerRow: e.GetMemoryBytesPerRow(), Bytes: e.GetMemoryBytes()}
	}
	return v, nil
}

// Undo asks the kernel to take back what it did.
func (c *client) Undo(ctx context.Context, open Open, token []byte) ([]*diag.Diagnostic, error) {
	req, err := open.proto(nil)
	if err != nil {
		return nil, err
	}
	inner, cancel := withoutDeadline(ctx)
	defer cancel()
	resp, err := c.service.Undo(inner, &pluginv1.UndoRequest{Open: req, Token: token}, callOptions()...)
	if err != nil {
		return nil, wireError(ctx, "undo", err)
	}
	return diagnostics(resp.GetDiagnostics(), c.options.Limits), nil
}
