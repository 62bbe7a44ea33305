// SPDX-License-Identifier: Apache-2.0

// Package codec is gRPC's protobuf codec with a short way for batches. What it
// writes and reads is protocol buffers like everybody's, so the other side need
// not know of it. Buffers of a batch that is Held are handed to gRPC where they
// lie, and those of any batch are copied once when they are read, to addresses
// that numbers can be read from: the ordinary codec copies them two times more
// each way.
//
// All other messages, and batches in a form that its writer would not choose, go
// the ordinary way. It is for the connections of the data plane, both ends:
// grpc.ForceCodecV2 and grpc.ForceServerCodecV2.
package codec

import (
	"fmt"
	"sync/atomic"

	"google.golang.org/grpc/encoding"
	wire "google.golang.org/grpc/encoding/proto" // registers the ordinary codec, too
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
	"github.com/bulkhead-ml/bulkhead/sdk/table/bound"
)

// Held is a message whose buffers lie in memory that somebody gives back or writes
// again. Any other codec takes it for the message.
type Held struct {
	proto.Message
	// Release is called when gRPC needs the buffers no more: once, and only when
	// they were lent. May be nil.
	Release func()

	lent bool
}

// Lent reports whether gRPC has buffers of the message, when it was sent. If not,
// they were copied.
func (h *Held) Lent() bool { return h.lent }

// New returns the codec over the ordinary one. It has its name, which is what goes
// over the wire.
func New() encoding.CodecV2 { return Over(encoding.GetCodecV2(wire.Name)) }

// Over returns the codec, with another for all that does not go the short way.
func Over(ordinary encoding.CodecV2) encoding.CodecV2 { return codec{ordinary} }

type codec struct{ ordinary encoding.CodecV2 }

func (codec) Name() string { return wire.Name }

// Marshal writes a message. What is not held is copied: nobody says how long its
// memory stays as it is.
func (c codec) Marshal(v any) (mem.BufferSlice, error) {
	held, ok := v.(*Held)
	if !ok {
		return c.plain(v)
	}
	field, batch := outgoing(held.Message)
	if batch == nil {
		return c.plain(held.Message)
	}
	l := &lent{release: held.Release}
	out := marshal(field, batch, l)
	held.lent = l.any
	return out, nil
}

// pooled is the size of message from which memory is taken from gRPC's pool, in
// bytes. The pool has nothing between 32 KiB and this, and to touch a fresh
// mebibyte takes longer than to write what most messages say.
const pooled = 1 << 20

// plain writes a message in the ordinary form.
func (c codec) plain(v any) (mem.BufferSlice, error) {
	m, ok := v.(proto.Message)
	if !ok || proto.Size(m) >= pooled {
		return c.ordinary.Marshal(v)
	}
	data, err := proto.MarshalOptions{UseCachedSize: true}.Marshal(m)
	if err != nil {
		return nil, err
	}
	return mem.BufferSlice{mem.SliceBuffer(data)}, nil
}

// whole is a received message in one piece, if it is not for the pool.
func whole(data mem.BufferSlice) mem.BufferSlice {
	if len(data) < 2 || data.Len() >= pooled {
		return data
	}
	return mem.BufferSlice{mem.SliceBuffer(data.Materialize())}
}

// outgoing is the batch in a message and the number of its field; nil for none.
func outgoing(v proto.Message) (field int, batch *pluginv1.Batch) {
	switch m := v.(type) {
	case *pluginv1.FitRequest:
		return fitBatch, m.GetBatch()
	case *pluginv1.TransformRequest:
		return transformBatch, m.GetBatch()
	case *pluginv1.TransformResponse:
		return outputBatch, m.GetBatch()
	}
	return 0, nil
}

// Unmarshal reads a message.
func (c codec) Unmarshal(data mem.BufferSlice, v any) error {
	switch m := v.(type) {
	case *pluginv1.FitRequest:
		if batch := unmarshal(data, fitBatch); batch != nil {
			m.Reset()
			m.Message = &pluginv1.FitRequest_Batch{Batch: batch}
			return nil
		}
	case *pluginv1.TransformRequest:
		if batch := unmarshal(data, transformBatch); batch != nil {
			m.Reset()
			m.Message = &pluginv1.TransformRequest_Batch{Batch: batch}
			return nil
		}
	case *pluginv1.TransformResponse:
		if batch := unmarshal(data, outputBatch); batch != nil {
			m.Reset()
			m.Message = &pluginv1.TransformResponse_Batch{Batch: batch}
			return nil
		}
	}
	if field := incoming(v); field > 0 {
		if n := columns(data.Materialize(), field); n > bound.MaxColumns {
			return fmt.Errorf("a batch of %d columns; at most %d travel", n, bound.MaxColumns)
		}
	}
	return c.ordinary.Unmarshal(whole(data), v)
}

// incoming is the number of the field that a batch has in a message; 0 when there
// can be none.
func incoming(v any) int {
	switch v.(type) {
	case *pluginv1.FitRequest:
		return fitBatch
	case *pluginv1.TransformRequest:
		return transformBatch
	case *pluginv1.TransformResponse:
		return outputBatch
	}
	return 0
}

// columns counts those of all batches in a message before they are made: an empty
// one takes two bytes on the wire, and a hundred in memory.
func columns(data []byte, field int) (n int) {
	each(data, field, func(batch []byte) {
		each(batch, batchColumns, func([]byte) { n++ })
	})
	return n
}

// each calls f for every field of a number that holds bytes, up to where data is
// no message any more.
func each(data []byte, field int, f func([]byte)) {
	for len(data) > 0 {
		number, kind, n := protowire.ConsumeTag(data)
		if n < 0 {
			return
		}
		m := protowire.ConsumeFieldValue(number, kind, data[n:])
		if m < 0 {
			return
		}
		if int(number) == field && kind == protowire.BytesType {
			value, _ := protowire.ConsumeBytes(data[n:])
			f(value)
		}
		data = data[n+m:]
	}
}

// lent counts the buffers that gRPC has of one message.
type lent struct {
	left    atomic.Int64
	any     bool
	release func()
}

// Get is never called: nobody takes memory from here.
func (*lent) Get(n int) *[]byte { b := make([]byte, n); return &b }

// Put is called when a buffer is needed no more.
func (l *lent) Put(*[]byte) { l.drop() }

func (l *lent) drop() {
	if l.left.Add(-1) == 0 && l.any && l.release != nil {
		l.release()
	}
}
