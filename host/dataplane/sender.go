// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"context"
	"errors"
	"io"
	"sync/atomic"

	"github.com/apache/arrow-go/v18/arrow"
	"google.golang.org/protobuf/proto"

	"github.com/bulkhead-ml/bulkhead/sdk/kernel/codec"
	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
	"github.com/bulkhead-ml/bulkhead/sdk/table"
)

// sender is the half of a call that sends. It runs in a goroutine of its own,
// and its fields belong to that goroutine until done is closed.
type sender struct {
	send  func(arrow.RecordBatch) (bytes int64, err error) // errWire when the plugin listens no more
	close func() error                                     // the end of the input
	done  chan struct{}
	tally *tally

	offered              atomic.Int64 // rows that the plugin may know of
	rows, batches, bytes int64
	complete             bool  // the plugin was sent all of the input
	err                  error // the input failed, not the wire
}

// run sends all of in. cancel ends the whole call when the input fails.
func (s *sender) run(ctx context.Context, in Batches, cancel context.CancelFunc) {
	defer close(s.done)
	err := s.all(ctx, in)
	switch {
	case err == nil:
		s.complete = true
	case ctx.Err() != nil || errors.Is(err, errWire):
		// The receiving half tells why the stream ended.
	default:
		s.err = err
		cancel()
	}
}

// errWire marks an error of the stream.
var errWire = errors.New("the stream ended")

func (s *sender) all(ctx context.Context, in Batches) error {
	if in == nil { // of a source
		in = func(func(arrow.RecordBatch, error) bool) {}
	}
	for batch, err := range in {
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err := s.batch(batch); err != nil {
			return err
		}
	}
	if err := s.close(); err != nil {
		return errWire
	}
	return nil
}

// batch sends one batch, cut to the bounds of the wire.
func (s *sender) batch(batch arrow.RecordBatch) error {
	parts, err := table.Split(batch)
	if err != nil {
		return err
	}
	defer func() {
		for _, p := range parts {
			p.Release()
		}
	}()
	for _, p := range parts {
		if err := s.part(p); err != nil {
			return err
		}
	}
	return nil
}

func (s *sender) part(batch arrow.RecordBatch) error {
	s.offered.Add(batch.NumRows())
	n, err := s.send(batch)
	if err != nil {
		return err
	}
	s.rows += batch.NumRows()
	s.batches++
	s.bytes += n
	s.tally.add(batch)
	return nil
}

// inMessages sends batches as gRPC messages, which wrap makes. Once the plugin has
// answered, buffers go to gRPC where they lie, and the batch is held until they
// are written. Before that grpc-go may keep a message for another attempt, and
// forgets to give it back when the answer comes just then.
func inMessages[M proto.Message](c *call, send func(any) error, wrap func(*pluginv1.Batch) M) func(arrow.RecordBatch) (int64, error) {
	return func(batch arrow.RecordBatch) (int64, error) {
		wire, err := table.EncodeRows(batch)
		if err != nil {
			return 0, err
		}
		if c.answered.Load() {
			err = lend(batch, send, wrap(wire))
		} else {
			err = send(wrap(wire))
		}
		if err != nil { // io.EOF is how grpc-go says that the other side ended the stream
			return 0, errWire
		}
		return int64(proto.Size(wire)), nil
	}
}

// lend sends the buffers of a batch where they lie.
func lend(batch arrow.RecordBatch, send func(any) error, m proto.Message) error {
	batch.Retain()
	held := &codec.Held{Message: m, Release: batch.Release}
	err := send(held)
	if !held.Lent() {
		batch.Release()
	}
	return err
}

// ended reports whether err is the regular end of a stream.
func ended(err error) bool { return errors.Is(err, io.EOF) }
