// SPDX-License-Identifier: Apache-2.0

package planebench

import (
	"context"
	"fmt"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/bulkhead-ml/bulkhead/host/dataplane"
	"github.com/bulkhead-ml/bulkhead/internal/planebench/work"
	"github.com/bulkhead-ml/bulkhead/sdk/arena"
)

// slots of every ring of the stream.
const slots = 3

// source gives count batches of 8 MiB, which are four that repeat.
func source(batches []arrow.RecordBatch, count int) dataplane.Batches {
	return func(yield func(arrow.RecordBatch, error) bool) {
		for i := range count {
			if !yield(batches[i%len(batches)], nil) {
				return
			}
		}
	}
}

// serial scales every batch three times in this process, into recycled memory.
func serial(batches []arrow.RecordBatch, count int) func() float64 {
	heap := &arena.Heap{}
	return func() (total float64) {
		for batch := range source(batches, count) {
			batch.Retain()
			for range 3 {
				next := work.Scale(batch, heap)
				batch.Release()
				batch = next
			}
			total += sum(batch)
			batch.Release()
		}
		return total
	}
}

// stream scales them in three processes, which work at the same time.
func stream(b *testing.B, stages []*running, origin *dataplane.Pool, batches []arrow.RecordBatch, count int) func() float64 {
	return func() (total float64) {
		in, from := source(batches, count), origin
		done := make(chan error, len(stages))
		for i, k := range stages {
			open := dataplane.Open{Kernel: "scale", Schema: batches[0].Schema(), RowWise: true, From: from, Into: dataplane.NewPool(slots)}
			defer open.Into.Close()
			out, edge := dataplane.Output{}, make(chan arrow.RecordBatch)
			if i == len(stages)-1 {
				out.Batch = func(p dataplane.Part) error { total += sum(p.Batch); return nil }
			} else {
				out.Batch = func(p dataplane.Part) error { p.Batch.Retain(); edge <- p.Batch; return nil }
			}
			go func(in dataplane.Batches) {
				_, err := k.Transform(context.Background(), open, nil, in, out)
				close(edge)
				done <- err
			}(in)
			in, from = received(edge), open.Into
		}
		for range stages {
			if err := <-done; err != nil {
				b.Fatal(err)
			}
		}
		return total
	}
}

func received(edge chan arrow.RecordBatch) dataplane.Batches {
	return func(yield func(arrow.RecordBatch, error) bool) {
		for batch := range edge {
			goOn := yield(batch, nil)
			batch.Release()
			if !goOn {
				return
			}
		}
	}
}

// fusedCall runs the three kernels as one call in one process.
func fusedCall(b *testing.B, k *running, batches []arrow.RecordBatch, count int) func() float64 {
	return func() (total float64) {
		into := dataplane.NewPool(slots)
		defer into.Close()
		open := dataplane.Open{Kernel: "scale", Schema: batches[0].Schema(), RowWise: true, Into: into, Then: []dataplane.Stage{{Kernel: "scale"}, {Kernel: "scale"}}}
		o, err := k.Transform(context.Background(), open, nil, source(batches, count), dataplane.Output{Batch: func(p dataplane.Part) error { total += sum(p.Batch); return nil }})
		if err != nil || o.Failed() {
			b.Fatal(err, o)
		}
		return total
	}
}

// BenchmarkStream moves 200 batches of 8 MiB through three sandboxed processes.
// Goals: at most 2.0x of in process, one after the other, with recycled buffers;
// fused, at most 1.5x. "MiB-pss" is the largest proportional set size of host and
// plugins together during a run before that, and "MiB-pss-1000" that of 1,000 batches.
func BenchmarkStream(b *testing.B) {
	_, heap := numbers(fullRows, 4)
	origin, batches := resident(b, heap)
	for _, batch := range heap {
		batch.Release()
	}
	stages := []*running{start(b), start(b), start(b)}
	const count = 200
	debug.FreeOSMemory()
	few, many := peak(b, stages, stream(b, stages, origin, batches, count)), peak(b, stages, stream(b, stages, origin, batches, 5*count))
	m := compare(b, []variant{
		{"serial", serial(batches, count)},
		{"stream", stream(b, stages, origin, batches, count)},
		{"fused", fusedCall(b, stages[0], batches, count)},
	})
	ratio(b, "stream", m[1], m[0])
	ratio(b, "fused", m[2], m[0])
	b.ReportMetric(few, "MiB-pss")
	b.ReportMetric(many, "MiB-pss-1000")
}

// peak runs f and returns the largest memory of all processes meanwhile, in MiB.
func peak(b *testing.B, stages []*running, f func() float64) float64 {
	pids := []int{os.Getpid()}
	for _, s := range stages {
		pids = append(pids, s.process.PID())
	}
	var most atomic.Int64
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			case <-time.After(20 * time.Millisecond):
			}
			var total int64
			for _, pid := range pids {
				total += pss(pid)
			}
			most.Store(max(most.Load(), total))
		}
	}()
	f()
	close(stop)
	<-stopped
	return float64(most.Load()) / 1024
}

// pss of a process in KiB.
func pss(pid int) int64 {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(data)) {
		if text, ok := strings.CutPrefix(line, "Pss:"); ok {
			kib, _ := strconv.ParseInt(strings.Fields(text)[0], 10, 64)
			return kib
		}
	}
	return 0
}
