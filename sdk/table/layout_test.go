// SPDX-License-Identifier: Apache-2.0

package table

import (
	"fmt"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

// slot returns n bytes of garbage that begin at a multiple of 64, as memory that
// was used before does.
func slot(n int) []byte {
	b := make([]byte, n+alignment)
	skip := -int(address(b)) & (alignment - 1)
	b = b[skip : skip+n : skip+n]
	for i := range b {
		b[i] = 0xa5
	}
	return b
}

func layoutOf(t testing.TB, schema *arrow.Schema) *Layout {
	t.Helper()
	l, err := NewLayout(schema)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// put writes a batch into memory of just the size that it takes.
func put(t testing.TB, l *Layout, batch arrow.RecordBatch) []byte {
	t.Helper()
	size, err := l.Size(batch)
	if err != nil {
		t.Fatal(err)
	}
	dst := slot(size)
	n, err := l.Put(dst, batch, PutOptions{})
	if err != nil {
		t.Fatalf("%v: %v", l.Schema(), err)
	}
	return dst[:n]
}

// holds insists that two batches have the same rows.
func holds(t testing.TB, what string, want, got arrow.RecordBatch, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	if !array.RecordEqual(want, got) {
		t.Fatalf("%s: %v comes back as %v", what, want, got)
	}
	if err := array.ValidateRecordFull(got); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// TestRandomBatchesComeBack: what Put and Encode write, Get and Decode read.
func TestRandomBatchesComeBack(t *testing.T) {
	m := newMaker(1)
	for round := range 2000 {
		schema := m.schema()
		batch := m.batch(schema, []int{0, 1, 7, 8, 9, 64, m.IntN(200)}[m.IntN(7)])
		comesBack(t, fmt.Sprintf("round %d", round), batch)
		batch.Release()
	}
}

func comesBack(t *testing.T, what string, batch arrow.RecordBatch) {
	t.Helper()
	l := layoutOf(t, batch.Schema())
	got, err := l.Get(put(t, l, batch), batch.NumRows(), GetOptions{})
	holds(t, what+", layout", batch, got, err)
	wire, err := Encode(batch)
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	if size := wireSize(wire); size > Size(batch) {
		t.Fatalf("%s: %d bytes travel, and Size says %d", what, size, Size(batch))
	}
	got, err = Decode(wire)
	holds(t, what+", wire", batch, got, err)
	wire.Schema = nil
	got, err = DecodeAs(batch.Schema(), wire)
	holds(t, what+", wire without schema", batch, got, err)
}

func wireSize(p *pluginv1.Batch) (n int64) {
	for _, c := range p.Columns {
		for ; c != nil; c = c.Child {
			n += int64(len(c.Validity) + len(c.Values) + len(c.Offsets))
		}
	}
	return n
}

// TestEveryTypeComesBack leaves no type to chance.
func TestEveryTypeComesBack(t *testing.T) {
	m := newMaker(2)
	for _, typ := range allTypes() {
		for _, rows := range []int{0, 1, 100, 1000} {
			batch := m.batch(schemaOf(typ), rows)
			comesBack(t, fmt.Sprintf("%v of %d rows", typ, rows), batch)
			batch.Release()
		}
	}
}
