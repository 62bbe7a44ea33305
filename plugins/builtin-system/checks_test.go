// SPDX-License-Identifier: Apache-2.0

package main

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/sdk/check"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

func codes(findings map[string][]check.Finding) string {
	var out []string
	for _, code := range slices.Sorted(maps.Keys(findings)) {
		for _, f := range findings[code] {
			out = append(out, strings.TrimPrefix(code, "system.")+":"+f.Severity.String())
		}
	}
	return strings.Join(out, " ")
}

const (
	leaf       = "/sys/fs/cgroup/user.slice/user-1000.slice/session-2.scope/"
	infiniband = "/sys/class/infiniband/mlx5_0/ports/1/link_layer"
)

func file(name, content string) map[string]string { return map[string]string{name: content} }

func (m machine) sees(address string, value any) machine {
	m.others = maps.Clone(m.others)
	if m.others == nil {
		m.others = map[string]any{}
	}
	m.others[address] = value
	return m
}

func (m machine) disk(name string, total, free uint64) machine {
	m.disks = maps.Clone(m.disks)
	m.disks[name] = fact.Usage{Total: total, Free: free}
	return m
}

func limitsWith(row, values string) map[string]string {
	var out []string
	for line := range strings.Lines(ordinaryLimits) {
		if strings.HasPrefix(line, row) {
			line = row + "   " + values + " x\n"
		}
		out = append(out, line)
	}
	return file("/proc/self/limits", strings.Join(out, ""))
}

