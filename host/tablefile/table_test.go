// SPDX-License-Identifier: Apache-2.0

package tablefile

import (
	"context"
	"errors"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/bulkhead-ml/bulkhead/sdk/table"
)

// TestRoundTrip reads every type while a table is written, when it is finished,
// and from the file.
func TestRoundTrip(t *testing.T) {
	f := empty(t)
	w, err := Create(f, everything)
	must(t, err)
	all := rowsOf(0, 1000)
	var parts []arrow.RecordBatch
	for _, cut := range [][2]int64{{0, 1}, {1, 8}, {8, 8}, {8, 700}, {700, 1000}} {
		parts = append(parts, all.NewSlice(cut[0], cut[1]))
		must(t, w.Append(parts[len(parts)-1]))
		wantBatches(t, w, parts)
	}
	if w.Rows() != 1000 || w.Len() != len(parts) {
		t.Errorf("%d rows in %d batches", w.Rows(), w.Len())
	}
	s, err := w.Close()
	must(t, err)
	wantBatches(t, w, parts)
	r, err := Open(f)
	must(t, err)
	wantBatches(t, r, parts)
	info, err := f.Stat()
	must(t, err)
	if s != r.Summary() || s.Rows != 1000 || s.Batches != len(parts) || s.Bytes != info.Size() || w.Bytes() != s.Bytes {
		t.Errorf("summaries %+v and %+v, a file of %d bytes", s, r.Summary(), info.Size())
	}
	for _, got := range []*arrow.Schema{w.Schema(), r.Schema()} {
		if !got.Equal(everything) || got.Metadata().Len() != 2 {
			t.Errorf("schema %v", got)
		}
	}
}

// reader is what a Writer and a File have in common.
type reader interface {
	Len() int
	Batch(i int) (arrow.RecordBatch, error)
}

func wantBatches(t *testing.T, r reader, want []arrow.RecordBatch) {
	t.Helper()
	if r.Len() != len(want) {
		t.Fatalf("%d batches of %d", r.Len(), len(want))
	}
	for i, b := range want {
		got, err := r.Batch(i)
		must(t, err)
		if !array.RecordEqual(got, b) {
			t.Errorf("batch %d is %v, want %v", i, got, b)
		}
		got.Release()
	}
	for _, i := range []int{-1, len(want)} {
		if _, err := r.Batch(i); !errors.Is(err, ErrNoBatch) {
			t.Errorf("batch %d: error %v", i, err)
		}
	}
}

func TestEmptyTables(t *testing.T) {
	for name, schema := range map[string]*arrow.Schema{"no columns": arrow.NewSchema(nil, nil), "no rows": everything} {
		f, s := written(t, schema)
		r, err := Open(f)
		must(t, err)
		if s.Rows != 0 || s.Batches != 0 || r.Len() != 0 || len(s.Digest) != len("sha256:")+64 {
			t.Errorf("%s: %+v", name, s)
		}
		for range r.Batches(context.Background()) {
			t.Errorf("%s: a batch", name)
		}
	}
}

// TestRowsWithoutColumns keeps their number.
func TestRowsWithoutColumns(t *testing.T) {
	schema := arrow.NewSchema(nil, nil)
	f, s := written(t, schema, array.NewRecordBatch(schema, nil, 7))
	r, err := Open(f)
	must(t, err)
	b, err := r.Batch(0)
	must(t, err)
	if s.Rows != 7 || b.NumRows() != 7 || b.NumCols() != 0 {
		t.Errorf("%+v, %v", s, b)
	}
	b.Release()
}

// TestLargeBatches become several.
func TestLargeBatches(t *testing.T) {
	batch := floats(table.MaxRows*2+1, 1)
	f, s := written(t, batch.Schema(), batch)
	r, err := Open(f)
	must(t, err)
	if s.Rows != batch.NumRows() || s.Batches < 3 {
		t.Errorf("%+v", s)
	}
	at := int64(0)
	for part, err := range r.Batches(context.Background()) {
		must(t, err)
		if !array.RecordEqual(part, batch.NewSlice(at, at+part.NumRows())) {
			t.Errorf("rows from %d on are others", at)
		}
		at += part.NumRows()
	}
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema([]arrow.Field{column("s", arrow.BinaryTypes.String)}, nil))
	b.Field(0).(*array.StringBuilder).Append(strings.Repeat("x", table.MaxBytes+1))
	huge := b.NewRecordBatch()
	w, err := Create(empty(t), huge.Schema())
	must(t, err)
	if err := w.Append(huge); !errors.Is(err, table.ErrRowTooLarge) {
		t.Errorf("error %v", err)
	}
}

