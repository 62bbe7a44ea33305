// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/bulkhead-ml/bulkhead/sdk/arena"
)

func row(n int) arrow.RecordBatch {
	b := array.NewFloat64Builder(memory.DefaultAllocator)
	for i := range n {
		b.Append(float64(i))
	}
	return array.NewRecordBatch(arrow.NewSchema([]arrow.Field{{Name: "x", Type: arrow.PrimitiveTypes.Float64, Nullable: true}}, nil), []arrow.Array{b.NewArray()}, int64(n))
}

// TestPoolHasNoOldBytes: what a plugin left under a null does not reach the readers
// of an edge, who map its memory.
func TestPoolHasNoOldBytes(t *testing.T) {
	values := memory.NewBufferBytes(arrow.Float64Traits.CastToBytes([]float64{1, 12345.678, 3}))
	data := array.NewData(arrow.PrimitiveTypes.Float64, 3, []*memory.Buffer{memory.NewBufferBytes([]byte{0b101}), values}, nil, 1, 0)
	p := newPool(1, 64<<10)
	defer p.Close()
	b, err := p.Put(t.Context(), array.NewRecordBatch(row(0).Schema(), []arrow.Array{array.NewFloat64Data(data)}, 3))
	if err != nil {
		t.Fatal(err)
	}
	defer b.Release()
	if got := b.Column(0).(*array.Float64).Float64Values(); got[0] != 1 || got[1] != 0 || got[2] != 3 {
		t.Errorf("the memory holds %v", got)
	}
}

// TestPoolOfOrdinaryMemory is what a pool is where no memory is shared: as large,
// and it waits just so.
func TestPoolOfOrdinaryMemory(t *testing.T) {
	p := newPool(1, 64<<10)
	p.heap, p.size, p.space = true, 64<<10, arena.NewSpace(64<<10)
	one, err := p.Put(t.Context(), row(4000))
	if err != nil || p.Bytes() != 32<<10 || p.find(one) != nil {
		t.Fatalf("%d bytes, %v", p.Bytes(), err)
	}
	full := errors.New("full")
	ctx, cancel := context.WithTimeoutCause(t.Context(), 20*time.Millisecond, full)
	defer cancel()
	if _, err := p.Put(ctx, row(5000)); !errors.Is(err, full) {
		t.Errorf("a full pool says %v", err)
	}
	huge, err := p.Put(t.Context(), row(20_000)) // larger than all of it: elsewhere
	if err != nil || p.Bytes() != 32<<10 {
		t.Errorf("%d bytes, %v", p.Bytes(), err)
	}
	huge.Release()
	one.Release()
	if p.Bytes() != 0 {
		t.Errorf("%d bytes are left", p.Bytes())
	}
	p.Close()
}

// TestFind: only a whole and unchanged batch of a pool lies in it.
func TestFind(t *testing.T) {
	if !arena.Supported {
		t.Skip("no shared memory on this system")
	}
	p := NewPool(1)
	defer p.Close()
	lies, err := p.Put(t.Context(), row(100))
	if err != nil {
		t.Fatal(err)
	}
	defer lies.Release()
	again := array.NewRecordBatch(lies.Schema(), lies.Columns(), 100)
	wider := array.NewRecordBatch(arrow.NewSchema([]arrow.Field{{Name: "x", Type: arrow.PrimitiveTypes.Float64}, {Name: "y", Type: arrow.PrimitiveTypes.Float64}}, nil),
		[]arrow.Array{lies.Column(0), lies.Column(0)}, 100)
	if p.find(lies) == nil || p.find(again) == nil {
		t.Error("a batch of the pool is not found")
	}
	if p.find(lies.NewSlice(0, 50)) != nil || p.find(wider) != nil || p.find(row(100)) != nil || (*Pool)(nil).find(lies) != nil {
		t.Error("what does not lie in the pool is found")
	}
}

// TestLineage checks the rules one by one.
func TestLineage(t *testing.T) {
	number := func(rows ...uint64) (out []byte) {
		for _, r := range rows {
			out = append(out, byte(r), byte(r>>8), byte(r>>16), byte(r>>24), byte(r>>32), byte(r>>40), byte(r>>48), byte(r>>56))
		}
		return out
	}
	for want, f := range map[string]func(l *lineage) error{
		"":                    func(l *lineage) error { _, err := l.batch(3, number(5), 8); return err },
		"bytes for 3 rows":    func(l *lineage) error { _, err := l.batch(3, number(1, 2), 8); return err },
		"origins rise":        func(l *lineage) error { _, err := l.batch(3, number(1, 2, 2), 8); return err },
		"and 8 were sent":     func(l *lineage) error { _, err := l.batch(3, number(6), 8); return err },
		"after rows with":     func(l *lineage) error { _, _ = l.batch(1, number(6), 8); _, err := l.batch(1, nil, 8); return err },
		"after row 2":         func(l *lineage) error { _, _ = l.batch(3, nil, 8); _, err := l.batch(1, number(1), 8); return err },
		"put aside":           func(l *lineage) error { _ = l.reject(4, 8); _, err := l.batch(1, number(4), 8); return err },
		"row 1 is written":    func(l *lineage) error { l.rowWise = true; _ = l.reject(1, 8); _, err := l.batch(3, nil, 8); return err },
		"which was written":   func(l *lineage) error { l.rowWise = true; _, _ = l.batch(3, nil, 8); return l.reject(1, 8) },
		"told of 0":           func(l *lineage) error { return l.balance(8, 8, 0, 1) },
		"are not 7 out":       func(l *lineage) error { l.rowWise = true; return l.balance(8, 7, 0, 0) },
		"are not -1 out":      func(l *lineage) error { l.told = true; return l.balance(8, -1, 9, 0) },
		"which ones it wrote": func(l *lineage) error { l.rowWise = true; return l.balance(8, 7, 1, 0) },
	} {
		err := f(&lineage{})
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
	if err := (&lineage{}).balance(8, 3, 1, 0); err != nil {
		t.Errorf("a kernel that changes what a row is: %v", err)
	}
}

func TestBitmap(t *testing.T) {
	random, want := rand.New(rand.NewPCG(1, 2)), map[int64]bool{}
	var b bitmap
	for range 10_000 {
		row := random.Int64N(1 << (1 + random.IntN(40)))
		if b.has(row) != want[row] || b.set(row) == want[row] || !b.has(row) {
			t.Fatalf("row %d", row)
		}
		want[row] = true
	}
}
