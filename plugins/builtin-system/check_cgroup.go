// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"math"
	"path"
	"strconv"

	"github.com/bulkhead-ml/bulkhead/sdk/check"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

type memorySettings struct {
	MinBytes int64 `json:"min_bytes" default:"2147483648" min:"0" doc:"Warn when the control group allows less memory than this."`
}

var memoryLow = check.Check{
	Code: "system.cgroup-memory-low", Title: "The control group allows little memory",
	Area: "system", Needs: []string{"cgroup.version"}, Config: memorySettings{},
	Doc: check.Doc{
		Meaning:   "The container or the service may use less memory than min_bytes (2 GiB unless set), and the machine has more. Importing a framework and creating a CUDA context already takes a good part of that.",
		Detection: "The tightest memory limit of the process's control group and its ancestors, against MemTotal of /proc/meminfo.",
		Cause:     "docker run --memory, resources.limits.memory of a pod, MemoryMax= of a unit, or the memory request of a batch job.",
		Fix:       "Raise the limit where it was set. The sizes of the model's weight files are the least that loading it needs.",
		Verify:    "memory.max of the control group (memory.limit_in_bytes in version 1), which the evidence names, holds the new limit.",
		References: []string{
			"https://docs.kernel.org/admin-guide/cgroup-v2.html#memory",
			"https://docs.docker.com/engine/containers/resource_constraints/",
		},
	},
	Run: runMemoryLow,
}

func runMemoryLow(c *check.Context) {
	var settings memorySettings
	c.Config(&settings)
	bound, ok := c.Facts.Int("cgroup.memory.limit_bytes")
	total, known := c.Facts.Int("memory.total_bytes")
	if !ok || bound >= settings.MinBytes || known && bound >= total {
		return
	}
	c.Report(check.Finding{
		Severity: check.Warning,
		Detail:   fmt.Sprintf("The process and its children may use %s of memory, less than %s: loading a model ends with \"Killed\" (exit status 137).", size(bound), size(settings.MinBytes)),
		Cause:    "The container, pod or unit was started with a low memory limit.",
		Evidence: c.Evidence("cgroup.memory.limit_bytes", "memory.total_bytes"),
		Explains: []string{"system.cgroup-oom-killed"},
		Remedies: memoryRemedies(c, max(4*bound, 4<<30)),
		Verify:   []string{"cat " + quoted(controlFile(c, "cgroup.memory.limit_bytes", "/sys/fs/cgroup/memory.max"))},
	})
}

var oomKilled = check.Check{
	Code: "system.cgroup-oom-killed", Title: "Processes of this control group were killed for lack of memory",
	Area: "system", Needs: []string{"cgroup.version"},
	Doc: check.Doc{
		Meaning:   "The kernel has killed processes in the control group that bounds this job's memory, since that group was made. A job that ended with \"Killed\" or exit status 137 without a traceback was one of them.",
		Detection: "The oom_kill counter of memory.events (version 2) or memory.oom_control (version 1), in the group that has the tightest limit.",
		Cause:     "The processes of the group together wanted more than the limit.",
		Fix:       "Raise the memory limit, or use less: fewer DataLoader workers, smaller batches, memory-mapped weights.",
		Verify:    "Run the job again; the counter oom_kill stays as it is.",
		References: []string{
			"https://docs.kernel.org/admin-guide/cgroup-v2.html#memory-interface-files",
		},
	},
	Run: runOOMKilled,
}

func runOOMKilled(c *check.Context) {
	kills, _ := c.Facts.Int("cgroup.memory.oom_kills")
	bound, ok := c.Facts.Int("cgroup.memory.limit_bytes")
	if kills == 0 || !ok {
		return
	}
	c.Report(check.Finding{
		Severity: check.Warning,
		Detail:   fmt.Sprintf("The kernel has killed %d processes here since the control group was made, because its limit of %s was reached.", kills, size(bound)),
		Cause:    "The job needs more memory than its control group allows.",
		Evidence: c.Evidence("cgroup.memory.oom_kills", "cgroup.memory.limit_bytes"),
		Remedies: memoryRemedies(c, 2*bound),
		Verify:   []string{"cat " + quoted(controlFile(c, "cgroup.memory.oom_kills", "/sys/fs/cgroup/memory.events"))},
	})
}

type cpuSettings struct {
	Ratio float64 `json:"ratio" default:"0.5" min:"0" max:"1" doc:"Report when the quota is below this part of the CPUs that programs see."`
}

var cpuThrottled = check.Check{
	Code: "system.cgroup-cpu-throttled", Title: "Programs see more CPUs than they may use",
	Area: "system", Needs: []string{"cgroup.version", "cpu.count"}, Config: cpuSettings{},
	Doc: check.Doc{
		Meaning:   "A CPU quota allows much less than the CPUs that programs count. PyTorch, OpenMP and OpenBLAS start a thread for each CPU they see, and the kernel then stops all of them for most of each period.",
		Detection: "The tightest CPU quota of the process's control group and its ancestors is below ratio (0.5 unless set) of the CPUs that the process may run on, and OMP_NUM_THREADS does not bound the threads.",
		Cause:     "docker run --cpus, resources.limits.cpu of a pod, or CPUQuota= of a unit. A quota, unlike a cpuset, does not change the number of CPUs that programs see.",
		Fix:       "Set the number of threads and of DataLoader workers to the quota, or use a cpuset in its place.",
		Verify:    "nr_throttled in cpu.stat of the control group stops growing.",
		References: []string{
			"https://docs.kernel.org/scheduler/sched-bwc.html",
			"https://docs.pytorch.org/docs/stable/notes/cpu_threading_torchscript_inference.html",
		},
	},
	Run: runCPUThrottled,
}

func runCPUThrottled(c *check.Context) {
	var settings cpuSettings
	c.Config(&settings)
	quota, ok := fact.Get[float64](c.Facts, "cgroup.cpu.quota")
	seen, _ := c.Facts.Int("cpu.count")
	if allowed, known := c.Facts.Int("cpu.allowed_count"); known {
		seen = min(seen, allowed)
	}
	if !ok || quota >= settings.Ratio*float64(seen) || threadsBounded(c, quota) {
		return
	}
	threads := int64(math.Max(1, math.Floor(quota)))
	c.Report(check.Finding{
		Severity: check.Info,
		Detail: fmt.Sprintf("Programs see %d CPUs and may use the time of %s: one thread for each CPU makes numeric code slower, not faster.",
			seen, strconv.FormatFloat(math.Round(quota*100)/100, 'f', -1, 64)),
		Cause:    "A CPU quota bounds the time but not the number of CPUs that programs count.",
		Evidence: c.Evidence("cgroup.cpu.quota", "cpu.count", "cpu.allowed_count"),
		Remedies: []check.Remedy{fewerThreads(threads)},
		Verify:   []string{"grep throttled " + quoted(path.Join(path.Dir(controlFile(c, "cgroup.cpu.quota", "/sys/fs/cgroup/cpu.max")), "cpu.stat"))},
	})
}

// threadsBounded reports whether the user has already bounded the threads to
// about what the quota allows.
func threadsBounded(c *check.Context, quota float64) bool {
	set, _ := fact.Get[map[string]string](c.Facts, "env.threads")
	n := threads(set, "OMP_NUM_THREADS", set["OMP_NUM_THREADS"])
	return n > 0 && float64(n) <= 2*math.Max(1, quota)
}
