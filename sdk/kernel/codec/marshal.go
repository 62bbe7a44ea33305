// SPDX-License-Identifier: Apache-2.0

package codec

import (
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

// Numbers of fields, as they stand in kernel.proto.
const (
	fitBatch       = 2 // FitRequest.batch
	transformBatch = 3 // TransformRequest.batch
	outputBatch    = 1 // TransformResponse.batch

	batchSchema, batchRows, batchColumns, batchOrigins = 1, 2, 3, 4

	columnValidity, columnValues, columnOffsets, columnChild, columnChildRows = 1, 2, 3, 4, 5
)

// worthy is the least size of a buffer that is handed on and not copied. gRPC
// keeps no account of smaller ones.
const worthy = 4 << 10

// writer collects the parts of a message.
type writer struct {
	out  mem.BufferSlice
	text []byte // that was not put into out yet
	lent *lent
}

// marshal writes a message whose only field is a batch.
func marshal(field int, b *pluginv1.Batch, l *lent) mem.BufferSlice {
	w := &writer{lent: l}
	w.lent.left.Store(1) // until all is handed out
	w.open(field, sizeBatch(b))
	if b.GetSchema() != nil {
		schema, _ := proto.Marshal(b.GetSchema()) // fails on text that is not UTF-8, which no schema has
		w.bytes(batchSchema, schema, true)
	}
	w.number(batchRows, uint64(b.GetRows()))
	for _, c := range b.GetColumns() {
		w.open(batchColumns, sizeColumn(c))
		w.column(c)
	}
	w.bytes(batchOrigins, b.GetOrigins(), false)
	w.flush()
	w.lent.drop()
	return w.out
}

func (w *writer) column(c *pluginv1.ColumnBuffers) {
	w.bytes(columnValidity, c.GetValidity(), false)
	w.bytes(columnValues, c.GetValues(), false)
	w.bytes(columnOffsets, c.GetOffsets(), false)
	if c.GetChild() != nil {
		w.open(columnChild, sizeColumn(c.GetChild()))
		w.column(c.GetChild())
	}
	w.number(columnChildRows, uint64(c.GetChildRows()))
}

// open begins a field that holds n bytes.
func (w *writer) open(field, n int) {
	w.text = protowire.AppendTag(w.text, protowire.Number(field), protowire.BytesType)
	w.text = protowire.AppendVarint(w.text, uint64(n))
}

func (w *writer) number(field int, v uint64) {
	if v != 0 {
		w.text = protowire.AppendTag(w.text, protowire.Number(field), protowire.VarintType)
		w.text = protowire.AppendVarint(w.text, v)
	}
}

// bytes writes a field. An empty one is left out unless it is there to be empty.
func (w *writer) bytes(field int, b []byte, always bool) {
	if len(b) == 0 && !always {
		return
	}
	w.open(field, len(b))
	if len(b) < worthy {
		w.text = append(w.text, b...)
		return
	}
	w.flush()
	w.lent.any = true
	w.lent.left.Add(1)
	w.out = append(w.out, mem.NewBuffer(&b, w.lent))
}

func (w *writer) flush() {
	if len(w.text) > 0 {
		w.out, w.text = append(w.out, mem.SliceBuffer(w.text)), nil
	}
}

func sizeBatch(b *pluginv1.Batch) int {
	n := sizeNumber(uint64(b.GetRows())) + sizeBytes(len(b.GetOrigins()), false)
	if b.GetSchema() != nil {
		n += sizeBytes(proto.Size(b.GetSchema()), true)
	}
	for _, c := range b.GetColumns() {
		n += sizeBytes(sizeColumn(c), true)
	}
	return n
}

func sizeColumn(c *pluginv1.ColumnBuffers) int {
	n := sizeBytes(len(c.GetValidity()), false) + sizeBytes(len(c.GetValues()), false) + sizeBytes(len(c.GetOffsets()), false)
	if c.GetChild() != nil {
		n += sizeBytes(sizeColumn(c.GetChild()), true)
	}
	return n + sizeNumber(uint64(c.GetChildRows()))
}

// sizeBytes is the size of a field of n bytes. All numbers of fields take a byte.
func sizeBytes(n int, always bool) int {
	if n == 0 && !always {
		return 0
	}
	return 1 + protowire.SizeBytes(n)
}

func sizeNumber(v uint64) int {
	if v == 0 {
		return 0
	}
	return 1 + protowire.SizeVarint(v)
}
