// SPDX-License-Identifier: Apache-2.0

package convert

import (
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

var dictionaryType = &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String}

// maxText bounds the text of one array: offsets have 32 bits.
const maxText = 1<<31 - 1

// errText means that more text stands in one array than offsets reach.
var errText = errors.New("more than 2 GiB of text in one batch of the file; write it with smaller batches")

// texts are the columns whose values are strings.
type texts interface {
	arrow.Array
	Value(int) string
}

func badText(row int) error {
	return fmt.Errorf("the text of row %d of the batch is not UTF-8; store it as binary, or convert it", row)
}

// checkedText insists on UTF-8.
func checkedText(a arrow.Array) (arrow.Array, error) {
	c, ok := a.(*array.String)
	if !ok {
		return nil, fmt.Errorf("has type %s, and the file told utf8", a.DataType())
	}
	for i := range c.Len() {
		if c.IsValid(i) && !utf8.ValidString(c.Value(i)) {
			return nil, badText(i)
		}
	}
	return same(a)
}

// toText copies text into an array with offsets of 32 bits.
func toText(a arrow.Array) (arrow.Array, error) {
	c, ok := a.(texts)
	if !ok {
		return nil, fmt.Errorf("has type %s, and the file told text", a.DataType())
	}
	b := array.NewStringBuilder(memory.DefaultAllocator)
	defer b.Release()
	b.Reserve(a.Len())
	total := 0
	for i := range c.Len() {
		if c.IsNull(i) {
			b.AppendNull()
			continue
		}
		v := c.Value(i)
		if total += len(v); total > maxText {
			return nil, errText
		}
		if !utf8.ValidString(v) {
			return nil, badText(i)
		}
		b.Append(v)
	}
	return b.NewArray(), nil
}

// bytesOf are the columns whose values are bytes.
type bytesOf interface {
	arrow.Array
	Value(int) []byte
}

func toBinary(a arrow.Array) (arrow.Array, error) {
	c, ok := a.(bytesOf)
	if !ok {
		return nil, fmt.Errorf("has type %s, and the file told binary", a.DataType())
	}
	b := array.NewBinaryBuilder(memory.DefaultAllocator, arrow.BinaryTypes.Binary)
	defer b.Release()
	b.Reserve(a.Len())
	total := 0
	for i := range c.Len() {
		if c.IsNull(i) {
			b.AppendNull()
			continue
		}
		v := c.Value(i)
		if total += len(v); total > maxText {
			return nil, errText
		}
		b.Append(v)
	}
	return b.NewArray(), nil
}

func fromFloat16(a arrow.Array) (arrow.Array, error) {
	c := a.(*array.Float16)
	b := array.NewFloat32Builder(memory.DefaultAllocator)
	defer b.Release()
	b.Reserve(a.Len())
	for i := range c.Len() {
		if c.IsNull(i) {
			b.AppendNull()
		} else {
			b.Append(c.Value(i).Float32())
		}
	}
	return b.NewArray(), nil
}

// millisOfDay is the unit that a date64 counts whole days in.
const millisOfDay = 24 * 60 * 60 * 1000

func fromDate64(a arrow.Array) (arrow.Array, error) {
	c := a.(*array.Date64)
	b := array.NewDate32Builder(memory.DefaultAllocator)
	defer b.Release()
	b.Reserve(a.Len())
	for i := range c.Len() {
		if c.IsNull(i) {
			b.AppendNull()
			continue
		}
		v := int64(c.Value(i))
		days := v / millisOfDay
		if v%millisOfDay != 0 || int64(int32(days)) != days {
			return nil, fmt.Errorf("the date of row %d of the batch is no whole day; cast the column to a timestamp", i)
		}
		b.Append(arrow.Date32(days))
	}
	return b.NewArray(), nil
}

// allNull makes a column without a type one of numbers, as package source does.
func allNull(a arrow.Array) (arrow.Array, error) {
	b := array.NewFloat64Builder(memory.DefaultAllocator)
	defer b.Release()
	b.AppendNulls(a.Len())
	return b.NewArray(), nil
}

