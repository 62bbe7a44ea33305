// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"context"
	"fmt"
	"iter"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/bulkhead-ml/bulkhead/host/abtest"
	"github.com/bulkhead-ml/bulkhead/host/dataplane"
)

// wireColumns are a column of each kind of type that tables have.
var wireColumns = []arrow.Field{
	{Name: "i8", Type: arrow.PrimitiveTypes.Int8, Nullable: true},
	{Name: "u64", Type: arrow.PrimitiveTypes.Uint64, Nullable: true},
	{Name: "f32", Type: arrow.PrimitiveTypes.Float32, Nullable: true},
	{Name: "f64", Type: arrow.PrimitiveTypes.Float64, Nullable: true},
	{Name: "bool", Type: arrow.FixedWidthTypes.Boolean, Nullable: true},
	{Name: "text", Type: arrow.BinaryTypes.String, Nullable: true},
	{Name: "bytes", Type: arrow.BinaryTypes.Binary, Nullable: true},
	{Name: "date", Type: arrow.FixedWidthTypes.Date32, Nullable: true},
	{Name: "time", Type: arrow.FixedWidthTypes.Timestamp_ms, Nullable: true},
	{Name: "dict", Type: &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String}, Nullable: true},
	{Name: "list", Type: arrow.ListOf(arrow.PrimitiveTypes.Int64), Nullable: true},
	{Name: "fixed", Type: arrow.FixedSizeListOf(2, arrow.PrimitiveTypes.Float64), Nullable: true},
}

// wireRows is a batch of rows whose values depend on their numbers.
func wireRows(t *testing.T, numbers []int64) arrow.RecordBatch {
	t.Helper()
	var lines []string
	for _, n := range numbers {
		if n%7 == 0 {
			lines = append(lines, "{}")
			continue
		}
		lines = append(lines, fmt.Sprintf(`{"i8":%d,"u64":%d,"f32":%d.5,"f64":%d.25,"bool":%v,"text":"t%d","bytes":"AA==","date":"2026-01-0%d","time":"2026-01-01T00:00:0%dZ","dict":"d%d","list":[%d,1],"fixed":[%d,2]}`,
			n%100, n, n, n, n%2 == 0, n, 1+n%9, n%10, n%5, n, n))
	}
	batch, _, err := array.RecordFromJSON(memory.DefaultAllocator, arrow.NewSchema(wireColumns, nil), strings.NewReader("["+strings.Join(lines, ",")+"]"))
	if err != nil {
		t.Fatal(err)
	}
	return batch
}

// batchTable is a table of batches.
type batchTable struct {
	schema  *arrow.Schema
	batches []arrow.RecordBatch
}

func (b batchTable) Schema() *arrow.Schema { return b.schema }
func (b batchTable) Rows() int64           { return -1 }
func (b batchTable) Batches(context.Context) iter.Seq2[arrow.RecordBatch, error] {
	return func(yield func(arrow.RecordBatch, error) bool) {
		for _, batch := range b.batches {
			batch.Retain()
			if !yield(batch, nil) {
				return
			}
			batch.Release()
		}
	}
}

// armTable has the rows of numbers in batches of some size.
func armTable(t *testing.T, numbers []int64, size int) Table {
	t.Helper()
	schema, err := withRows(arrow.NewSchema(wireColumns, nil))
	if err != nil {
		t.Fatal(err)
	}
	out := batchTable{schema: schema}
	f := &rowFinder{rows: &armRows{arm: &Arm{}}}
	for len(numbers) > 0 {
		part := numbers[:min(size, len(numbers))]
		numbers = numbers[len(part):]
		out.batches = append(out.batches, f.number(wireRows(t, part), schema, part, 0, false))
	}
	return out
}

