// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"errors"
	"io"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

type transformStream = grpc.BidiStreamingServer[pluginv1.TransformRequest, pluginv1.TransformResponse]

// Transform answers the host.
func (s *Service) Transform(stream transformStream) error {
	first, err := stream.Recv()
	if err != nil {
		return err
	}
	open := first.GetOpen()
	if open == nil {
		return status.Error(codes.InvalidArgument, "a transform begins with open")
	}
	c := &chain{service: s, to: &transformSender{stream: stream}}
	defer func() { c.stages[0].setup.close() }()
	if !c.begin(stream.Context(), open) {
		return c.to.send(c.result())
	}
	head, err := receiveHead(stream, len(open.GetThen()))
	if err != nil {
		return err
	}
	c.setStates(head.states)
	wire, err := s.transformWire(stream, open, c, head.pending)
	if err != nil {
		return err
	}
	c.run(stream.Context(), wire)
	result := c.result() // errors may quote what lies in shared memory
	wire.finish()
	return c.to.send(result)
}

// wire is how the batches of a transform travel.
type wire interface {
	source
	sink
	// finish ends the output, when the kernel has returned.
	finish()
}

// transformWire chooses how the batches of a call travel.
func (s *Service) transformWire(stream transformStream, open *pluginv1.Open, c *chain, pending *pluginv1.Batch) (wire, error) {
	if open.GetLane() != 0 {
		return s.pass(stream.Context(), open.GetLane(), c.stages[0].setup.Schema, c.to)
	}
	return &transformMessages{stream: stream, to: c.to, schema: c.stages[0].setup.Schema, pending: pending}, nil
}

// head is what comes before the first batch.
type head struct {
	states  [][]byte // of the kernel, then of those fused to it
	pending *pluginv1.Batch
}

// receiveHead reads states up to the first batch, or to the end.
func receiveHead(stream transformStream, fused int) (head, error) {
	h := head{states: make([][]byte, fused+1)}
	total := 0
	for {
		req, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return h, nil
		}
		if err != nil {
			return h, err
		}
		if h.pending = req.GetBatch(); h.pending != nil {
			return h, nil
		}
		at, chunk := 0, req.GetStateChunk()
		if then := req.GetThenState(); then != nil {
			at, chunk = int(then.GetIndex())+1, then.GetChunk()
		}
		if at < 0 || at > fused {
			return h, status.Errorf(codes.InvalidArgument, "a state of fused kernel %d of %d", at, fused)
		}
		if total += len(chunk); total > MaxStateBytes {
			return h, status.Errorf(codes.ResourceExhausted, "the state is larger than %d bytes", MaxStateBytes)
		}
		h.states[at] = append(h.states[at], chunk...)
	}
}
