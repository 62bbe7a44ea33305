// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

const unifiedMount = "31 23 0:28 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"

// unifiedMachine is a machine with version 2 only, the host being in a group.
func unifiedMachine(t *testing.T, own, controllers string, procs ...int) (*Hierarchy, *model, string) {
	t.Helper()
	h, m := machine(t, unifiedMount, "0::"+own+"\n")
	m.offer(controllers)
	dir := filepath.Join(m.unified, own)
	if own != "/" {
		m.group(dir, procs...)
	}
	return h, m, dir
}

func value(t *testing.T, elem ...string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(elem...))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(data))
}

// mustNew is New, with everything removed and checked at the end.
func mustNew(t *testing.T, h *Hierarchy, l Limits) *Leaf {
	t.Helper()
	leaf, err := h.New(l)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(leaf.Remove(), h.RemoveHost()); err != nil {
			t.Error(err)
		}
	})
	return leaf
}

// wantUnavailable makes sure that New fails at a step and leaves nothing behind.
func wantUnavailable(t *testing.T, h *Hierarchy, step, word string) *Unavailable {
	t.Helper()
	leaf, err := h.New(plenty)
	var u *Unavailable
	if leaf != nil || !errors.As(err, &u) {
		t.Fatalf("New = %v, %v; want an *Unavailable", leaf, err)
	}
	if u.Step != step || !strings.Contains(u.Error(), word) {
		t.Errorf("step %s, %v; want step %s and the word %q", u.Step, u, step, word)
	}
	filepath.WalkDir(h.Root, func(path string, d os.DirEntry, _ error) error {
		if d.Name() == treeName {
			t.Errorf("%s was left behind", path)
		}
		return nil
	})
	return u
}

func TestUnifiedRootMayHoldProcesses(t *testing.T) {
	h, m, own := unifiedMachine(t, "/", "cpuset cpu io memory pids")
	m.setProcs(own, []int{1, 2, os.Getpid()})
	leaf := mustNew(t, h, Limits{MemoryBytes: 64 << 20, Processes: 48, CPUs: 0.5})
	dir := leaf.groups[0].dir
	if got := filepath.Dir(filepath.Dir(dir)); got != filepath.Join(own, "bulkhead") {
		t.Errorf("the host's directory is in %s", got)
	}
	for file, want := range map[string]string{
		"memory.max": "67108864", "memory.swap.max": "0", "memory.oom.group": "1",
		"pids.max": "48", "cpu.max": "50000 100000",
	} {
		if got := value(t, dir, file); got != want {
			t.Errorf("%s = %q, want %q", file, got, want)
		}
	}
	if got := leaf.Controllers(); !slices.Equal(got, []string{"pids", "memory", "cpu"}) {
		t.Errorf("Controllers = %v", got)
	}
	if len(leaf.Files()) != 1 {
		t.Errorf("Files = %v; want one", leaf.Files())
	}
	if got := value(t, own, "cgroup.subtree_control"); got != "pids memory cpu" {
		t.Errorf("switched on in the root: %q", got)
	}
}

func TestUnifiedAloneMovesBelow(t *testing.T) {
	h, _, own := unifiedMachine(t, "/user.slice/run-1.scope", "cpu memory pids", os.Getpid())
	leaf := mustNew(t, h, plenty)
	if got, _ := readProcs(own); len(got) != 0 {
		t.Errorf("the scope still holds %v", got)
	}
	supervisor := filepath.Join(own, "bulkhead", supervisorPrefix+h.name)
	if got, _ := readProcs(supervisor); !slices.Equal(got, []int{os.Getpid()}) {
		t.Errorf("%s holds %v, want this process", supervisor, got)
	}
	if !within(own, leaf.groups[0].dir) || len(leaf.Controllers()) != 3 {
		t.Errorf("leaf %v with %v", leaf.groups, leaf.Controllers())
	}
}

// A host whose group is populated has its leaves beside it.
func TestUnifiedSiblingOfPopulatedGroup(t *testing.T) {
	h, m, own := unifiedMachine(t, "/user.slice/app.slice/term.scope", "cpu memory pids", os.Getpid(), 1)
	m.denied[filepath.Join(m.unified, "user.slice")] = unix.EACCES
	leaf := mustNew(t, h, plenty)
	if want := filepath.Join(filepath.Dir(own), "bulkhead"); !within(want, leaf.groups[0].dir) {
		t.Errorf("leaf in %s, want below %s", leaf.groups[0].dir, want)
	}
	if got, _ := readProcs(own); len(got) != 2 {
		t.Errorf("the own group was changed: %v", got)
	}
}

