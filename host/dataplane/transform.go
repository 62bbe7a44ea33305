// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"context"

	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

func (c *client) Transform(ctx context.Context, open Open, state []byte, in Batches, out Output) (*Outcome, error) {
	call, req, err := c.begin(ctx, "transform", open)
	if err != nil {
		return nil, err
	}
	defer call.cancel()
	stream, err := c.service.Transform(call.ctx, callOptions()...)
	if err != nil {
		call.abandon()
		return nil, wireError(ctx, "transform", err)
	}
	outcome, err := call.transform(stream, req, state, in, newOutput(call, open, out))
	if err == nil && open.Account != nil {
		open.Output.learn(open.Account.OutputDigest)
	}
	return outcome, err
}

// transform moves the batches of a transform.
func (c *call) transform(stream transformStream, req *pluginv1.Open, state []byte, in Batches, out *output) (*Outcome, error) {
	open := func() error { return sendHead(stream, req, state, c.open.Then) }
	if c.lane == nil {
		c.start(&sender{send: inMessages(c, stream.SendMsg, transformBatch), close: stream.CloseSend}, open, in)
		result, err := receive(c, stream.Recv, out.take)
		return c.finish(result, err, &out.lines)
	}
	stop := c.lane.guard(c.ctx)
	c.start(&sender{send: c.lane.send, close: c.lane.end}, thenClose(open, stream.CloseSend), in)
	box := c.lane.listen(c.ctx, stream)
	result, err := c.lane.receive(box, out)
	if err != nil {
		c.cancel()
	}
	outcome, err := c.finish(result, err, &out.lines)
	<-box.done
	stop()
	c.lane.land(err == nil && !outcome.Failed())
	return outcome, err
}

func transformBatch(b *pluginv1.Batch) *pluginv1.TransformRequest {
	return &pluginv1.TransformRequest{Message: &pluginv1.TransformRequest_Batch{Batch: b}}
}
