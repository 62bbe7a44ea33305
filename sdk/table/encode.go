// SPDX-License-Identifier: Apache-2.0

package table

import (
	"encoding/binary"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/bitutil"

	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

// Encode writes a batch within the bounds for the wire. The result shares
// memory with batch where the layout allows it.
func Encode(batch arrow.RecordBatch) (*pluginv1.Batch, error) {
	if n := batch.NumRows(); n > MaxRows {
		return nil, fmt.Errorf("a batch of %d rows; at most %d travel: cut it with Split", n, MaxRows)
	}
	if n := Size(batch); n > MaxBytes {
		return nil, fmt.Errorf("a batch of %d bytes; at most %d travel: cut it with Split", n, MaxBytes)
	}
	schema, err := EncodeSchema(batch.Schema())
	if err != nil {
		return nil, err
	}
	out := &pluginv1.Batch{Schema: schema, Rows: batch.NumRows()}
	for _, col := range batch.Columns() {
		out.Columns = append(out.Columns, encodeColumn(col))
	}
	return out, nil
}

func encodeColumn(col arrow.Array) *pluginv1.ColumnBuffers {
	data := col.Data()
	offset, n := data.Offset(), data.Len()
	out := &pluginv1.ColumnBuffers{}
	if col.NullN() > 0 {
		out.Validity = bits(col.NullBitmapBytes(), offset, n)
	}
	if n == 0 {
		return out
	}
	switch c := col.(type) {
	case *array.String:
		out.Offsets, out.Values = text(c)
	case *array.Boolean:
		out.Values = bits(data.Buffers()[1].Bytes(), offset, n)
	default:
		out.Values = data.Buffers()[1].Bytes()[8*offset : 8*(offset+n)]
	}
	return out
}

// bits returns n bits from offset on, moved to the start of a byte. The bits
// after the last are zero, so that equal columns have equal bytes.
func bits(bitmap []byte, offset, n int) []byte {
	out := make([]byte, (n+7)/8)
	bitutil.CopyBitmap(bitmap, offset, n, out, 0)
	return out
}

// text returns offsets that begin at 0, and the text that they point into.
func text(c *array.String) (offsets, values []byte) {
	starts := c.ValueOffsets()
	offsets = make([]byte, 0, 4*len(starts))
	for _, at := range starts {
		offsets = binary.LittleEndian.AppendUint32(offsets, uint32(at-starts[0]))
	}
	return offsets, c.ValueBytes()
}
