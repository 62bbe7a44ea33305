// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"context"
	"time"

	"google.golang.org/grpc"

	"github.com/bulkhead-ml/bulkhead/sdk/arena"
	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

type fitStream = grpc.BidiStreamingClient[pluginv1.FitRequest, pluginv1.FitResponse]

func (c *client) Fit(ctx context.Context, open Open, in Batches, onProgress func(Progress)) ([]byte, *Outcome, error) {
	call, req, err := c.begin(ctx, "fit", open)
	if err != nil {
		return nil, nil, err
	}
	defer call.cancel()
	stream, err := c.service.Fit(call.ctx, callOptions()...)
	if err != nil {
		call.abandon()
		return nil, nil, wireError(ctx, "fit", err)
	}
	fit := fitReceiver{call: call, progress: onProgress}
	outcome, err := call.fit(stream, req, in, &fit)
	if err != nil {
		return nil, nil, err
	}
	state := fit.state()
	if open.Account != nil && !outcome.Failed() {
		open.Account.OutputDigest = DigestBytes(state)
	}
	return state, outcome, nil
}

// fit moves the batches of a fit.
func (c *call) fit(stream fitStream, req *pluginv1.Open, in Batches, f *fitReceiver) (*Outcome, error) {
	open := func() error {
		return stream.Send(&pluginv1.FitRequest{Message: &pluginv1.FitRequest_Open{Open: req}})
	}
	if c.lane == nil {
		c.start(&sender{send: inMessages(c, stream.SendMsg, fitBatch), close: stream.CloseSend}, open, in)
		result, err := receive(c, stream.Recv, f.take)
		return c.finish(result, err, nil)
	}
	stop, answers := c.lane.guard(c.ctx), make(chan error, 1)
	c.start(&sender{send: c.lane.send, close: c.lane.end}, thenClose(open, stream.CloseSend), in)
	go func() { answers <- c.lane.answers(c) }()
	result, err := receive(c, stream.Recv, f.take)
	if err == nil { // the end on the lane was sent before the result
		_ = c.lane.conn.SetReadDeadline(time.Now().Add(c.options.CloseGrace))
	} else {
		c.cancel()
	}
	if broke := <-answers; broke != nil {
		err = broke
	}
	outcome, err := c.finish(result, err, nil)
	stop()
	c.lane.land(err == nil && !outcome.Failed())
	return outcome, err
}

// answers reads what a plugin without output says on its lane.
func (x *crossing) answers(c *call) error {
	for {
		m, err := x.conn.Receive()
		if err != nil {
			return nil // what ended the call shows on its stream
		}
		switch {
		case m.Call != x.lane.call:
			err = broken(c.op, "a message of call %d in call %d of its lane", m.Call, x.lane.call)
		case m.Kind == arena.Done:
			err = x.done(m.Seq)
		case m.Kind == arena.End:
			x.ended = true
			return nil
		default:
			err = broken(c.op, "a message of kind %d on its lane", m.Kind)
		}
		if err != nil {
			c.cancel()
			return asBroken(c.op, err)
		}
	}
}

// thenClose opens a call whose batches travel elsewhere than on its stream.
func thenClose(open, closeSend func() error) func() error {
	return func() error {
		if err := open(); err != nil {
			return err
		}
		return closeSend()
	}
}

func fitBatch(b *pluginv1.Batch) *pluginv1.FitRequest {
	return &pluginv1.FitRequest{Message: &pluginv1.FitRequest_Batch{Batch: b}}
}
