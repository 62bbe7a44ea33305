// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

func TestLeavesHaveNumbers(t *testing.T) {
	h, _, _ := unifiedMachine(t, "/", "pids memory cpu")
	a, b := mustNew(t, h, plenty), mustNew(t, h, plenty)
	if a.groups[0].dir == b.groups[0].dir || filepath.Dir(a.groups[0].dir) != filepath.Dir(b.groups[0].dir) {
		t.Errorf("%s and %s", a.groups[0].dir, b.groups[0].dir)
	}
}

// Somebody cleared away the host's directory: the next New makes it again.
func TestHostDirectoryVanishes(t *testing.T) {
	h, _, own := unifiedMachine(t, "/", "pids memory cpu")
	if err := mustNew(t, h, plenty).Remove(); err != nil {
		t.Fatal(err)
	}
	os.RemoveAll(filepath.Join(own, "bulkhead"))
	if leaf := mustNew(t, h, plenty); len(leaf.Controllers()) != 3 {
		t.Errorf("Controllers = %v", leaf.Controllers())
	}
}

func TestRemoveHostLeavesNothing(t *testing.T) {
	h, _ := legacyMachine(t, "/", "/", "/")
	for range 3 {
		if _, err := h.New(plenty); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.RemoveHost(); err != nil {
		t.Fatal(err)
	}
	for _, point := range []string{"pids", "memory", "cpu,cpuacct"} {
		if got := children(h.path("/sys/fs/cgroup/" + point)); len(got) != 0 {
			t.Errorf("%s: %v is left", point, got)
		}
	}
	mustNew(t, h, plenty) // and a later New works
}

func TestRemoveTwice(t *testing.T) {
	h, _, _ := unifiedMachine(t, "/", "pids")
	leaf := mustNew(t, h, Limits{Processes: 1})
	if err := errors.Join(leaf.Remove(), leaf.Remove(), leaf.Kill()); err != nil {
		t.Error(err)
	}
	if _, err := leaf.Files()[0].WriteString("0"); !errors.Is(err, os.ErrClosed) {
		t.Errorf("the file is still open: %v", err)
	}
}

func TestRemoveKillsWhatIsLeft(t *testing.T) {
	h, m, _ := unifiedMachine(t, "/", "pids")
	leaf := mustNew(t, h, Limits{Processes: 1})
	m.setProcs(leaf.groups[0].dir, []int{1 << 30})
	if err := leaf.Remove(); err != nil {
		t.Error(err)
	}
}

// A kernel without cgroup.kill: the listed processes are signalled one by one.
func TestKillWithoutKillFile(t *testing.T) {
	h, m, _ := unifiedMachine(t, "/", "pids")
	leaf := mustNew(t, h, Limits{Processes: 9})
	dir := leaf.groups[0].dir
	os.Remove(filepath.Join(dir, "cgroup.kill"))
	victim, bystander := child(t), child(t)
	m.setProcs(dir, []int{victim.Process.Pid, os.Getpid()})
	if err := leaf.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := victim.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Errorf("the process in the group: %v", err)
	}
	if ownerOf(t, bystander.Process.Pid).dead() {
		t.Error("a process outside was killed")
	}
	if got := value(t, dir, "pids.max"); got != "0" {
		t.Errorf("pids.max = %s: new processes can be made meanwhile", got)
	}
	m.setProcs(dir, nil)
}

func TestKillOfForeignProcesses(t *testing.T) {
	h, m, _ := unifiedMachine(t, "/", "pids")
	leaf := mustNew(t, h, Limits{Processes: 9})
	os.Remove(filepath.Join(leaf.groups[0].dir, "cgroup.kill"))
	m.put(filepath.Join(leaf.groups[0].dir, "cgroup.procs"), "0\n")
	if err := leaf.Kill(); !errors.Is(err, errForeign) {
		t.Errorf("Kill: %v", err)
	}
	m.put(filepath.Join(leaf.groups[0].dir, "cgroup.procs"), "garbage\n")
	if err := leaf.Kill(); err == nil || !strings.Contains(err.Error(), "no process id") {
		t.Errorf("Kill: %v", err)
	}
	m.setProcs(leaf.groups[0].dir, nil)
}

func TestParseProcs(t *testing.T) {
	for _, test := range []struct {
		text string
		want []int
		ok   bool
	}{
		{"", nil, true}, {"3\n1\n3\n", []int{1, 3}, true}, {"0\n", []int{0}, true}, {"7", []int{7}, true},
		{"-1\n", nil, false}, {"1 2\n", nil, false}, {"99999999999\n", nil, false}, {"\n", nil, false},
	} {
		got, err := parseProcs([]byte(test.text))
		if !slices.Equal(got, test.want) || (err == nil) != test.ok {
			t.Errorf("%q: %v, %v", test.text, got, err)
		}
	}
}

func TestEraseHasADepth(t *testing.T) {
	h, m, own := unifiedMachine(t, "/", "pids")
	dir := filepath.Join(own, "bulkhead", deadName(t, hostPrefix))
	m.group(dir + strings.Repeat("/x", depthMax+2))
	if err := h.Sweep(); err == nil || !strings.Contains(err.Error(), "too deeply") {
		t.Errorf("Sweep: %v", err)
	}
}

// Making and removing at the same time disturbs nobody.
func TestParallelInTheModel(t *testing.T) {
	h, _, _ := unifiedMachine(t, "/", "pids memory cpu")
	mustNew(t, h, plenty)
	inParallel(t, h, 32)
}

func inParallel(t *testing.T, h *Hierarchy, n int) {
	t.Helper()
	var group sync.WaitGroup
	for range n {
		group.Go(func() {
			leaf, err := h.New(plenty)
			if err != nil {
				t.Error(err)
				return
			}
			if err := leaf.Remove(); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
}

func TestUnavailableWords(t *testing.T) {
	for step, word := range map[string]string{
		StepFind: "mount cgroup2", StepControllers: "cgroup.subtree_control", StepDelegate: "Delegate=yes",
		StepPopulated: "scope of its own", StepBounded: "scope of its own", StepMake: "root", StepLimit: "limit",
	} {
		text := (&Unavailable{Step: step, Path: "/p/q", Err: unix.EACCES}).Error()
		for _, want := range []string{step, "/p/q", "permission denied", word} {
			if !strings.Contains(text, want) {
				t.Errorf("%s: %q has no %q", step, text, want)
			}
		}
	}
}
