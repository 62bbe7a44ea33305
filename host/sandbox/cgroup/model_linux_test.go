// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// model is a kernel that keeps control groups in a plain directory: it makes the
// control files, and refuses what the real one refuses.
type model struct {
	t       *testing.T
	mu      sync.Mutex
	legacy  map[string][]string // mount point of version 1 -> controllers
	unified string              // mount point of version 2
	denied  map[string]error    // directory -> what a change in it gives
	refused map[string]error    // file name and value -> what a write gives
}

// machine is a fake machine with the two files of /proc.
func machine(t *testing.T, mountinfo, membership string) (*Hierarchy, *model) {
	t.Helper()
	root := t.TempDir()
	m := &model{t: t, legacy: map[string][]string{}, denied: map[string]error{}, refused: map[string]error{}}
	m.put(filepath.Join(root, "proc/self/mountinfo"), mountinfo)
	m.put(filepath.Join(root, "proc/self/cgroup"), membership)
	for _, mount := range parseMounts([]byte(mountinfo)) {
		point := filepath.Join(root, mount.point)
		if mount.version == 2 {
			m.unified = point
		} else {
			m.legacy[point] = mount.options
		}
		m.populate(point)
	}
	return &Hierarchy{Root: root, kernel: m}, m
}

// offer switches controllers on for a directory of version 2 and those above it.
func (m *model) offer(controllers string) {
	m.put(filepath.Join(m.unified, "cgroup.controllers"), controllers+"\n")
	m.put(filepath.Join(m.unified, "cgroup.subtree_control"), "\n")
	os.Remove(filepath.Join(m.unified, "cgroup.type")) // the root has none
}

// group makes a group with the processes in it, and its ancestors.
func (m *model) group(dir string, procs ...int) string {
	m.t.Helper()
	parent := filepath.Dir(dir)
	_, top := m.legacy[dir]
	if !top && !m.has(parent, "cgroup.procs") {
		m.group(parent)
	}
	if m.isUnified(dir) {
		for _, c := range readWords(filepath.Join(parent, "cgroup.controllers")) {
			m.switchOn(parent, c)
		}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		m.t.Fatal(err)
	}
	m.populate(dir)
	m.setProcs(dir, procs)
	return dir
}

func (m *model) isUnified(dir string) bool {
	if m.unified == "" || !within(m.unified, dir) {
		return false
	}
	for point := range m.legacy {
		if within(point, dir) {
			return false
		}
	}
	return true
}

func (m *model) has(dir, name string) bool { return exists(filepath.Join(dir, name)) }

func (m *model) put(path, text string) {
	m.t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		m.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		m.t.Fatal(err)
	}
}

func (m *model) setProcs(dir string, procs []int) {
	var b strings.Builder
	for _, p := range procs {
		b.WriteString(strconv.Itoa(p) + "\n")
	}
	m.put(filepath.Join(dir, "cgroup.procs"), b.String())
}

// Control files of a controller and what is in them at first.
var unifiedFiles = map[string]map[string]string{
	"pids":   {"pids.max": "max\n", "pids.events": "max 0\n"},
	"memory": {"memory.max": "max\n", "memory.swap.max": "max\n", "memory.oom.group": "0\n", "memory.peak": "0\n", "memory.current": "0\n", "memory.events": "oom_kill 0\n"},
	"cpu":    {"cpu.max": "max 100000\n"},
}

var legacyFiles = map[string]map[string]string{
	"pids":    {"pids.max": "max\n", "pids.events": "max 0\n"},
	"memory":  {"memory.limit_in_bytes": "-1\n", "memory.oom_control": "oom_kill 0\n", "memory.max_usage_in_bytes": "0\n"},
	"cpu":     {"cpu.cfs_period_us": "100000\n", "cpu.cfs_quota_us": "-1\n", "cpu.stat": "throttled_time 0\n"},
	"cpuacct": {"cpuacct.usage": "0\n"},
}

// populate makes the control files of a directory.
func (m *model) populate(dir string) {
	files := map[string]string{"cgroup.procs": ""}
	if m.isUnified(dir) {
		on := readWords(filepath.Join(filepath.Dir(dir), "cgroup.subtree_control"))
		files["cgroup.type"] = "domain\n"
		files["cgroup.controllers"] = strings.Join(on, " ") + "\n"
		files["cgroup.subtree_control"] = "\n"
		files["cgroup.kill"] = ""
		files["cpu.stat"] = "usage_usec 0\n"
		for _, c := range on {
			add(files, unifiedFiles[c])
		}
	}
	for point, controllers := range m.legacy {
		if within(point, dir) {
			files["tasks"] = ""
			for _, c := range controllers {
				add(files, legacyFiles[c])
			}
		}
	}
	for name, text := range files {
		m.put(filepath.Join(dir, name), text)
	}
}

