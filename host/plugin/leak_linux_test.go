// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// holdings is what plugins could leave behind in a host and on its machine.
type holdings struct {
	files, goroutines, threads, children, mounts, groups, dirs int
}

// holdingsNow counts them; run is the directory of private directories.
func holdingsNow(t testing.TB, run string) holdings {
	t.Helper()
	children, err := os.ReadFile(fmt.Sprintf("/proc/self/task/%d/children", os.Getpid()))
	if err != nil {
		children = nil // a kernel without it; pids are counted by the tests of deaths
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	left, _ := filepath.Glob(filepath.Join(run, "host-*", "*"))
	return holdings{
		files: entries(t, "/proc/self/fd"), threads: entries(t, "/proc/self/task"), goroutines: runtime.NumGoroutine(),
		children: len(strings.Fields(string(children))), mounts: bytes.Count(mounts, []byte("\n")), groups: len(groupsOf(os.Getpid())), dirs: len(left),
	}
}

func entries(t testing.TB, dir string) int {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// groupsOf lists the control groups of a host; see package cgroup for the names.
func groupsOf(pid int) (found []string) {
	mine := fmt.Sprintf("/bulkhead/host-%d-", pid)
	_ = filepath.WalkDir("/sys/fs/cgroup", func(name string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && strings.Contains(name, mine) {
			found = append(found, name)
		}
		return nil
	})
	return found
}

// exceeds reports whether there is more of anything. The Go runtime keeps some
// threads for later, and their number depends on the weather.
func (h holdings) exceeds(before holdings) bool {
	const spareThreads = 12
	return h.files > before.files || h.goroutines > before.goroutines || h.threads > before.threads+spareThreads ||
		h.children > before.children || h.mounts > before.mounts || h.groups > before.groups || h.dirs > before.dirs
}

// startAndStop runs that many plugins, eight at a time.
func startAndStop(t *testing.T, spec Spec, options Options, n int) {
	t.Helper()
	jobs := make(chan int)
	var workers sync.WaitGroup
	for range 8 {
		workers.Go(func() {
			for range jobs {
				p, err := Launch(context.Background(), spec, options)
				if err != nil {
					t.Error(err)
					continue
				}
				if got, err := call(p, "echo:x"); err != nil || got != "x" {
					t.Errorf("%q, %v", got, err)
				}
				if err := p.Close(context.Background()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for i := range n {
		jobs <- i
	}
	close(jobs)
	workers.Wait()
}

// A thousand plugins leave no more behind than sixteen: nothing.
func TestNothingLeaks(t *testing.T) {
	n := 1000
	if testing.Short() {
		n = 40
	}
	spec, options, _ := fixture(t, "good")
	startAndStop(t, spec, options, 16) // whatever is made once is made now
	time.Sleep(settleTime)
	before := holdingsNow(t, options.RunDir)
	startAndStop(t, spec, options, n)
	for deadline := time.Now().Add(bound); ; time.Sleep(20 * time.Millisecond) {
		after := holdingsNow(t, options.RunDir)
		if !after.exceeds(before) {
			t.Logf("%d plugins, before %+v, after %+v", n, before, after)
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("after %d plugins:\nbefore %+v\n after %+v", n, before, after)
		}
	}
}
