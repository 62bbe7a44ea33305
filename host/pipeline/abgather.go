// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"encoding/binary"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/bitutil"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// gatherRows copies some rows of a batch, in the order of their places.
func gatherRows(batch arrow.RecordBatch, places []int64) (arrow.RecordBatch, error) {
	columns := make([]arrow.Array, 0, batch.NumCols())
	defer func() {
		for _, c := range columns {
			c.Release()
		}
	}()
	for _, column := range batch.Columns() {
		part, err := gather(column, places)
		if err != nil {
			return nil, err
		}
		columns = append(columns, part)
	}
	return array.NewRecordBatch(batch.Schema(), columns, int64(len(places))), nil
}

// gather copies some values of a column of a type that tables have. Arrow's own
// package for this would make the host half as large again.
func gather(a arrow.Array, places []int64) (arrow.Array, error) {
	switch c := a.(type) {
	case *array.Dictionary:
		keys, err := gather(c.Indices(), places)
		if err != nil {
			return nil, err
		}
		defer keys.Release()
		return array.NewDictionaryArray(c.DataType(), keys, c.Dictionary()), nil
	case *array.Boolean:
		return gatherBools(c, places), nil
	case *array.String:
		return gatherBytes(a, places, func(i int) []byte { return []byte(c.Value(i)) }), nil
	case *array.Binary:
		return gatherBytes(a, places, c.Value), nil
	case *array.List:
		return gatherLists(a, c.ListValues(), places, c.ValueOffsets)
	case *array.FixedSizeList:
		return gatherLists(a, c.ListValues(), places, c.ValueOffsets)
	}
	if t, ok := a.DataType().(arrow.FixedWidthDataType); ok {
		return gatherFixed(a, t.Bytes(), places), nil
	}
	return nil, fmt.Errorf("a column of type %s cannot be split", a.DataType())
}

// validity is the bitmap of the values, nil without nulls.
func validity(a arrow.Array, places []int64) (*memory.Buffer, int) {
	if a.NullN() == 0 {
		return nil, 0
	}
	bits, nulls := make([]byte, bitutil.BytesForBits(int64(len(places)))), 0
	for i, place := range places {
		if a.IsNull(int(place)) {
			nulls++
			continue
		}
		bitutil.SetBit(bits, i)
	}
	return memory.NewBufferBytes(bits), nulls
}

// made makes the column of its buffers.
func made(a arrow.Array, places []int64, buffers []*memory.Buffer, children ...arrow.ArrayData) arrow.Array {
	valid, nulls := validity(a, places)
	data := array.NewData(a.DataType(), len(places), append([]*memory.Buffer{valid}, buffers...), children, nulls, 0)
	defer data.Release()
	return array.MakeFromData(data)
}

func gatherBools(c *array.Boolean, places []int64) arrow.Array {
	bits := make([]byte, bitutil.BytesForBits(int64(len(places))))
	for i, place := range places {
		if c.IsValid(int(place)) && c.Value(int(place)) {
			bitutil.SetBit(bits, i)
		}
	}
	return made(c, places, []*memory.Buffer{memory.NewBufferBytes(bits)})
}

func gatherFixed(a arrow.Array, width int, places []int64) arrow.Array {
	from, first := a.Data().Buffers()[1].Bytes(), a.Data().Offset()
	out := make([]byte, len(places)*width)
	for i, place := range places {
		copy(out[i*width:(i+1)*width], from[(first+int(place))*width:])
	}
	return made(a, places, []*memory.Buffer{memory.NewBufferBytes(out)})
}

func gatherBytes(a arrow.Array, places []int64, value func(int) []byte) arrow.Array {
	ends, out := make([]byte, 4, 4*(len(places)+1)), []byte{}
	for _, place := range places {
		if a.IsValid(int(place)) {
			out = append(out, value(int(place))...)
		}
		ends = binary.NativeEndian.AppendUint32(ends, uint32(len(out)))
	}
	return made(a, places, []*memory.Buffer{memory.NewBufferBytes(ends), memory.NewBufferBytes(out)})
}

// gatherLists copies lists with their values; those of fixed size have no ends.
func gatherLists(a, values arrow.Array, places []int64, of func(int) (int64, int64)) (arrow.Array, error) {
	_, fixed := a.(*array.FixedSizeList)
	ends, inner := make([]byte, 4, 4*(len(places)+1)), []int64{}
	for _, place := range places {
		if from, to := of(int(place)); fixed || a.IsValid(int(place)) {
			for at := from; at < to; at++ {
				inner = append(inner, at)
			}
		}
		ends = binary.NativeEndian.AppendUint32(ends, uint32(len(inner)))
	}
	child, err := gather(values, inner)
	if err != nil {
		return nil, err
	}
	defer child.Release()
	if fixed {
		return made(a, places, nil, child.Data()), nil
	}
	return made(a, places, []*memory.Buffer{memory.NewBufferBytes(ends)}, child.Data()), nil
}
