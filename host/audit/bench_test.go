// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"
)

// BenchmarkAppendAndWait is what it costs to have a record on disk, with one
// writer and with eight that share the syncs.
func BenchmarkAppendAndWait(b *testing.B) {
	for _, writers := range []int{1, 8} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			l := benchLog(b)
			times := make([][]time.Duration, writers)
			var wg sync.WaitGroup
			b.ResetTimer()
			for w := range writers {
				wg.Go(func() {
					for range (b.N + writers - 1) / writers {
						begin := time.Now()
						if err := l.Append("gpu", life[2].event).Wait(b.Context()); err != nil {
							b.Error(err)
						}
						times[w] = append(times[w], time.Since(begin))
					}
				})
			}
			wg.Wait()
			all := slices.Concat(times...)
			slices.Sort(all)
			b.ReportMetric(float64(len(all))/b.Elapsed().Seconds(), "records/s")
			b.ReportMetric(float64(all[len(all)/2].Microseconds()), "p50-us")
			b.ReportMetric(float64(all[len(all)*99/100].Microseconds()), "p99-us")
		})
	}
}

// BenchmarkOneRecord is what a launch waits that waits at all, when the log is
// idle: the head is written behind its back.
func BenchmarkOneRecord(b *testing.B) {
	l := benchLog(b)
	for b.Loop() {
		must(b, l.Append("gpu", life[2].event).Wait(b.Context()))
		b.StopTimer()
		must(b, reading(l.chain.dir, func() error { return nil }))
		b.StartTimer()
	}
}

// BenchmarkAppend is what a launch pays before it goes on: it does not wait.
func BenchmarkAppend(b *testing.B) {
	l := benchLog(b)
	var last *Receipt
	for i := 0; b.Loop(); i++ {
		last = l.Append("gpu", life[2].event)
		if i%5000 == 4999 {
			b.StopTimer()
			must(b, last.Wait(b.Context()))
			b.StartTimer()
		}
	}
	must(b, last.Wait(b.Context()))
}

// BenchmarkSync is the disk alone: a line and a sync.
func BenchmarkSync(b *testing.B) {
	f, err := os.Create(filepath.Join(benchDir(b), "file"))
	must(b, err)
	defer f.Close()
	line := make([]byte, 900)
	for b.Loop() {
		_, err := f.Write(line)
		must(b, err)
		must(b, f.Sync())
	}
}

// BenchmarkOpen is what every run of a host pays once.
func BenchmarkOpen(b *testing.B) {
	dir := benchDir(b)
	for b.Loop() {
		l, err := Open(dir, testHost)
		must(b, err)
		must(b, l.Close())
	}
}

// BenchmarkVerify walks a log of 16 MiB.
func BenchmarkVerify(b *testing.B) {
	dir := b.TempDir()
	size := bigLog(b, dir, 16<<20)
	b.SetBytes(size)
	for b.Loop() {
		if v, err := Verify(dir); err != nil || !v.Intact {
			b.Fatal(err, v)
		}
	}
}

// bigLog writes a log of about so many bytes and returns its size.
func bigLog(tb testing.TB, dir string, size int64) int64 {
	tb.Helper()
	l, err := Open(dir, testHost)
	must(tb, err)
	written := int64(0)
	for i := 0; written < size; i++ {
		r := l.Append("gpu", life[2].event)
		if written += 600; i%10000 == 9999 {
			must(tb, r.Wait(tb.Context()))
		}
	}
	must(tb, l.Close())
	return written
}

func benchLog(b *testing.B) *Log {
	b.Helper()
	l, err := Open(benchDir(b), testHost)
	must(b, err)
	b.Cleanup(func() { must(b, l.Close()) })
	return l
}

// benchDir is on the disk of the package, because a temporary directory may be
// memory, where a sync costs nothing.
func benchDir(b *testing.B) string {
	b.Helper()
	dir, err := os.MkdirTemp(".", ".bench-")
	must(b, err)
	b.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// TestALongLogNeedsNoMemory reads and verifies 100 MB.
func TestALongLogNeedsNoMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("100 MB take seconds")
	}
	dir := t.TempDir()
	size := bigLog(t, dir, 100<<20)
	before := heap()
	v, err := Verify(dir)
	if err != nil || !v.Intact || v.Files < 12 {
		t.Fatalf("%v, %+v", err, v)
	}
	n := uint64(0)
	peak := before
	_, err = Select(dir, Query{}, func(Record) error {
		if n++; n%20000 == 0 {
			peak = max(peak, heap())
		}
		return nil
	})
	if err != nil || n != v.Records {
		t.Errorf("%d records of %d: %v", n, v.Records, err)
	}
	if grown := int64(peak) - int64(before); grown > 4<<20 {
		t.Errorf("the heap grew by %d bytes over a log of %d", grown, size)
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
