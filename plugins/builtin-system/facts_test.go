// SPDX-License-Identifier: Apache-2.0

package main

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

func TestContainer(t *testing.T) {
	const disk = "27 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n"
	bare := machine{files: map[string]string{"/proc/self/mountinfo": laptopMounts, "/proc/self/cgroup": "0::/init.scope\n"}}
	inside := machine{files: map[string]string{"/proc/self/mountinfo": containerMounts, "/proc/self/cgroup": "0::/\n"}}
	for _, tt := range []struct {
		name string
		machine
		want string
	}{
		{"machine", bare, ""},
		{"docker", inside.with(file("/.dockerenv", ""), nil), "docker"},
		{"docker by cgroup", bare.with(file("/proc/self/cgroup", "3:memory:/docker/0123\n"), nil), "docker"},
		{"docker by systemd's cgroup", bare.with(file("/proc/self/cgroup", "0::/system.slice/docker-0123.scope\n"), nil), "docker"},
		{"docker on the vfs driver", inside.with(map[string]string{"/.dockerenv": "",
			"/proc/self/mountinfo": "27 1 254:0 /var/lib/docker/vfs/dir/ab / rw - ext4 /dev/vda rw\n"}, nil), "docker"},
		{"image on the disk of a virtual machine", inside.with(map[string]string{"/.dockerenv": "", "/proc/self/mountinfo": disk}, nil), ""},
		{"podman", inside.with(file("/run/.containerenv", ""), nil), "podman"},
		{"pod", inside.with(nil, map[string]string{"KUBERNETES_SERVICE_HOST": "10.0.0.1"}), "kubernetes"},
		{"pod by cgroup", inside.with(map[string]string{"/.dockerenv": "", "/proc/self/cgroup": "0::/kubepods.slice/x\n"}, nil), "kubernetes"},
		{"lxc", inside.with(file("/run/systemd/container", "lxc\n"), nil), "lxc"},
		{"lxc by variable", inside.with(nil, map[string]string{"container": "lxc"}), "lxc"},
		{"docker client's own path", bare.with(file("/proc/self/cgroup", "0::/system.slice/docker.service\n"), nil), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, ok := fact.Get[string](tt.observe(t), "os.container")
			if !ok || got != tt.want {
				t.Errorf("os.container = %q, %v; want %q", got, ok, tt.want)
			}
		})
	}
}

func TestContainerIsNotGuessedOnAnEmptyDisk(t *testing.T) {
	if f, ok := (machine{}).observe(t).Lookup("os.container"); ok {
		t.Errorf("os.container = %s of nothing", f.Value)
	}
}

func TestHubCache(t *testing.T) {
	for _, tt := range []struct {
		env  map[string]string
		want string
	}{
		{nil, "/home/ada/.cache/huggingface/hub"},
		{map[string]string{"XDG_CACHE_HOME": "/c"}, "/c/huggingface/hub"},
		{map[string]string{"XDG_CACHE_HOME": "/c", "HF_HOME": "/h"}, "/h/hub"},
		{map[string]string{"XDG_CACHE_HOME": "/c", "HF_HOME": "/h", "HF_HUB_CACHE": "/m"}, "/m"},
		{map[string]string{"HF_HOME": "relative"}, "/home/ada/.cache/huggingface/hub"},
	} {
		if got := hubCache((machine{env: tt.env}).target(t)); got.Path != tt.want || got.Exists {
			t.Errorf("%v: %+v, want %s", tt.env, got, tt.want)
		}
	}
}

func TestShm(t *testing.T) {
	for _, tt := range []struct {
		name string
		machine
		total, free int64 // -1 is no fact
	}{
		{"size option", dockerContainer(), 64 << 20, -1},
		{"half of the memory", laptop(), 16384000 << 10 / 2, -1},
		{"recorded statfs wins", dockerContainer().disk("/dev/shm", 1<<30, 5), 1 << 30, 5},
		{"no mount, as in a chroot", laptop().with(file("/proc/self/mountinfo", "1 1 8:1 / / rw - ext4 /dev/sda1 rw\n"), nil), -1, -1},
		{"the last mount covers the first", laptop().with(file("/proc/self/mountinfo",
			"1 1 0:1 / /dev/shm rw - tmpfs a rw,size=1k\n2 1 0:2 / /dev/shm rw - tmpfs b rw,size=2k\n"), nil), 2048, -1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			set := tt.observe(t)
			for address, want := range map[string]int64{"shm.total_bytes": tt.total, "shm.free_bytes": tt.free} {
				got, ok := set.Int(address)
				if ok != (want >= 0) || ok && got != want {
					t.Errorf("%s = %d, %v; want %d", address, got, ok, want)
				}
			}
		})
	}
}

