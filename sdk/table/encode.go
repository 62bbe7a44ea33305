// SPDX-License-Identifier: Apache-2.0

package table

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"

	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

// Encode writes a batch within the bounds for the wire. The result shares
// memory with batch where the layout allows it.
func Encode(batch arrow.RecordBatch) (*pluginv1.Batch, error) {
	schema, err := EncodeSchema(batch.Schema())
	if err != nil {
		return nil, err
	}
	out, err := EncodeRows(batch)
	if err != nil {
		return nil, err
	}
	out.Schema = schema
	return out, nil
}

// EncodeRows is Encode without the schema, for a receiver that was told it and
// reads with DecodeAs.
func EncodeRows(batch arrow.RecordBatch) (*pluginv1.Batch, error) {
	if err := checkRows(batch.NumRows()); err != nil {
		return nil, err
	}
	out := &pluginv1.Batch{Rows: batch.NumRows(), Columns: make([]*pluginv1.ColumnBuffers, batch.NumCols())}
	var total int64
	for i, col := range batch.Columns() {
		c, size, err := encodeColumn(col, batch.NumRows())
		if err != nil {
			return nil, fmt.Errorf("column %s: %w", quote(batch.ColumnName(i)), err)
		}
		out.Columns[i] = c
		total += size
	}
	return out, checkBytes(total)
}

// checkRows refuses a batch of more rows than travel.
func checkRows(n int64) error {
	if n > MaxRows {
		return fmt.Errorf("a batch of %d rows; at most %d travel: cut it with Split", n, MaxRows)
	}
	return nil
}

// checkBytes refuses a batch of more bytes than travel.
func checkBytes(n int64) error {
	if n > MaxBytes {
		return fmt.Errorf("a batch of %d bytes; at most %d travel: cut it with Split", n, MaxBytes)
	}
	return nil
}

func encodeColumn(col arrow.Array, rows int64) (*pluginv1.ColumnBuffers, int64, error) {
	n, err := nodeOf(col.DataType())
	if err != nil {
		return nil, 0, err
	}
	var c columnView
	if err := n.view(&c, col.Data(), rows); err != nil {
		return nil, 0, err
	}
	out := c.self.encode(n.form)
	if n.nested() {
		out.Child, out.ChildRows = c.child.encode(n.child.form), int64(c.child.rows)
	}
	return out, c.size(&n), nil
}

// encode writes a node as the wire has it, which copies bits that begin inside
// a byte, and offsets that do not begin at 0.
func (v *view) encode(f form) *pluginv1.ColumnBuffers {
	out := &pluginv1.ColumnBuffers{Values: v.values, Offsets: v.offsets}
	if v.validity != nil {
		out.Validity = movedBits(v.validity, v.validityAt, v.rows)
	}
	if f == formBits && v.rows > 0 {
		out.Values = movedBits(v.values, v.valuesAt, v.rows)
	}
	if v.first != 0 {
		out.Offsets = make([]byte, len(v.offsets))
		rebase(out.Offsets, v.offsets, v.first)
	}
	return out
}

// movedBits copies n bits to the start of a byte.
func movedBits(bitmap []byte, at, n int) []byte {
	out := make([]byte, (n+7)/8)
	copyBits(out, bitmap, at, n)
	return out
}