func TestCreateRefuses(t *testing.T) {
	f := empty(t)
	must(t, f.Truncate(1))
	if _, err := Create(f, everything); err == nil || !strings.Contains(err.Error(), f.Name()) {
		t.Errorf("error %v", err)
	}
	other := arrow.NewSchema([]arrow.Field{column("x", arrow.BinaryTypes.LargeString)}, nil)
	if _, err := Create(empty(t), other); err == nil || !strings.Contains(err.Error(), "large_utf8") {
		t.Errorf("error %v", err)
	}
	closed := empty(t)
	must(t, closed.Close())
	if _, err := Create(closed, everything); !errors.Is(err, os.ErrClosed) {
		t.Errorf("error %v", err)
	}
	if _, err := Open(closed); !errors.Is(err, os.ErrClosed) {
		t.Errorf("error %v", err)
	}
	readOnly, err := os.Open(empty(t).Name())
	must(t, err)
	defer readOnly.Close()
	if _, err := Create(readOnly, everything); err == nil {
		t.Error("a file is written that was opened for reading")
	}
}

// TestAppendRefuses batches of another schema, and goes on.
func TestAppendRefuses(t *testing.T) {
	f := empty(t)
	w, err := Create(f, everything)
	must(t, err)
	must(t, w.Append(rowsOf(0, 10)))
	if err := w.Append(floats(1, len(everything.Fields()))); err == nil {
		t.Error("a batch of another schema is written")
	}
	must(t, w.Append(rowsOf(10, 10)))
	s, err := w.Close()
	must(t, err)
	if err := w.Append(rowsOf(0, 1)); !errors.Is(err, ErrClosed) {
		t.Errorf("error %v", err)
	}
	if again, err := w.Close(); err != nil || again != s {
		t.Errorf("a second Close gives %+v, %v", again, err)
	}
	if _, want := written(t, everything, rowsOf(0, 20)); want.Digest != s.Digest {
		t.Errorf("digest %s, want %s", s.Digest, want.Digest)
	}
}

// TestFailedAppends leave no trace: half of a batch is overwritten, and the
// digest knows nothing of it.
func TestFailedAppends(t *testing.T) {
	f := empty(t)
	w, err := Create(f, everything)
	must(t, err)
	must(t, w.Append(rowsOf(0, 10)))
	readOnly, err := os.Open(f.Name())
	must(t, err)
	defer readOnly.Close()
	w.f = readOnly
	before := w.Bytes()
	if err := w.Append(rowsOf(77, 300)); err == nil || w.Len() != 1 || w.Rows() != 10 || w.Bytes() != before {
		t.Errorf("error %v, %d batches", err, w.Len())
	}
	w.f = f
	_, err = f.WriteAt(make([]byte, 1<<20), w.Bytes()) // as if some of it had been written
	must(t, err)
	must(t, w.Append(rowsOf(10, 10)))
	s, err := w.Close()
	must(t, err)
	r, err := Open(f)
	must(t, err)
	wantBatches(t, r, []arrow.RecordBatch{rowsOf(0, 10), rowsOf(10, 10)})
	if _, want := written(t, everything, rowsOf(0, 20)); want.Digest != s.Digest {
		t.Errorf("digest %s, want %s", s.Digest, want.Digest)
	}
}

// TestSpilledTables are finished as others are.
func TestSpilledTables(t *testing.T) {
	f := empty(t)
	w, err := Spill(f, everything)
	must(t, err)
	must(t, w.Append(rowsOf(0, 10)))
	if w.digest.rows != 0 {
		t.Error("it is hashed while it is written")
	}
	must(t, w.Append(rowsOf(10, 10)))
	wantBatches(t, w, []arrow.RecordBatch{rowsOf(0, 10), rowsOf(10, 10)})
	s, err := w.Close()
	must(t, err)
	r, err := Open(f)
	must(t, err)
	if _, want := written(t, everything, rowsOf(0, 10), rowsOf(10, 10)); s != want || r.Summary() != want {
		t.Errorf("%+v, want %+v", s, want)
	}
}

