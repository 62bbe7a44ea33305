// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/apache/arrow-go/v18/arrow"
	"google.golang.org/grpc"

	"github.com/bulkhead-ml/bulkhead/host/catalog"
	"github.com/bulkhead-ml/bulkhead/host/dataplane"
	"github.com/bulkhead-ml/bulkhead/sdk/diag"
	"github.com/bulkhead-ml/bulkhead/sdk/plugintest"
	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
	"github.com/bulkhead-ml/bulkhead/sdk/table"
)

// suiteBatches is how many batches a call of the suite has under way in shared
// memory.
const suiteBatches = 3

// sharedTransform makes transforms as a run does; nil where no memory is shared.
func sharedTransform(l *catalog.Launcher, r *catalog.Running) func(context.Context, *pluginv1.Open, []byte, []arrow.RecordBatch) ([]arrow.RecordBatch, error) {
	side := l.Side(r)
	if side == nil {
		return nil
	}
	conn := &watchedConn{ClientConnInterface: r.Conn()}
	kernel := dataplane.New(conn, dataplane.Options{Side: side})
	return func(ctx context.Context, o *pluginv1.Open, state []byte, in []arrow.RecordBatch) ([]arrow.RecordBatch, error) {
		schema, err := table.DecodeSchema(o.GetSchema())
		if err != nil {
			return nil, err
		}
		var rows []arrow.RecordBatch
		open := dataplane.Open{Kernel: o.GetKernel(), Config: o.GetConfigJson(), Schema: schema, Seed: o.GetSeed()}
		outcome, err := kernel.Transform(ctx, open, state, batchesOf(in), dataplane.Output{Batch: func(p dataplane.Part) error {
			p.Batch.Retain()
			rows = append(rows, p.Batch)
			return nil
		}})
		switch {
		case err != nil:
			return nil, err
		case outcome.Failed():
			return nil, errors.Join(diagnosed(outcome.Diagnostics)...)
		case !conn.lane.Swap(false):
			return nil, plugintest.ErrMessages
		}
		return rows, nil
	}
}

func batchesOf(batches []arrow.RecordBatch) dataplane.Batches {
	return func(yield func(arrow.RecordBatch, error) bool) {
		for _, b := range batches {
			if !yield(b, nil) {
				return
			}
		}
	}
}

func diagnosed(ds []*diag.Diagnostic) []error {
	var errs []error
	for _, d := range ds {
		errs = append(errs, d)
	}
	return errs
}

// watchedConn sees whether the batches of a call travel through a lane.
type watchedConn struct {
	grpc.ClientConnInterface
	lane atomic.Bool
}

// NewStream begins a call.
func (c *watchedConn) NewStream(ctx context.Context, desc *grpc.StreamDesc, method string, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	stream, err := c.ClientConnInterface.NewStream(ctx, desc, method, opts...)
	return &watchedStream{stream, c}, err
}

// watchedStream is one call.
type watchedStream struct {
	grpc.ClientStream
	conn *watchedConn
}

// SendMsg looks at the opening message.
func (s *watchedStream) SendMsg(m any) error {
	if req, ok := m.(*pluginv1.TransformRequest); ok && req.GetOpen().GetLane() != 0 {
		s.conn.lane.Store(true)
	}
	return s.ClientStream.SendMsg(m)
}
