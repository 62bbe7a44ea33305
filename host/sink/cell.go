// SPDX-License-Identifier: Apache-2.0

package sink

import (
	"fmt"
	"math"
	"strconv"
	"time"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// cell appends the valid value of a row of one column.
type cell func(buf []byte, row int) []byte

// style is what formats write differently.
type style struct {
	text       func(buf, text []byte) []byte
	binary     func(buf, b []byte) []byte // nil where there is no form
	quoteTimes bool
	lists      bool
	// lost counts NaN and infinities, which become null; nil where they stay.
	lost *int64
}

// cellsOf makes the cells of a batch.
func cellsOf(batch arrow.RecordBatch, s style) ([]cell, error) {
	cells := make([]cell, batch.NumCols())
	for i, column := range batch.Columns() {
		c, err := s.cell(column)
		if err != nil {
			return nil, fmt.Errorf("column %q: %w", batch.ColumnName(i), err)
		}
		cells[i] = c
	}
	return cells, nil
}

func (s style) cell(column arrow.Array) (cell, error) {
	if c := integerCell(column); c != nil {
		return c, nil
	}
	switch c := column.(type) {
	case *array.Float64:
		return s.float(64, c.Value), nil
	case *array.Float32:
		return s.float(32, func(i int) float64 { return float64(c.Value(i)) }), nil
	case *array.Boolean:
		return func(buf []byte, i int) []byte { return strconv.AppendBool(buf, c.Value(i)) }, nil
	case *array.String:
		return func(buf []byte, i int) []byte { return s.text(buf, view(c.Value(i))) }, nil
	case *array.Date32:
		return s.moment(func(i int) time.Time { return c.Value(i).ToTime() }, time.DateOnly), nil
	case *array.Timestamp:
		return s.timestamp(c), nil
	}
	return s.compound(column)
}

// compound makes the cell of a column that is built from others, or of bytes.
func (s style) compound(column arrow.Array) (cell, error) {
	switch c := column.(type) {
	case *array.Dictionary:
		words, err := s.cell(c.Dictionary())
		return func(buf []byte, i int) []byte { return words(buf, c.GetValueIndex(i)) }, err
	case *array.Binary:
		if s.binary != nil {
			return func(buf []byte, i int) []byte { return s.binary(buf, c.Value(i)) }, nil
		}
	case array.ListLike:
		if s.lists {
			return s.list(c)
		}
	}
	return nil, fmt.Errorf("type %s has no form in this format", column.DataType())
}

// view shares the memory of a string.
func view(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

func integerCell(column arrow.Array) cell {
	switch c := column.(type) {
	case *array.Int8:
		return signed(c.Value)
	case *array.Int16:
		return signed(c.Value)
	case *array.Int32:
		return signed(c.Value)
	case *array.Int64:
		return signed(c.Value)
	case *array.Uint8:
		return unsigned(c.Value)
	case *array.Uint16:
		return unsigned(c.Value)
	case *array.Uint32:
		return unsigned(c.Value)
	case *array.Uint64:
		return unsigned(c.Value)
	}
	return nil
}

func signed[T int8 | int16 | int32 | int64](value func(int) T) cell {
	return func(buf []byte, i int) []byte { return strconv.AppendInt(buf, int64(value(i)), 10) }
}

func unsigned[T uint8 | uint16 | uint32 | uint64](value func(int) T) cell {
	return func(buf []byte, i int) []byte { return strconv.AppendUint(buf, uint64(value(i)), 10) }
}

func (s style) float(bits int, value func(int) float64) cell {
	return func(buf []byte, i int) []byte {
		v := value(i)
		if s.lost != nil && (math.IsNaN(v) || math.IsInf(v, 0)) {
			*s.lost++
			return append(buf, "null"...)
		}
		return strconv.AppendFloat(buf, v, 'g', -1, bits)
	}
}

// moment writes a time in UTC.
func (s style) moment(value func(int) time.Time, layout string) cell {
	return func(buf []byte, i int) []byte {
		if !s.quoteTimes {
			return value(i).UTC().AppendFormat(buf, layout)
		}
		buf = append(buf, '"')
		return append(value(i).UTC().AppendFormat(buf, layout), '"')
	}
}

func (s style) timestamp(c *array.Timestamp) cell {
	t := c.DataType().(*arrow.TimestampType)
	layout := "2006-01-02T15:04:05.999999999"
	if t.TimeZone != "" {
		layout += "Z"
	}
	return s.moment(func(i int) time.Time { return c.Value(i).ToTime(t.Unit) }, layout)
}

func (s style) list(c array.ListLike) (cell, error) {
	values := c.ListValues()
	item, err := s.cell(values)
	return func(buf []byte, i int) []byte {
		buf = append(buf, '[')
		start, end := c.ValueOffsets(i)
		for j := int(start); j < int(end); j++ {
			if j > int(start) {
				buf = append(buf, ',')
			}
			if values.IsValid(j) {
				buf = item(buf, j)
			} else {
				buf = append(buf, "null"...)
			}
		}
		return append(buf, ']')
	}, err
}
