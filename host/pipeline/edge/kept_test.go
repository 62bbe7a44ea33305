// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// memoryFile is a File whose disk is the heap.
type memoryFile struct {
	mu      sync.Mutex
	batches []arrow.RecordBatch
	fail    error
	closed  bool
}

func (f *memoryFile) Append(b arrow.RecordBatch) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	b.Retain()
	f.batches = append(f.batches, b)
	return f.fail
}

func (f *memoryFile) Batch(i int) (arrow.RecordBatch, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.batches[i].Retain()
	return f.batches[i], f.fail
}

func (f *memoryFile) Close() error {
	f.closed = true
	for _, b := range f.batches {
		b.Release()
	}
	return nil
}

func spillTo(t *testing.T, fail error) Spill {
	t.Helper()
	return func(*arrow.Schema) (File, error) {
		f := &memoryFile{fail: fail}
		t.Cleanup(func() { _ = f })
		return f, nil
	}
}

// TestKeptTableIsReadWhileItIsWritten has readers at their own pace, and memory
// for a part of the table.
func TestKeptTableIsReadWhileItIsWritten(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.DefaultAllocator)
	defer mem.AssertSize(t, 0)
	one := numbers(mem, 0, 100)
	ledger := NewLedger(7*Size(one), 1<<30)
	one.Release()
	file := &memoryFile{}
	k := NewKept(ledger, func(*arrow.Schema) (File, error) { return file, nil })
	var wg sync.WaitGroup
	for i := range 5 {
		wg.Go(func() {
			time.Sleep(time.Duration(i) * time.Millisecond)
			for range 2 {
				if rows, err := drain(k.Batches(context.Background())); rows != 5000 || err != nil {
					t.Errorf("%d rows, error %v", rows, err)
				}
			}
		})
	}
	if err := put(context.Background(), mem, k, 5000, 100); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	used, disk := ledger.Used()
	if len(file.batches) != 43 || !k.Spilled() || used == 0 || disk == 0 || k.Rows() != 5000 || k.Columns() != schema {
		t.Errorf("%d batches in the file, %d bytes in memory, %d on disk", len(file.batches), used, disk)
	}
	if err := k.Release(); err != nil || !file.closed {
		t.Errorf("error %v", err)
	}
	if used, disk := ledger.Used(); used != 0 || disk != 0 {
		t.Errorf("%d and %d bytes are still held", used, disk)
	}
	if _, err := drain(k.Batches(context.Background())); !errors.Is(err, ErrReleased) {
		t.Errorf("error %v", err)
	}
}

func TestTablesThatFitNowhere(t *testing.T) {
	full, none := NewKept(NewLedger(0, 3000), spillTo(t, nil)), NewKept(NewLedger(0, 3000), nil)
	for _, k := range []*Kept{full, none} {
		err := put(context.Background(), memory.DefaultAllocator, k, 1000, 10)
		if _, ok := errors.AsType[*FullError](err); !ok || !strings.Contains(err.Error(), "of memory and") {
			t.Errorf("error %v", err)
		}
	}
	broken := NewKept(NewLedger(0, 1<<20), spillTo(t, errTest))
	if err := put(context.Background(), memory.DefaultAllocator, broken, 10, 10); !errors.Is(err, errTest) {
		t.Errorf("error %v", err)
	}
	unmade := NewKept(NewLedger(0, 1<<20), func(*arrow.Schema) (File, error) { return nil, errTest })
	if err := put(context.Background(), memory.DefaultAllocator, unmade, 10, 10); !errors.Is(err, errTest) {
		t.Errorf("error %v", err)
	}
	if err := unmade.Release(); err != nil {
		t.Error(err)
	}
}

func TestLedgerPeak(t *testing.T) {
	l := NewLedger(100, 50)
	if !l.take(60) || l.take(41) || l.spill(50) != nil || l.spill(1) == nil {
		t.Error("the bounds do not hold")
	}
	l.give(60, 50)
	if memory, disk := l.Peak(); memory != 60 || disk != 50 {
		t.Errorf("peak %d and %d", memory, disk)
	}
}

func TestBytesText(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1536: "1.5 KiB", 2 << 30: "2 GiB", 5 << 50: "5120 TiB"} {
		if got := BytesText(n); got != want {
			t.Errorf("%d is %q, want %q", n, got, want)
		}
	}
}
