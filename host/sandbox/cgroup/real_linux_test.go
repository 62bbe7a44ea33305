// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-ml/bulkhead/host/sandbox/cgroup/guest"
)

// The tests named TestReal run on the control groups of the machine, of whatever
// version, or on those of the guest that TestGuest boots.

// realLeaf makes a leaf on this machine and removes it at the end.
func realLeaf(t *testing.T, limits Limits) *Leaf {
	t.Helper()
	leaf, err := New(limits)
	var u *Unavailable
	if errors.As(err, &u) && !guest.Inside() {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := leaf.Remove(); err != nil {
			t.Error(err)
		}
	})
	return leaf
}

// need skips a test for a controller that this machine keeps from us; the guest
// has all of them.
func need(t *testing.T, leaf *Leaf, controller string) {
	t.Helper()
	if slices.Contains(leaf.Controllers(), controller) {
		return
	}
	if guest.Inside() {
		t.Fatalf("no %s among %v", controller, leaf.Controllers())
	}
	t.Skipf("%s is not to be had on this machine; TestGuest tries it", controller)
}

// holds says whether the process is in every group of the leaf.
func (l *Leaf) holds(pid int) bool {
	for _, g := range l.groups {
		if procs, err := readProcs(g.dir); err != nil || !slices.Contains(procs, pid) {
			return false
		}
	}
	return true
}

func TestRealJoin(t *testing.T) {
	leaf := realLeaf(t, plenty)
	t.Logf("controllers %v in %v", leaf.Controllers(), leaf.groups)
	cmd := launch(t, leaf, "nap")
	waitFor(t, "the process to join", func() bool { return leaf.holds(cmd.Process.Pid) })
}

// move puts a process that runs into the leaf, with all its threads.
func (l *Leaf) move(pid int) error {
	for _, g := range l.groups {
		if err := l.kernel.write(filepath.Join(g.dir, "cgroup.procs"), strconv.Itoa(pid)); err != nil {
			return err
		}
	}
	return nil
}

// unified reports whether all controllers are of version 2.
func (l *Leaf) unified() bool { return len(l.groups) == 1 && l.groups[0].version == 2 }

func TestRealForkBomb(t *testing.T) {
	const most = 40
	leaf := realLeaf(t, Limits{Processes: most})
	launch(t, leaf, "bomb")
	refused := func() bool {
		if n := leaf.groups[0].number("pids.current"); n > most {
			t.Errorf("%d processes in a leaf of %d", n, most)
		}
		return leaf.Usage().ForksRefused > 0
	}
	waitFor(t, "a fork to be refused", refused)
	if err := leaf.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := leaf.Remove(); err != nil {
		t.Fatal(err)
	}
	if leaf.Usage().ForksRefused == 0 {
		t.Error("the last figures were lost")
	}
}

func TestRealCPU(t *testing.T) {
	leaf := realLeaf(t, Limits{Processes: 64, CPUs: 0.02})
	need(t, leaf, "cpu")
	launch(t, leaf, "spin")
	waitFor(t, "the process to be throttled", func() bool { return leaf.Usage().Throttled > 0 })
	if leaf.unified() && leaf.Usage().CPU <= 0 {
		t.Error("no processor time was counted")
	}
}

// A process that does not spin is not throttled.
func TestRealCPUIdle(t *testing.T) {
	leaf := realLeaf(t, Limits{Processes: 64, CPUs: 4})
	need(t, leaf, "cpu")
	cmd := child(t)
	if err := leaf.move(cmd.Process.Pid); err != nil {
		t.Fatal(err)
	}
	time.Sleep(200 * time.Millisecond)
	if got := leaf.Usage().Throttled; got != 0 {
		t.Errorf("throttled for %v", got)
	}
}

const roof = 64 << 20

func TestRealMemory(t *testing.T) {
	leaf := realLeaf(t, Limits{MemoryBytes: roof, Processes: 64})
	need(t, leaf, "memory")
	cmd := launch(t, leaf, "eat 256")
	wantKilled(t, cmd.Wait())
	u := leaf.Usage()
	t.Logf("%+v", u)
	if u.OOMKills == 0 || u.PeakBytes < roof/2 || u.PeakBytes > roof+roof/16 { // dying takes a page or two
		t.Errorf("%+v, want an OOM kill and a peak of about %d", u, roof)
	}
}

func TestRealMemoryBelowTheLimit(t *testing.T) {
	leaf := realLeaf(t, Limits{MemoryBytes: roof, Processes: 64})
	need(t, leaf, "memory")
	if err := launch(t, leaf, "eat 32").Wait(); err != nil {
		t.Error(err)
	}
	if u := leaf.Usage(); u.OOMKills != 0 || u.PeakBytes < 32<<20 {
		t.Errorf("%+v, want no OOM kill and a peak above 32 MiB", u)
	}
}

func wantKilled(t *testing.T, err error) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), "signal: killed") {
		t.Errorf("it ended with %v, want SIGKILL", err)
	}
}