// TestReadersBesideTheWriter read what is there while more is appended.
func TestReadersBesideTheWriter(t *testing.T) {
	w, err := Create(empty(t), everything)
	must(t, err)
	const batches, rows = 60, 50
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for seen := 0; seen < batches; {
				if w.Len() == seen {
					runtime.Gosched()
					continue
				}
				got, err := w.Batch(seen)
				if err != nil || !array.RecordEqual(got, rowsOf(seen*rows, rows)) {
					t.Errorf("batch %d: %v", seen, err)
					return
				}
				got.Release()
				seen++
			}
		})
	}
	for i := range batches {
		must(t, w.Append(rowsOf(i*rows, rows)))
	}
	readers.Wait()
	_, err = w.Close()
	must(t, err)
}

// TestWritersAtOnce append whole batches, in any order.
func TestWritersAtOnce(t *testing.T) {
	f := empty(t)
	w, err := Create(f, everything)
	must(t, err)
	var writers sync.WaitGroup
	for i := range 4 {
		writers.Go(func() {
			for range 10 {
				if err := w.Append(rowsOf(i*100, 100)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writers.Wait()
	s, err := w.Close()
	must(t, err)
	if s.Rows != 4000 || s.Batches != 40 {
		t.Errorf("%+v", s)
	}
	r, err := Open(f)
	must(t, err)
	for b, err := range r.Batches(context.Background()) {
		must(t, err)
		if from := int(b.Column(2).(*array.Int64).Value(0)); b.NumRows() != 100 || from > 1 {
			t.Errorf("a batch of %d rows", b.NumRows())
		}
	}
}

func TestBatchesEnd(t *testing.T) {
	f, _ := written(t, everything, rowsOf(0, 10), rowsOf(10, 10), rowsOf(20, 10))
	r, err := Open(f)
	must(t, err)
	n := 0
	for range r.Batches(context.Background()) {
		n++
		break
	}
	stop := errors.New("stop")
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	for _, err := range r.Batches(ctx) {
		n++
		if err != nil && !errors.Is(err, stop) {
			t.Errorf("error %v", err)
		}
		cancel(stop)
	}
	if n != 3 {
		t.Errorf("%d steps", n)
	}
}

// TestMemoryIsUsedAgain reads far more than it may take.
func TestMemoryIsUsedAgain(t *testing.T) {
	batch := floats(60_000, 16)
	f, _ := written(t, batch.Schema(), batch, batch)
	r, err := Open(f)
	must(t, err)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for i := range 50 {
		b, err := r.Batch(i % 2)
		must(t, err)
		b.Release()
	}
	runtime.ReadMemStats(&after)
	if made := after.TotalAlloc - before.TotalAlloc; made > 20<<20 {
		t.Errorf("reading 50 batches of 7 MiB made %d MiB of memory", made>>20)
	}
}

// TestKeptBatchesStay are not overwritten by later ones.
func TestKeptBatchesStay(t *testing.T) {
	f, _ := written(t, everything, rowsOf(0, 100), rowsOf(100, 100))
	r, err := Open(f)
	must(t, err)
	var kept []arrow.RecordBatch
	for b, err := range r.Batches(context.Background()) {
		must(t, err)
		b.Retain()
		kept = append(kept, b)
	}
	must(t, f.Close())
	for i, b := range kept {
		if !array.RecordEqual(b, rowsOf(100*i, 100)) {
			t.Errorf("batch %d has changed", i)
		}
		b.Release()
	}
}

func TestBuffers(t *testing.T) {
	var l freeList
	for _, n := range []int{0, 1, 63, 64, grain, grain + 1, 1 << 20} {
		b := l.get(n)
		if len(b) != n || cap(b)%grain != 0 || cap(b) < n {
			t.Errorf("%d bytes: length %d, capacity %d", n, len(b), cap(b))
		}
		l.put(b)
	}
	if b := l.get(grain / 2); cap(b) != grain {
		t.Errorf("capacity %d for a small batch", cap(b))
	}
	for range 20 {
		l.put(alignedBytes(4 << 20))
	}
	l.put(make([]byte, maxKept+1))
	total := 0
	for _, b := range l.free {
		total += cap(b)
	}
	if total != l.kept || total > maxKept || total < maxKept/2 {
		t.Errorf("%d bytes are kept, and it says %d", total, l.kept)
	}
}
