// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"fmt"
	"sync"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/bulkhead-ml/bulkhead/sdk/arena"
	"github.com/bulkhead-ml/bulkhead/sdk/table"
)

// TestBatchesAreBuiltInPlace: while the host takes what it gets, every batch of a
// long call is built in the output arena and not copied into it, and nothing of it
// stays behind.
func TestBatchesAreBuiltInPlace(t *testing.T) {
	fields := make([]arrow.Field, 16)
	for i := range fields {
		fields[i] = arrow.Field{Name: fmt.Sprint(i), Type: arrow.PrimitiveTypes.Float64}
	}
	schema := arrow.NewSchema(fields, nil)
	for _, rows := range []int{1, 1000, 30_000, 64_000} {
		t.Run(fmt.Sprint(rows), func(t *testing.T) {
			p, host := passageOf(t, schema)
			var unread []arena.Message
			for i := range 40 {
				buffer := memory.NewResizableBuffer(p.allocator())
				buffer.Resize(8 * rows * len(fields))
				if (&slot{data: p.memory}).place(buffer.Bytes()) < 0 {
					t.Fatalf("batch %d is built outside of the arena", i)
				}
				batch := batchOf(schema, buffer, rows)
				if err := p.write(batch, lineage{}); err != nil {
					t.Fatal(err)
				}
				batch.Release()
				m, err := host.Receive()
				if err != nil {
					t.Fatal(err)
				}
				if unread = append(unread, m); len(unread) == 2 { // it is at one while the next is built
					free(t, host, unread[0])
					unread = unread[1:]
				}
			}
			free(t, host, unread[0])
			p.mu.Lock()
			defer p.mu.Unlock()
			if err := p.await(func() bool { return len(p.flying) == 0 }); err != nil || len(p.slots) != 0 || p.space.Used() != 0 {
				t.Errorf("%d slots and %d blocks of the arena are still in use, %v", len(p.slots), p.space.Used(), err)
			}
		})
	}
}

// passageOf is a call whose output has a schema, and the host's end of its lane.
func passageOf(t *testing.T, schema *arrow.Schema) (*passage, *arena.Conn) {
	t.Helper()
	host, theirs, err := arena.Pair()
	if err != nil {
		t.Fatal(err)
	}
	conn, err := arena.NewConn(theirs)
	if err != nil {
		t.Fatal(err)
	}
	layout, err := table.NewLayout(schema)
	if err != nil {
		t.Fatal(err)
	}
	output, err := arena.Make(3*(layout.SlotBytes()+8*table.MaxRows+arena.Page), arena.ReaderWrites)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _, _ = host.Close(), conn.Close(), output.Close() })
	p := &passage{ctx: t.Context(), lane: &lane{conn: conn, output: output}, open: map[uint64]*arrival{}, out: layout}
	p.turn = sync.NewCond(&p.mu)
	if err := p.grant(arena.Message{}, nil); err != nil {
		t.Fatal(err)
	}
	p.granted = true
	return p, host
}

// batchOf is a batch whose columns lie in one piece of memory, which it takes over.
func batchOf(schema *arrow.Schema, values *memory.Buffer, rows int) arrow.RecordBatch {
	defer values.Release()
	columns := make([]arrow.Array, schema.NumFields())
	for i := range columns {
		part := memory.SliceBuffer(values, 8*rows*i, 8*rows)
		data := array.NewData(arrow.PrimitiveTypes.Float64, rows, []*memory.Buffer{nil, part}, nil, 0, 0)
		columns[i] = array.NewFloat64Data(data)
		part.Release()
		data.Release()
	}
	batch := array.NewRecordBatch(schema, columns, int64(rows))
	for _, c := range columns {
		c.Release()
	}
	return batch
}

// free tells that the host has copied a batch.
func free(t *testing.T, host *arena.Conn, m arena.Message) {
	t.Helper()
	if err := host.Send(arena.Message{Kind: arena.Free, Call: m.Call, At: m.At}); err != nil {
		t.Fatal(err)
	}
}
