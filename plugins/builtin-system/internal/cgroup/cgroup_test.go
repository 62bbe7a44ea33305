// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-system/internal/procfs"
)

const (
	v2Mount  = "30 22 0:27 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"
	v1Mounts = "31 22 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n" +
		"32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n" +
		"33 31 0:30 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n" +
		"34 31 0:31 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n" +
		"35 31 0:32 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd\n"
	v1Groups = "4:pids:/job/a\n3:memory:/job/a\n2:cpu,cpuacct:/job/a\n1:name=systemd:/x\n"
)

func read(t *testing.T, mounts, groups string, files map[string]string) Limits {
	t.Helper()
	reader := func(name string) string { return strings.TrimSpace(files[name]) }
	return Read(reader, procfs.Mounts([]byte(mounts)), procfs.Memberships([]byte(groups)))
}

func value(b *Bound) float64 {
	if b == nil {
		return -1
	}
	return b.Value
}

func TestRead(t *testing.T) {
	const top = "/sys/fs/cgroup"
	for _, tt := range []struct {
		name, mounts, groups string
		files                map[string]string
		version              int
		hybrid               bool
		memory, pids, cpu    float64 // -1 is none
	}{
		{"none", "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n", "", nil, 0, false, -1, -1, -1},
		{"v2 without limits", v2Mount, "0::/a/b\n", map[string]string{top + "/a/b/memory.max": "max", top + "/a/cpu.max": "max 100000"}, 2, false, -1, -1, -1},
		{"v2 leaf", v2Mount, "0::/a/b\n", map[string]string{
			top + "/a/b/memory.max": "1000", top + "/a/b/pids.max": "50", top + "/a/b/cpu.max": "150000 100000"}, 2, false, 1000, 50, 1.5},
		{"v2 ancestor is tighter", v2Mount, "0::/a/b/c\n", map[string]string{
			top + "/a/b/c/memory.max": "9000", top + "/a/memory.max": "700", top + "/a/b/pids.max": "7", top + "/a/pids.max": "max",
			top + "/a/b/c/cpu.max": "max 100000", top + "/a/cpu.max": "50000 100000"}, 2, false, 700, 7, 0.5},
		{"v2 container with its own namespace", strings.Replace(v2Mount, "rw - cgroup2", "ro - cgroup2", 1), "0::/\n",
			map[string]string{top + "/memory.max": "4096", top + "/cpu.max": "200000 100000"}, 2, false, 4096, -1, 2},
		{"v1", v1Mounts, v1Groups, map[string]string{
			top + "/memory/job/a/memory.limit_in_bytes": "9223372036854771712", top + "/memory/job/memory.limit_in_bytes": "2048",
			top + "/memory/memory.limit_in_bytes": "9223372036854771712", top + "/pids/job/a/pids.max": "12",
			top + "/cpu,cpuacct/job/cpu.cfs_quota_us": "25000", top + "/cpu,cpuacct/job/cpu.cfs_period_us": "100000",
			top + "/cpu,cpuacct/job/a/cpu.cfs_quota_us": "-1", top + "/cpu,cpuacct/job/a/cpu.cfs_period_us": "100000"}, 1, false, 2048, 12, 0.25},
		{"v1 ancestor that does not count", v1Mounts, v1Groups, map[string]string{
			top + "/memory/job/a/memory.limit_in_bytes": "5000", top + "/memory/job/memory.limit_in_bytes": "10",
			top + "/memory/job/memory.use_hierarchy": "0"}, 1, false, 5000, -1, -1},
		{"v1 container", strings.ReplaceAll(v1Mounts, " / /sys/fs/cgroup/m", " /docker/ab /sys/fs/cgroup/m"), strings.ReplaceAll(v1Groups, "/job/a", "/docker/ab"),
			map[string]string{top + "/memory/memory.limit_in_bytes": "64"}, 1, false, 64, -1, -1},
		{"hybrid", v1Mounts + "36 31 0:33 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n", v1Groups + "0::/x\n",
			map[string]string{top + "/memory/job/memory.limit_in_bytes": "99", top + "/unified/x/memory.max": "1"}, 1, true, 99, -1, -1},
		{"unified with systemd's named hierarchy", v2Mount + "35 31 0:32 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd\n", "1:name=systemd:/x\n0::/y\n",
			map[string]string{top + "/y/memory.max": "8"}, 2, false, 8, -1, -1},
		{"garbage", v2Mount, "0::/a\n", map[string]string{top + "/a/memory.max": "lots", top + "/a/cpu.max": "1", top + "/a/pids.max": "-4"}, 2, false, -1, -1, -1},
		{"zero period", v2Mount, "0::/a\n", map[string]string{top + "/a/cpu.max": "100 0"}, 2, false, -1, -1, -1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := read(t, tt.mounts, tt.groups, tt.files)
			if l.Version != tt.version || l.Hybrid != tt.hybrid {
				t.Errorf("version %d, hybrid %v", l.Version, l.Hybrid)
			}
			if value(l.Memory) != tt.memory || value(l.Pids) != tt.pids || value(l.CPU) != tt.cpu {
				t.Errorf("memory %v, pids %v, cpu %v; want %v, %v, %v", value(l.Memory), value(l.Pids), value(l.CPU), tt.memory, tt.pids, tt.cpu)
			}
		})
	}
}

func TestReadSaysWhere(t *testing.T) {
	l := read(t, v2Mount, "0::/a/b\n", map[string]string{
		"/sys/fs/cgroup/a/memory.max": "700", "/sys/fs/cgroup/a/memory.events": "low 0\noom 3\noom_kill 2\n", "/sys/fs/cgroup/a/b/memory.events": "oom_kill 9"})
	if l.Memory.Path != "/sys/fs/cgroup/a/memory.max" || l.Memory.Text != "700" {
		t.Errorf("%+v", l.Memory)
	}
	if value(l.OOMKills) != 2 || l.OOMKills.Path != "/sys/fs/cgroup/a/memory.events" {
		t.Errorf("%+v", l.OOMKills)
	}
	l = read(t, v1Mounts, v1Groups, map[string]string{
		"/sys/fs/cgroup/memory/job/memory.limit_in_bytes": "700", "/sys/fs/cgroup/memory/job/memory.oom_control": "under_oom 0\noom_kill 4\n"})
	if value(l.OOMKills) != 4 {
		t.Errorf("%+v", l.OOMKills)
	}
}

func FuzzRead(f *testing.F) {
	f.Add(v2Mount, "0::/a/b\n", "100 50")
	f.Add(v1Mounts, v1Groups, "9223372036854771712")
	f.Add(v1Mounts, "3:memory:/../../x\n", "-1")
	f.Fuzz(func(t *testing.T, mounts, groups, text string) {
		reads := 0
		reader := func(string) string { reads++; return text }
		l := Read(reader, procfs.Mounts([]byte(mounts)), procfs.Memberships([]byte(groups)))
		for _, b := range []*Bound{l.Memory, l.Pids, l.CPU} {
			if b != nil && b.Value < 0 {
				t.Fatalf("%+v", b)
			}
		}
		if reads > 10*maxDepth {
			t.Fatalf("%d files read", reads)
		}
	})
}
