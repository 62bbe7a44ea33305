// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/bulkhead-ml/bulkhead/sdk/table"
)

// TestCutKeepsRowsAndLimits cuts random tables: the rows and their order stay,
// batches keep to the limits, and there are few of them.
func TestCutKeepsRowsAndLimits(t *testing.T) {
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 1))
		mem := memory.NewCheckedAllocator(memory.DefaultAllocator)
		limits := Limits{Rows: 1 + r.Int64N(2000), Bytes: 100 + r.Int64N(20000)}
		most := 1 + r.Int64N(3000)
		var rows int64
		in := func(yield func(arrow.RecordBatch, error) bool) {
			for range 50 {
				b := numbers(mem, rows, r.Int64N(most))
				rows += b.NumRows()
				more := yield(b, nil)
				b.Release()
				if !more {
					return
				}
			}
		}
		var out, bytes int64
		got, err := drain(func(yield func(arrow.RecordBatch, error) bool) {
			for b, err := range Cut(in, limits) {
				out, bytes = out+1, bytes+table.Size(b)
				if b.NumRows() > limits.Rows || table.Size(b) > limits.Bytes && b.NumRows() > 1 {
					t.Errorf("seed %d: a batch of %d rows and %d bytes, limits %+v", seed, b.NumRows(), table.Size(b), limits)
				}
				if !yield(b, err) {
					return
				}
			}
		})
		if err != nil || got != rows {
			t.Errorf("seed %d: %d rows of %d, error %v", seed, got, rows, err)
		}
		if few := 50 + 9*(rows/limits.Rows+bytes/limits.Bytes); out > few {
			t.Errorf("seed %d: %d batches", seed, out)
		}
		mem.AssertSize(t, 0)
	}
}

func TestTinyBatchesAreJoined(t *testing.T) {
	var sizes []int64
	c := NewCutter(Limits{Rows: 100}, func(b arrow.RecordBatch) error {
		sizes = append(sizes, b.NumRows())
		return nil
	})
	for i := range int64(120) {
		if err := c.Add(numbers(memory.DefaultAllocator, i, 1)); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Flush(); err != nil || fmt.Sprint(sizes) != "[50 50 20]" {
		t.Errorf("batches of %v rows, error %v", sizes, err)
	}
	if err := c.Flush(); err != nil || len(sizes) != 3 {
		t.Error("a second flush gives rows again")
	}
}

// TestWaitingBatchesAreCopies: who made a batch may wait for its memory.
func TestWaitingBatchesAreCopies(t *testing.T) {
	for name, b := range map[string]arrow.RecordBatch{"numbers": numbers(strict(t), 0, 3), "dictionary": dictionary(strict(t), "a", "b")} {
		c := NewCutter(Limits{}, func(arrow.RecordBatch) error { return nil })
		if err := c.Add(b); err != nil {
			t.Fatal(name, err)
		}
		b.Release() // and its allocator finds nothing left
		c.Drop()
	}
}

// strict is an allocator whose memory must be back at once.
func strict(t *testing.T) memory.Allocator {
	mem := memory.NewCheckedAllocator(memory.DefaultAllocator)
	t.Cleanup(func() { mem.AssertSize(t, 0) })
	return mem
}

func dictionary(mem memory.Allocator, words ...string) arrow.RecordBatch {
	kind := &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String}
	b := array.NewDictionaryBuilder(mem, kind).(*array.BinaryDictionaryBuilder)
	defer b.Release()
	for _, w := range words {
		_ = b.AppendString(w) // it is a string
	}
	column := b.NewArray()
	defer column.Release()
	return array.NewRecordBatch(arrow.NewSchema([]arrow.Field{{Name: "w", Type: kind, Nullable: true}}, nil), []arrow.Array{column}, int64(len(words)))
}

func TestDictionariesAreJoined(t *testing.T) {
	var got []string
	c := NewCutter(Limits{}, func(b arrow.RecordBatch) error {
		for i := range int(b.NumRows()) {
			got = append(got, b.Column(0).ValueStr(i))
		}
		return nil
	})
	for _, words := range [][]string{{"a", "b"}, {"c", "a", "c"}, {"b"}} {
		if err := c.Add(dictionary(memory.DefaultAllocator, words...)); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Flush(); err != nil || strings.Join(got, "") != "abcacb" {
		t.Errorf("words %v, error %v", got, err)
	}
}

func TestRowThatIsTooLarge(t *testing.T) {
	b := array.NewStringBuilder(memory.DefaultAllocator)
	b.Append(strings.Repeat("x", table.MaxBytes+1))
	batch := array.NewRecordBatch(arrow.NewSchema([]arrow.Field{{Name: "s", Type: arrow.BinaryTypes.String}}, nil), []arrow.Array{b.NewArray()}, 1)
	err := NewCutter(Limits{}, func(arrow.RecordBatch) error { return nil }).Add(batch)
	if !errors.Is(err, table.ErrRowTooLarge) {
		t.Errorf("error %v", err)
	}
}

func TestCutEndsWithItsInputAndItsReader(t *testing.T) {
	failing := func(yield func(arrow.RecordBatch, error) bool) {
		if yield(numbers(memory.DefaultAllocator, 0, 10), nil) {
			yield(nil, errTest)
		}
	}
	if _, err := drain(Cut(failing, Limits{})); !errors.Is(err, errTest) {
		t.Errorf("error %v", err)
	}
	for range Cut(failing, Limits{Rows: 2}) {
		break
	}
}
