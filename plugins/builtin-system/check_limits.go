// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"

	"github.com/bulkhead-ml/bulkhead/sdk/check"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

type memlockSettings struct {
	MinBytes int64 `json:"min_bytes" default:"1073741824" min:"0" doc:"Warn when less memory than this may be locked on a machine with RDMA."`
}

var memlockLow = check.Check{
	Code: "system.memlock-low", Title: "Locked memory is limited on a machine with RDMA",
	Area: "system", Needs: []string{"limits.memlock"}, Config: memlockSettings{},
	Doc: check.Doc{
		Meaning: "The process may lock less memory than min_bytes (1 GiB unless set) and the machine has an RDMA device that ML work would use. " +
			"Registering a buffer with the device locks it, so registration (ibv_reg_mr) fails.",
		Detection: "Max locked memory of the process's limits, an InfiniBand port or an RDMA port beside a GPU in /sys/class/infiniband, and the absence of CAP_IPC_LOCK. " +
			"CUDA's pinned memory does not count against this limit, so a machine without RDMA is never reported.",
		Cause:  "Distributions allow 64 KiB to 8 MiB by default; Docker passes on the daemon's limit.",
		Fix:    "Raise the limit: --ulimit memlock=-1 for a container, limits.conf or LimitMEMLOCK= for a login or a service.",
		Verify: "ulimit -l prints unlimited.",
		References: []string{
			"https://man7.org/linux/man-pages/man2/getrlimit.2.html",
			"https://man7.org/linux/man-pages/man3/ibv_reg_mr.3.html",
			"https://docs.nvidia.com/deeplearning/nccl/user-guide/docs/troubleshooting.html",
		},
	},
	Run: runMemlock,
}

func runMemlock(c *check.Context) {
	var settings memlockSettings
	c.Config(&settings)
	l, bounded := softLimit(c, "limits.memlock")
	if !bounded || l.Soft >= settings.MinBytes || exempt(c, "memlock") || !rdmaMatters(c) {
		return
	}
	c.Report(check.Finding{
		Severity: check.Warning,
		Detail:   fmt.Sprintf("The process may lock %s of memory, and RDMA registration needs as much as the buffers that NCCL or UCX use: ibv_reg_mr fails with \"Cannot allocate memory\".", size(l.Soft)),
		Cause:    "The limit on locked memory was left at the default of the system.",
		Evidence: c.Evidence("limits.memlock", "rdma.ports", "process.exempt"),
		Remedies: limitRemedies(c, "memlock", "-l", l, -1),
		Verify:   []string{"ulimit -l"},
	})
}

// rdmaMatters leaves out the RDMA function of an ordinary Ethernet card on a
// machine without a GPU, which nothing of an ML job uses.
func rdmaMatters(c *check.Context) bool {
	ports, _ := fact.Get[[]rdmaPort](c.Facts, "rdma.ports")
	gpus, _ := c.Facts.Int("gpu.count")
	for _, p := range ports {
		if p.LinkLayer == "InfiniBand" || gpus > 0 {
			return true
		}
	}
	return false
}

type nofileSettings struct {
	Min int64 `json:"min" default:"1024" min:"0" doc:"Warn when fewer files than this may be open."`
}

var nofileLow = check.Check{
	Code: "system.nofile-low", Title: "Fewer files than usual may be open",
	Area: "system", Needs: []string{"limits.nofile"}, Config: nofileSettings{},
	Doc: check.Doc{
		Meaning: "The soft limit on open files is below min (1024 unless set). Every tensor that a DataLoader worker shares, every memory-mapped shard and every socket is an open file.",
		Detection: "Max open files of the process's limits. 1024 is what nearly every distribution starts a shell with, and ordinary jobs run well with it, so 1024 itself is no finding; " +
			"a team whose jobs need more sets min.",
		Cause:  "A shell start-up file, a service unit or the container runtime lowered it.",
		Fix:    "Raise the soft limit up to the hard limit with ulimit -n, or the hard limit where it is set. In PyTorch, torch.multiprocessing.set_sharing_strategy('file_system') needs fewer files.",
		Verify: "ulimit -n prints the new limit.",
		References: []string{
			"https://man7.org/linux/man-pages/man2/getrlimit.2.html",
			"https://docs.pytorch.org/docs/stable/multiprocessing.html#file-descriptor-file-descriptor",
		},
	},
	Run: runNofile,
}

func runNofile(c *check.Context) {
	var settings nofileSettings
	c.Config(&settings)
	l, bounded := softLimit(c, "limits.nofile")
	if !bounded || l.Soft >= settings.Min {
		return
	}
	want := max(settings.Min, 65536)
	if l.Hard >= settings.Min {
		want = min(want, l.Hard)
	}
	c.Report(check.Finding{
		Severity: check.Warning,
		Detail:   fmt.Sprintf("The process may hold %d files open, less than %d: data loaders fail with \"Too many open files\" or \"received 0 items of ancdata\".", l.Soft, settings.Min),
		Cause:    "The limit on open files was lowered below the default of Linux.",
		Evidence: c.Evidence("limits.nofile"),
		Remedies: limitRemedies(c, "nofile", "-n", l, want),
		Verify:   []string{"ulimit -n"},
	})
}

type tasksSettings struct {
	PerCPU int64 `json:"per_cpu" default:"16" min:"0" doc:"Warn when fewer processes and threads than this are allowed for each CPU."`
	Min    int64 `json:"min" default:"256" min:"0" doc:"Warn below this, however few CPUs there are."`
}

