// SPDX-License-Identifier: Apache-2.0

package codec

import (
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
	"github.com/bulkhead-ml/bulkhead/sdk/table/bound"
)

// unmarshal reads a message whose only field is a batch. It is nil for anything
// that marshal would not have written: the ordinary codec says what it is.
func unmarshal(data mem.BufferSlice, field int) *pluginv1.Batch {
	r := &reader{parts: data, left: data.Len()}
	n, ok := r.header(field, protowire.BytesType)
	if !ok || n != uint64(r.left) {
		return nil
	}
	// What is read is no longer than the message, and each buffer moves to the
	// next multiple of align at most.
	r.room = make([]byte, 0, r.left+align)
	b := &pluginv1.Batch{}
	if !r.batch(b) {
		return nil
	}
	return b
}

// align is what buffers begin at multiples of, so that any number can be read
// from them in place.
const align = 8

// reader reads from front to back.
type reader struct {
	parts mem.BufferSlice
	at    int // in the first part
	left  int // in all of them
	room  []byte
}

// last is the number of the field before, since fields rise in what marshal
// writes.
func (r *reader) batch(b *pluginv1.Batch) bool {
	for last := protowire.Number(0); r.left > 0; {
		field, kind, ok := r.tag()
		if !ok || field < last || field == last && field != batchColumns {
			return false
		}
		last = field
		switch {
		case field == batchRows && kind == protowire.VarintType:
			rows, sane := r.varint()
			b.Rows, ok = int64(rows), sane
		case kind != protowire.BytesType:
			ok = false
		case field == batchSchema:
			ok = r.schema(b)
		case field == batchColumns:
			if len(b.Columns) == bound.MaxColumns {
				return false
			}
			c := &pluginv1.ColumnBuffers{}
			ok = r.nested(func() bool { return r.column(c, true) })
			b.Columns = append(b.Columns, c)
		case field == batchOrigins:
			b.Origins, ok = r.bytes()
		default:
			ok = false
		}
		if !ok {
			return false
		}
	}
	return true
}

// maxSchema is the longest schema that is read here, in bytes. In memory it takes
// many times of them, which is for the ordinary codec to weigh.
const maxSchema = 64 << 10

func (r *reader) schema(b *pluginv1.Batch) bool {
	data, ok := r.bytes()
	b.Schema = &pluginv1.TableSchema{}
	return ok && len(data) <= maxSchema && proto.Unmarshal(data, b.Schema) == nil
}

// column reads a column; a child has none of its own.
func (r *reader) column(c *pluginv1.ColumnBuffers, parent bool) bool {
	for last := protowire.Number(0); r.left > 0; {
		field, kind, ok := r.tag()
		if !ok || field <= last {
			return false
		}
		last = field
		switch {
		case field == columnChildRows && kind == protowire.VarintType:
			rows, sane := r.varint()
			c.ChildRows, ok = int64(rows), sane
		case kind != protowire.BytesType:
			ok = false
		case field == columnValidity:
			c.Validity, ok = r.bytes()
		case field == columnValues:
			c.Values, ok = r.bytes()
		case field == columnOffsets:
			c.Offsets, ok = r.bytes()
		case field == columnChild && parent:
			c.Child = &pluginv1.ColumnBuffers{}
			ok = r.nested(func() bool { return r.column(c.Child, false) })
		default:
			ok = false
		}
		if !ok {
			return false
		}
	}
	return true
}

// nested reads a message inside the message.
func (r *reader) nested(read func() bool) bool {
	n, ok := r.varint()
	if !ok || n > uint64(r.left) {
		return false
	}
	after := r.left - int(n)
	r.left = int(n)
	ok = read() && r.left == 0
	r.left = after
	return ok
}

// header reads the tag and the length of a field that has to be there.
func (r *reader) header(field int, kind protowire.Type) (uint64, bool) {
	number, is, ok := r.tag()
	if !ok || int(number) != field || is != kind {
		return 0, false
	}
	return r.varint()
}

func (r *reader) tag() (protowire.Number, protowire.Type, bool) {
	v, ok := r.varint()
	if !ok || v>>3 == 0 || v>>3 > 31 {
		return 0, 0, false
	}
	return protowire.Number(v >> 3), protowire.Type(v & 7), true
}

func (r *reader) varint() (uint64, bool) {
	var v uint64
	for shift := 0; shift < 64; shift += 7 {
		b, ok := r.byte()
		if !ok {
			return 0, false
		}
		if shift == 63 && b > 1 {
			return 0, false
		}
		v |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return v, true
		}
	}
	return 0, false
}

func (r *reader) byte() (byte, bool) {
	part := r.part()
	if len(part) == 0 {
		return 0, false
	}
	r.at++
	r.left--
	return part[0], true
}

// part is what is left of the first part that has anything.
func (r *reader) part() []byte {
	for r.left > 0 && len(r.parts) > 0 {
		if part := r.parts[0].ReadOnlyData()[r.at:]; len(part) > 0 {
			return part[:min(len(part), r.left)]
		}
		r.parts, r.at = r.parts[1:], 0
	}
	return nil
}

// bytes reads a field and puts it where numbers can be read from it.
func (r *reader) bytes() ([]byte, bool) {
	n, ok := r.varint()
	if !ok || n > uint64(r.left) {
		return nil, false
	}
	out := r.take(int(n))
	for at := 0; at < len(out); {
		m := copy(out[at:], r.part())
		at, r.at, r.left = at+m, r.at+m, r.left-m
	}
	return out, true
}

// take takes room for n bytes.
func (r *reader) take(n int) []byte {
	at := (len(r.room) + align - 1) &^ (align - 1)
	if at+n > cap(r.room) { // many small buffers
		return make([]byte, n)
	}
	r.room = r.room[:at+n]
	return r.room[at : at+n : at+n]
}
