// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"cmp"
	"context"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/facts"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/nvml"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/tables"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// nvmlPatience bounds the wait for NVML. Waking eight GPUs without the
// persistence daemon takes seconds; a GPU that fell off the bus takes for ever.
const nvmlPatience = 10 * time.Second

// askNVML asks the library on a live machine and records how that went.
func (m *machine) askNVML(ctx context.Context, read nvml.Reader, library string) nvml.Reading {
	if !m.Live {
		m.record.Add(facts.NVMLStatus, facts.NVMLNotLive)
		return nvml.Reading{}
	}
	if library != "" {
		library = m.loadable(library)
	}
	got := readInTime(ctx, read, library)
	if got.Status == facts.NVMLNotBuilt {
		m.record.Add(facts.NVMLStatus, got.Status, got.Evidence...)
		return got
	}
	if library != "" || got.Status != facts.NVMLNoLibrary {
		m.record.Live("NVML")
	}
	switch {
	case got.Status == facts.NVMLNoLibrary && library != "":
		got.Status = facts.NVMLNotLoaded
	case got.Status == facts.NVMLNoDriver && m.Exists(moduleDir) && !m.ownRoot():
		got.Status = facts.NVMLNoNodes
	}
	m.record.Add(facts.NVMLStatus, got.Status, fact.Call("nvmlInit", got.Status))
	if got.CUDA != "" {
		m.record.Add(facts.DriverCUDA, got.CUDA, fact.Call("nvmlSystemGetCudaDriverVersion", got.CUDA))
	}
	return got
}

// loadable is where the process can load a library of the machine. In a sandbox
// the machine's files below Root are for reading only; the loader's directories
// stand at their own place too, and there code can be mapped. What a link leads to
// may be out of sight: Debian's leads through /etc/alternatives.
func (m *machine) loadable(library string) string {
	below := filepath.Join(m.Root, filepath.FromSlash(library))
	seen, err := os.Stat(below)
	if err != nil {
		return below
	}
	for _, name := range []string{library, path.Join(path.Dir(library), "nvidia/current", path.Base(library))} {
		if own, err := os.Stat(filepath.FromSlash(name)); err == nil && os.SameFile(own, seen) {
			return filepath.FromSlash(name)
		}
	}
	return below
}

// ownRoot reports whether the machine's root is this process's root, where the
// library finds the device nodes under /dev.
func (m *machine) ownRoot() bool { return m.Root == "" || filepath.Clean(m.Root) == "/" }

func readInTime(ctx context.Context, read nvml.Reader, library string) nvml.Reading {
	ctx, cancel := context.WithTimeout(ctx, nvmlPatience)
	defer cancel()
	done := make(chan nvml.Reading, 1)
	go func() { done <- read(library) }()
	select {
	case got := <-done:
		return got
	case <-ctx.Done():
		return nvml.Reading{Status: facts.NVMLTimeout}
	}
}

// devices joins what the bus, the driver's files, the table and NVML know.
func (m *machine) devices(gpus []facts.PCIDevice, bus bool, driver string, reading nvml.Reading) []facts.Device {
	if driver == "" && reading.Driver != "" {
		m.record.Add(facts.DriverVersion, reading.Driver, fact.Call("nvmlSystemGetDriverVersion", reading.Driver))
	}
	if reading.Status == facts.NVMLOk {
		devices := withTable(reading.Devices, gpus)
		m.record.Add(facts.Devices, devices, reading.Evidence...)
		m.record.Add(facts.Count, max(len(gpus), len(devices)), fact.Call("nvmlDeviceGetCount", strconv.Itoa(len(devices))))
		return devices
	}
	if !bus {
		return nil
	}
	devices := m.fromFiles(gpus)
	m.record.Add(facts.Count, len(gpus), fact.File(pciDir, 0, ""))
	m.record.Add(facts.Devices, devices, fact.File(procDriver+"/gpus", 0, ""))
	return devices
}

// fromFiles describes every GPU of the bus without NVML. The order is that of
// the bus, which is NVML's too.
func (m *machine) fromFiles(gpus []facts.PCIDevice) []facts.Device {
	out := make([]facts.Device, 0, len(gpus))
	sorted := slices.SortedFunc(slices.Values(gpus), func(a, b facts.PCIDevice) int { return cmp.Compare(a.Address, b.Address) })
	for i, g := range sorted {
		info := m.information(g.Address)
		d := facts.Device{Index: i, PCI: g.Address, Name: info["Model"], UUID: info["GPU UUID"], Source: "files"}
		fillFromTable(&d, g.Device)
		out = append(out, d)
	}
	return out
}

// withTable adds the architecture, which is not asked of NVML, by PCI address.
func withTable(devices []facts.Device, gpus []facts.PCIDevice) []facts.Device {
	for i := range devices {
		for _, g := range gpus {
			if strings.EqualFold(g.Address, devices[i].PCI) {
				fillFromTable(&devices[i], g.Device)
			}
		}
	}
	return devices
}

func fillFromTable(d *facts.Device, device string) {
	g, ok := tables.LookupGPU(device)
	if !ok {
		return
	}
	d.Name = cmp.Or(d.Name, g.Name)
	d.Architecture = cmp.Or(d.Architecture, g.Architecture)
	d.ComputeCapability = cmp.Or(d.ComputeCapability, g.ComputeCapability)
}
