// SPDX-License-Identifier: Apache-2.0

package source

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/bulkhead-ml/bulkhead/sdk/table"
)

// TestRecycler hands memory out again, and never two times at once.
func TestRecycler(t *testing.T) {
	r := newRecycler()
	a := r.Allocate(100)
	if len(a) != 100 || cap(a) != 128 {
		t.Errorf("%d bytes of %d", len(a), cap(a))
	}
	a[0] = 7
	b := r.Reallocate(1000, a)
	if b[0] != 7 || len(b) != 1000 {
		t.Errorf("%d bytes that begin with %d", len(b), b[0])
	}
	c, d := r.Allocate(128), r.Allocate(128)
	if &c[0] != &a[0] || &d[0] == &a[0] {
		t.Error("what was given back is not used once")
	}
	if same := r.Reallocate(1024, b); &same[0] != &b[0] {
		t.Error("it moved although there was room")
	}
	r.Free(make([]byte, 10))     // not of its sizes
	r.Free(nil)                  // of an empty column
	r.Free(make([]byte, 64<<20)) // more than is kept
	if r.held != 0 {
		t.Errorf("%d bytes are held", r.held)
	}
	if e := r.Allocate(0); len(e) != 0 {
		t.Errorf("%d bytes", len(e))
	}
}

// TestMemoryIsUsedAgain reads many batches with the memory of few, and keeps
// what is retained.
func TestMemoryIsUsedAgain(t *testing.T) {
	var b strings.Builder
	b.WriteString("i,j\n")
	for i := range 5 * table.MaxRows {
		fmt.Fprintf(&b, "%d,%d\n", i, i%10)
	}
	tab, err := Open(context.Background(), Spec{Path: write(t, b.String())}, nil)
	if err != nil {
		t.Fatal(err)
	}
	places, kept := map[*byte]bool{}, []arrow.RecordBatch{}
	n := 0
	for batch, err := range tab.Batches(context.Background()) {
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range batch.Columns() {
			places[&c.Data().Buffers()[1].Bytes()[0]] = true
		}
		if n == 1 {
			batch.Retain()
			kept = append(kept, batch)
		}
		n++
	}
	if n != 5 || len(places) != 4 { // two of them are kept
		t.Errorf("%d batches of two columns in %d places", n, len(places))
	}
	if got := kept[0].Column(0).ValueStr(0) + kept[0].Column(1).ValueStr(0); got != fmt.Sprintf("%d%d", table.MaxRows, table.MaxRows%10) {
		t.Errorf("a retained batch holds %q", got)
	}
	kept[0].Release()
}

// TestWideTables keep to the bounds of a batch as narrow ones do.
func TestWideTables(t *testing.T) {
	const width = 3000
	names, values := make([]string, width), make([]string, width)
	types := map[string]string{}
	for i := range names {
		names[i], values[i] = fmt.Sprintf("c%d", i), "1"
		types[names[i]] = []string{"int8", "float64", "bool", "string", "dictionary", "timestamp"}[i%6]
		if i%6 == 2 {
			values[i] = "true"
		}
		if i%6 == 5 {
			values[i] = "2026-11-22"
		}
	}
	line := strings.Join(values, ",") + "\n"
	tab, err := Open(context.Background(), Spec{Path: write(t, strings.Join(names, ",")+"\n"+strings.Repeat(line, 700)), Types: types}, nil)
	if err != nil {
		t.Fatal(err)
	}
	got := rows(t, tab)
	if len(got) != 700 || got[699][0] != "1" || got[699][2] != "true" || got[699][4] != "1" {
		t.Errorf("%d rows, the last one begins with %q", len(got), got[len(got)-1][:6])
	}
}

// TestNothingShowsUnderNulls looks at the memory of missing values: they hold
// nothing of the batches before.
func TestNothingShowsUnderNulls(t *testing.T) {
	content := "a,b\n" + strings.Repeat("77,true\n", table.MaxRows) + strings.Repeat(",\n", table.MaxRows)
	tab, err := Open(context.Background(), Spec{Path: write(t, content)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for batch, err := range tab.Batches(context.Background()) {
		if err != nil {
			t.Fatal(err)
		}
		if n++; n < 2 {
			continue
		}
		for _, c := range batch.Columns() {
			for i, v := range c.Data().Buffers()[1].Bytes() {
				if v != 0 {
					t.Fatalf("byte %d under nulls is %d", i, v)
				}
			}
			if c.NullN() != int(batch.NumRows()) {
				t.Errorf("%d nulls", c.NullN())
			}
		}
	}
}