func TestChecks(t *testing.T) {
	for _, tt := range []struct {
		name string
		machine
		want string
	}{
		{"ordinary laptop", laptop(), ""},
		{"laptop with a GPU", laptop().sees("gpu.count", 2), ""},
		{"CI runner with an RDMA function on Ethernet", laptop().with(file(infiniband, "Ethernet\n"), nil).sees("gpu.count", 0), ""},
		{"empty root", machine{}, ""},
		{"files of garbage", laptop().with(map[string]string{
			"/proc/self/limits": "\x00\xff", "/proc/self/mountinfo": "- - -\n", "/proc/self/cgroup": ":::\n", "/proc/meminfo": "MemTotal: -\n",
			"/proc/self/status": "CapEff: zz\n", "/sys/devices/system/cpu/online": "x", "/etc/os-release": "=\n\x00", "/lib64/libc.so.6": "\x7fELFgarbage"}, nil), ""},

		{"docker's shared memory", dockerContainer(), "shm-small:warning"},
		{"docker with --shm-size", dockerContainer().with(file("/proc/self/mountinfo", strings.Replace(containerMounts, "65536k", "8388608k", 1)), nil), ""},
		{"shared memory that is full", laptop().disk("/dev/shm", 8<<30, 10<<20), "shm-full:warning"},
		{"small shared memory that is full", dockerContainer().disk("/dev/shm", 64<<20, 0), "shm-small:warning"},

		{"infiniband with the default memlock", laptop().with(file(infiniband, "InfiniBand\n"), nil), "memlock-low:warning"},
		{"RoCE beside GPUs with the default memlock", laptop().with(file(infiniband, "Ethernet\n"), nil).sees("gpu.count", 8), "memlock-low:warning"},
		{"infiniband as root", laptop().with(file(infiniband, "InfiniBand\n"), nil).with(file("/proc/self/status", "CapEff:\t000001ffffffffff\n"), nil), ""},
		{"infiniband unlimited", laptop().with(file(infiniband, "InfiniBand\n"), nil).with(limitsWith("Max locked memory", "unlimited unlimited"), nil), ""},
		{"few files", laptop().with(limitsWith("Max open files", "256 4096"), nil), "nofile-low:warning"},
		{"few threads of the user", laptop().with(limitsWith("Max processes", "100 100"), nil), "nproc-low:warning"},
		{"few threads of the user, as root", laptop().with(limitsWith("Max processes", "100 100"), nil).with(file("/proc/self/status", "CapEff:\t000001ffffffffff\n"), nil), ""},
		{"few threads of the group", laptop().with(file(leaf+"pids.max", "64\n"), nil), "pids-limit-low:warning"},

		{"little memory in the group", laptop().with(file(leaf+"memory.max", "1073741824\n"), nil), "cgroup-memory-low:warning"},
		{"a limit above the memory", laptop().with(file(leaf+"memory.max", "1099511627776\n"), nil), ""},
		{"killed for memory", laptop().with(map[string]string{leaf + "memory.max": "8589934592\n", leaf + "memory.events": "oom_kill 3\n"}, nil), "cgroup-oom-killed:warning"},
		{"kills of a group without a limit", laptop().with(file(leaf+"memory.events", "oom_kill 3\n"), nil), ""},
		{"two of eight CPUs", laptop().with(file(leaf+"cpu.max", "200000 100000\n"), nil), "cgroup-cpu-throttled:info"},
		{"two of eight CPUs, threads bounded", laptop().with(file(leaf+"cpu.max", "200000 100000\n"), map[string]string{"OMP_NUM_THREADS": "2"}), ""},
		{"six of eight CPUs", laptop().with(file(leaf+"cpu.max", "600000 100000\n"), nil), ""},

		{"disk nearly full", laptop().disk("/", 500<<30, 2<<30), "disk-low:warning"},
		{"disk full", laptop().disk("/", 500<<30, 0), "disk-low:error"},
		{"read-only root", laptop().disk("/", 1<<30, 0).with(file("/proc/self/mountinfo", strings.Replace(laptopMounts, "rw,relatime shared:1 - ext4", "ro shared:1 - erofs", 1)), nil), ""},
		{"cache on the full disk", laptop().disk("/", 500<<30, 2<<30).with(file("/home/ada/.cache/huggingface/hub/version.txt", "1"), nil), "disk-low:warning hf-cache-disk-low:warning"},
		{"cache with little room", laptop().disk("/", 500<<30, 8<<30).with(file("/home/ada/.cache/huggingface/hub/version.txt", "1"), nil), "hf-cache-disk-low:warning"},
		{"no cache, little room", laptop().disk("/", 500<<30, 8<<30), ""},
		{"cache named by a variable", laptop().disk("/big/hub", 10<<30, 1<<30).with(nil, map[string]string{"HF_HOME": "/big"}), "hf-cache-disk-low:warning"},

		{"certificate bundle there", laptop().with(file("/etc/ca.pem", "x"), map[string]string{"SSL_CERT_FILE": "/etc/ca.pem"}), ""},
		{"certificate bundle missing", laptop().with(nil, map[string]string{"SSL_CERT_FILE": "/etc/ca.pem"}), "tls-bundle-missing:error"},
		{"certificate bundle empty", laptop().with(file("/etc/ca.pem", ""), map[string]string{"REQUESTS_CA_BUNDLE": "/etc/ca.pem"}), "tls-bundle-missing:error"},
		{"relative bundle", laptop().with(nil, map[string]string{"SSL_CERT_FILE": "ca.pem"}), ""},
		{"proxy", laptop().with(nil, map[string]string{"HTTPS_PROXY": "http://ada:secret@proxy:3128"}), ""},
		{"quoted proxy", laptop().with(nil, map[string]string{"HTTPS_PROXY": `"http://proxy:3128"`}), "proxy-invalid:error"},
		{"offline", laptop().with(nil, map[string]string{"HF_HUB_OFFLINE": "1"}), "hf-offline:info"},
		{"not offline", laptop().with(nil, map[string]string{"HF_HUB_OFFLINE": "0"}), ""},

		{"WSL 2", laptop().with(file(kernelFile, "5.15.153.1-microsoft-standard-WSL2\n"), nil), ""},
		{"WSL 1", laptop().with(file(kernelFile, "4.4.0-19041-Microsoft\n"), nil), "wsl1:warning"},
		{"musl", laptop().with(file("/lib/ld-musl-x86_64.so.1", "x"), nil), "musl-libc:warning"},
		{"old glibc", laptop().sees("os.glibc", "2.17"), "glibc-old:warning"},
		{"new glibc", laptop().sees("os.glibc", "2.100"), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			found := tt.diagnose(t, nil)
			if got := codes(found); got != tt.want {
				t.Errorf("findings %q, want %q", got, tt.want)
			}
			for code, fs := range found {
				for _, f := range fs {
					if f.Detail == "" || f.Cause == "" || len(f.Evidence) == 0 || len(f.Remedies) == 0 || len(f.Verify) == 0 {
						t.Errorf("%s lacks a part: %+v", code, f)
					}
				}
			}
		})
	}
}

func TestSettings(t *testing.T) {
	config := map[string][]byte{
		"system.shm-small":  []byte(`{"min_bytes": 17179869184}`),
		"system.nofile-low": []byte(`{"min": 65536}`),
		"system.disk-low":   []byte(`{"min_free_bytes": 0, "error_free_bytes": 0, "min_free_percent": 50}`),
	}
	if got, want := codes(laptop().diagnose(t, config)), "disk-low:warning nofile-low:warning shm-small:warning"; got != want {
		t.Errorf("findings %q, want %q", got, want)
	}
}