// need is the number of tasks that a job on this machine may want: OpenBLAS and
// OpenMP start one thread for each CPU in each process, unless they are told
// otherwise, and a job has several processes.
func (s tasksSettings) need(c *check.Context) int64 {
	cpus, _ := c.Facts.Int("cpu.count")
	if allowed, ok := c.Facts.Int("cpu.allowed_count"); ok {
		cpus = min(cpus, allowed)
	}
	if bound := askedThreads(c); bound > 0 {
		cpus = min(cpus, bound)
	}
	return max(s.Min, s.PerCPU*cpus)
}

// askedThreads is the largest number of threads that the variables of numeric
// libraries ask for in each process; 0 without OMP_NUM_THREADS, which is the one
// that all of them read.
func askedThreads(c *check.Context) int64 {
	set, _ := fact.Get[map[string]string](c.Facts, "env.threads")
	most := threads(set, "OMP_NUM_THREADS", set["OMP_NUM_THREADS"])
	if most == 0 {
		return 0
	}
	for _, name := range []string{"OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"} {
		most = max(most, threads(set, name, set[name]))
	}
	return most
}

var nprocLow = check.Check{
	Code: "system.nproc-low", Title: "The user may start too few threads for this machine",
	Area: "system", Needs: []string{"limits.nproc", "cpu.count"}, Config: tasksSettings{},
	Doc: check.Doc{
		Meaning:   "The limit on processes, which counts threads and all programs of the user together, is small against the number of CPUs: less than per_cpu (16) for each or less than min (256).",
		Detection: "Max processes of the process's limits against the CPUs it may use. Where OMP_NUM_THREADS bounds the threads of each process, that number counts in place of the CPUs. A process with CAP_SYS_RESOURCE or CAP_SYS_ADMIN is not bound by the limit and is not reported.",
		Cause:     "limits.conf, a service unit or a cluster's login policy.",
		Fix:       "Raise the limit, or let each process start fewer threads with OMP_NUM_THREADS and OPENBLAS_NUM_THREADS.",
		Verify:    "ulimit -u prints the new limit.",
		References: []string{
			"https://man7.org/linux/man-pages/man2/getrlimit.2.html",
			"https://github.com/OpenMathLib/OpenBLAS#setting-the-number-of-threads-using-environment-variables",
		},
	},
	Run: runNproc,
}

func runNproc(c *check.Context) {
	var settings tasksSettings
	c.Config(&settings)
	l, bounded := softLimit(c, "limits.nproc")
	need := settings.need(c)
	if !bounded || l.Soft >= need || exempt(c, "nproc") {
		return
	}
	c.Report(check.Finding{
		Severity: check.Warning,
		Detail:   fmt.Sprintf("The user may run %d processes and threads; a job on this machine may want %d: \"pthread_create failed: Resource temporarily unavailable\".", l.Soft, need),
		Cause:    "The limit on processes was set low for the number of CPUs.",
		Evidence: c.Evidence("limits.nproc", "cpu.count", "cpu.allowed_count", "env.threads"),
		Remedies: append(limitRemedies(c, "nproc", "-u", l, 4*need), fewerThreads(4)),
		Verify:   []string{"ulimit -u"},
	})
}

var pidsLow = check.Check{
	Code: "system.pids-limit-low", Title: "The control group allows too few threads for this machine",
	Area: "system", Needs: []string{"cgroup.version", "cpu.count"}, Config: tasksSettings{},
	Doc: check.Doc{
		Meaning:   "pids.max of the control group, which counts threads, is small against the number of CPUs: less than per_cpu (16) for each or less than min (256).",
		Detection: "The tightest pids.max of the process's control group and its ancestors, against the CPUs it may use, or against OMP_NUM_THREADS where that bounds the threads of each process.",
		Cause:     "docker run --pids-limit, the kubelet's podPidsLimit, or TasksMax= of a systemd unit.",
		Fix:       "Raise the limit where it was set, or let each process start fewer threads with OMP_NUM_THREADS and OPENBLAS_NUM_THREADS.",
		Verify:    "pids.max of the control group, which the evidence names, holds the new limit.",
		References: []string{
			"https://docs.kernel.org/admin-guide/cgroup-v2.html#pid",
			"https://kubernetes.io/docs/concepts/policy/pid-limiting/",
		},
	},
	Run: runPids,
}

func runPids(c *check.Context) {
	var settings tasksSettings
	c.Config(&settings)
	bound, ok := c.Facts.Int("cgroup.pids.limit")
	need := settings.need(c)
	if !ok || bound >= need {
		return
	}
	c.Report(check.Finding{
		Severity: check.Warning,
		Detail:   fmt.Sprintf("The control group allows %d processes and threads; a job on this machine may want %d: \"pthread_create failed: Resource temporarily unavailable\".", bound, need),
		Cause:    "The container or the service was started with a low limit.",
		Evidence: c.Evidence("cgroup.pids.limit", "cpu.count", "cpu.allowed_count", "env.threads"),
		Remedies: taskRemedies(c, 4*need),
		Verify:   []string{"cat " + quoted(controlFile(c, "cgroup.pids.limit", "/sys/fs/cgroup/pids.max"))},
	})
}

// fewerThreads bounds the threads of each process of a job.
func fewerThreads(n int64) check.Remedy {
	return check.Remedy{
		ID: "bound-threads", Summary: "Let each process start fewer threads", Kind: check.SetEnv, Risk: check.Low,
		Preview: []string{fmt.Sprintf("export OMP_NUM_THREADS=%d OPENBLAS_NUM_THREADS=%d", n, n)},
	}
}
