// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"context"

	"github.com/apache/arrow-go/v18/arrow"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/bulkhead-ml/bulkhead/sdk/diag"
	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
	"github.com/bulkhead-ml/bulkhead/sdk/table"
)

type transformStream = grpc.BidiStreamingServer[pluginv1.TransformRequest, pluginv1.TransformResponse]

// Transform answers the host.
func (s *Service) Transform(stream transformStream) error {
	first, err := stream.Recv()
	if err != nil {
		return err
	}
	if first.GetOpen() == nil {
		return status.Error(codes.InvalidArgument, "a transform begins with open")
	}
	setup, instance, err := s.open(first.GetOpen())
	if err != nil {
		return sendTransform(stream, result(setup, nil, 0, 0, err))
	}
	t, ok := instance.(Transformer)
	if !ok {
		return sendTransform(stream, result(setup, nil, 0, 0, diag.Errorf("Kernel without transform", "Kernel %q only fits.", first.GetOpen().GetKernel())))
	}
	state, pending, err := receiveState(stream)
	if err != nil {
		return err
	}
	in, out := transformReader(stream, setup.Schema, pending), transformWriter(stream)
	report, err := transform(stream.Context(), t, state, in, out)
	return sendTransform(stream, result(setup, report, in.Rows(), out.Rows(), err))
}

func transform(ctx context.Context, t Transformer, state []byte, in *Reader, out *Writer) (report Report, err error) {
	err = guard(func() error {
		if f, ok := t.(Fitter); ok {
			if err := f.Load(state); err != nil {
				return diag.Errorf("State that cannot be loaded", "%v. Fit the kernel again.", err)
			}
		}
		report, err = t.Transform(ctx, in, out)
		return err
	})
	return report, err
}

// receiveState reads state chunks up to the first batch, which it returns; nil
// when there is none.
func receiveState(stream transformStream) ([]byte, *pluginv1.Batch, error) {
	var state []byte
	for {
		req, err := stream.Recv()
		if ended(err) {
			return state, nil, nil
		}
		if err != nil {
			return nil, nil, err
		}
		if b := req.GetBatch(); b != nil {
			return state, b, nil
		}
		if state = append(state, req.GetStateChunk()...); len(state) > MaxStateBytes {
			return nil, nil, status.Errorf(codes.ResourceExhausted, "the state is larger than %d bytes", MaxStateBytes)
		}
	}
}

func transformReader(stream transformStream, schema *arrow.Schema, pending *pluginv1.Batch) *Reader {
	return NewReader(schema, func() (arrow.RecordBatch, error) {
		if b := pending; b != nil {
			pending = nil
			return table.Decode(b)
		}
		req, err := stream.Recv()
		if err != nil {
			return nil, err
		}
		return table.Decode(req.GetBatch())
	})
}

func transformWriter(stream transformStream) *Writer {
	return NewWriter(func(batch arrow.RecordBatch) error {
		data, err := table.Encode(batch)
		if err != nil {
			return err
		}
		return stream.Send(&pluginv1.TransformResponse{Message: &pluginv1.TransformResponse_Batch{
			Batch: data,
		}})
	})
}

func sendTransform(stream transformStream, r *pluginv1.Result) error {
	return stream.Send(&pluginv1.TransformResponse{Message: &pluginv1.TransformResponse_Result{Result: r}})
}
