// SPDX-License-Identifier: Apache-2.0

package table

import (
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// floats has 50 columns of float64 without nulls.
func floats(rows int) arrow.RecordBatch {
	types := make([]arrow.DataType, 50)
	for i := range types {
		types[i] = arrow.PrimitiveTypes.Float64
	}
	b := array.NewRecordBuilder(memory.DefaultAllocator, schemaOf(types...))
	defer b.Release()
	for i := range types {
		for row := range rows {
			b.Field(i).(*array.Float64Builder).Append(float64(i) + float64(row)/8)
		}
	}
	return b.NewRecordBatch()
}

// mixed has 20 float64 with nulls, 8 int64, 6 utf8, 6 dictionaries and 2 bool.
func mixed(rows int) arrow.RecordBatch {
	var types []arrow.DataType
	for t, n := range map[arrow.DataType]int{arrow.PrimitiveTypes.Float64: 20, arrow.PrimitiveTypes.Int64: 8, arrow.BinaryTypes.String: 6,
		dictionaryType: 6, arrow.FixedWidthTypes.Boolean: 2} {
		for range n {
			types = append(types, t)
		}
	}
	m := newMaker(1)
	m.nulls = 20
	schema := schemaOf(types...)
	columns := make([]arrow.Array, len(types))
	for i, t := range types {
		columns[i] = m.array(t, rows)
		if t.ID() == arrow.STRING {
			columns[i] = letters(rows)
		}
	}
	return array.NewRecordBatch(schema, columns, int64(rows))
}

// letters is a column of short ASCII texts.
func letters(rows int) arrow.Array {
	b := array.NewStringBuilder(memory.DefaultAllocator)
	defer b.Release()
	for i := range rows {
		b.Append("abcdefghijklmnopqrst"[:8+i%9])
	}
	return b.NewArray()
}

var benches = map[string]func() arrow.RecordBatch{
	"floats-50x160":   func() arrow.RecordBatch { return floats(160) },
	"floats-50x20600": func() arrow.RecordBatch { return floats(20600) },
	"mixed-42x160":    func() arrow.RecordBatch { return mixed(160) },
	"mixed-42x24000":  func() arrow.RecordBatch { return mixed(24000) },
	"text-1x64k": func() arrow.RecordBatch {
		return array.NewRecordBatch(schemaOf(arrow.BinaryTypes.String), []arrow.Array{letters(65536)}, 65536)
	},
	"keys-1x64k": func() arrow.RecordBatch {
		return array.NewRecordBatch(schemaOf(dictionaryType), []arrow.Array{newMaker(1).array(dictionaryType, 65536)}, 65536)
	},
	"text-polish-1x5k": func() arrow.RecordBatch {
		return array.NewRecordBatch(schemaOf(arrow.BinaryTypes.String), []arrow.Array{polish(5000)}, 5000)
	},
}

// polish is text of which some is not ASCII.
func polish(rows int) arrow.Array {
	b := array.NewStringBuilder(memory.DefaultAllocator)
	defer b.Release()
	for range rows {
		b.Append("Zażółć gęślą jaźń, powiedział kot do psa i poszedł spać. The rest of the row is plain.")
	}
	return b.NewArray()
}

func BenchmarkPut(b *testing.B) {
	for name, batch := range benches {
		b.Run(name, func(b *testing.B) {
			batch := batch()
			l := layoutOf(b, batch.Schema())
			dst := slot(l.SlotBytes())
			b.SetBytes(Size(batch))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := l.Put(dst, batch, PutOptions{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkGet(b *testing.B) {
	for name, batch := range benches {
		b.Run(name, func(b *testing.B) {
			batch := batch()
			l := layoutOf(b, batch.Schema())
			src := put(b, l, batch)
			b.SetBytes(Size(batch))
			b.ReportAllocs()
			for b.Loop() {
				got, err := l.Get(src, batch.NumRows(), GetOptions{Release: func() {}})
				if err != nil {
					b.Fatal(err)
				}
				got.Release()
			}
		})
	}
}

func BenchmarkDecodeAs(b *testing.B) {
	batch := floats(160)
	wire, err := EncodeRows(batch)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := DecodeAs(batch.Schema(), wire); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkScan(b *testing.B) {
	text := []byte(strings.Repeat("0123456789abcdef", 4096))
	for name, scan := range map[string]func(){
		"ascii":  func() { ascii(text) },
		"rising": func() { rising(text) },
		"below":  func() { below(text, 1<<31) },
		"valid":  func() { validText(text) },
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				scan()
			}
		})
	}
}