// Version 2 kills the whole leaf, since what is left of a plugin is of no use.
func TestRealMemoryOfAFamily(t *testing.T) {
	leaf := realLeaf(t, Limits{MemoryBytes: roof, Processes: 64})
	need(t, leaf, "memory")
	wantKilled(t, launch(t, leaf, "family 256").Wait())
	if !leaf.unified() {
		return // version 1 has killed the one that eats; Remove ends the other
	}
	waitFor(t, "the child to be killed too", func() bool {
		procs, err := readProcs(leaf.groups[0].dir)
		return err == nil && len(procs) == 0
	})
	if leaf.Usage().OOMKills == 0 {
		t.Error("no OOM kill was counted")
	}
}

func TestRealKill(t *testing.T) {
	leaf := realLeaf(t, plenty)
	one, two := launch(t, leaf, "nap"), launch(t, leaf, "nap")
	waitFor(t, "both to join", func() bool { return leaf.holds(one.Process.Pid) && leaf.holds(two.Process.Pid) })
	if err := leaf.Kill(); err != nil {
		t.Fatal(err)
	}
	wantKilled(t, one.Wait())
	wantKilled(t, two.Wait())
}

// The way of kernels without cgroup.kill ends a fork bomb as well.
func TestRealKillOneByOne(t *testing.T) {
	leaf := realLeaf(t, Limits{Processes: 40})
	launch(t, leaf, "bomb")
	waitFor(t, "a fork to be refused", func() bool { return leaf.Usage().ForksRefused > 0 })
	dir := leaf.groups[0].dir
	if err := leaf.kernel.write(filepath.Join(dir, "pids.max"), "0"); err != nil {
		t.Fatal(err)
	}
	if err := killEach(dir); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the leaf to be empty", func() bool {
		procs, err := readProcs(dir)
		return err == nil && len(procs) == 0
	})
}

func TestRealRemoveEndsWhatIsLeft(t *testing.T) {
	leaf := realLeaf(t, plenty)
	cmd := launch(t, leaf, "nap")
	waitFor(t, "the process to join", func() bool { return leaf.holds(cmd.Process.Pid) })
	if err := leaf.Remove(); err != nil {
		t.Fatal(err)
	}
	wantKilled(t, cmd.Wait())
}

// The directories of a host that was killed are swept, with what lives in them;
// those of one that lives are not touched.
func TestRealSweep(t *testing.T) {
	realLeaf(t, plenty)
	dead, alive := startHost(t), startHost(t)
	dead.cmd.Process.Kill()
	dead.cmd.Wait()
	if err := unix.Kill(dead.plugin, 0); err != nil {
		t.Fatalf("the plugin is gone before the sweep: %v", err)
	}
	sweepTogether(t)
	for _, dir := range dead.dirs {
		if exists(dir) || exists(filepath.Dir(dir)) {
			t.Errorf("%s is still there", dir)
		}
	}
	if !gonePID(dead.plugin) {
		t.Error("the dead host's plugin lives")
	}
	for _, dir := range alive.dirs {
		if procs, err := readProcs(dir); err != nil || !slices.Contains(procs, alive.plugin) {
			t.Errorf("the live host's leaf %s holds %v, %v", dir, procs, err)
		}
	}
}

// sweepTogether sweeps as several hosts would that start at the same time.
func sweepTogether(t *testing.T) {
	t.Helper()
	errs := make(chan error)
	for range 4 {
		go func() { errs <- Sweep() }()
	}
	for range 4 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}

// gonePID says that a process has ended, reaped or not.
func gonePID(pid int) bool {
	state, err := readState(pid)
	return err != nil || state.ended
}

func TestRealParallel(t *testing.T) {
	realLeaf(t, plenty)
	before := openFiles(t)
	inParallel(t, system, 64)
	if after := openFiles(t); after > before {
		t.Errorf("%d open files before, %d after", before, after)
	}
	for _, p := range system.places {
		if got := children(p.host); len(got) != 1 {
			t.Errorf("%s holds %v, want one leaf", p.host, got)
		}
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// Hosts that come and go take BASE/bulkhead away from under each other's feet.
func TestRealManyHosts(t *testing.T) {
	realLeaf(t, plenty).Remove()
	if err := RemoveHost(); err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for range 6 {
		group.Go(func() {
			if out, err := roleCommand("visit 20").CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
	group.Wait()
}

// A host that removes its directories can go on.
func TestRealRemoveHost(t *testing.T) {
	leaf := realLeaf(t, plenty)
	dir := filepath.Dir(leaf.groups[0].dir)
	if err := RemoveHost(); err != nil {
		t.Fatal(err)
	}
	if exists(dir) {
		t.Errorf("%s is still there", dir)
	}
	again := realLeaf(t, plenty)
	if got := filepath.Base(again.groups[0].dir); got == strconv.Itoa(0) || !exists(again.groups[0].dir) {
		t.Errorf("leaf %s", got)
	}
}
