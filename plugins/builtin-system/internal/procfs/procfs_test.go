// SPDX-License-Identifier: Apache-2.0

package procfs

import (
	"strings"
	"testing"
)

func TestLimits(t *testing.T) {
	got := Limits([]byte("Limit                     Soft Limit           Hard Limit           Units     \n" +
		"Max cpu time              unlimited            unlimited            seconds   \n" +
		"Max open files            1024                 1048576              files     \n" +
		"Max locked memory         8388608              18446744073709551615 bytes     \n" +
		"Max nice priority         0                    0                    \n" +
		"Max open files            garbage\n"))
	for name, want := range map[string]Limit{
		"Max cpu time":      {Soft: Unlimited, Hard: Unlimited, Line: 2},
		"Max open files":    {Soft: 1024, Hard: 1048576, Line: 3},
		"Max locked memory": {Soft: 8388608, Hard: Unlimited, Line: 4},
		"Max nice priority": {Line: 5},
	} {
		l := got[name]
		l.Text = ""
		if l != want {
			t.Errorf("%s = %+v, want %+v", name, l, want)
		}
	}
}

func TestCountCPUs(t *testing.T) {
	for _, tt := range []struct {
		list string
		want int
		ok   bool
	}{
		{"0", 1, true}, {"0-3", 4, true}, {"0-3,8,10-11\n", 7, true}, {"0-65535", 65536, true},
		{"", 0, false}, {"3-1", 0, false}, {"0-99999999", 0, false}, {"a-b", 0, false}, {"-1", 0, false}, {"0-", 0, false},
	} {
		if got, ok := CountCPUs(tt.list); ok != tt.ok || ok && got != tt.want {
			t.Errorf("CountCPUs(%q) = %d, %v", tt.list, got, ok)
		}
	}
}

func TestMemory(t *testing.T) {
	for _, tt := range []struct {
		text string
		want int64
		line int
	}{
		{"MemFree: 1 kB\nMemTotal:       24684092 kB\n", 24684092 << 10, 2},
		{"MemTotal: x kB\n", 0, 0}, {"", 0, 0}, {"MemTotal: -5 kB", 0, 0}, {"MemTotal: 99999999999999999 kB", 0, 0},
	} {
		if got, line, _ := Memory([]byte(tt.text), "MemTotal"); got != tt.want || line != tt.line {
			t.Errorf("Memory(%q) = %d in line %d", tt.text, got, line)
		}
	}
}

func TestMounts(t *testing.T) {
	mounts := Mounts([]byte(`22 1 8:1 / / rw,relatime shared:1 master:2 - ext4 /dev/sda1 rw
23 22 0:5 /sub /mnt/a\040b ro - tmpfs tmpfs rw,size=65536k
24 22 0:6 / /dev/shm rw - tmpfs old rw,size=1k
25 22 0:7 / /dev/shm rw - tmpfs new rw,size=2k
garbage
26 22 0:7 / relative rw - tmpfs new rw
`))
	if len(mounts) != 4 {
		t.Fatalf("%d mounts: %+v", len(mounts), mounts)
	}
	if m := mounts[1]; m.Point != "/mnt/a b" || m.Root != "/sub" || !m.ReadOnly() || m.WholeDisk() || m.Line != 2 {
		t.Errorf("%+v", m)
	}
	for path, source := range map[string]string{"/dev/shm": "new", "/dev/shmx": "/dev/sda1", "/dev/shm/x": "new", "/": "/dev/sda1"} {
		if m, ok := MountOf(mounts, path); !ok || m.Source != source {
			t.Errorf("MountOf(%s) = %+v", path, m)
		}
	}
	if !mounts[0].WholeDisk() {
		t.Error("/dev/sda1 on / is a whole disk")
	}
}

func TestTmpfsSize(t *testing.T) {
	const memory = 16 << 30
	for _, tt := range []struct {
		typ, options string
		memory, want int64
		ok           bool
	}{
		{"tmpfs", "rw,size=65536k", memory, 64 << 20, true},
		{"tmpfs", "rw,size=8G", 0, 8 << 30, true},
		{"tmpfs", "rw,size=1048576", 0, 1 << 20, true},
		{"tmpfs", "rw,size=25%", memory, memory / 100 * 25, true},
		{"tmpfs", "rw,inode64", memory, memory / 2, true},
		{"tmpfs", "rw,inode64", 0, 0, false},
		{"tmpfs", "rw,size=0", memory, 0, false},
		{"tmpfs", "rw,size=k", memory, 0, false},
		{"tmpfs", "rw,size=9223372036854775807g", memory, 0, false},
		{"ext4", "rw,size=1k", memory, 0, false},
	} {
		m := Mount{Type: tt.typ, Super: strings.Split(tt.options, ",")}
		if got, ok := m.TmpfsSize(tt.memory); ok != tt.ok || ok && got != tt.want {
			t.Errorf("%s %s = %d, %v", tt.typ, tt.options, got, ok)
		}
	}
}

