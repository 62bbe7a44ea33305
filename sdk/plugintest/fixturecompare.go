// SPDX-License-Identifier: Apache-2.0

package plugintest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"reflect"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
	"github.com/bulkhead-ml/bulkhead/sdk/table"
)

// maxDifferences is how many values of a column are told that differ.
const maxDifferences = 5

// String says what was allowed, to go after what was found.
func (t Tolerance) String() string {
	if t == (Tolerance{}) {
		return ""
	}
	return fmt.Sprintf(" (tolerance %g + %g of it)", t.Absolute, t.Relative)
}

// same compares two numbers.
func (t Tolerance) same(want, got float64) bool {
	switch {
	case math.IsNaN(want) || math.IsNaN(got):
		return math.IsNaN(want) && math.IsNaN(got)
	case math.IsInf(want, 0) || math.IsInf(got, 0):
		return want == got
	}
	return math.Abs(got-want) <= t.Absolute+t.Relative*math.Abs(want)
}

// sameJSON compares two JSON values, numbers within the tolerance.
func (t Tolerance) sameJSON(want, got []byte) bool {
	var w, g any
	return decodeJSON(want, &w) == nil && decodeJSON(got, &g) == nil && t.sameValue(w, g)
}

// decodeJSON keeps numbers as they are written: a large integer is no float.
func decodeJSON(data []byte, into *any) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	return dec.Decode(into)
}

func (t Tolerance) sameValue(want, got any) bool {
	switch w := want.(type) {
	case json.Number:
		g, ok := got.(json.Number)
		return ok && t.sameNumber(w, g)
	case []any:
		g, ok := got.([]any)
		if !ok || len(w) != len(g) {
			return false
		}
		for i := range w {
			if !t.sameValue(w[i], g[i]) {
				return false
			}
		}
		return true
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok || len(w) != len(g) {
			return false
		}
		for key := range w {
			if value, ok := g[key]; !ok || !t.sameValue(w[key], value) {
				return false
			}
		}
		return true
	}
	return reflect.DeepEqual(want, got)
}

func (t Tolerance) sameNumber(want, got json.Number) bool {
	if want == got {
		return true
	}
	if t == (Tolerance{}) {
		a, okA := new(big.Int).SetString(want.String(), 10)
		b, okB := new(big.Int).SetString(got.String(), 10)
		if okA && okB {
			return a.Cmp(b) == 0
		}
	}
	w, errW := want.Float64()
	g, errG := got.Float64()
	return errW == nil && errG == nil && t.same(w, g)
}

func decodeSchema(s *pluginv1.TableSchema) (*arrow.Schema, error) { return table.DecodeSchema(s) }

// compareTables compares columns, types, roles and all values.
func (t Tolerance) compareTables(want arrow.RecordBatch, schema *arrow.Schema, batches []arrow.RecordBatch) error {
	if err := sameColumns(want.Schema(), schema); err != nil {
		return err
	}
	rows := int64(0)
	for _, b := range batches {
		rows += b.NumRows()
	}
	if rows != want.NumRows() {
		return fmt.Errorf("rows: expected %d, got %d", want.NumRows(), rows)
	}
	var errs []error
	for i, field := range want.Schema().Fields() {
		c := differences{tolerance: t, column: field.Name}
		for _, b := range batches {
			c.compare(array.NewSlice(want.Column(i), int64(c.row), int64(c.row)+b.NumRows()), b.Column(i))
		}
		errs = append(errs, c.err())
	}
	return errors.Join(errs...)
}

func sameColumns(want, got *arrow.Schema) error {
	names := func(s *arrow.Schema) (out []string) {
		for _, f := range s.Fields() {
			name := fmt.Sprintf("%s %s", f.Name, f.Type)
			if r := table.Role(f); r != "" {
				name += " as " + r
			}
			out = append(out, name)
		}
		return out
	}
	w, g := names(want), names(got)
	if !reflect.DeepEqual(w, g) {
		return fmt.Errorf("columns: expected %q, got %q", w, g)
	}
	return nil
}

// differences are the values of one column that differ.
type differences struct {
	tolerance Tolerance
	column    string
	row       int
	told      []error
	more      int
}

// compare goes on with the next rows.
func (d *differences) compare(want, got arrow.Array) {
	for i := range want.Len() {
		if !d.tolerance.sameCell(want, got, i) {
			if len(d.told) == maxDifferences {
				d.more++
			} else {
				d.told = append(d.told, fmt.Errorf("column %q, row %d: expected %s, got %s%s", d.column, d.row, cell(want, i), cell(got, i), d.tolerance))
			}
		}
		d.row++
	}
}

func (d *differences) err() error {
	if d.more > 0 {
		d.told = append(d.told, fmt.Errorf("column %q: %d more rows differ", d.column, d.more))
	}
	return errors.Join(d.told...)
}

// cell is a value as a person reads it, shortened.
func cell(a arrow.Array, i int) string {
	if a.IsNull(i) {
		return "null"
	}
	return fmt.Sprintf("%.200s", a.ValueStr(i))
}

// sameCell compares one value of two arrays of one type.
func (t Tolerance) sameCell(want, got arrow.Array, i int) bool {
	if want.IsNull(i) || got.IsNull(i) {
		return want.IsNull(i) && got.IsNull(i)
	}
	switch w := want.(type) {
	case *array.Float64:
		return t.same(w.Value(i), got.(*array.Float64).Value(i))
	case *array.Float32:
		return t.same(float64(w.Value(i)), float64(got.(*array.Float32).Value(i)))
	case *array.Dictionary:
		return w.ValueStr(i) == got.ValueStr(i)
	case array.ListLike:
		return t.sameList(w, got.(array.ListLike), i)
	}
	return array.SliceEqual(want, int64(i), int64(i)+1, got, int64(i), int64(i)+1)
}

func (t Tolerance) sameList(want, got array.ListLike, i int) bool {
	from, to := want.ValueOffsets(i)
	start, end := got.ValueOffsets(i)
	if to-from != end-start {
		return false
	}
	w, g := array.NewSlice(want.ListValues(), from, to), array.NewSlice(got.ListValues(), start, end)
	for j := range w.Len() {
		if !t.sameCell(w, g, j) {
			return false
		}
	}
	return true
}
