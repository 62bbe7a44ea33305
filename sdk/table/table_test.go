// SPDX-License-Identifier: Apache-2.0

package table

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"google.golang.org/protobuf/proto"

	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

func sample(t testing.TB, rows int) arrow.RecordBatch {
	t.Helper()
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "i", Type: arrow.PrimitiveTypes.Int64, Nullable: true},
		{Name: "f", Type: arrow.PrimitiveTypes.Float64, Nullable: true},
		{Name: "b", Type: arrow.FixedWidthTypes.Boolean, Nullable: true},
		WithRole(arrow.Field{Name: "s", Type: arrow.BinaryTypes.String, Nullable: true}, RoleTarget),
	}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	for i := range rows {
		b.Field(0).(*array.Int64Builder).Append(int64(i))
		b.Field(1).(*array.Float64Builder).Append(float64(i) / 3)
		b.Field(2).(*array.BooleanBuilder).Append(i%2 == 0)
		if i%3 == 0 {
			b.Field(3).AppendNull()
		} else {
			b.Field(3).(*array.StringBuilder).Append("gęślą")
		}
	}
	return b.NewRecordBatch()
}

func TestRoundTrip(t *testing.T) {
	in := sample(t, 10)
	data, err := Encode(in)
	if err != nil {
		t.Fatal(err)
	}
	out, err := Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	if !array.RecordEqual(in, out) || TargetIndex(out.Schema()) != 3 || len(Features(out.Schema())) != 3 {
		t.Errorf("round trip gives %v", out)
	}
}

func TestSlicesTravelAlone(t *testing.T) {
	part := sample(t, 100).NewSlice(40, 50)
	data, err := Encode(part)
	if err != nil {
		t.Fatal(err)
	}
	out, err := Decode(data)
	if err != nil || !array.RecordEqual(part, out) {
		t.Errorf("a slice decodes as %v, %v", out, err)
	}
}

func TestSplit(t *testing.T) {
	in := sample(t, MaxRows*2+7)
	parts, err := Split(in)
	if err != nil {
		t.Fatal(err)
	}
	var rows int64
	for _, p := range parts {
		if p.NumRows() > MaxRows {
			t.Errorf("a part has %d rows", p.NumRows())
		}
		rows += p.NumRows()
	}
	if rows != in.NumRows() {
		t.Errorf("%d of %d rows are left", rows, in.NumRows())
	}
}

func TestSplitRefusesAnOversizeRow(t *testing.T) {
	schema := arrow.NewSchema([]arrow.Field{{Name: "s", Type: arrow.BinaryTypes.String}}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	b.Field(0).(*array.StringBuilder).Append(strings.Repeat("x", MaxBytes+1))
	if _, err := Split(b.NewRecordBatch()); !errors.Is(err, ErrRowTooLarge) {
		t.Errorf("error %v", err)
	}
}

func TestCheckSchema(t *testing.T) {
	number := arrow.Field{Name: "a", Type: arrow.PrimitiveTypes.Int64}
	if err := CheckSchema(arrow.NewSchema([]arrow.Field{number, number}, nil)); err == nil || !strings.Contains(err.Error(), "stands twice") {
		t.Errorf("error %v", err)
	}
	many := make([]arrow.Field, MaxColumns+1)
	for i := range many {
		many[i].Type = number.Type
	}
	if err := CheckSchema(arrow.NewSchema(many, nil)); err == nil || !strings.Contains(err.Error(), "65537 columns") {
		t.Errorf("error %v", err)
	}
}

// TestSplitCutsDictionaries: a dictionary travels with every part, so a part
// gets one of what it uses.
func TestSplitCutsDictionaries(t *testing.T) {
	texts := array.NewStringBuilder(memory.DefaultAllocator)
	keys := array.NewInt32Builder(memory.DefaultAllocator)
	for i := range 3000 {
		texts.Append(fmt.Sprintf("%06d", i) + strings.Repeat("x", 4000))
		keys.Append(int32(i * 7 % 3000))
		keys.AppendNull()
	}
	column := array.NewDictionaryArray(dictionaryType, keys.NewArray(), texts.NewArray())
	batch := array.NewRecordBatch(schemaOf(dictionaryType), []arrow.Array{column}, 6000)
	parts, err := Split(batch)
	if err != nil {
		t.Fatal(err)
	}
	row := 0
	for _, p := range parts {
		if _, err := Encode(p); err != nil {
			t.Fatal(err)
		}
		for i := range int(p.NumRows()) {
			if got, want := p.Column(0).ValueStr(i), column.ValueStr(row); got != want {
				t.Fatalf("row %d is %.10s and not %.10s", row, got, want)
			}
			row++
		}
		p.Release()
	}
	if row != 6000 || len(parts) > 4 {
		t.Errorf("%d rows in %d parts", row, len(parts))
	}
}

func TestDecodeRefuses(t *testing.T) {
	for name, spoil := range map[string]func(*pluginv1.Batch){
		"rows":             func(b *pluginv1.Batch) { b.Rows = 11 },
		"negative rows":    func(b *pluginv1.Batch) { b.Rows = -1 },
		"many rows":        func(b *pluginv1.Batch) { b.Rows = MaxRows + 1 },
		"columns":          func(b *pluginv1.Batch) { b.Columns = b.Columns[1:] },
		"short values":     func(b *pluginv1.Batch) { b.Columns[0].Values = b.Columns[0].Values[1:] },
		"short bitmap":     func(b *pluginv1.Batch) { b.Columns[3].Validity = b.Columns[3].Validity[1:] },
		"stray offsets":    func(b *pluginv1.Batch) { b.Columns[0].Offsets = []byte{0} },
		"short offsets":    func(b *pluginv1.Batch) { b.Columns[3].Offsets = b.Columns[3].Offsets[4:] },
		"first offset":     func(b *pluginv1.Batch) { b.Columns[3].Offsets[0] = 1 },
		"falling offsets":  func(b *pluginv1.Batch) { b.Columns[3].Offsets[8] = 0xff },
		"cut character":    func(b *pluginv1.Batch) { b.Columns[3].Offsets[8]-- },
		"not UTF-8":        func(b *pluginv1.Batch) { b.Columns[3].Values[0] = 0xff },
		"unused text":      func(b *pluginv1.Batch) { b.Columns[3].Values = append(b.Columns[3].Values, 'x') },
		"type from future": func(b *pluginv1.Batch) { b.Schema.Columns[0].Type = 99 },
		"no type":          func(b *pluginv1.Batch) { b.Schema.Columns[0].Type = 0 },
		"twice":            func(b *pluginv1.Batch) { b.Schema.Columns[0].Name = "f" },
	} {
		t.Run(name, func(t *testing.T) {
			p, err := Encode(sample(t, 10))
			if err != nil {
				t.Fatal(err)
			}
			p = proto.CloneOf(p)
			spoil(p)
			if batch, err := Decode(p); err == nil {
				t.Errorf("it decodes as %v", batch)
			}
		})
	}
	if _, err := Decode(nil); err == nil {
		t.Error("no batch decodes")
	}
}