// toDictionary makes keys of 32 bits and text with offsets of 32 bits.
func toDictionary(a arrow.Array) (arrow.Array, error) {
	c, ok := a.(*array.Dictionary)
	if !ok {
		return nil, fmt.Errorf("has type %s, and the file told a dictionary", a.DataType())
	}
	values := c.Dictionary()
	if values.NullN() > 0 {
		return nil, errors.New("the dictionary has a null among its values; write nulls as missing keys")
	}
	words, err := toText(values)
	if err != nil {
		return nil, err
	}
	defer words.Release()
	b := array.NewInt32Builder(memory.DefaultAllocator)
	defer b.Release()
	b.Reserve(c.Len())
	for i := range c.Len() {
		if c.IsNull(i) {
			b.AppendNull()
			continue
		}
		key := c.GetValueIndex(i)
		if key < 0 || key >= words.Len() {
			return nil, fmt.Errorf("the key of row %d of the batch is %d, and the dictionary has %d values", i, key, words.Len())
		}
		b.Append(int32(key))
	}
	keys := b.NewArray()
	defer keys.Release()
	return array.NewDictionaryArray(dictionaryType, keys, words), nil
}

// toList converts the values of a list. Those that no row has are left out.
func toList(a arrow.Array, to arrow.DataType, s step) (arrow.Array, error) {
	c, ok := a.(array.ListLike)
	if !ok {
		return nil, fmt.Errorf("has type %s, and the file told a list", a.DataType())
	}
	if fixed, ok := a.(*array.FixedSizeList); ok {
		return toFixedList(fixed, to, s)
	}
	values, err := s(c.ListValues())
	if err != nil {
		return nil, fmt.Errorf("values of the list: %w", err)
	}
	defer values.Release()
	offsets := make([]int32, 0, c.Len()+1)
	last := int64(0)
	for i := range c.Len() {
		start, end := c.ValueOffsets(i)
		if start < 0 || start > end || end > int64(values.Len()) || i > 0 && start != last || end > maxText {
			return nil, fmt.Errorf("the list of row %d of the batch lies outside of its values", i)
		}
		offsets, last = append(offsets, int32(start)), end
	}
	offsets = append(offsets, int32(last))
	return newList(a, to, values, memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(offsets))), nil
}

func toFixedList(a *array.FixedSizeList, to arrow.DataType, s step) (arrow.Array, error) {
	n := int64(to.(*arrow.FixedSizeListType).Len())
	from := int64(a.Data().Offset()) * n
	all := a.ListValues()
	if end := from + int64(a.Len())*n; end > int64(all.Len()) {
		return nil, fmt.Errorf("%d values for %d lists of %d", all.Len(), a.Len(), n)
	}
	part := array.NewSlice(all, from, from+int64(a.Len())*n)
	defer part.Release()
	values, err := s(part)
	if err != nil {
		return nil, fmt.Errorf("values of the list: %w", err)
	}
	defer values.Release()
	return newList(a, to, values, nil), nil
}

// newList builds a list over converted values with the nulls of a.
func newList(a arrow.Array, to arrow.DataType, values arrow.Array, offsets *memory.Buffer) arrow.Array {
	var validity *memory.Buffer
	if a.NullN() > 0 {
		bits := make([]byte, (a.Len()+7)/8)
		for i := range a.Len() {
			if a.IsValid(i) {
				bits[i>>3] |= 1 << (i & 7)
			}
		}
		validity = memory.NewBufferBytes(bits)
	}
	buffers := []*memory.Buffer{validity}
	if offsets != nil {
		buffers = append(buffers, offsets)
	}
	data := array.NewData(to, a.Len(), buffers, []arrow.ArrayData{values.Data()}, a.NullN(), 0)
	defer data.Release()
	return array.MakeFromData(data)
}
