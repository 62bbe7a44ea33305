// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// pythons adds environments with packages, as the python plugin sees them.
func (m machine) pythons(packages ...string) machine {
	var list []map[string]string
	for _, name := range packages {
		list = append(list, map[string]string{"name": name, "version": "1"})
	}
	return m.sees("python.envs", []map[string]string{{"prefix": "/opt/venv"}}).sees("python.env[/opt/venv].packages", list)
}

const tmpfsRoot = `22 1 0:20 / / rw,relatime - tmpfs none rw,size=2097152k
23 22 259:2 /home /home rw,relatime - ext4 /dev/nvme0n1p2 rw
24 22 0:23 / /dev/shm rw,nosuid,nodev - tmpfs tmpfs rw
`

// TestQuiet holds the checks to silence, or to a note, on machines that look
// like faulty ones.
func TestQuiet(t *testing.T) {
	pod := func() machine { return nodes(gpuNodeMachine("KUBERNETES_SERVICE_HOST=10.0.0.1")) }
	tiny := laptop().with(file("/proc/meminfo", "MemTotal: 498000 kB\n"), nil)
	limit := func(bytes string) machine { return laptop().with(file(leaf+"memory.max", bytes), nil) }
	for _, tt := range []struct {
		name string
		machine
		want string
	}{
		{"container without ML", dockerContainer().pythons("requests", "flask"), ""},
		{"container with PyTorch", dockerContainer().pythons("requests", "Torch"), "shm-small:warning"},
		{"container with a framework that is no wheel", dockerContainer().pythons("numpy").sees("python.env[/usr].torch", map[string]string{"version": "2.1"}), "shm-small:warning"},
		{"container without ML, with a GPU", nodes(dockerContainer().pythons("requests").sees("gpu.count", 1), "/dev/nvidiactl"), "shm-small:warning"},
		{"container with a bare interpreter", dockerContainer().pythons("pip", "setuptools"), "shm-small:warning"},
		{"container whose project asks for PyTorch", dockerContainer().pythons("requests").sees("python.project_requirements", []map[string]string{{"name": "torch"}}), "shm-small:warning"},
		{"musl without ML", laptop().with(file("/lib/ld-musl-x86_64.so.1", "x"), nil).pythons("requests"), "musl-libc:info"},
		{"musl and a project that asks for PyTorch", laptop().with(file("/lib/ld-musl-x86_64.so.1", "x"), nil).pythons().sees("python.project_requirements", []map[string]string{{"name": "torch"}}), "musl-libc:warning"},
		{"container whose environments are not known", dockerContainer().sees("python.envs", []string{}), "shm-small:warning"},
		{"machine of half a gigabyte", tiny, ""},
		{"machine of half a gigabyte with a mount that is smaller still", tiny.with(file("/proc/self/mountinfo", strings.Replace(laptopMounts, "tmpfs tmpfs rw,", "tmpfs tmpfs rw,size=16m,", 1)), nil), "shm-small:warning"},

		{"pod without a GPU by intention", pod().pythons("pandas"), "kubernetes.no-gpu-resource:info"},
		{"pod with PyTorch for CUDA", pod().pythons("torch"), "kubernetes.no-gpu-resource:error"},
		{"Slurm job without a GPU by intention", gpuNodeMachine("SLURM_JOB_ID=8", "CUDA_VISIBLE_DEVICES=NoDevFiles").pythons("pandas"), "slurm.gpu-not-allocated:info"},
		{"Slurm job that hides its GPUs itself", gpuNodeMachine("SLURM_JOB_ID=8", "SLURM_GPUS_ON_NODE=0", "CUDA_VISIBLE_DEVICES="), ""},
		{"Slurm job that hides its GPUs itself, by number", gpuNodeMachine("SLURM_JOB_ID=8", "SLURM_GPUS_ON_NODE=0", "CUDA_VISIBLE_DEVICES=-1"), ""},
		{"Slurm job with GPUs of two types", gpuNodeMachine("SLURM_JOB_ID=8", "SLURM_GPUS_PER_NODE=a100:2,v100:2"), ""},
		{"Slurm job with GPUs in a form of the future", gpuNodeMachine("SLURM_JOB_ID=8", "SLURM_GPUS=h100*4", "CUDA_VISIBLE_DEVICES=0"), ""},

		{"96 CPUs in a pod, threads bounded", laptop().with(map[string]string{leaf + "pids.max": "1024\n", "/sys/devices/system/cpu/online": "0-95\n", "/proc/self/status": "Cpus_allowed_list:\t0-95\n"},
			env("OMP_NUM_THREADS=8")), ""},
		{"96 CPUs in a pod", laptop().with(map[string]string{leaf + "pids.max": "1024\n", "/sys/devices/system/cpu/online": "0-95\n", "/proc/self/status": "Cpus_allowed_list:\t0-95\n"}, nil), "pids-limit-low:warning"},
		{"quota with threads for nested levels", laptop().with(file(leaf+"cpu.max", "200000 100000\n"), env("OMP_NUM_THREADS=2,1")), ""},
		{"quota with a number of threads that OpenMP ignores", laptop().with(file(leaf+"cpu.max", "200000 100000\n"), env("OMP_NUM_THREADS=0")), "cgroup-cpu-throttled:info"},

		{"root in memory, home on a disk", laptop().with(file("/proc/self/mountinfo", tmpfsRoot), nil).disk("/", 2<<30, 2<<30).disk("/home", 1<<40, 500<<30), ""},
		{"root in memory that is full", laptop().with(file("/proc/self/mountinfo", tmpfsRoot), nil).disk("/", 2<<30, 1<<20).disk("/home", 1<<40, 500<<30), "disk-low:error"},
		{"offline with a cache that fills its disk", laptop().disk("/big/hub", 20<<30, 1<<30).with(nil, env("HF_HOME=/big", "HF_HUB_OFFLINE=1")), "hf-offline:info"},

		{"proxy with a domain in the user", laptop().with(nil, env(`https_proxy=http://CORP\ada:s3cret@proxy:3128`)), ""},
		{"proxy with marks in the password", laptop().with(nil, env(`https_proxy=http://ada:a'b%zz#"c@d@proxy:3128/`)), ""},
		{"proxy with IPv6", laptop().with(nil, env("https_proxy=http://[2001:db8::1]:3128")), ""},
		{"proxy of GNOME for SOCKS", laptop().with(nil, env("all_proxy=socks://127.0.0.1:1080/", "no_proxy=localhost")), "proxy-invalid:error"},
		{"proxy variables that differ in spelling alone", laptop().with(nil, env("https_proxy=http://p:1", "HTTPS_PROXY=http://p:1/", "no_proxy=localhost,.corp", "NO_PROXY=.corp, localhost")), ""},
		{"no_proxy by a network", laptop().with(nil, env("http_proxy=http://p:1", "no_proxy=127.0.0.0/16,10.0.0.0/8")), ""},
		{"no_proxy with ports", laptop().with(nil, env("http_proxy=http://p:1", "no_proxy=localhost:8000")), ""},
		{"no_proxy by other networks", laptop().with(nil, env("http_proxy=http://p:1", "no_proxy=10.0.0.0/8")), "no-proxy-loopback:info"},

		{"control groups of version 2 with one of version 1 for a VPN", limit("1073741824\n").with(file("/proc/self/mountinfo", laptopMounts+"31 22 0:28 / /sys/fs/cgroup/net_cls rw - cgroup net_cls rw,net_cls\n"), nil), "cgroup-memory-low:warning"},
		{"service whose name begins with docker", laptop().with(file("/proc/self/cgroup", "0::/system.slice/docker-jupyter.service\n"), nil), ""},
	} {
		t.Run(tt.name, func(t *testing.T) { expect(t, tt.machine, tt.want) })
	}
}

