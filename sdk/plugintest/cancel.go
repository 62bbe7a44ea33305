// SPDX-License-Identifier: Apache-2.0

package plugintest

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

func kernelCancelled(b *bench, _ *Plugin, k *pluginv1.KernelDescription) error {
	o, err := b.open(k, nil, sampleSchema())
	if err != nil {
		return err
	}
	return b.with("", func(p *Plugin) error {
		ctx, cancel := context.WithCancel(b.ctx)
		defer cancel()
		time.AfterFunc(50*time.Millisecond, cancel)
		if err := hang(ctx, p, k, o); err != nil && status.Code(err) != codes.Canceled {
			return fmt.Errorf("a cancelled call failed otherwise: %w", err)
		}
		return idle(b.ctx, p, "call")
	})
}

// hang opens a call, sends one batch and waits for the end, which does not come
// by itself.
func hang(ctx context.Context, p *Plugin, k *pluginv1.KernelDescription, o *pluginv1.Open) error {
	wire, err := encode(samples()[0].batches[:1])
	if err != nil {
		return err
	}
	stream, err := begin(ctx, p, k, o)
	if err != nil {
		return err
	}
	if err := stream.send(wire[0]); err != nil {
		return ignoreEOF(err)
	}
	return drainStream(stream.recv)
}

// atWork is when a call is cancelled that has more to do.
const atWork = 100 * time.Millisecond

// kernelCancelledAtWork cancels a call while its batches move, and one that has
// them all: what a kernel computes then has an end, too.
func kernelCancelledAtWork(b *bench, _ *Plugin, k *pluginv1.KernelDescription) error {
	wire, err := encode(many().batches)
	if err != nil {
		return err
	}
	o, err := b.open(k, nil, sampleSchema())
	if err != nil {
		return err
	}
	for _, closing := range []bool{false, true} {
		if err := b.with("", func(p *Plugin) error { return cancelled(b.ctx, p, k, o, wire, closing) }); err != nil {
			return err
		}
	}
	return nil
}

// cancelled makes a call with a large table, cancels it in its midst and insists
// that the plugin is idle soon after. With closing the input comes to its end.
func cancelled(ctx context.Context, p *Plugin, k *pluginv1.KernelDescription, o *pluginv1.Open, wire []*pluginv1.Batch, closing bool) error {
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := begin(inner, p, k, o)
	if err != nil {
		return err
	}
	time.AfterFunc(atWork, cancel)
	go func() {
		for i := 0; inner.Err() == nil && (!closing || i < len(wire)); i++ {
			if stream.send(wire[i%len(wire)]) != nil {
				return
			}
		}
		_ = stream.close() // the call is about to be cancelled
	}()
	if err := drainStream(stream.recv); err != nil && status.Code(err) != codes.Canceled {
		return fmt.Errorf("a cancelled call failed otherwise: %w", err)
	}
	return idle(ctx, p, "call")
}

// call is one stream to a kernel: a fit when the kernel fits, else a transform.
type call struct {
	send  func(*pluginv1.Batch) error
	recv  func() error
	close func() error
}

// begin opens a stream and sends the opening message.
func begin(ctx context.Context, p *Plugin, k *pluginv1.KernelDescription, o *pluginv1.Open) (call, error) {
	client := pluginv1.NewKernelServiceClient(p.Conn)
	if k.GetFits() {
		s, err := client.Fit(ctx)
		if err != nil {
			return call{}, err
		}
		return call{
			func(b *pluginv1.Batch) error {
				return s.Send(&pluginv1.FitRequest{Message: &pluginv1.FitRequest_Batch{Batch: b}})
			},
			func() error { _, err := s.Recv(); return err }, s.CloseSend,
		}, ignoreEOF(s.Send(&pluginv1.FitRequest{Message: &pluginv1.FitRequest_Open{Open: o}}))
	}
	s, err := client.Transform(ctx)
	if err != nil {
		return call{}, err
	}
	return call{
		func(b *pluginv1.Batch) error {
			return s.Send(&pluginv1.TransformRequest{Message: &pluginv1.TransformRequest_Batch{Batch: b}})
		},
		func() error { _, err := s.Recv(); return err }, s.CloseSend,
	}, ignoreEOF(s.Send(&pluginv1.TransformRequest{Message: &pluginv1.TransformRequest_Open{Open: o}}))
}

// drainStream reads to the end of a stream.
func drainStream(recv func() error) error {
	for {
		if err := recv(); err != nil {
			return ignoreEOF(err)
		}
	}
}
