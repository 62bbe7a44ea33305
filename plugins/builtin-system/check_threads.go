// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/bulkhead-ml/bulkhead/sdk/check"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

var threadOversubscription = check.Check{
	Code: "system.thread-oversubscription", Title: "More threads are asked for than CPUs may be used",
	Area: "system", Needs: []string{"env.threads"},
	Doc: check.Doc{
		Meaning: "OMP_NUM_THREADS or a variable like it asks for more threads in each process than there are CPUs for the process. Threads of a numeric library wait for each other by spinning, " +
			"so that more threads than CPUs make it slower by a multiple.",
		Detection: "The variables of the examined process against the smallest of: CPUs that are online, CPUs that the process may run on (cpuset, affinity), and the CPU quota of its control group, rounded up. " +
			"OMP_THREAD_LIMIT lowers what OMP_NUM_THREADS asks for.",
		Cause:  "The variable was set for another machine, or for the whole machine where the job has a part of it.",
		Fix:    "Set the variable to the number of CPUs of the job, divided by the number of its processes.",
		Verify: "python -c 'import torch; print(torch.get_num_threads())' prints at most the number of CPUs of nproc.",
		References: []string{
			"https://www.openmp.org/spec-html/5.2/openmpse111.html",
			"https://docs.pytorch.org/docs/stable/notes/cpu_threading_torchscript_inference.html",
			"https://github.com/OpenMathLib/OpenBLAS#setting-the-number-of-threads-using-environment-variables",
		},
	},
	Run: runThreads,
}

func runThreads(c *check.Context) {
	cpus, bounded := usableCPUs(c)
	set, _ := fact.Get[map[string]string](c.Facts, "env.threads")
	var over []string
	for name, value := range set {
		if name != "OMP_THREAD_LIMIT" && bounded && threads(set, name, value) > cpus {
			over = append(over, name)
		}
	}
	if len(over) == 0 {
		return
	}
	slices.Sort(over)
	first := over[0]
	if slices.Contains(over, "OMP_NUM_THREADS") {
		first = "OMP_NUM_THREADS"
	}
	c.Report(check.Finding{
		Severity: check.Warning,
		Subject:  strings.Join(over, ", "),
		Detail:   fmt.Sprintf("%s asks for %d threads in each process, and %d CPUs may be used: numeric code runs slower than with %d threads.", first, threads(set, first, set[first]), cpus, cpus),
		Cause:    "The variable was set for more CPUs than the job has.",
		Evidence: append(c.Evidence("env.threads"), c.Evidence("cpu.count", "cpu.allowed_count", "cgroup.cpu.quota")...),
		Explains: []string{"system.cgroup-cpu-throttled", "system.pids-limit-low"},
		Remedies: []check.Remedy{{
			ID: "bound-threads", Summary: "Ask for as many threads as there are CPUs", Kind: check.SetEnv, Risk: check.Low,
			Preview: []string{fmt.Sprintf("export %s=%d", strings.Join(over, fmt.Sprintf("=%d ", cpus)), cpus)},
		}},
		Verify: []string{"nproc"},
	})
}

// usableCPUs is the least that any bound leaves; false when none is known.
func usableCPUs(c *check.Context) (int64, bool) {
	cpus, known := c.Facts.Int("cpu.count")
	if allowed, ok := c.Facts.Int("cpu.allowed_count"); ok && (!known || allowed < cpus) {
		cpus, known = allowed, true
	}
	if quota, ok := fact.Get[float64](c.Facts, "cgroup.cpu.quota"); ok && quota > 0 && (!known || quota < float64(cpus)) {
		cpus, known = int64(math.Ceil(quota)), true
	}
	return cpus, known && cpus > 0
}

// maxThreads is more than any machine has; larger numbers are nonsense.
const maxThreads = 1 << 20

// threads reads a number, of a list for nested levels ("8,2") the first. 0 means
// that it says nothing.
func threads(set map[string]string, name, value string) int64 {
	first, _, _ := strings.Cut(value, ",")
	n, err := strconv.ParseInt(strings.TrimSpace(first), 10, 64)
	if err != nil || n < 0 || n > maxThreads {
		return 0
	}
	if limit, err := strconv.ParseInt(set["OMP_THREAD_LIMIT"], 10, 64); err == nil && limit > 0 && name == "OMP_NUM_THREADS" {
		n = min(n, limit)
	}
	return n
}