func TestProcessStatus(t *testing.T) {
	s := ProcessStatus([]byte("Name:\tx\nCapEff:\t000001ffffffffff\nCpus_allowed_list:\t0-1,4\n"))
	if !s.Has(CapIPCLock) || !s.Has(CapSysResource) || s.AllowedCPUs != 3 || s.CapabilitiesLine != 2 || s.AllowedLine != 3 {
		t.Errorf("%+v", s)
	}
	s = ProcessStatus([]byte("CapEff:\t0000000000000000\n"))
	if s.Has(CapIPCLock) || !s.HasCapabilities || s.AllowedCPUs != 0 {
		t.Errorf("%+v", s)
	}
}

func TestBelow(t *testing.T) {
	for _, tt := range []struct{ root, cgroup, want string }{
		{"/", "/", "/cg"},
		{"/", "/user.slice/a", "/cg/user.slice/a"},
		{"/docker/ab", "/docker/ab", "/cg"},
		{"/docker/ab", "/docker/ab/sub", "/cg/sub"},
		{"/docker/ab", "/docker/abc", "/cg"},
		{"/docker/ab", "/elsewhere", "/cg"},
		{"/", "/../other", "/cg"},
		{"/", "/a/../../../etc", "/cg/etc"},
	} {
		if got := Below(Mount{Root: tt.root, Point: "/cg"}, tt.cgroup); got != tt.want {
			t.Errorf("Below(%s, %s) = %s, want %s", tt.root, tt.cgroup, got, tt.want)
		}
	}
}

func TestOSRelease(t *testing.T) {
	got := OSRelease([]byte("# c\nID=debian\nNAME='a b'\nPRETTY_NAME=\"x \\\"y\\\" \\$z\"\n\nbroken\nE=\"\n"))
	for key, want := range map[string]string{"ID": "debian", "NAME": "a b", "PRETTY_NAME": `x "y" $z`, "E": `"`} {
		if got[key] != want {
			t.Errorf("%s = %q, want %q", key, got[key], want)
		}
	}
}

// FuzzFiles feeds every reader with the same bytes: none may panic, and lines
// lie inside of the file.
func FuzzFiles(f *testing.F) {
	for _, s := range []string{
		"Max open files 1 2 files\n", "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n", "0::/a (deleted)\n1:cpu,cpuacct:/b/\n", "0-3,5\n",
		"CapEff:\tff\nCpus_allowed_list:\t0-1\n", "MemTotal: 1 kB\n", "A=\"b\\\"\"\n", `1 1 0:1 /\04 /\777\040 rw - tmpfs t size=9%`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		lines := 1 + strings.Count(string(data), "\n")
		inside := func(line int) {
			if line < 0 || line > lines {
				t.Fatalf("line %d of %d", line, lines)
			}
		}
		for _, l := range Limits(data) {
			inside(l.Line)
		}
		mounts, groups := Mounts(data), Memberships(data)
		for _, m := range mounts[:min(len(mounts), 100)] {
			inside(m.Line)
			if size, ok := m.TmpfsSize(1 << 40); ok && size < 0 {
				t.Fatalf("size %d of %+v", size, m)
			}
			for _, c := range groups[:min(len(groups), 100)] {
				if b := Below(m, c.Path); !strings.HasPrefix(b, "/") {
					t.Fatalf("Below(%+v, %q) = %q", m, c.Path, b)
				}
			}
		}
		MountOf(mounts, "/dev/shm")
		inside(ProcessStatus(data).CapabilitiesLine)
		if bytes, line, ok := Memory(data, "MemTotal"); ok && (bytes < 0 || line < 1) {
			t.Fatalf("%d in line %d", bytes, line)
		}
		if n, ok := CountCPUs(string(data)); ok && (n < 1 || n > 1<<16) {
			t.Fatalf("%d CPUs", n)
		}
		OSRelease(data)
	})
}

func TestCount(t *testing.T) {
	const meminfo = "MemTotal: 1 kB\nHugePages_Total:     512\nHugePages_Free: -3\nHugePages_Rsvd: x\n"
	for field, want := range map[string]int64{"HugePages_Total": 512, "HugePages_Free": -1, "HugePages_Rsvd": -1, "None": -1} {
		n, line, ok := Count([]byte(meminfo), field)
		if ok != (want >= 0) || ok && (n != want || line != 2) {
			t.Errorf("%s = %d in line %d, %v", field, n, line, ok)
		}
	}
}