func TestContainerOfService(t *testing.T) {
	for path, want := range map[string]string{
		"/system.slice/docker-jupyter.service":                                                        "",
		"/system.slice/docker-0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef.scope": "docker",
		"/docker/0123456789ab": "docker",
	} {
		set := laptop().with(file("/proc/self/cgroup", "0::"+path+"\n"), nil).observe(t)
		if got := set.String("os.container"); got != want {
			t.Errorf("%s gives %q, want %q", path, got, want)
		}
	}
}

func TestKernelThatTheUserBuilt(t *testing.T) {
	set := laptop().with(file(kernelFile, "6.12.1-ada-WSL2\n"), nil).observe(t)
	if v, _ := set.Int("os.wsl_version"); !set.Bool("os.wsl") || v != 2 {
		t.Errorf("os.wsl %v, version %d", set.Bool("os.wsl"), v)
	}
}

// TestCacheBehindLink gives a cache that a link puts on another disk.
func TestCacheBehindLink(t *testing.T) {
	mounts := laptopMounts + "40 22 259:9 / /data rw - xfs /dev/sdb1 rw\n"
	m := laptop().with(map[string]string{
		"/proc/self/mountinfo": mounts, "/home/ada/.cache": "-> /data/cache", "/data/cache/huggingface/hub/version.txt": "1",
	}, nil).disk("/", 500<<30, 3<<30).disk("/data", 1<<40, 700<<30)
	expect(t, m, "disk-low:warning")
	d, _ := fact.Get[disk](m.observe(t), fact.At("disk", hub, ""))
	if d.Mount != "/data" {
		t.Errorf("the cache lies on %+v", d)
	}
	expect(t, m.disk("/", 500<<30, 300<<30).disk("/data", 1<<40, 3<<30), "hf-cache-disk-low:warning")
}

// FuzzVariables gives the readers of variables any text.
func FuzzVariables(f *testing.F) {
	for _, s := range []string{"http://u:p@[::1]:1", "a100:4,v100:2", "127.0.0.0/8", ".localhost:80", "8,2", "\x00\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if p := proxyProblem(text); strings.Contains(p, "@") {
			t.Errorf("%q quotes what may be a password: %s", text, p)
		}
		if n, ok := typedCount(text); ok && n < 0 {
			t.Errorf("%q counts %d", text, n)
		}
		exceptsLoopback(text)
		endpointProblem(text)
		if n := threads(map[string]string{"OMP_THREAD_LIMIT": text}, "OMP_NUM_THREADS", text); n < 0 || n > maxThreads {
			t.Errorf("%q asks for %d threads", text, n)
		}
	})
}
