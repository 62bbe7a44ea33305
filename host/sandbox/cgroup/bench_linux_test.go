// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

var plenty = Limits{MemoryBytes: 256 << 20, Processes: 64, CPUs: 1}

func benchLeaf(b *testing.B) *Leaf {
	b.Helper()
	leaf, err := New(plenty)
	if err != nil {
		b.Skip(err)
	}
	b.Cleanup(func() { leaf.Remove(); RemoveHost() })
	return leaf
}

// BenchmarkNew is a leaf made and removed with nobody in it.
func BenchmarkNew(b *testing.B) {
	benchLeaf(b)
	for b.Loop() {
		leaf, err := New(plenty)
		if err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		if err := leaf.Remove(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}

func BenchmarkRemove(b *testing.B) {
	benchLeaf(b)
	for b.Loop() {
		b.StopTimer()
		leaf, err := New(plenty)
		if err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		if err := leaf.Remove(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkJoin is what a new process does with Files, after a pause. A locked
// thread stands for it: to the kernel of version 1 they are the same.
func BenchmarkJoin(b *testing.B) {
	leaf := benchLeaf(b)
	if leaf.groups[0].version == 2 {
		b.Skip("for version 1")
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for b.Loop() {
		for _, f := range leaf.Files() {
			if _, err := unix.Write(int(f.Fd()), []byte("0")); err != nil {
				b.Fatal(err)
			}
		}
		b.StopTimer()
		for _, p := range system.places {
			if err := p.leave(); err != nil {
				b.Fatal(err)
			}
		}
		time.Sleep(50 * time.Millisecond)
		b.StartTimer()
	}
}

// leave moves the calling thread to BASE.
func (p *place) leave() error { return cgroupfs{}.write(filepath.Join(p.base, "tasks"), "0") }

// BenchmarkSweep is a sweep that finds nothing to do.
func BenchmarkSweep(b *testing.B) {
	benchLeaf(b)
	for b.Loop() {
		if err := Sweep(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkAdd is the move of a process after a pause (cold), when the kernel
// has to wait for a grace period, and right after another move (warm).
func BenchmarkAdd(b *testing.B) {
	for name, pause := range map[string]time.Duration{"cold": 100 * time.Millisecond, "warm": 0} {
		b.Run(name, func(b *testing.B) {
			leaf, out := benchLeaf(b), benchLeaf(b)
			child := roleCommand("nap")
			if err := child.Start(); err != nil {
				b.Fatal(err)
			}
			defer child.Wait()
			defer child.Process.Signal(os.Kill)
			for i := 0; b.Loop(); i++ {
				b.StopTimer()
				time.Sleep(pause)
				b.StartTimer()
				target := leaf
				if i%2 == 1 {
					target = out
				}
				if err := target.move(child.Process.Pid); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
