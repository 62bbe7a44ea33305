// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"bytes"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// hasTexts reports whether values of a type are text or bytes, at any depth.
func hasTexts(t arrow.DataType) bool {
	switch t := t.(type) {
	case *arrow.StringType, *arrow.BinaryType:
		return true
	case *arrow.DictionaryType:
		return hasTexts(t.ValueType)
	case arrow.ListLikeType:
		return hasTexts(t.Elem())
	}
	return false
}

// ownTexts returns a batch whose texts lie in memory of this process, and takes
// over batch. A Go string is a window into such memory, and nothing is more
// natural for a kernel than to keep one, as the key of a map: so texts stay what
// they are for as long as anybody has them, unlike numbers, which one copies by
// looking at them.
func ownTexts(batch arrow.RecordBatch) arrow.RecordBatch {
	columns := make([]arrow.Array, batch.NumCols())
	for i, c := range batch.Columns() {
		if !hasTexts(c.DataType()) {
			c.Retain()
			columns[i] = c
			continue
		}
		data := ownText(c.Data())
		columns[i] = array.MakeFromData(data)
		data.Release()
	}
	out := array.NewRecordBatch(batch.Schema(), columns, batch.NumRows())
	for _, c := range columns {
		c.Release()
	}
	batch.Release()
	return out
}

// ownText copies the texts of an array, and nothing else.
func ownText(d arrow.ArrayData) *array.Data {
	buffers, children := d.Buffers(), d.Children()
	switch d.DataType().ID() {
	case arrow.STRING, arrow.BINARY:
		values := memory.NewBufferBytes(bytes.Clone(buffers[2].Bytes()))
		return array.NewData(d.DataType(), d.Len(), []*memory.Buffer{buffers[0], buffers[1], values}, nil, d.NullN(), d.Offset())
	case arrow.DICTIONARY:
		dictionary := ownText(d.Dictionary())
		defer dictionary.Release()
		return array.NewDataWithDictionary(d.DataType(), d.Len(), buffers, d.NullN(), d.Offset(), dictionary)
	}
	own := make([]arrow.ArrayData, len(children))
	for i, child := range children {
		own[i] = ownText(child)
		defer own[i].Release()
	}
	return array.NewData(d.DataType(), d.Len(), buffers, own, d.NullN(), d.Offset())
}
