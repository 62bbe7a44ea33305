// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"path"
	"runtime"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-system/internal/procfs"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

var resourceCollector = fact.Collector{
	Name:    "resources",
	Summary: "CPUs, memory, swap, huge pages and RDMA devices",
	Facts: []fact.Description{
		{Address: "cpu.count", Summary: "CPUs that are online", Type: "number"},
		{Address: "cpu.allowed_count", Summary: "CPUs that the process may run on (cpuset and affinity)", Type: "number"},
		{Address: "memory.total_bytes", Summary: "memory of the machine", Type: "number", Unit: "bytes"},
		{Address: "system.swap", Summary: "swap space: {total_bytes, free_bytes}", Type: "object"},
		{Address: "system.hugepages", Summary: "reserved huge pages: {total, free, page_bytes}", Type: "object"},
		{Address: "rdma.ports", Summary: "RDMA ports: {device, port, link_layer}, the last InfiniBand or Ethernet", Type: "list"},
	},
	Collect: func(_ context.Context, t *fact.Target, r *fact.Recorder) error {
		collectCPU(t, r)
		collectMemory(t, r)
		collectRDMA(t, r)
		return nil
	},
}

const onlineFile = "/sys/devices/system/cpu/online"

func collectCPU(t *fact.Target, r *fact.Recorder) {
	online := t.ReadText(onlineFile)
	if n, ok := procfs.CountCPUs(online); ok {
		r.Add("cpu.count", n, fact.File(onlineFile, 1, online))
	} else if online != "" {
		r.Unknown("cpu.count", onlineFile+" is not a list of CPUs", fact.File(onlineFile, 1, online))
	} else if t.Live {
		r.Live("the runtime, for the number of CPUs")
		r.Add("cpu.count", runtime.NumCPU(), fact.Call("runtime.NumCPU", fmt.Sprint(runtime.NumCPU())))
	}
	if s, file := statusOf(t); s.AllowedCPUs > 0 {
		r.Add("cpu.allowed_count", s.AllowedCPUs, fact.File(file, s.AllowedLine, "Cpus_allowed_list"))
	}
}

func collectMemory(t *fact.Target, r *fact.Recorder) {
	data, err := t.ReadFile("/proc/meminfo")
	if err != nil {
		return
	}
	total, line, ok := procfs.Memory(data, "MemTotal")
	if !ok {
		r.Unknown("memory.total_bytes", "/proc/meminfo has no MemTotal in kB", fact.File("/proc/meminfo", 0, ""))
		return
	}
	r.Add("memory.total_bytes", total, fact.File("/proc/meminfo", line, fmt.Sprintf("MemTotal: %d kB", total>>10)))
	collectSwap(r, data)
	collectHugePages(r, data)
}

// swap is the value of system.swap.
type swap struct {
	TotalBytes int64 `json:"total_bytes"`
	FreeBytes  int64 `json:"free_bytes"`
}

func collectSwap(r *fact.Recorder, meminfo []byte) {
	total, line, ok := procfs.Memory(meminfo, "SwapTotal")
	free, _, ok2 := procfs.Memory(meminfo, "SwapFree")
	if ok && ok2 {
		r.Add("system.swap", swap{total, free}, fact.File("/proc/meminfo", line, fmt.Sprintf("SwapTotal: %d kB", total>>10)))
	}
}

// hugePages is the value of system.hugepages. Pages that are reserved are taken
// from the memory that everything else can use.
type hugePages struct {
	Total     int64 `json:"total"`
	Free      int64 `json:"free"`
	PageBytes int64 `json:"page_bytes"`
}

func collectHugePages(r *fact.Recorder, meminfo []byte) {
	total, line, ok := procfs.Count(meminfo, "HugePages_Total")
	free, _, ok2 := procfs.Count(meminfo, "HugePages_Free")
	page, _, ok3 := procfs.Memory(meminfo, "Hugepagesize")
	if ok && ok2 && ok3 {
		r.Add("system.hugepages", hugePages{total, free, page}, fact.File("/proc/meminfo", line, fmt.Sprintf("HugePages_Total: %d", total)))
	}
}

type rdmaPort struct {
	Device    string `json:"device"`
	Port      string `json:"port"`
	LinkLayer string `json:"link_layer"`
}

const rdmaGlob = "/sys/class/infiniband/*/ports/*/link_layer"

func collectRDMA(t *fact.Target, r *fact.Recorder) {
	var (
		ports    []rdmaPort
		evidence []fact.Evidence
	)
	for _, name := range t.Glob(rdmaGlob) {
		port := path.Dir(name)
		p := rdmaPort{Device: path.Base(path.Dir(path.Dir(port))), Port: path.Base(port), LinkLayer: t.ReadText(name)}
		ports = append(ports, p)
		evidence = append(evidence, fact.File(name, 1, p.LinkLayer))
	}
	if ports != nil {
		r.Add("rdma.ports", ports, evidence...)
	}
}

func statusOf(t *fact.Target) (procfs.Status, string) {
	file := processFile(t, "status")
	data, err := t.ReadFile(file)
	if err != nil {
		return procfs.Status{}, file
	}
	return procfs.ProcessStatus(data), file
}
