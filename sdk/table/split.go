// SPDX-License-Identifier: Apache-2.0

package table

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// Split cuts a batch into batches within the bounds, in order. The parts share
// memory with batch and hold their own references; a part that has fewer rows
// than a dictionary has texts gets a dictionary of its own.
func Split(batch arrow.RecordBatch) ([]arrow.RecordBatch, error) {
	rows := batch.NumRows()
	if rows <= MaxRows && Size(batch) <= MaxBytes {
		batch.Retain()
		return []arrow.RecordBatch{batch}, nil
	}
	if rows <= 1 {
		return nil, ErrRowTooLarge
	}
	var out []arrow.RecordBatch
	for _, half := range [][2]int64{{0, rows / 2}, {rows / 2, rows}} {
		part := smaller(batch.NewSlice(half[0], half[1]))
		parts, err := Split(part)
		part.Release()
		if err != nil {
			release(out)
			return nil, err
		}
		out = append(out, parts...)
	}
	return out, nil
}

func release(batches []arrow.RecordBatch) {
	for _, b := range batches {
		b.Release()
	}
}

// smaller replaces dictionaries that are larger than the batch by what the batch
// uses of them. It takes over the caller's reference.
func smaller(batch arrow.RecordBatch) arrow.RecordBatch {
	for i, col := range batch.Columns() {
		keys, ok := col.(*array.Dictionary)
		if !ok || keys.Dictionary().Len() <= keys.Len() {
			continue
		}
		texts, ok := keys.Dictionary().(*array.String)
		if !ok {
			continue
		}
		used := compact(keys, texts)
		next, err := batch.SetColumn(i, used)
		used.Release()
		if err != nil {
			continue
		}
		batch.Release()
		batch = next
	}
	return batch
}

// compact gives keys a dictionary of the texts that they use, in the order of
// their first use.
func compact(keys *array.Dictionary, texts *array.String) arrow.Array {
	newKey := make(map[int]int32)
	index := array.NewInt32Builder(memory.DefaultAllocator)
	defer index.Release()
	dict := array.NewStringBuilder(memory.DefaultAllocator)
	defer dict.Release()
	index.Reserve(keys.Len())
	for row := range keys.Len() {
		if keys.IsNull(row) {
			index.AppendNull()
			continue
		}
		old := keys.GetValueIndex(row)
		key, ok := newKey[old]
		if !ok {
			key = int32(dict.Len())
			newKey[old] = key
			appendFrom(dict, texts, old)
		}
		index.Append(key)
	}
	newKeys, newTexts := index.NewArray(), dict.NewArray()
	defer newKeys.Release()
	defer newTexts.Release()
	return array.NewDictionaryArray(keys.DataType(), newKeys, newTexts)
}

func appendFrom(to *array.StringBuilder, texts *array.String, i int) {
	if texts.IsNull(i) {
		to.AppendNull()
		return
	}
	to.Append(texts.Value(i))
}
