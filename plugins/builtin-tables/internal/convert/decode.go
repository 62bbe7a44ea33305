// SPDX-License-Identifier: Apache-2.0

package convert

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// Decode turns a dictionary of a table into a column of text.
func Decode(d *array.Dictionary) (arrow.Array, error) {
	words, ok := d.Dictionary().(*array.String)
	if !ok {
		return nil, fmt.Errorf("a dictionary of %s, and tables have those of text only", d.Dictionary().DataType())
	}
	b := array.NewStringBuilder(memory.DefaultAllocator)
	defer b.Release()
	b.Reserve(d.Len())
	total := 0
	for i := range d.Len() {
		if d.IsNull(i) {
			b.AppendNull()
			continue
		}
		v := words.Value(d.GetValueIndex(i))
		if total += len(v); total > maxText {
			return nil, errText
		}
		b.Append(v)
	}
	return b.NewArray(), nil
}

// Loosen turns a list of a fixed size into one whose lists have any size, in
// which a null has no values.
func Loosen(a *array.FixedSizeList) (arrow.Array, error) {
	t := a.DataType().(*arrow.FixedSizeListType)
	var runs []arrow.Array
	defer func() {
		for _, r := range runs {
			r.Release()
		}
	}()
	offsets := make([]int32, 1, a.Len()+1)
	for i := 0; i < a.Len(); {
		begin := i
		for i < a.Len() && a.IsValid(i) {
			i++
			offsets = append(offsets, offsets[len(offsets)-1]+t.Len())
		}
		if i > begin {
			from, _ := a.ValueOffsets(begin)
			_, to := a.ValueOffsets(i - 1)
			runs = append(runs, array.NewSlice(a.ListValues(), from, to))
		}
		if i < a.Len() {
			i++
			offsets = append(offsets, offsets[len(offsets)-1])
		}
	}
	if len(runs) == 0 {
		runs = append(runs, array.NewSlice(a.ListValues(), 0, 0))
	}
	values, err := array.Concatenate(runs, memory.DefaultAllocator)
	if err != nil {
		return nil, err
	}
	defer values.Release()
	return newList(a, arrow.ListOf(t.Elem()), values, memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(offsets))), nil
}
