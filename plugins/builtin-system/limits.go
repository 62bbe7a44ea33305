// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-system/internal/cgroup"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-system/internal/procfs"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// limit is the value of a limits.* fact; -1 is unlimited.
type limit struct {
	Soft int64 `json:"soft"`
	Hard int64 `json:"hard"`
}

var limitCollector = fact.Collector{
	Name:    "limits",
	Summary: "resource limits of the process and the capabilities that lift them",
	Facts: []fact.Description{
		{Address: "limits.nofile", Summary: "open files: {soft, hard}, -1 is unlimited", Type: "object"},
		{Address: "limits.memlock", Summary: "locked memory in bytes: {soft, hard}, -1 is unlimited", Type: "object"},
		{Address: "limits.nproc", Summary: "processes and threads of the user: {soft, hard}, -1 is unlimited", Type: "object"},
		{Address: "process.exempt", Summary: "limits that capabilities lift for the process: memlock, nproc", Type: "list"},
	},
	Collect: collectLimits,
}

// limitNames maps the kernel's names to facts.
var limitNames = map[string]string{
	"Max open files":    "limits.nofile",
	"Max locked memory": "limits.memlock",
	"Max processes":     "limits.nproc",
}

func collectLimits(_ context.Context, t *fact.Target, r *fact.Recorder) error {
	collectExempt(t, r)
	file := processFile(t, "limits")
	data, err := t.ReadFile(file)
	if err != nil {
		return nil // no process to look at
	}
	limits := procfs.Limits(data)
	for name, address := range limitNames {
		l, ok := limits[name]
		if ok && address == "limits.nofile" && t.OpenFiles > 0 {
			l.Soft = t.OpenFiles // the host has raised its own, which the file tells
			l.Text = fmt.Sprintf("%d when it was started", t.OpenFiles)
		}
		if ok {
			r.Add(address, limit{Soft: l.Soft, Hard: l.Hard}, fact.File(file, l.Line, l.Text))
		} else {
			r.Unknown(address, fmt.Sprintf("%s has no readable row %q", file, name), fact.File(file, 0, ""))
		}
	}
	return nil
}

// collectExempt follows capabilities(7): CAP_IPC_LOCK passes over
// RLIMIT_MEMLOCK, CAP_SYS_RESOURCE and CAP_SYS_ADMIN over RLIMIT_NPROC.
func collectExempt(t *fact.Target, r *fact.Recorder) {
	s, file := statusOf(t)
	if !s.HasCapabilities {
		return
	}
	exempt := []string{}
	if s.Has(procfs.CapIPCLock) {
		exempt = append(exempt, "memlock")
	}
	if s.Has(procfs.CapSysResource) || s.Has(procfs.CapSysAdmin) {
		exempt = append(exempt, "nproc")
	}
	r.Add("process.exempt", exempt, fact.File(file, s.CapabilitiesLine, fmt.Sprintf("CapEff: %016x", s.Capabilities)))
}

var cgroupCollector = fact.Collector{
	Name:    "cgroup",
	Summary: "limits of the control groups above the process, the tightest of the leaf and its ancestors",
	Facts: []fact.Description{
		{Address: "cgroup.version", Summary: "hierarchy that has the controllers: 0 (none), 1 or 2", Type: "number"},
		{Address: "cgroup.hybrid", Summary: "whether a version 2 hierarchy stands beside version 1", Type: "bool"},
		{Address: "cgroup.memory.limit_bytes", Summary: "memory limit; absent when there is none", Type: "number", Unit: "bytes"},
		{Address: "cgroup.memory.oom_kills", Summary: "processes killed for lack of memory in the cgroup that has the limit", Type: "number"},
		{Address: "cgroup.pids.limit", Summary: "limit of processes and threads; absent when there is none", Type: "number"},
		{Address: "cgroup.cpu.quota", Summary: "CPU time as a number of CPUs; absent when there is no quota", Type: "number"},
	},
	Collect: collectCgroup,
}

func collectCgroup(_ context.Context, t *fact.Target, r *fact.Recorder) error {
	mounts := mountsOf(t)
	if mounts == nil {
		return nil
	}
	data, err := t.ReadFile(processFile(t, "cgroup"))
	if err != nil {
		data = nil // a kernel without cgroups
	}
	l := cgroup.Read(t.ReadText, mounts, procfs.Memberships(data))
	r.Add("cgroup.version", l.Version, fact.File(processFile(t, "mountinfo"), 0, ""))
	if l.Version == 1 {
		r.Add("cgroup.hybrid", l.Hybrid, fact.File(processFile(t, "mountinfo"), 0, ""))
	}
	addBound(r, "cgroup.memory.limit_bytes", l.Memory)
	addBound(r, "cgroup.memory.oom_kills", l.OOMKills)
	addBound(r, "cgroup.pids.limit", l.Pids)
	addBound(r, "cgroup.cpu.quota", l.CPU)
	return nil
}

func addBound(r *fact.Recorder, address string, b *cgroup.Bound) {
	if b == nil {
		return
	}
	var value any = b.Value
	if b.Value == float64(int64(b.Value)) {
		value = int64(b.Value)
	}
	r.Add(address, value, fact.File(b.Path, 1, b.Text))
}
