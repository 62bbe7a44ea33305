// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

var schema = arrow.NewSchema([]arrow.Field{{Name: "i", Type: arrow.PrimitiveTypes.Int64, Nullable: true}}, nil)

// numbers makes a batch of rows numbered from a first one.
func numbers(mem memory.Allocator, first, rows int64) arrow.RecordBatch {
	b := array.NewInt64Builder(mem)
	defer b.Release()
	for i := range rows {
		b.Append(first + i)
	}
	column := b.NewArray()
	defer column.Release()
	return array.NewRecordBatch(schema, []arrow.Array{column}, rows)
}

// put adds rows in batches of a size, and ends the table.
func put(ctx context.Context, mem memory.Allocator, e Edge, rows, size int64) error {
	e.Declare(schema)
	for first := int64(0); first < rows; first += size {
		b := numbers(mem, first, min(size, rows-first))
		err := e.Put(ctx, b)
		b.Release()
		if err != nil {
			e.Seal(err)
			return err
		}
	}
	e.Seal(nil)
	return nil
}

// drain reads rows, which must be numbered from 0, and returns how many.
func drain(in Batches) (int64, error) {
	next := int64(0)
	for b, err := range in {
		if err != nil {
			return next, err
		}
		for _, v := range b.Column(0).(*array.Int64).Int64Values() {
			if v != next {
				return next, fmt.Errorf("row %d is %d", next, v)
			}
			next++
		}
	}
	return next, nil
}

var errTest = errors.New("the writer failed")

func TestRingKeepsToItsCredits(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.DefaultAllocator)
	defer mem.AssertSize(t, 0)
	one := numbers(mem, 0, 10)
	size := Size(one)
	one.Release()
	for name, ring := range map[string]*Ring{"bytes": NewRing(3*size, 1<<30), "rows": NewRing(1<<30, 30)} {
		ctx := context.Background()
		done := make(chan error)
		go func() { done <- put(ctx, mem, ring, 1000, 10) }()
		if got, err := ring.Schema(ctx); err != nil || got != schema {
			t.Fatalf("%s: schema %v, error %v", name, got, err)
		}
		for began := time.Now(); ring.Moved().Batches < 3 && time.Since(began) < time.Minute; {
			time.Sleep(time.Millisecond)
		}
		time.Sleep(20 * time.Millisecond)
		if got := ring.Moved().Batches; got != 3 {
			t.Errorf("%s: %d batches went in before anybody read", name, got)
		}
		rows, err := drain(ring.Batches(ctx))
		if rows != 1000 || err != nil || <-done != nil || ring.Peak() > 3*size {
			t.Errorf("%s: %d rows, error %v, %d bytes at most", name, rows, err, ring.Peak())
		}
		if m := ring.Moved(); m.Rows != 1000 || m.Batches != 100 || m.Bytes != 100*size || !m.Complete {
			t.Errorf("%s: moved %+v", name, m)
		}
	}
}

func TestRingPassesABatchLargerThanItself(t *testing.T) {
	ring := NewRing(1, 1)
	go func() { _ = put(context.Background(), memory.DefaultAllocator, ring, 100, 10) }() // the reader sees errors
	if rows, err := drain(ring.Batches(context.Background())); rows != 100 || err != nil {
		t.Errorf("%d rows, error %v", rows, err)
	}
}

func TestRingIsReadOnce(t *testing.T) {
	ring := NewRing(1<<20, 1<<20)
	ring.Seal(nil)
	if _, err := drain(ring.Batches(context.Background())); err != nil {
		t.Error(err)
	}
	if _, err := drain(ring.Batches(context.Background())); !errors.Is(err, errReadTwice) {
		t.Errorf("error %v", err)
	}
}

func TestGivenRingTakesEverything(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.DefaultAllocator)
	defer mem.AssertSize(t, 0)
	ring, done := NewRing(1, 1), make(chan error)
	go func() { done <- put(context.Background(), mem, ring, 100, 10) }()
	for b, err := range ring.Batches(context.Background()) {
		if err != nil || b.NumRows() != 10 {
			t.Error(err)
		}
		break
	}
	ring.Give()
	if err := <-done; err != nil || ring.Moved().Rows != 100 {
		t.Errorf("error %v, moved %+v", err, ring.Moved())
	}
}

// TestEdgesEndWithTheirWriter covers what readers get of a writer that fails,
// and of one that says nothing.
func TestEdgesEndWithTheirWriter(t *testing.T) {
	for name, e := range edges(t) {
		ctx := context.Background()
		_ = put(ctx, memory.DefaultAllocator, e, 10, 10)
		e.Seal(errTest) // too late
		if rows, err := drain(e.Batches(ctx)); rows != 10 || err != nil {
			t.Errorf("%s: %d rows, error %v", name, rows, err)
		}
	}
	for name, e := range edges(t) {
		e.Seal(errTest)
		if _, err := drain(e.Batches(context.Background())); !errors.Is(err, errTest) || e.Moved().Complete {
			t.Errorf("%s: error %v", name, err)
		}
		if _, err := e.Schema(context.Background()); !errors.Is(err, errTest) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	for name, e := range edges(t) {
		e.Seal(nil)
		if got, err := e.Schema(context.Background()); got != nil || err != nil {
			t.Errorf("%s: schema %v, error %v", name, got, err)
		}
	}
}

func edges(t *testing.T) map[string]Edge {
	return map[string]Edge{
		"ring": NewRing(1<<20, 1<<20), "kept": NewKept(NewLedger(1<<20, 0), nil), "spilled": NewKept(NewLedger(0, 1<<20), spillTo(t, nil)),
	}
}

func TestNobodyWaitsPastItsContext(t *testing.T) {
	for name, e := range edges(t) {
		ctx, cancel := context.WithCancelCause(context.Background())
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := e.Schema(ctx); !errors.Is(err, errTest) {
				t.Errorf("%s: error %v", name, err)
			}
		})
		wg.Go(func() {
			if _, err := drain(e.Batches(ctx)); !errors.Is(err, errTest) {
				t.Errorf("%s: error %v", name, err)
			}
		})
		time.Sleep(5 * time.Millisecond)
		cancel(errTest)
		wg.Wait()
		if err := put(ctx, memory.DefaultAllocator, e, 1<<20, 1<<10); !errors.Is(err, errTest) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}
