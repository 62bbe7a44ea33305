// SPDX-License-Identifier: Apache-2.0

package convert

import (
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// raw builds an array of buffers that no builder makes.
func raw(t arrow.DataType, rows int, child arrow.ArrayData, buffers ...[]byte) arrow.Array {
	var all []*memory.Buffer
	for _, b := range buffers {
		if b == nil {
			all = append(all, nil)
		} else {
			all = append(all, memory.NewBufferBytes(b))
		}
	}
	var children []arrow.ArrayData
	if child != nil {
		children = append(children, child)
	}
	return array.MakeFromData(array.NewData(t, rows, all, children, 0, 0))
}

func offsets32(v ...int32) []byte { return arrow.Int32Traits.CastToBytes(v) }
func offsets64(v ...int64) []byte { return arrow.Int64Traits.CastToBytes(v) }

// TestHostileArrays are shaped as no honest writer shapes them. Each is refused,
// or its reader panics, which the kernels contain.
func TestHostileArrays(t *testing.T) {
	numbers, _, err := array.FromJSON(memory.DefaultAllocator, arrow.PrimitiveTypes.Int8, strings.NewReader("[1,2,3]"))
	if err != nil {
		t.Fatal(err)
	}
	list, large := arrow.ListOf(arrow.PrimitiveTypes.Int8), arrow.LargeListOf(arrow.PrimitiveTypes.Int8)
	fixed := arrow.FixedSizeListOf(2, arrow.PrimitiveTypes.Int8)
	words, _, err := array.FromJSON(memory.DefaultAllocator, arrow.BinaryTypes.String, strings.NewReader(`["a"]`))
	if err != nil {
		t.Fatal(err)
	}
	dict := &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String}
	keys, _, err := array.FromJSON(memory.DefaultAllocator, arrow.PrimitiveTypes.Int32, strings.NewReader("[0,7]"))
	if err != nil {
		t.Fatal(err)
	}
	for name, make := range map[string]func() arrow.Array{
		"list that falls":           func() arrow.Array { return raw(list, 2, numbers.Data(), nil, offsets32(0, 2, 1)) },
		"list past its values":      func() arrow.Array { return raw(list, 2, numbers.Data(), nil, offsets32(0, 2, 9)) },
		"list before its values":    func() arrow.Array { return raw(list, 1, numbers.Data(), nil, offsets32(-1, 2)) },
		"large list past 32 bits":   func() arrow.Array { return raw(large, 1, numbers.Data(), nil, offsets64(0, 1<<40)) },
		"large list with few":       func() arrow.Array { return raw(large, 4, numbers.Data(), nil, offsets64(0, 1)) },
		"fixed list without values": func() arrow.Array { return raw(fixed, 2, numbers.Data(), nil) },
		"key past the dictionary":   func() arrow.Array { return array.NewDictionaryArray(dict, keys, words) },
		"text that falls": func() arrow.Array {
			return raw(arrow.BinaryTypes.String, 2, nil, nil, offsets32(0, 2, 1), []byte("ab"))
		},
		"text past its bytes": func() arrow.Array {
			return raw(arrow.BinaryTypes.LargeString, 1, nil, nil, offsets64(0, 9), []byte("ab"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if r := recover(); r != nil {
					t.Logf("contained: %v", r)
				}
			}()
			a := make()
			schema := arrow.NewSchema([]arrow.Field{{Name: "x", Type: a.DataType()}}, nil)
			columns, err := New(schema)
			if err != nil {
				t.Fatal(err)
			}
			out, err := columns.Convert(array.NewRecordBatch(schema, []arrow.Array{a}, int64(a.Len())), 0)
			if err == nil {
				t.Errorf("it became %v", out.Column(0))
			}
		})
	}
}

// TestDrift converts batches that are not of the schema.
func TestDrift(t *testing.T) {
	text, number := of(t, arrow.BinaryTypes.String, `["a"]`), of(t, arrow.PrimitiveTypes.Int8, `[1]`)
	two := array.NewRecordBatch(arrow.NewSchema([]arrow.Field{{Name: "x", Type: arrow.BinaryTypes.String}, {Name: "y", Type: arrow.PrimitiveTypes.Int8}}, nil),
		[]arrow.Array{text.Column(0), number.Column(0)}, 1)
	for _, typ := range []arrow.DataType{
		arrow.BinaryTypes.String, arrow.BinaryTypes.LargeString, arrow.BinaryTypes.LargeBinary, dictOf(arrow.PrimitiveTypes.Int8, arrow.BinaryTypes.String),
		arrow.ListOf(arrow.PrimitiveTypes.Int8), arrow.PrimitiveTypes.Float64,
	} {
		columns, err := New(arrow.NewSchema([]arrow.Field{{Name: "x", Type: typ}}, nil))
		if err != nil {
			t.Fatal(err)
		}
		if out, err := columns.Convert(number, 0); err == nil {
			t.Errorf("a number is taken for %s: %v", typ, out.Schema())
		}
		if _, err := columns.Convert(two, 0); err == nil || !strings.Contains(err.Error(), "2 columns in a file of 1") {
			t.Errorf("error %v", err)
		}
	}
}

func TestDecode(t *testing.T) {
	d := of(t, dictionaryType, `["a",null,"b","a"]`)
	out, err := Decode(d.NewSlice(1, 4).Column(0).(*array.Dictionary))
	if err != nil || out.String() != `[(null) "b" "a"]` {
		t.Errorf("%v, %v", out, err)
	}
	numbers, _, err := array.FromJSON(memory.DefaultAllocator, arrow.PrimitiveTypes.Int64, strings.NewReader("[1]"))
	if err != nil {
		t.Fatal(err)
	}
	keys, _, err := array.FromJSON(memory.DefaultAllocator, arrow.PrimitiveTypes.Int32, strings.NewReader("[0]"))
	if err != nil {
		t.Fatal(err)
	}
	odd := array.NewDictionaryArray(&arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.PrimitiveTypes.Int64}, keys, numbers)
	if _, err := Decode(odd); err == nil {
		t.Error("a dictionary of numbers was decoded to text")
	}
}

func TestLoosen(t *testing.T) {
	for values, want := range map[string]string{
		`[[1,2],[3,4]]`: "[[1 2] [3 4]]", `[null,[1,2],null]`: "[(null) [1 2] (null)]", `[null,null]`: "[(null) (null)]", `[]`: "[]",
	} {
		in := of(t, arrow.FixedSizeListOf(2, arrow.PrimitiveTypes.Int8), values)
		out, err := Loosen(in.Column(0).(*array.FixedSizeList))
		if err != nil || out.String() != want {
			t.Errorf("%s became %v, %v", values, out, err)
		}
	}
}