func add(to, from map[string]string) {
	for k, v := range from {
		to[k] = v
	}
}

// verdict is the error for a change of something in dir.
func (m *model) verdict(dir string) error {
	for d := dir; ; d = filepath.Dir(d) {
		if err, ok := m.denied[d]; ok && d == dir {
			return err
		}
		if d == "/" {
			return nil
		}
	}
}

func (m *model) mkdir(dir string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.verdict(filepath.Dir(dir)); err != nil && !exists(dir) {
		return err
	}
	if err := unix.Mkdir(dir, 0o755); err != nil {
		return err
	}
	m.populate(dir)
	return nil
}

func (m *model) rmdir(dir string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !exists(dir) {
		return unix.ENOENT
	}
	if err := m.verdict(filepath.Dir(dir)); err != nil {
		return err
	}
	if len(children(dir)) > 0 || len(readWords(filepath.Join(dir, "cgroup.procs"))) > 0 {
		return unix.EBUSY
	}
	return os.RemoveAll(dir)
}

func (m *model) writable(path string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !exists(path) {
		return unix.ENOENT
	}
	return m.verdict(filepath.Dir(path))
}

func (m *model) write(path, value string) error {
	if err := m.writable(path); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	dir, name := filepath.Split(path)
	dir = filepath.Clean(dir)
	if err, ok := m.refused[name+" "+value]; ok {
		return err
	}
	switch name {
	case "cgroup.subtree_control":
		if off, ok := strings.CutPrefix(value, "-"); ok {
			return m.switchOff(dir, off)
		}
		return m.subtree(dir, strings.TrimPrefix(value, "+"))
	case "cgroup.procs":
		return m.join(dir, value)
	case "cgroup.kill":
		m.setProcs(dir, nil)
		return nil
	}
	return os.WriteFile(path, []byte(value+"\n"), 0o644)
}

// subtree keeps the rule of no internal processes.
func (m *model) subtree(dir, controller string) error {
	if !slices.Contains(readWords(filepath.Join(dir, "cgroup.controllers")), controller) {
		return unix.ENOENT
	}
	if m.has(dir, "cgroup.type") && len(readWords(filepath.Join(dir, "cgroup.procs"))) > 0 {
		return unix.EBUSY
	}
	m.switchOn(dir, controller)
	return nil
}

// switchOn gives a controller to the groups below dir, those there are and those
// to come.
func (m *model) switchOn(dir, controller string) {
	file := filepath.Join(dir, "cgroup.subtree_control")
	on := readWords(file)
	if slices.Contains(on, controller) {
		return
	}
	m.put(file, strings.Join(append(on, controller), " ")+"\n")
	for _, child := range children(dir) {
		path := filepath.Join(dir, child)
		available := append(readWords(filepath.Join(path, "cgroup.controllers")), controller)
		m.put(filepath.Join(path, "cgroup.controllers"), strings.Join(available, " ")+"\n")
		for name, text := range unifiedFiles[controller] {
			m.put(filepath.Join(path, name), text)
		}
	}
}

func (m *model) switchOff(dir, controller string) error {
	on := readWords(control(dir))
	if i := slices.Index(on, controller); i >= 0 {
		m.put(control(dir), strings.Join(slices.Delete(on, i, i+1), " ")+"\n")
	}
	return nil
}

// join moves a process. Version 2 lets none into a group that gives controllers.
func (m *model) join(dir, value string) error {
	pid, err := strconv.Atoi(value)
	if err != nil {
		return unix.EINVAL
	}
	if m.has(dir, "cgroup.type") && len(readWords(filepath.Join(dir, "cgroup.subtree_control"))) > 0 {
		return unix.EBUSY
	}
	m.leave(m.unified, pid)
	procs, _ := readProcs(dir)
	m.setProcs(dir, append(procs, pid))
	return nil
}

func (m *model) leave(dir string, pid int) {
	procs, _ := readProcs(dir)
	if i := slices.Index(procs, pid); i >= 0 {
		m.setProcs(dir, slices.Delete(procs, i, i+1))
	}
	for _, child := range children(dir) {
		m.leave(filepath.Join(dir, child), pid)
	}
}