// TestDisksOfAView stages what a sandboxed plugin sees: a root that holds only
// granted files, whose own file system says nothing about the machine's.
func TestDisksOfAView(t *testing.T) {
	m := laptop()
	m.disks = nil
	target := m.target(t)
	target.Live = true
	facts, _ := fact.Observe(t.Context(), target, storageCollector)
	set := fact.NewSet(facts)
	want, ok := target.Statfs("/etc/os-release")
	if got, found := set.Int("disk[/].total_bytes"); !ok || !found || uint64(got) != want.Total {
		t.Errorf("disk[/].total_bytes = %d, %v; the granted file is on a disk of %d", got, found, want.Total)
	}
	target.Env = map[string]string{"HF_HOME": "/elsewhere"}
	mounts := laptopMounts + "40 22 9:9 / /elsewhere rw - xfs /dev/sdb1 rw\n"
	if err := os.WriteFile(filepath.Join(target.Root, "proc/self/mountinfo"), []byte(mounts), 0o644); err != nil {
		t.Fatal(err)
	}
	facts, _ = fact.Observe(t.Context(), target, storageCollector)
	if f, found := fact.NewSet(facts).Lookup("disk[/elsewhere/hub].free_bytes"); found {
		t.Errorf("disk[/elsewhere/hub].free_bytes = %s, although nothing of that disk was granted", f.Value)
	}
}

func TestProxies(t *testing.T) {
	for value, problem := range map[string]string{
		"http://proxy:3128":          "",
		"proxy:3128":                 "",
		"proxy":                      "",
		"https://u:p@proxy.corp/":    "",
		"socks5h://[::1]:1080":       "",
		"HTTP://proxy:1":             "",
		`'http://proxy'`:             "quotation marks",
		" http://proxy":              "white space",
		"htp://proxy":                "scheme",
		"http://:3128":               "no host",
		"http://proxy:port":          "not a URL",
		"http://proxy:99999":         "65535",
		"http://u:p%zz@proxy":        "",
		"http://u:p@proxy:x%zz":      "not a URL",
		"http://ada:se\"cret@proxy:": "",
		"http://ada:x@pro\"xy":       "quotation marks",
	} {
		got := proxyProblem(value)
		if problem == "" && got != "" || problem != "" && !strings.Contains(got, problem) {
			t.Errorf("proxyProblem(%q) = %q, want %q", value, got, problem)
		}
		if strings.Contains(got, "cret") {
			t.Errorf("proxyProblem(%q) tells the password: %q", value, got)
		}
	}
	set := laptop().with(nil, map[string]string{"HTTPS_PROXY": "http://ada:secret@proxy:3128", "http_proxy": "ada:sec@ret@proxy:1"}).observe(t)
	for _, f := range set.All() {
		text := string(f.Value)
		for _, e := range f.Evidence {
			text += e.Value
		}
		if strings.Contains(text, "sec") && strings.Contains(text, "ret") {
			t.Errorf("%s holds a password: %s", f.Address, text)
		}
	}
}

func TestGlibcOfGarbage(t *testing.T) {
	for _, content := range []string{"", "\x7fELF", "\x7fELF\x02\x01\x01" + strings.Repeat("\xff", 100), "text"} {
		set := laptop().with(file("/lib64/libc.so.6", content), nil).observe(t)
		if f, ok := set.Lookup("os.glibc"); !ok || f.Unknown == "" {
			t.Errorf("os.glibc of %q = %+v", content, f)
		}
	}
}

func TestFactsOfALaptop(t *testing.T) {
	set := laptop().observe(t)
	got := map[string]string{}
	for _, address := range []string{"os.id", "os.version_id", "os.kernel", "os.wsl", "cpu.count", "cpu.allowed_count",
		"memory.total_bytes", "limits.nofile", "limits.memlock", "cgroup.version", "cgroup.pids.limit", "disk[/].free_bytes", "disk[/home/ada]"} {
		f, _ := set.Lookup(address)
		got[address] = string(f.Value)
	}
	want := map[string]string{
		"os.id": `"ubuntu"`, "os.version_id": `"24.04"`, "os.kernel": `"6.8.0-45-generic"`, "os.wsl": "false", "cpu.count": "8",
		"cpu.allowed_count": "8", "memory.total_bytes": "16777216000", "limits.nofile": `{"soft":1024,"hard":1048576}`,
		"limits.memlock": `{"soft":8388608,"hard":8388608}`, "cgroup.version": "2", "cgroup.pids.limit": "20882",
		"disk[/].free_bytes": "214748364800", "disk[/home/ada]": `{"mount":"/","type":"ext4","read_only":false,"purpose":"home"}`,
	}
	for _, address := range slices.Sorted(maps.Keys(want)) {
		if got[address] != want[address] {
			t.Errorf("%s = %s, want %s", address, got[address], want[address])
		}
	}
	if e := set.Evidence("limits.nofile"); len(e) != 1 || e[0].Line != 3 || e[0].Path != "/proc/self/limits" {
		t.Errorf("evidence %+v", e)
	}
}

// TestDerivedRelease: a derivative names its parents.
func TestDerivedRelease(t *testing.T) {
	mint := laptop().with(file("/etc/os-release", "ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n"), nil).observe(t)
	if got := mint.String("os.id") + ", " + mint.String("os.id_like"); got != "linuxmint, ubuntu debian" {
		t.Errorf("got %s", got)
	}
	if fedora := laptop().with(file("/etc/os-release", "ID=fedora\n"), nil).observe(t); fedora.Known("os.id_like") {
		t.Error("a distribution without parents has some")
	}
}

func TestSize(t *testing.T) {
	for bytes, want := range map[int64]string{0: "0 bytes", 512: "512 bytes", 65536 << 10: "64 MiB", 1536 << 20: "1.5 GiB", 1<<30 - 1: "1023.9 MiB"} {
		if got := size(bytes); got != want {
			t.Errorf("size(%d) = %s, want %s", bytes, got, want)
		}
	}
}
