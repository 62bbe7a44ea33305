// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"context"
	"errors"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestStorm starts programs in parallel, of which many are cut short at some
// moment, while the collector runs and signals hit every thread. A launch shares
// the host's memory and clears up by pids and descriptors: no launch may harm the
// host or the program of another.
func TestStorm(t *testing.T) {
	if testing.Short() {
		t.Skip("takes two seconds")
	}
	var over atomic.Bool
	var others sync.WaitGroup
	for _, work := range []func(){collect, signalThreads(t), canary(t)} {
		others.Go(func() {
			for !over.Load() {
				work()
			}
		})
	}
	before := openCount(t)
	var launches sync.WaitGroup
	for range 16 {
		launches.Go(func() {
			for end := time.Now().Add(2 * time.Second); time.Now().Before(end); {
				launchOrCancel(t)
			}
		})
	}
	launches.Wait()
	over.Store(true)
	others.Wait()
	if after := openCount(t); after > before+4 { // forks threads and the poller have theirs
		t.Errorf("%d descriptors were open, %d are", before, after)
	}
}

// launchOrCancel starts a program that ends at once with status 0.
func launchOrCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if rand.IntN(2) == 0 {
		timer := time.AfterFunc(rand.N(10*time.Millisecond), cancel)
		defer timer.Stop()
	}
	spec, finish := quietSpec(t)
	defer finish()
	p, err := Launch(ctx, spec)
	if errors.Is(err, context.Canceled) {
		return
	}
	if err != nil {
		t.Error(err)
		return
	}
	<-p.Done()
	if e := p.Exit(); e.Code != 0 {
		t.Errorf("a program that nobody ended: %+v", e)
	}
}

// quietSpec is testSpec for many goroutines, at full or at walls-only.
func quietSpec(t *testing.T) (Spec, func()) {
	t.Helper()
	exe, err := os.Open("/proc/self/exe")
	if err != nil {
		t.Error(err)
	}
	private, err := os.MkdirTemp("", "sandbox-storm")
	if err != nil {
		t.Error(err)
	}
	level := []Level{Full, WallsOnly}[rand.IntN(2)]
	return Spec{
			Exe: exe, Args: []string{"probe"}, Env: append([]string{probeEnv + "=nothing:"}, testEnv...), PrivateDir: private,
			Floor: level, Ceiling: level, Limits: testLimits,
		}, func() {
			_ = exe.Close()
			_ = os.RemoveAll(private)
		}
}

func collect() {
	runtime.GC()
	time.Sleep(time.Millisecond)
}

// signalThreads hits every thread of this process.
func signalThreads(t *testing.T) func() {
	caught := make(chan os.Signal, 1)
	signal.Notify(caught, unix.SIGUSR2)
	t.Cleanup(func() { signal.Stop(caught) })
	return func() {
		threads, _ := os.ReadDir("/proc/self/task")
		for _, e := range threads {
			if id, err := strconv.Atoi(e.Name()); err == nil {
				_ = unix.Tgkill(os.Getpid(), id, []unix.Signal{unix.SIGUSR2, unix.SIGURG}[rand.IntN(2)])
			}
		}
		time.Sleep(200 * time.Microsecond)
	}
}

// canary keeps memory of the heap and looks whether it stays as it is.
func canary(t *testing.T) func() {
	blocks, sums := make([][]byte, 64), make([]uint32, 64)
	for i := range blocks {
		blocks[i] = make([]byte, 1<<(6+i%10))
		for j := range blocks[i] {
			blocks[i][j] = byte(rand.Int())
		}
		sums[i] = crc32.ChecksumIEEE(blocks[i])
	}
	return func() {
		for i := range blocks {
			if crc32.ChecksumIEEE(blocks[i]) != sums[i] {
				t.Errorf("block %d changed", i)
			}
			blocks[i] = append([]byte(nil), blocks[i]...)
		}
		time.Sleep(time.Millisecond)
	}
}
