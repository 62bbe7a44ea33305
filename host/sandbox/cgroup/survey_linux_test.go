// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestParseMounts(t *testing.T) {
	for _, test := range []struct {
		name, line string
		want       []mount
	}{
		{"version 2", "31 23 0:28 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate",
			[]mount{{"/", "/sys/fs/cgroup", 2, []string{"rw", "nsdelegate"}}}},
		{"version 1, without optional fields", "32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct",
			[]mount{{"/", "/sys/fs/cgroup/cpu", 1, []string{"rw", "cpu", "cpuacct"}}}},
		{"many optional fields", "1 2 0:3 /a /b rw master:1 propagate_from:2 unbindable - cgroup2 none rw",
			[]mount{{"/a", "/b", 2, []string{"rw"}}}},
		{"escapes", `1 2 0:3 /a\040b /m\134n\011 rw - cgroup2 none rw`,
			[]mount{{"/a b", "/m\\n\t", 2, []string{"rw"}}}},
		{"an escape cut short stays", `1 2 0:3 / /m\04 rw - cgroup2 none rw`,
			[]mount{{"/", `/m\04`, 2, []string{"rw"}}}},
		{"other file systems", "24 27 0:6 / /dev rw - devtmpfs devtmpfs rw", nil},
		{"no separator", "31 23 0:28 / /sys/fs/cgroup rw cgroup2 cgroup2 rw", nil},
		{"too few fields", "31 23 - cgroup2 cgroup2 rw", nil},
		{"too few fields after it", "31 23 0:28 / /sys/fs/cgroup rw - cgroup2", nil},
		{"dots to climb with", "31 23 0:28 / /sys/../etc rw - cgroup2 cgroup2 rw", nil},
		{"a group outside of the namespace", "31 23 0:28 /../.. /sys/fs/cgroup rw - cgroup2 cgroup2 rw", nil},
		{"not absolute", "31 23 0:28 / sys rw - cgroup2 cgroup2 rw", nil},
		{"garbage", "\x00\xff - - - \n\n - cgroup2 ", nil},
		{"nothing", "", nil},
	} {
		if got := parseMounts([]byte(test.line + "\n")); !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: %+v, want %+v", test.name, got, test.want)
		}
	}
}

func TestReach(t *testing.T) {
	for _, test := range []struct {
		root, group, want string
		ok                bool
	}{
		{"/", "/", "/m", true},
		{"/", "/a/b", "/m/a/b", true},
		{"/docker/c1", "/docker/c1", "/m", true},
		{"/docker/c1", "/docker/c1/x", "/m/x", true},
		{"/docker/c1", "/docker/c12", "", false},
		{"/docker/c1", "/", "", false},
	} {
		got, ok := mount{root: test.root, point: "/m"}.reach(test.group)
		if got != test.want || ok != test.ok {
			t.Errorf("%s in a mount of %s: %q, %v", test.group, test.root, got, ok)
		}
	}
}

func TestParseMembership(t *testing.T) {
	got := parseMembership([]byte("4:memory:/a:b\n2:cpu,cpuacct:/\n1:name=systemd:/x\n0::/user.slice\n" +
		"5:devices:/gone (deleted)\n6:freezer:/../outside\n7:pids\nnonsense\n8::/\n"))
	want := membership{unified: "/user.slice", v1: map[string]string{"memory": "/a:b", "cpu": "/", "cpuacct": "/"}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestApart(t *testing.T) {
	for _, test := range []struct {
		pids, memory string
		want         bool
	}{
		{"/", "/", false}, {"/a/b", "/a/b", false}, {"/a/b", "/a", false}, {"/a/b", "/", false},
		{"/", "/job", true}, {"/a", "/a/b", true}, {"/ab", "/a", true}, {"/a", "/slurm/job", true},
	} {
		m := membership{v1: map[string]string{"pids": test.pids, "memory": test.memory}}
		if got := m.apart("memory"); got != test.want {
			t.Errorf("pids in %s, memory in %s: apart = %v", test.pids, test.memory, got)
		}
	}
}

func TestNothingMounted(t *testing.T) {
	for name, mountinfo := range map[string]string{
		"other file systems": "24 27 0:6 / /dev rw - devtmpfs devtmpfs rw\n",
		"empty":              "",
		"garbage":            strings.Repeat("\x00\xfe - \n", 1000),
		"only a named one":   "40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd\n",
	} {
		t.Run(name, func(t *testing.T) {
			h, _ := machine(t, mountinfo, "8:pids:/\n0::/\n")
			wantUnavailable(t, h, StepFind, "mount cgroup2")
			if err := errors.Join(h.Sweep(), h.RemoveHost()); err != nil {
				t.Errorf("nothing to sweep, and yet: %v", err)
			}
		})
	}
}

func TestProcUnreadable(t *testing.T) {
	for _, name := range []string{"mountinfo", "cgroup"} {
		h, _, _ := unifiedMachine(t, "/", "pids")
		path := h.path("proc/self/" + name)
		os.Remove(path)
		if u := wantUnavailable(t, h, StepFind, name); u.Path != path || !errors.Is(u, os.ErrNotExist) {
			t.Errorf("%+v", u)
		}
	}
}

// A file of any size is read up to a bound.
func TestHugeFile(t *testing.T) {
	h, m, _ := unifiedMachine(t, "/", "pids")
	m.put(h.path("proc/self/mountinfo"), strings.Repeat(unifiedMount, fileMax/len(unifiedMount)+1))
	wantUnavailable(t, h, StepFind, "larger than")
}

// A container without a cgroup namespace sees its group at the mount point.
func TestMountOfAGroup(t *testing.T) {
	h, m := machine(t, "31 23 0:28 /docker/c1 /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n", "0::/docker/c1\n")
	m.offer("pids memory cpu")
	leaf := mustNew(t, h, plenty)
	if !within(m.unified, leaf.groups[0].dir) {
		t.Errorf("leaf in %s", leaf.groups[0].dir)
	}
}

// A mount that lies hidden below another one shows no control files.
func TestHiddenMount(t *testing.T) {
	h, m := machine(t, "30 23 0:27 / /hidden rw - cgroup2 cgroup2 rw\n"+unifiedMount, "0::/\n")
	m.offer("pids")
	os.RemoveAll(h.path("/hidden"))
	leaf := mustNew(t, h, Limits{Processes: 3})
	if !within(h.path("/sys/fs/cgroup"), leaf.groups[0].dir) {
		t.Errorf("leaf in %s", leaf.groups[0].dir)
	}
}

// The group of the host is out of reach: outside of the namespace or removed.
func TestOwnGroupOutOfReach(t *testing.T) {
	for _, own := range []string{"/../../x", "/gone (deleted)", "/not/there"} {
		h, m := machine(t, unifiedMount, "0::"+own+"\n")
		m.offer("pids")
		wantUnavailable(t, h, StepFind, "in reach")
	}
}

func TestRootJoin(t *testing.T) {
	for root, want := range map[string]string{"": "/proc/x", "/": "/proc/x", "/r": "/r/proc/x"} {
		h := Hierarchy{Root: root}
		if got := h.path("proc/x"); got != filepath.FromSlash(want) {
			t.Errorf("root %q: %s", root, got)
		}
	}
}
