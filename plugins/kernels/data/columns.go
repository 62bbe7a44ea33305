// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"math"
	"strconv"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/bulkhead-ml/bulkhead/plugins/kernels/data/internal/frame"
	"github.com/bulkhead-ml/bulkhead/plugins/kernels/data/internal/number"
	"github.com/bulkhead-ml/bulkhead/sdk/table"
)

// exactIntegers bounds the whole numbers that float64 holds exactly.
const exactIntegers = 1 << 53

// columnsOf joins the given columns of batches.
func columnsOf(s *arrow.Schema, batches []arrow.RecordBatch, index []int) converted {
	var out converted
	for _, i := range index {
		c := frame.Column{Name: s.Field(i).Name, Kind: kindOf(s.Field(i).Type)}
		for _, b := range batches {
			out.rounded += appendCells(&c, b.Column(i))
		}
		out.columns = append(out.columns, c)
	}
	return out
}

func kindOf(t arrow.DataType) frame.Kind {
	switch t.ID() {
	case arrow.STRING, arrow.DICTIONARY:
		return frame.Text
	case arrow.BOOL:
		return frame.Bool
	default:
		return frame.Numeric
	}
}

// preparable reports whether columns of a type can be prepared.
func preparable(t arrow.DataType) bool {
	return isNumber(t) || t.ID() == arrow.STRING || t.ID() == arrow.DICTIONARY || t.ID() == arrow.BOOL
}

// appendCells adds an array to a column and returns how many values it rounded.
func appendCells(c *frame.Column, a arrow.Array) (rounded int) {
	var numbers []float64
	if number.Is(a.DataType()) {
		numbers = number.Values(a, &numbers)
	}
	for i := range a.Len() {
		missing := a.IsNull(i)
		switch v := a.(type) {
		case *array.String, *array.Dictionary:
			text := ""
			if !missing {
				text = a.ValueStr(i)
			}
			c.Text = append(c.Text, text)
		case *array.Float64:
			missing = missing || math.IsNaN(v.Value(i))
			c.Numbers = append(c.Numbers, v.Value(i))
		case *array.Int64:
			if n := v.Value(i); !missing && (n > exactIntegers || n < -exactIntegers) {
				rounded++
			}
			c.Numbers = append(c.Numbers, float64(v.Value(i)))
		case *array.Boolean:
			c.Numbers = append(c.Numbers, truth(v.Value(i)))
		default:
			x := numbers[i]
			missing = missing || math.IsNaN(x)
			if !missing && math.Abs(x) > exactIntegers && arrow.IsInteger(a.DataType().ID()) {
				rounded++
			}
			c.Numbers = append(c.Numbers, x)
		}
		c.Missing = append(c.Missing, missing)
	}
	return rounded
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// withTarget drops the rows whose target is null or NaN. A batch without a
// target column stays whole.
func withTarget(b arrow.RecordBatch) (kept arrow.RecordBatch, dropped int64, err error) {
	keep := targeted(b)
	for _, r := range keep {
		dropped -= r[1] - r[0]
	}
	if dropped += b.NumRows(); dropped == 0 {
		return b, 0, nil
	}
	kept, err = runs(b, keep)
	return kept, dropped, err
}

// targeted are the ranges of rows that have a target.
func targeted(b arrow.RecordBatch) [][2]int64 {
	keep, from := [][2]int64{}, int64(0)
	if t := table.TargetIndex(b.Schema()); t >= 0 {
		col := b.Column(t)
		for i := range col.Len() {
			if !known(col, i) {
				keep = append(keep, [2]int64{from, int64(i)})
				from = int64(i) + 1
			}
		}
	}
	return append(keep, [2]int64{from, b.NumRows()})
}

// origins numbers the rows of ranges, from first on.
func origins(ranges [][2]int64, first int64) []int64 {
	var out []int64
	for _, r := range ranges {
		for row := r[0]; row < r[1]; row++ {
			out = append(out, first+row)
		}
	}
	return out
}

func known(a arrow.Array, i int) bool {
	if a.IsNull(i) {
		return false
	}
	f, ok := a.(*array.Float64)
	return !ok || !math.IsNaN(f.Value(i))
}

// runs joins row ranges of a batch.
func runs(b arrow.RecordBatch, ranges [][2]int64) (arrow.RecordBatch, error) {
	cols, rows := make([]arrow.Array, b.NumCols()), int64(0)
	for i := range cols {
		parts := make([]arrow.Array, 0, len(ranges))
		for _, r := range ranges {
			parts = append(parts, array.NewSlice(b.Column(i), r[0], r[1]))
		}
		joined, err := array.Concatenate(parts, memory.DefaultAllocator)
		if err != nil {
			return nil, fmt.Errorf("dropping rows without a target: %w", err)
		}
		cols[i], rows = joined, int64(joined.Len())
	}
	return array.NewRecordBatch(b.Schema(), cols, rows), nil
}

// outputSchema lists the prepared columns, then those that pass through.
func (p *preparer) outputSchema(in *arrow.Schema) *arrow.Schema {
	var fields []arrow.Field
	for _, cp := range p.plan.Columns {
		for _, name := range cp.Outputs {
			fields = append(fields, arrow.Field{Name: name, Type: outputType(cp.Kind, cp.OneHot != nil), Nullable: true})
		}
	}
	for _, f := range in.Fields() {
		if table.Role(f) != table.RoleFeature {
			fields = append(fields, f)
		}
	}
	meta := in.Metadata().ToMap()
	if meta == nil {
		meta = map[string]string{}
	}
	meta[preparedCellsKey] = strconv.Itoa(p.plan.ImputedCells)
	m := arrow.MetadataFrom(meta)
	return arrow.NewSchema(fields, &m)
}

func outputType(k frame.Kind, indicators bool) arrow.DataType {
	if k == frame.Text && !indicators {
		return arrow.BinaryTypes.String
	}
	return arrow.PrimitiveTypes.Float64
}

// assemble builds an output batch from prepared columns and those of the input
// that pass through.
func assemble(schema *arrow.Schema, prepared []frame.Column, in arrow.RecordBatch) arrow.RecordBatch {
	cols := make([]arrow.Array, 0, schema.NumFields())
	for _, c := range prepared {
		cols = append(cols, arrayOf(c))
	}
	for i, f := range in.Schema().Fields() {
		if table.Role(f) != table.RoleFeature {
			cols = append(cols, in.Column(i))
		}
	}
	return array.NewRecordBatch(schema, cols, in.NumRows())
}

func arrayOf(c frame.Column) arrow.Array {
	valid := make([]bool, c.Len())
	for i, m := range c.Missing {
		valid[i] = !m
	}
	if c.Kind == frame.Text {
		b := array.NewStringBuilder(memory.DefaultAllocator)
		b.AppendValues(c.Text, valid)
		return b.NewArray()
	}
	b := array.NewFloat64Builder(memory.DefaultAllocator)
	b.AppendValues(c.Numbers, valid)
	return b.NewArray()
}
