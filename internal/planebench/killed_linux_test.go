// SPDX-License-Identifier: Apache-2.0

package planebench

import (
	"context"
	"errors"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/bulkhead-ml/bulkhead/host/dataplane"
)

// TestSandboxedPluginSharesMemory: the program runs inside all walls, its batches
// do not go through gRPC, and they are right.
func TestSandboxedPluginSharesMemory(t *testing.T) {
	k := start(t)
	_, batches := numbers(2000, 3)
	want := inProcess(batches, memory.DefaultAllocator)()
	for range 3 {
		total := 0.0
		o, err := k.Transform(t.Context(), dataplane.Open{Kernel: "scale", Schema: batches[0].Schema(), RowWise: true}, nil, each(batches),
			dataplane.Output{Batch: func(p dataplane.Part) error { total += sum(p.Batch); return nil }})
		if err != nil || o.Failed() || total != want {
			t.Fatalf("%v, %v, want %v", err, total, want)
		}
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil || !strings.Contains(string(maps), "bulkhead-arena") {
		t.Errorf("no memory is shared, %v", err)
	}
}

// TestKilledPlugin: a process that is killed in the middle of a call is a lost
// process, and nothing of what it shared is left.
func TestKilledPlugin(t *testing.T) {
	_, batches := numbers(2000, 1)
	before := -1
	for range 4 {
		k := start(t)
		sent := 0
		in := source(batches, 1<<30)
		_, err := k.Transform(t.Context(), dataplane.Open{Kernel: "scale", Schema: batches[0].Schema(), RowWise: true}, nil, in,
			dataplane.Output{Batch: func(dataplane.Part) error {
				if sent++; sent == 20 {
					return syscall.Kill(k.process.PID(), syscall.SIGKILL)
				}
				return nil
			}})
		if _, ok := errors.AsType[*dataplane.TransportError](err); !ok {
			t.Errorf("error %v of type %T", err, err)
		}
		_ = k.process.Close(context.Background())
		if now := shared(t, before); before >= 0 && now > before {
			t.Errorf("%d arenas are mapped, and were %d", now, before)
		} else if before < 0 {
			before = now
		}
	}
}

// shared counts the arenas of this process, when there are no more than want or
// what was given back had time to go.
func shared(t *testing.T, want int) (n int) {
	t.Helper()
	for began := time.Now(); time.Since(began) < time.Minute; {
		runtime.GC()
		maps, err := os.ReadFile("/proc/self/maps")
		if err != nil {
			t.Fatal(err)
		}
		if n = strings.Count(string(maps), "bulkhead-arena"); n <= want {
			return n
		}
		time.Sleep(10 * time.Millisecond)
	}
	return n
}
