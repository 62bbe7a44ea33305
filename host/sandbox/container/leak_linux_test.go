// SPDX-License-Identifier: Apache-2.0

package container

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Starts and ends leave no descriptor, goroutine, process or file behind.
func TestNothingLeaks(t *testing.T) {
	eachRuntime(t, func(t *testing.T, name string) {
		cycle := func() {
			r, o := request(t, name, "exit", "0")
			h, err := Start(context.Background(), r)
			if err != nil {
				t.Fatal(err)
			}
			awaitDone(t, h)
			o.started()
			_ = errors.Join(o.stdout.Close(), o.stderr.Close(), r.Exe.Close())
			nothingLeft(t, h)
		}
		cycle() // what is opened once is open now
		files, routines := openFiles(t), runtime.NumGoroutine()
		for range 5 {
			cycle()
		}
		eventually(t, "descriptors or goroutines leak", func() bool {
			return openFiles(t) <= files && runtime.NumGoroutine() <= routines
		})
		if left := children(t); len(left) > 0 {
			t.Errorf("processes are left: %v", left)
		}
	})
}

func openFiles(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// children are the processes of this one that are monitors.
func children(t *testing.T) (out []string) {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join("/proc", e.Name(), "status"))
		if err == nil && parseStatus(string(text))["PPid"] == strconv.Itoa(os.Getpid()) {
			command, _ := os.ReadFile(filepath.Join("/proc", e.Name(), "cmdline"))
			if strings.HasPrefix(string(command), MonitorName) {
				out = append(out, e.Name())
			}
		}
	}
	return out
}

// A start that is cut short at any moment leaves nothing.
func TestCancelDuringStart(t *testing.T) {
	eachRuntime(t, func(t *testing.T, name string) {
		for _, after := range []time.Duration{time.Millisecond, 10 * time.Millisecond, 30 * time.Millisecond, 60 * time.Millisecond} {
			ctx, cancel := context.WithTimeout(context.Background(), after)
			r, _ := request(t, name, "sleep")
			h, err := Start(ctx, r)
			cancel()
			if err == nil { // it was faster
				h.Kill()
				awaitDone(t, h)
			} else if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("after %v: %v", after, err)
			}
		}
		for _, dir := range stateDirs() {
			entries, _ := os.ReadDir(dir)
			for _, e := range entries {
				if strings.HasPrefix(e.Name(), namePrefix+strconv.Itoa(os.Getpid())+"-") {
					t.Errorf("%s/%s is left", dir, e.Name())
				}
			}
		}
	})
}
