// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"fmt"
	"testing"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/facts"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/machinetest"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/nvml"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// TestServerOfEight: a live machine with eight H200 behind switches, of which
// one does not answer: every GPU is listed, NVML's answers are kept with their
// calls, and the matrix has the links of the switches.
func TestServerOfEight(t *testing.T) {
	tree := machinetest.Healthy("2335", "NVIDIA H200", "580.95.05")
	reading := nvml.Reading{Status: facts.NVMLOk, Driver: "580.95.05", CUDA: "13.0", Evidence: []fact.Evidence{fact.Call("nvmlDeviceGetCount", "8")}}
	for i := range 8 {
		address := fmt.Sprintf("0000:%02x:00.0", i+1)
		tree.GPU(address, "2335", "nvidia")
		d := facts.Device{Index: i, Name: "NVIDIA H200", PCI: address, MemoryBytes: 141 << 30, Source: "nvml"}
		for l := range 18 {
			d.NVLink = append(d.NVLink, facts.NVLink{Link: l, Active: true, Peer: "0000:c1:00.0", Switch: true})
		}
		if i == 7 {
			d = facts.Device{Index: i, Source: "nvml", Fault: facts.FaultTimeout}
		}
		reading.Devices = append(reading.Devices, d)
	}
	target := tree.Target(t, nil)
	target.Live = true
	set := observe(t, target, func(string) nvml.Reading { return reading })
	require(t, set, map[string]string{facts.Count: "8", facts.DriverCUDA: `"13.0"`})
	devices, _ := fact.Get[[]facts.Device](set, facts.Devices)
	if len(devices) != 8 || devices[0].Architecture != "Hopper" || devices[0].ComputeCapability != "9.0" || devices[7].Fault != facts.FaultTimeout {
		t.Errorf("%+v", devices)
	}
	if f, _ := set.Lookup(facts.Devices); len(f.Evidence) != 1 || f.Evidence[0].Call != "nvmlDeviceGetCount" {
		t.Errorf("%+v", f.Evidence)
	}
	pairs, _ := fact.Get[[]facts.Pair](set, facts.Topology)
	levels := map[string]int{}
	for _, p := range pairs {
		levels[p.Level]++
	}
	if levels["NV18"] != 21 || levels["PHB"] != 7 {
		t.Errorf("levels %v, want 21 pairs with NV18 and 7 with PHB", levels)
	}
}

// TestSetAside: numbers for vfio-pci, of NVIDIA's only, from both places.
func TestSetAside(t *testing.T) {
	for line, want := range map[string]string{
		"quiet vfio-pci.ids=10de:2684,10DE:22ba,8086:1234": "[10de:2684 10de:22ba]",
		"vfio_pci.ids=10de:2236:10de:1482":                 "[10de:2236]",
		"options vfio-pci ids=10de:1b80 disable_vga=1":     "[10de:1b80]",
		"vfio-pci.ids= other.ids=10de:2684 ids":            "[]",
		"":                                                 "[]",
	} {
		if got := fmt.Sprint(setAside(line)); got != want {
			t.Errorf("%q: %s, want %s", line, got, want)
		}
	}
	tree := rtx4090()
	tree["/etc/modprobe.d/v.conf"] = "# options vfio-pci ids=10de:1111\noptions vfio-pci ids=10de:2684\n"
	set := observe(t, tree.Target(t, nil), nil)
	require(t, set, map[string]string{facts.Passthrough: `["10de:2684"]`})
	if f, _ := set.Lookup(facts.Passthrough); len(f.Evidence) != 1 || f.Evidence[0].Line != 2 {
		t.Errorf("%+v", f.Evidence)
	}
}

// TestBusState: the port above, sleep, and a device that is gone.
func TestBusState(t *testing.T) {
	tree := rtx4090()
	tree.Behind("0000:01:00.0", "0000:00:01.0")
	dir := "/sys/devices/pci0000:00/0000:00:01.0"
	tree[dir+"/max_link_width"] = "8\n"
	tree[dir+"/0000:01:00.0/config"] = "\xff\xff\xff\xff\xff"
	gpus, _ := fact.Get[[]facts.PCIDevice](observe(t, tree.Target(t, nil), nil), facts.PCI)
	if len(gpus) != 1 || gpus[0].UpstreamMaxWidth != 8 || !gpus[0].Lost || gpus[0].Suspended || gpus[0].Driver != "nvidia" {
		t.Errorf("%+v", gpus)
	}
	tree[dir+"/0000:01:00.0/power/runtime_status"] = "suspended\n"
	gpus, _ = fact.Get[[]facts.PCIDevice](observe(t, tree.Target(t, nil), nil), facts.PCI)
	if len(gpus) != 1 || gpus[0].Lost || !gpus[0].Suspended {
		t.Errorf("a GPU that sleeps: %+v", gpus)
	}
}

// TestStub: a library for linking is told as such, also through a link.
func TestStub(t *testing.T) {
	tree := rtx4090()
	tree["/usr/local/cuda/targets/x86_64-linux/lib/stubs/libcuda.so"] = "ELF"
	tree["/opt/mine/libcuda.so.1"] = "-> /usr/local/cuda/targets/x86_64-linux/lib/stubs/libcuda.so"
	for path, want := range map[string]bool{"/opt/mine": true, "": false} {
		libs, _ := fact.Get[[]facts.Library](observe(t, tree.Target(t, map[string]string{"LD_LIBRARY_PATH": path}), nil), facts.Libraries)
		if len(libs) != 2 || libs[1].Stub != want {
			t.Errorf("path %q: %+v", path, libs)
		}
	}
}

// TestFabricFiles: the package and the log are read on machines with switches
// only.
func TestFabricFiles(t *testing.T) {
	tree := rtx4090()
	tree[dpkgStatus] = "Package: nvidia-fabricmanager\nStatus: install ok installed\nVersion: 535.183.01-1\n"
	tree[fabricLog] = "x\nfabric manager NVIDIA GPU driver interface version 550.54.15 don't match with driver version 535.183.01.\n"
	require(t, observe(t, tree.Target(t, nil), nil), map[string]string{facts.FabricPkg: "absent", facts.FabricLog: "absent"})
	tree["/sys/bus/pci/devices/0000:50:00.0/vendor"] = "0x10de\n"
	tree["/sys/bus/pci/devices/0000:50:00.0/class"] = "0x068000\n"
	set := observe(t, tree.Target(t, nil), nil)
	require(t, set, map[string]string{facts.FabricPkg: `"535.183.01"`})
	events, _ := fact.Get[[]facts.LogEvent](set, facts.FabricLog)
	if len(events) != 1 || events[0].Manager != "550.54.15" || events[0].Driver != "535.183.01" {
		t.Errorf("%+v", events)
	}
	if f, _ := set.Lookup(facts.FabricPkg); len(f.Evidence) != 1 || f.Evidence[0].Line != 3 {
		t.Errorf("%+v", f.Evidence)
	}
}