// TestMergeOfAllTypes puts the rows of two tables of every type in order, however
// they are cut.
func TestMergeOfAllTypes(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 1))
		var all []int64
		var arms [2][]int64
		for n := range int64(60) {
			if arm := r.IntN(3); arm < 2 {
				arms[arm] = append(arms[arm], n)
				all = append(all, n)
			}
		}
		a := newArmReader(context.Background(), armTable(t, arms[0], 1+r.IntN(20)))
		b := newArmReader(context.Background(), armTable(t, arms[1], 1+r.IntN(20)))
		var at int64
		want := wireRows(t, all)
		err := merge(a, b, func(batch arrow.RecordBatch) error {
			if part := want.NewSlice(at, at+batch.NumRows()); !sameRows(part, batch) {
				return fmt.Errorf("rows from %d are\n%v\nwant\n%v", at, batch, part)
			}
			at += batch.NumRows()
			return nil
		})
		a.close()
		b.close()
		if err != nil || at != want.NumRows() {
			t.Fatalf("seed %d: %d rows, error %v", seed, at, err)
		}
	}
}

// sameRows compares values; dictionaries may differ.
func sameRows(a, b arrow.RecordBatch) bool {
	for i := range int(a.NumCols()) {
		for row := range int(a.NumRows()) {
			if a.Column(i).ValueStr(row) != b.Column(i).ValueStr(row) {
				return false
			}
		}
	}
	return a.NumRows() == b.NumRows()
}

// TestSplitByKeys has equal keys go to one arm, and every row to exactly one.
func TestSplitByKeys(t *testing.T) {
	numbers := make([]int64, 300)
	for i := range numbers {
		numbers[i] = int64(i)
	}
	for _, key := range [][]string{{"i8"}, {"u64"}, {"f32"}, {"f64"}, {"bool"}, {"text"}, {"date"}, {"time"}, {"dict"}, {"dict", "bool"}, nil} {
		split := &abtest.Split{Name: "t", Share: 0.4, Key: key}
		var of [2]map[string]int
		total := int64(0)
		for i := range of {
			of[i] = map[string]int{}
			rows := armRows{arm: &Arm{Name: abtest.Arm(i), Split: split}}
			in := dataplane.Batches(func(yield func(arrow.RecordBatch, error) bool) {
				_ = yield(wireRows(t, numbers[:77]), nil) && yield(wireRows(t, numbers[77:]), nil)
			})
			for batch, err := range rows.split(in, false) {
				if err != nil {
					t.Fatal(err)
				}
				total += batch.NumRows()
				for row := range int(batch.NumRows()) {
					text := ""
					for _, name := range key {
						text += batch.Column(batch.Schema().FieldIndices(name)[0]).ValueStr(row) + "|"
					}
					of[i][text]++
				}
			}
		}
		if total != 300 {
			t.Errorf("%v: %d rows", key, total)
		}
		for text := range of[0] {
			if of[1][text] > 0 && key != nil {
				t.Errorf("%v: rows of %s go to both arms", key, text)
			}
		}
	}
	for _, key := range []string{"list", "bytes", "fixed", "none"} {
		if _, err := keyColumns(abtest.Split{Key: []string{key}}, arrow.NewSchema(wireColumns, nil)); err == nil {
			t.Errorf("%s is a key", key)
		}
	}
}

// TestRowFinder finds the rows of an arm by their numbers in it.
func TestRowFinder(t *testing.T) {
	rows := &armRows{arm: &Arm{Split: &abtest.Split{}}}
	var want []int64
	r := rand.New(rand.NewPCG(1, 1))
	var first int64
	for range 50 {
		var places []int64
		n := r.Int64N(200)
		for i := range n {
			if r.IntN(9) == 0 {
				places = append(places, i)
				want = append(want, first+i)
			}
		}
		rows.learn(first, places)
		first += n
	}
	f := &rowFinder{rows: rows}
	for i, row := range want {
		if r.IntN(2) == 0 {
			continue // origins rise and need not be next to each other
		}
		if got := f.find(int64(i)); got != row {
			t.Fatalf("row %d is %d, want %d", i, got, row)
		}
	}
	if got := f.find(int64(len(want))); got != -1 {
		t.Errorf("a row beyond the last is %d", got)
	}
}

// TestLargeIntegersAreComparedExactly has two that are one double.
func TestLargeIntegersAreComparedExactly(t *testing.T) {
	b := array.NewInt64Builder(memory.DefaultAllocator)
	b.AppendValues([]int64{1<<53 + 1, 1<<53 + 2, 5}, nil)
	value := reading(b.NewArray())
	if x, y := value(0), value(1); x.Text == y.Text || value(2).Text != "" {
		t.Errorf("%+v and %+v", x, y)
	}
}