// A host started by a host shares its tree, rather than to nest one in it.
func TestUnifiedNestedHostSharesTheTree(t *testing.T) {
	h, m, own := unifiedMachine(t, "/s/bulkhead/supervisor-1-1-1-00000000", "cpu memory pids", os.Getpid(), 1)
	m.denied[filepath.Join(m.unified, "s")] = unix.EACCES
	leaf := mustNew(t, h, plenty)
	if got := filepath.Dir(filepath.Dir(leaf.groups[0].dir)); got != filepath.Dir(own) {
		t.Errorf("host directory in %s, want %s", got, filepath.Dir(own))
	}
}

func TestUnifiedNotDelegated(t *testing.T) {
	for name, errno := range map[string]error{"owned by root": unix.EACCES, "read-only": unix.EROFS} {
		t.Run(name, func(t *testing.T) {
			h, m, own := unifiedMachine(t, "/session.scope", "cpu memory pids", os.Getpid(), 1)
			m.denied[own], m.denied[m.unified] = errno, errno
			word := map[error]string{unix.EACCES: "systemd-run --user --scope -p Delegate=yes", unix.EROFS: "mount them writable"}[errno]
			if u := wantUnavailable(t, h, StepDelegate, word); !errors.Is(u, errno) {
				t.Errorf("%v does not unwrap to %v", u, errno)
			}
		})
	}
}

func TestUnifiedPopulatedWithoutAncestor(t *testing.T) {
	h, m := machine(t, unifiedMount, "0::/\n")
	m.offer("cpu memory pids")
	m.put(filepath.Join(m.unified, "cgroup.type"), "domain\n") // the root of a cgroup namespace
	m.setProcs(m.unified, []int{1, os.Getpid()})
	wantUnavailable(t, h, StepPopulated, "holds other processes")
}

func TestUnifiedThreadedGroup(t *testing.T) {
	h, m, own := unifiedMachine(t, "/x", "pids", os.Getpid())
	m.put(filepath.Join(own, "cgroup.type"), "threaded\n")
	m.denied[m.unified] = unix.EACCES
	wantUnavailable(t, h, StepPopulated, "threaded")
}

// Leaves beside a bounded group would not count against its bound.
func TestUnifiedLimitIsNotDodged(t *testing.T) {
	for file, limit := range map[string]string{"memory.max": "1073741824\n", "cpu.max": "50000 100000\n"} {
		h, m, own := unifiedMachine(t, "/system.slice/job.service", "cpu memory pids", os.Getpid(), 1)
		m.put(filepath.Join(own, file), limit)
		if u := wantUnavailable(t, h, StepBounded, "in a scope of its own"); u.Path != filepath.Join(own, file) {
			t.Errorf("path %s", u.Path)
		}
	}
}

func TestUnifiedWithoutPids(t *testing.T) {
	h, _, _ := unifiedMachine(t, "/", "hugetlb memory")
	wantUnavailable(t, h, StepControllers, "pids")
}

// A controller that the kernel refuses costs only itself, and the list says so.
func TestUnifiedControllerRefused(t *testing.T) {
	h, m, _ := unifiedMachine(t, "/", "cpu memory pids")
	m.refused["cgroup.subtree_control +cpu"] = unix.EINVAL
	leaf := mustNew(t, h, plenty)
	if got := leaf.Controllers(); !slices.Equal(got, []string{"pids", "memory"}) {
		t.Errorf("Controllers = %v", got)
	}
}

// A host that moved for nothing moves back.
func TestUnifiedMoveIsUndone(t *testing.T) {
	h, m, own := unifiedMachine(t, "/run.scope", "memory pids", os.Getpid())
	m.refused["cgroup.subtree_control +pids"] = unix.EBUSY
	m.denied[m.unified] = unix.EACCES
	wantUnavailable(t, h, StepPopulated, "pids")
	if got, _ := readProcs(own); !slices.Equal(got, []int{os.Getpid()}) {
		t.Errorf("the own group holds %v", got)
	}
}

const legacyMounts = `32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
39 31 0:36 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids
40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd
`

