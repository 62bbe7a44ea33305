// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"context"
	"errors"
	"io"

	"github.com/apache/arrow-go/v18/arrow"
	"google.golang.org/protobuf/proto"

	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
	"github.com/bulkhead-ml/bulkhead/sdk/table"
)

// sender is the half of a call that sends. It runs in a goroutine of its own,
// and its fields belong to that goroutine until done is closed.
type sender struct {
	send  func(*pluginv1.Batch) error
	close func() error // the end of the input
	done  chan struct{}
	tally *tally

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
	wire, err := table.Encode(batch)
	if err != nil {
		return err
	}
	// io.EOF is how grpc-go says that the other side ended the stream.
	if err := s.send(wire); err != nil {
		return errWire
	}
	s.rows += batch.NumRows()
	s.batches++
	s.bytes += int64(proto.Size(wire))
	s.tally.add(batch, wire)
	return nil
}

// ended reports whether err is the regular end of a stream.
func ended(err error) bool { return errors.Is(err, io.EOF) }