func TestRemedies(t *testing.T) {
	for _, tt := range []struct {
		name string
		machine
		code, want string
	}{
		{"docker shm", dockerContainer(), "system.shm-small", "docker run --shm-size=7g IMAGE"},
		{"podman shm", dockerContainer().with(file("/run/.containerenv", ""), nil), "system.shm-small", "podman run --shm-size=7g IMAGE"},
		{"kubernetes shm", dockerContainer().with(nil, map[string]string{"KUBERNETES_SERVICE_HOST": "10.0.0.1"}), "system.shm-small", "      sizeLimit: 7Gi"},
		{"files up to the hard limit", laptop().with(limitsWith("Max open files", "256 4096"), nil), "system.nofile-low", "ulimit -n 4096"},
		{"files beyond the hard limit", laptop().with(limitsWith("Max open files", "256 256"), nil), "system.nofile-low",
			`printf '%s\n' '* - nofile 65536' 'root - nofile 65536' | sudo tee /etc/security/limits.d/90-nofile.conf`},
		{"threads", laptop().with(file(leaf+"cpu.max", "250000 100000\n"), nil), "system.cgroup-cpu-throttled", "export OMP_NUM_THREADS=2 OPENBLAS_NUM_THREADS=2"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var lines []string
			for _, f := range tt.diagnose(t, nil)[tt.code] {
				for _, r := range f.Remedies {
					lines = append(lines, r.Preview...)
				}
			}
			if !slices.Contains(lines, tt.want) {
				t.Errorf("remedies %q lack %q", lines, tt.want)
			}
		})
	}
}

func TestDiskExplainsCache(t *testing.T) {
	m := laptop().disk("/", 500<<30, 2<<30).with(file("/home/ada/.cache/huggingface/hub/version.txt", "1"), nil)
	if f := m.diagnose(t, nil)["system.disk-low"]; len(f) != 1 || !slices.Contains(f[0].Explains, "system.hf-cache-disk-low") {
		t.Errorf("%+v", f)
	}
}

func TestDiskExplainsImages(t *testing.T) {
	m := laptop().disk("/", 500<<30, 2<<30).sees("docker.data_root", map[string]string{"path": "/var/lib/docker", "mount": "/"})
	if f := m.diagnose(t, nil)["system.disk-low"]; len(f) != 1 || !slices.Contains(f[0].Explains, "docker.disk-low") {
		t.Errorf("%+v", f)
	}
	m = m.sees("docker.data_root", map[string]string{"path": "/data", "mount": "/data"})
	if f := m.diagnose(t, nil)["system.disk-low"]; len(f) != 1 || slices.Contains(f[0].Explains, "docker.disk-low") {
		t.Errorf("%+v", f)
	}
}

func TestHubCacheOrder(t *testing.T) {
	for _, tt := range []struct{ variables, want string }{
		{"HF_HUB_CACHE=/a HUGGINGFACE_HUB_CACHE=/b HF_HOME=/c", "/a"}, {"HUGGINGFACE_HUB_CACHE=/b HF_HOME=/c", "/b"},
		{"HF_HOME=/c XDG_CACHE_HOME=/d", "/c/hub"}, {"XDG_CACHE_HOME=/d", "/d/huggingface/hub"}, {"HF_HOME=relative", hub},
	} {
		m := laptop().with(file("/b/models--gpt2/blobs/x", "y"), env(strings.Fields(tt.variables)...))
		got := hubCache(m.target(t))
		if got.Path != tt.want || got.Exists != (tt.want == "/b") {
			t.Errorf("%s gives %+v", tt.variables, got)
		}
	}
}

// TestDocs keeps every page of `bulkhead explain` whole.
func TestDocs(t *testing.T) {
	for _, c := range checks() {
		d := c.Doc
		for part, text := range map[string]string{"meaning": d.Meaning, "detection": d.Detection, "cause": d.Cause, "fix": d.Fix, "verify": d.Verify} {
			if !strings.HasSuffix(text, ".") {
				t.Errorf("%s: %s is not a sentence: %q", c.Code, part, text)
			}
		}
		if len(d.References) == 0 || c.Title == "" || c.Area != "system" || strings.HasSuffix(c.Title, ".") {
			t.Errorf("%s: incomplete %+v", c.Code, c)
		}
	}
}