// legacyMachine is a machine with version 1, the host being in the given groups.
func legacyMachine(t *testing.T, pids, memory, cpu string) (*Hierarchy, *model) {
	t.Helper()
	h, m := machine(t, legacyMounts, "8:pids:"+pids+"\n4:memory:"+memory+"\n1:cpu,cpuacct:"+cpu+"\n0::/\n")
	for dir, group := range map[string]string{"pids": pids, "memory": memory, "cpu,cpuacct": cpu} {
		m.group(h.path(filepath.Join("/sys/fs/cgroup", dir, group)), os.Getpid())
	}
	return h, m
}

func TestLegacy(t *testing.T) {
	h, _ := legacyMachine(t, "/user.slice", "/user.slice", "/")
	leaf := mustNew(t, h, Limits{MemoryBytes: 1 << 20, Processes: 5, CPUs: 2})
	if got := leaf.Controllers(); !slices.Equal(got, []string{"pids", "memory", "cpu"}) {
		t.Errorf("Controllers = %v", got)
	}
	if len(leaf.Files()) != 3 {
		t.Errorf("Files = %v; want three", leaf.Files())
	}
	want := map[string]string{"pids.max": "5", "memory.limit_in_bytes": "1048576", "cpu.cfs_quota_us": "200000", "cpu.cfs_period_us": "100000"}
	for _, g := range leaf.groups {
		for file, text := range want {
			if exists(filepath.Join(g.dir, file)) && value(t, g.dir, file) == text {
				delete(want, file)
			}
		}
	}
	if len(want) > 0 {
		t.Errorf("not set: %v", want)
	}
}

// Only what is limited needs a directory; pids is where the processes are found.
func TestLegacyWithoutLimits(t *testing.T) {
	h, _ := legacyMachine(t, "/", "/", "/")
	leaf := mustNew(t, h, Limits{})
	if len(leaf.Files()) != 1 || len(leaf.Controllers()) != 0 {
		t.Errorf("Files = %v, Controllers = %v", leaf.Files(), leaf.Controllers())
	}
}

// A group that a supervisor manages in the memory hierarchy alone is left alone.
func TestLegacyGroupOfASupervisor(t *testing.T) {
	h, _ := legacyMachine(t, "/user.slice", "/slurm/job_7", "/user.slice")
	leaf := mustNew(t, h, plenty)
	if got := leaf.Controllers(); !slices.Equal(got, []string{"pids", "cpu"}) {
		t.Errorf("Controllers = %v", got)
	}
	if got := children(h.path("/sys/fs/cgroup/memory/slurm/job_7")); len(got) != 0 {
		t.Errorf("made in it: %v", got)
	}
}

func TestLegacyQuotaOfAnAncestor(t *testing.T) {
	h, m := legacyMachine(t, "/", "/", "/")
	m.refused["cpu.cfs_quota_us 100000"] = unix.EINVAL
	leaf := mustNew(t, h, plenty)
	if got := leaf.Controllers(); !slices.Equal(got, []string{"pids", "memory"}) {
		t.Errorf("Controllers = %v", got)
	}
}

func TestLegacyNotWritable(t *testing.T) {
	h, m := legacyMachine(t, "/u", "/u", "/u")
	for point := range m.legacy {
		m.denied[filepath.Join(point, "u")] = unix.EACCES
	}
	wantUnavailable(t, h, StepDelegate, "run as root")
}

// A memory hierarchy that may not be changed costs only itself.
func TestLegacyMemoryNotWritable(t *testing.T) {
	h, m := legacyMachine(t, "/u", "/u", "/u")
	m.denied[h.path("/sys/fs/cgroup/memory/u")] = unix.EROFS
	leaf := mustNew(t, h, plenty)
	if got := leaf.Controllers(); !slices.Equal(got, []string{"pids", "cpu"}) {
		t.Errorf("Controllers = %v", got)
	}
}

// Controllers of both versions: each is taken from where it is.
func TestHybridMixed(t *testing.T) {
	h, m := machine(t, "39 31 0:36 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n"+
		"41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n", "8:pids:/\n0::/\n")
	m.offer("hugetlb memory")
	leaf := mustNew(t, h, plenty)
	if len(leaf.Files()) != 2 {
		t.Errorf("Files = %v; want two", leaf.Files())
	}
	if got := leaf.Controllers(); !slices.Equal(got, []string{"pids", "memory"}) {
		t.Errorf("Controllers = %v", got)
	}
}
