// SPDX-License-Identifier: Apache-2.0

package table

import "github.com/apache/arrow-go/v18/arrow"

// Size is the number of bytes of a batch's buffers on the wire at most: it
// counts a bitmap for every node. What cannot travel counts nothing; Encode says
// why it cannot.
func Size(batch arrow.RecordBatch) int64 {
	var total int64
	for _, col := range batch.Columns() {
		total += columnSize(col)
	}
	return total
}

func columnSize(col arrow.Array) int64 {
	n, err := nodeOf(col.DataType())
	if err != nil {
		return 0
	}
	var c columnView
	if n.view(&c, col.Data(), int64(col.Len())) != nil {
		return 0
	}
	return c.size(&n)
}
