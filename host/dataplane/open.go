// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"fmt"
	"iter"
	"slices"

	"google.golang.org/grpc"

	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
	"github.com/bulkhead-ml/bulkhead/sdk/table"
)

// proto is the opening message. Files go over the data socket where there is
// one, and by their paths otherwise.
func (o Open) proto(side *Side) (*pluginv1.Open, error) {
	schema, err := table.EncodeSchema(o.Schema)
	if err != nil {
		return nil, err
	}
	out := &pluginv1.Open{
		Kernel: o.Kernel, ConfigJson: o.Config, Schema: schema, Seed: o.Seed, BudgetNs: int64(o.Budget),
	}
	for _, f := range o.Files {
		file, err := f.proto(side)
		if err != nil {
			return nil, err
		}
		out.Files = append(out.Files, file)
	}
	for _, s := range o.Then {
		out.Then = append(out.Then, &pluginv1.Open{Kernel: s.Kernel, ConfigJson: s.Config, Seed: s.Seed, BudgetNs: int64(o.Budget)})
	}
	return out, nil
}

func (f File) proto(side *Side) (*pluginv1.File, error) {
	info, err := f.File.Stat()
	if err != nil {
		return nil, fmt.Errorf("the file %q of a call: %w", f.Name, err)
	}
	out := &pluginv1.File{Name: f.Name, Bytes: info.Size()}
	if out.Descriptor_ = side.file(f.File); out.Descriptor_ == 0 {
		out.Path = f.File.Name()
	}
	return out, nil
}

// stateChunk is the size of the pieces that a state is sent in, in bytes.
const stateChunk = 1 << 20

type transformStream = grpc.BidiStreamingClient[pluginv1.TransformRequest, pluginv1.TransformResponse]

// sendHead opens a transform and sends what the fits of its kernels learnt.
func sendHead(stream transformStream, open *pluginv1.Open, state []byte, then []Stage) error {
	err := stream.Send(&pluginv1.TransformRequest{Message: &pluginv1.TransformRequest_Open{Open: open}})
	for chunk := range chunks(state) {
		if err == nil {
			err = stream.Send(&pluginv1.TransformRequest{Message: &pluginv1.TransformRequest_StateChunk{StateChunk: chunk}})
		}
	}
	for i, s := range then {
		for chunk := range chunks(s.State) {
			if err == nil {
				err = stream.Send(&pluginv1.TransformRequest{Message: &pluginv1.TransformRequest_ThenState{
					ThenState: &pluginv1.ThenState{Index: uint32(i), Chunk: chunk},
				}})
			}
		}
	}
	return err
}

// chunks cuts a state into the pieces that travel.
func chunks(state []byte) iter.Seq[[]byte] {
	return slices.Chunk(state, stateChunk)
}
