// SPDX-License-Identifier: Apache-2.0

package source

import (
	"errors"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/bulkhead-ml/bulkhead/sdk/table"
)

// flushBytes leaves room below table.MaxBytes for one more record.
const flushBytes = table.MaxBytes - MaxRecordBytes

// errStop ends the reading when the consumer has had enough.
var errStop = errors.New("the consumer stopped")

// batcher collects rows into batches.
type batcher struct {
	schema  *arrow.Schema
	columns []column
	yield   func(arrow.RecordBatch, error) bool
	limit   int   // rows that fit in a batch
	perRow  int64 // bytes of a row, without text
	texts   []column
	rows    int
	total   int64
}

func newBatcher(schema *arrow.Schema, yield func(arrow.RecordBatch, error) bool) *batcher {
	b := &batcher{schema: schema, yield: yield}
	for _, f := range schema.Fields() {
		b.perRow += fixedBytes(f.Type)
	}
	b.limit = int(max(1, min(table.MaxRows, flushBytes/b.perRow)))
	mem := newRecycler()
	for _, f := range schema.Fields() {
		c := newColumn(f.Type, b.limit, mem)
		b.columns = append(b.columns, c)
		if f.Type.ID() == arrow.STRING || f.Type.ID() == arrow.DICTIONARY {
			b.texts = append(b.texts, c)
		}
	}
	return b
}

// end finishes a row, and gives the batch to the consumer when it is full.
func (b *batcher) end() error {
	b.rows++
	if b.rows < b.limit && (len(b.texts) == 0 || b.size() < flushBytes) {
		return nil
	}
	return b.flush()
}

func (b *batcher) size() int64 {
	n := b.perRow * int64(b.rows)
	for _, c := range b.texts {
		n += c.size()
	}
	return n
}

func (b *batcher) flush() error {
	if b.rows == 0 {
		return nil
	}
	arrays := make([]arrow.Array, len(b.columns))
	for i, c := range b.columns {
		arrays[i] = c.take(b.rows)
	}
	batch := array.NewRecordBatch(b.schema, arrays, int64(b.rows))
	for _, a := range arrays {
		a.Release()
	}
	defer batch.Release()
	b.total += int64(b.rows)
	b.rows = 0
	if !b.yield(batch, nil) {
		return errStop
	}
	return nil
}
