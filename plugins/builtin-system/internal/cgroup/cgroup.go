// SPDX-License-Identifier: Apache-2.0

// Package cgroup finds the limits that the control groups of a process put on
// it.
//
// A process stands in one cgroup of each hierarchy, and every ancestor of that
// cgroup limits it too: the tightest limit wins. Read starts at the process's
// own cgroup file, finds the hierarchies in its mountinfo, and walks from the
// leaf up to the mount point, which inside a container is the container's own
// cgroup. It knows version 2, version 1, and the hybrid of both, in which
// version 1 has the controllers.
//
// Interface files: https://docs.kernel.org/admin-guide/cgroup-v2.html and
// https://docs.kernel.org/admin-guide/cgroup-v1/.
package cgroup

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-system/internal/procfs"
)

// Reader returns the trimmed text of a small file, "" when it cannot be read.
type Reader func(name string) string

// Bound is a limit and the file that says so.
type Bound struct {
	// Value in bytes, tasks or CPUs.
	Value float64
	// Path of the interface file and its Text.
	Path, Text string
}

// Limits are the tightest bounds on one process; nil where there is none.
type Limits struct {
	// Version of the hierarchy with the controllers: 0 (none), 1 or 2.
	Version int
	// Hybrid is true when a version 2 hierarchy stands beside version 1.
	Hybrid bool
	Memory *Bound
	Pids   *Bound
	CPU    *Bound
	// OOMKills counts the processes that the kernel killed for lack of memory
	// in the cgroup that bounds memory; nil when that is not known.
	OOMKills *Bound
}

// Read finds the limits of the process with these mounts and memberships.
func Read(read Reader, mounts []procfs.Mount, memberships []procfs.Membership) Limits {
	h := hierarchies{read: read, mounts: mounts, memberships: memberships}
	unified := slices.ContainsFunc(mounts, func(m procfs.Mount) bool { return m.Type == "cgroup2" })
	legacy := slices.ContainsFunc(mounts, func(m procfs.Mount) bool {
		return m.Type == "cgroup" && slices.ContainsFunc(m.Super, bounds)
	})
	switch {
	case legacy:
		l := h.version1()
		l.Version, l.Hybrid = 1, unified
		return l
	case unified:
		l := h.version2()
		l.Version = 2
		return l
	}
	return Limits{}
}

// bounds reports whether a version 1 hierarchy has a controller that is read here.
// Others, such as the net_cls of a VPN, are mounted beside a whole version 2.
func bounds(option string) bool { return slices.Contains([]string{"memory", "pids", "cpu"}, option) }

type hierarchies struct {
	read        Reader
	mounts      []procfs.Mount
	memberships []procfs.Membership
}

func (h hierarchies) version2() Limits {
	dirs := h.chain("")
	l := Limits{
		Memory: h.tightest(dirs, "memory.max", number),
		Pids:   h.tightest(dirs, "pids.max", number),
		CPU:    h.tightest(dirs, "cpu.max", quota),
	}
	if l.Memory != nil {
		l.OOMKills = h.counter(path.Join(path.Dir(l.Memory.Path), "memory.events"))
	}
	return l
}

func (h hierarchies) version1() Limits {
	l := Limits{
		Memory: h.tightest(h.accountable(h.chain("memory")), "memory.limit_in_bytes", number),
		Pids:   h.tightest(h.chain("pids"), "pids.max", number),
		CPU:    h.quota1(h.chain("cpu")),
	}
	if l.Memory != nil {
		l.OOMKills = h.counter(path.Join(path.Dir(l.Memory.Path), "memory.oom_control"))
	}
	return l
}

// maxDepth bounds the walk; the kernel's own bound is the length of a path.
const maxDepth = 256

// chain lists the directories of the process's cgroup and of its ancestors in
// one hierarchy, leaf first. An empty controller means version 2.
func (h hierarchies) chain(controller string) []string {
	mount, ok := h.mountOf(controller)
	if !ok {
		return nil
	}
	dir := procfs.Below(mount, h.pathOf(controller))
	dirs := []string{dir}
	for len(dirs) < maxDepth && dir != mount.Point && dir != "/" {
		dir = path.Dir(dir)
		dirs = append(dirs, dir)
	}
	return dirs
}

// mountOf takes the last mount, which covers earlier ones.
func (h hierarchies) mountOf(controller string) (procfs.Mount, bool) {
	for _, m := range slices.Backward(h.mounts) {
		if controller == "" && m.Type == "cgroup2" {
			return m, true
		}
		if m.Type == "cgroup" && controller != "" && slices.Contains(m.Super, controller) {
			return m, true
		}
	}
	return procfs.Mount{}, false
}

func (h hierarchies) pathOf(controller string) string {
	for _, m := range h.memberships {
		if controller == "" && len(m.Controllers) == 0 || controller != "" && slices.Contains(m.Controllers, controller) {
			return m.Path
		}
	}
	return "/"
}

// accountable drops the ancestors from the first one on that does not count
// its descendants, which version 1 allows with memory.use_hierarchy = 0.
func (h hierarchies) accountable(dirs []string) []string {
	for i, dir := range dirs {
		if i > 0 && h.read(path.Join(dir, "memory.use_hierarchy")) == "0" {
			return dirs[:i]
		}
	}
	return dirs
}

func (h hierarchies) tightest(dirs []string, file string, parse func(string) (float64, bool)) *Bound {
	var best *Bound
	for _, dir := range dirs {
		name := path.Join(dir, file)
		text := h.read(name)
		if v, ok := parse(text); ok && (best == nil || v < best.Value) {
			best = &Bound{Value: v, Path: name, Text: text}
		}
	}
	return best
}

// quota1 reads the two files that version 1 has for the quota.
func (h hierarchies) quota1(dirs []string) *Bound {
	joined := hierarchies{read: func(name string) string {
		return h.read(name) + " " + h.read(path.Join(path.Dir(name), "cpu.cfs_period_us"))
	}}
	return joined.tightest(dirs, "cpu.cfs_quota_us", quota)
}

// noLimit is where version 1 has the largest page counter, which differs by
// page size; no machine has so much memory.
const noLimit = 1 << 62

// number reads a limit; "max" and the largest counter mean none.
func number(text string) (float64, bool) {
	v, err := strconv.ParseUint(text, 10, 64)
	return float64(v), err == nil && v < noLimit
}

// quota reads "QUOTA PERIOD" in microseconds as a number of CPUs. "max" and -1
// mean that there is none.
func quota(text string) (float64, bool) {
	fields := strings.Fields(text)
	if len(fields) != 2 {
		return 0, false
	}
	microseconds, err1 := strconv.ParseInt(fields[0], 10, 64)
	period, err2 := strconv.ParseInt(fields[1], 10, 64)
	if err1 != nil || err2 != nil || microseconds <= 0 || period <= 0 {
		return 0, false
	}
	return float64(microseconds) / float64(period), true
}

// counter reads the oom_kill row of memory.events or memory.oom_control.
func (h hierarchies) counter(name string) *Bound {
	for line := range strings.Lines(h.read(name)) {
		fields := strings.Fields(line)
		if len(fields) != 2 || fields[0] != "oom_kill" {
			continue
		}
		if v, err := strconv.ParseUint(fields[1], 10, 53); err == nil {
			return &Bound{Value: float64(v), Path: name, Text: strings.TrimSpace(line)}
		}
	}
	return nil
}
