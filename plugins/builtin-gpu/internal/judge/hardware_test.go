// SPDX-License-Identifier: Apache-2.0

package judge

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/facts"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/machinetest"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// record is what a recording says in place of what is collected.
type record map[string]any

func (r record) facts(t *testing.T) []fact.Fact {
	t.Helper()
	var out []fact.Fact
	for address, value := range r {
		data, err := json.Marshal(value)
		if text, ok := value.(string); ok && json.Valid([]byte(text)) {
			data = []byte(text)
		}
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, fact.Fact{Address: address, Value: data})
	}
	return out
}

// devices are NVML's answers for the one GPU of a machine, with these fields
// beside those that every answer has.
func devices(fields string) record {
	return record{facts.NVMLStatus: "ok", facts.Devices: `[{"index":0,"name":"NVIDIA H100 80GB HBM3","uuid":"GPU-1","pci":"` + bus + `","source":"nvml","persistence_mode":"on"` + fields + `}]`}
}

const stamp = "[  120.500000] NVRM: "

// hgx is a server of eight H100 behind NVSwitch chips, everything in order.
func hgx() tree {
	t := server()
	for _, n := range []string{"2", "3", "4", "5", "6", "7", "8"} {
		t.GPU("0000:0"+n+":00.0", "2330", "nvidia")
		t.Class("0000:0"+n+":00.0", "030200")
	}
	return with(nvswitch(t), tree{"/run/nvidia-fabricmanager/nv-fabricmanager.pid": "1\n", "/sys/bus/pci/devices/0000:05:00.0/vendor": "absent", "/sys/bus/pci/devices/0000:05:00.0/class": "absent",
		"/sys/bus/pci/devices/0000:50:00.0/vendor": "0x10de\n", "/sys/bus/pci/devices/0000:50:00.0/class": "0x068000\n",
		"/sys/devices/pci0000:00/0000:05:00.0/vendor": "0x10de\n", "/sys/devices/pci0000:00/0000:05:00.0/class": "0x030200\n", "/sys/bus/pci/devices/0000:05:00.0": "-> ../../../devices/pci0000:00/0000:05:00.0"})
}

// switched has two servers' GPUs behind one PCIe switch, with a control
// register in both of its lower ports.
func switched(device, control string) tree {
	t := machinetest.Healthy(device, "NVIDIA A100-PCIE-40GB", "550.54.15")
	t.GPU("0000:02:00.0", device, "nvidia")
	t.Behind(bus, "0000:00:01.0", "0000:10:00.0")
	t.Behind("0000:02:00.0", "0000:00:01.0", "0000:10:01.0")
	config := strings.Repeat("\x00", 0x100) + "\x0d\x00\x01\x00\x5f\x00" + control + strings.Repeat("\x00", 0xef8)
	for _, port := range []string{"0000:10:00.0", "0000:10:01.0"} {
		t["/sys/devices/pci0000:00/0000:00:01.0/"+port+"/config"] = config
	}
	t["/proc/cpuinfo"] = "processor\t: 0\nflags\t\t: fpu vme\n"
	t["/run/nvidia-persistenced/socket"] = ""
	return t
}

// pinned puts the process on processors, on a machine of 16 with the GPU next
// to the upper 8.
func pinned(allowed string) tree {
	return with(server(), tree{
		"/proc/self/status":              "Uid:\t1000\t1000\t1000\t1000\nGid:\t1000\t1000\t1000\t1000\nCpus_allowed_list:\t" + allowed + "\n",
		"/sys/devices/system/cpu/online": "0-15\n",
		busDir + "/local_cpulist":        "8-15\n",
		busDir + "/numa_node":            "1\n",
	})
}

// adapter gives two GPUs a network adapter with RDMA.
func adapter(layer, state string) tree {
	t := server()
	t.GPU("0000:02:00.0", "2330", "nvidia")
	maps.Copy(t, tree{
		"/sys/class/infiniband/mlx5_0/ports/1/link_layer": layer + "\n",
		"/sys/class/infiniband/mlx5_0/ports/1/state":      state + "\n",
		"/sys/class/infiniband/mlx5_0/device/driver":      "-> ../../../../bus/pci/drivers/mlx5_core",
		"/sys/bus/pci/drivers/mlx5_core/module":           "",
	})
	return t
}

func fabricPackage(version string) tree {
	return tree{"/var/lib/dpkg/status": "Package: zlib1g\nStatus: install ok installed\nVersion: 1:1.3\n\nPackage: nvidia-fabricmanager-550\nStatus: install ok installed\nVersion: " + version + "\n"}
}

// links are eight GPUs with 18 links each, of which the last one has n up.
func links(n int, mig string) record {
	var out []facts.Device
	for i := range 8 {
		d := facts.Device{Index: i, Name: "NVIDIA H100 80GB HBM3", PCI: "0000:0" + string(rune('1'+i)) + ":00.0", Source: "nvml", PersistenceMode: "on"}
		for l := range 18 {
			d.NVLink = append(d.NVLink, facts.NVLink{Link: l, Active: i < 7 || l < n, Switch: true})
		}
		out = append(out, d)
	}
	if mig != "" {
		out[7].MIG = &facts.MIG{Mode: mig, Instances: []facts.MIGInstance{{UUID: "MIG-1"}}}
	}
	return record{facts.NVMLStatus: "ok", facts.Devices: out}
}

func cudnn(libs ...facts.Library) record { return record{facts.CUDNN: libs} }

// hardware holds the checks of hardware, logs and libraries to the machines on
// which they speak, and to silence on those that only look like them.
var hardware = []struct {
	name   string
	tree   tree
	env    map[string]string
	log    string
	record record
	want   []string
}{
	{name: "eight healthy H100", tree: hgx(), record: links(18, "")},
	{name: "Xid 13 of a program", tree: rtx4090(), log: stamp + "Xid (PCI:0000:01:00): 13, pid=77, Graphics SM Warp Exception", want: []string{"gpu.xid info"}},
	{name: "Xids 31, 43 and 45 of a program", tree: rtx4090(), log: stamp + "Xid (PCI:0000:01:00): 31, pid=77, MMU Fault\n" + stamp + "Xid (PCI:0000:01:00): 43, pid=77\n" + stamp + "Xid (PCI:0000:01:00): 45, pid=77",
		want: []string{"gpu.xid info", "gpu.xid info", "gpu.xid info"}},
	{name: "Xid 119", tree: server(), log: stamp + "Xid (PCI:0000:01:00): 119, pid=1, Timeout after 6s of waiting for RPC response from GPU0 GSP!", want: []string{"gpu.xid error"}},
	{name: "Xid 119 before the last start", tree: server(), log: stamp + "Xid (PCI:0000:01:00): 119, Timeout\n[    0.000000] Linux version 6.1.0", want: []string{"gpu.xid info"}},
	{name: "Xid 31 before the last start", tree: server(), log: stamp + "Xid (PCI:0000:01:00): 31, MMU Fault\n[    0.000000] Linux version 6.1.0"},
	{name: "Xid 119 before the driver was loaded again", tree: server(), log: stamp + "Xid (PCI:0000:01:00): 119, Timeout\n[  900.0] NVRM: loading NVIDIA UNIX x86_64 Kernel Module  550.54.15", want: []string{"gpu.xid info"}},
	{name: "Xid that no catalogue has", tree: server(), log: stamp + "Xid (PCI:0000:01:00): 999, something new", want: []string{"gpu.xid unknown"}},
	{name: "Xid that is not used", tree: server(), log: stamp + "Xid (PCI:0000:01:00): 111, ", want: []string{"gpu.xid unknown"}},
	{name: "Xid 154 that asks for nothing", tree: server(), log: stamp + "Xid (PCI:0000:01:00): 154, GPU recovery action changed from 0x1 (GPU Reset Required) to 0x0 (None)", want: []string{"gpu.xid info"}},
	{name: "Xid 154 that asks for a reset", tree: server(), log: stamp + "Xid (PCI:0000:01:00): 154, GPU recovery action changed from 0x0 (None) to 0x1 (GPU Reset Required)", want: []string{"gpu.xid error"}},
	{name: "Xid 149 that is not fatal", tree: server(), log: stamp + "Xid (PCI:0000:01:00): 149, NETIR_BER_EVENT Nonfatal XC0 i0 Link 01 (0x0)", want: []string{"gpu.xid info"}},
	{name: "Xid 149 that is fatal", tree: server(), log: stamp + "Xid (PCI:0000:01:00): 149, NETIR_LINK_EVT  Fatal   XC0 i0 Link 01 (0x0)", want: []string{"gpu.xid error"}},
	{name: "Xid in a log file without a start in it", tree: with(server(), tree{"/var/log/kern.log": "2026-11-22T05:00:01+00:00 h kernel: " + stamp + "Xid (PCI:0000:01:00): 62, x\n"}), want: []string{"gpu.xid warning"}},
	{name: "words of a program in a log file", tree: with(server(), tree{"/var/log/syslog": "Nov 22 05:00:01 h python[7]: NVRM: Xid (PCI:0000:01:00): 79, GPU has fallen off the bus.\n"})},
	{name: "recorded events", tree: server(), record: record{facts.LogEvents: `[{"xid":62,"pci":"0000:01:00","text":"PMU"}]`}, want: []string{"gpu.xid error"}},
	{name: "log of other drivers", tree: server(), log: "[ 1.0] nvme nvme0: 8 queues\n[ 2.0] NVRM: loading NVIDIA UNIX x86_64 Kernel Module  550.54.15"},

	{name: "Xid 79", tree: server(), log: stamp + "Xid (PCI:0000:01:00): 79, pid=1, GPU has fallen off the bus.", want: []string{"gpu.fallen-off-bus error", "gpu.xid error"}},
	{name: "fallen off the bus without an Xid", tree: server(), log: stamp + "The NVIDIA GPU 0000:01:00.0\n               NVRM: (PCI ID: 10de:2330) installed in this system has\n               NVRM: fallen off the bus and is not responding to commands.", want: []string{"gpu.fallen-off-bus error"}},
	{name: "Xid 79 and the GPU answers", tree: server(), log: stamp + "Xid (PCI:0000:01:00): 79, GPU has fallen off the bus.", record: devices(""), want: []string{"gpu.xid info"}},
	{name: "Xid 79 before the last start", tree: server(), log: stamp + "Xid (PCI:0000:01:00): 79, GPU has fallen off the bus.\n[    0.000000] Linux version 6.1.0", want: []string{"gpu.xid info"}},
	{name: "NVML lost a GPU", tree: server(), record: devices(`,"fault":"GPU is lost"`), want: []string{"gpu.fallen-off-bus error"}},
	{name: "configuration space of ones", tree: with(server(), tree{busDir + "/config": "\xff\xff\xff\xff"}), want: []string{"gpu.fallen-off-bus error"}},
	{name: "configuration space in order", tree: with(server(), tree{busDir + "/config": "\xde\x10\x30\x23"})},
	{name: "laptop's GPU asleep", tree: with(laptop(), tree{busDir + "/config": "\xff\xff\xff\xff", busDir + "/power/runtime_status": "suspended\n", busDir + "/current_link_width": "1\n"})},
	{name: "the driver lists one GPU of two", tree: with(second(server(), "nvidia"), tree{"/proc/driver/nvidia/gpus/0000:02:00.0/information": "absent"}), want: []string{"gpu.fallen-off-bus error"}},
	{name: "a container sees one GPU of two", tree: with(second(server(), "nvidia"), tree{"/proc/driver/nvidia/gpus/0000:02:00.0/information": "absent", "/.dockerenv": ""})},
	{name: "the driver could not start a GPU", tree: server(), log: stamp + "GPU 0000:01:00.0: RmInitAdapter failed! (0x26:0x56:1482)", want: []string{"gpu.init-failed error"}},
	{name: "the driver could not start a GPU, and now it answers", tree: server(), log: stamp + "GPU 0000:01:00.0: RmInitAdapter failed! (0x26:0x56:1482)", record: devices("")},
	{name: "closed module on a GPU that no table knows", tree: machinetest.Healthy("3fff", "NVIDIA Future", "570.158.01"),
		log: stamp + "The NVIDIA GPU 0000:01:00.0 (PCI ID: 10de:3fff)\nNVRM: installed in this system requires use of the NVIDIA open kernel modules.", want: []string{"gpu.open-module-required error"}},
	{name: "fatal SXid", tree: hgx(), log: "[ 9.0] nvidia-nvswitch3: SXid (PCI:0000:50:00.0): 20034, Fatal, Link 30 LTSSM Fault Up", record: links(18, ""), want: []string{"gpu.nvswitch-error error"}},
	{name: "harmless SXid", tree: hgx(), log: "[ 9.0] nvidia-nvswitch3: SXid (PCI:0000:50:00.0): 22013, Non-fatal, Link 30 Minion", record: links(18, ""), want: []string{"gpu.nvswitch-error info"}},

	{name: "uncorrected errors", tree: server(), record: devices(`,"ecc":{"mode":"on","uncorrected_volatile":2,"uncorrected_aggregate":3}`), want: []string{"gpu.ecc-uncorrectable error"}},
	{name: "corrected errors", tree: server(), record: devices(`,"ecc":{"mode":"on","corrected_volatile":900,"corrected_aggregate":90000,"uncorrected_aggregate":1}`)},
	{name: "many errors of on-chip memory", tree: server(), record: devices(`,"ecc":{"mode":"on","uncorrected_aggregate":5,"sram_uncorrected_aggregate":5}`), want: []string{"gpu.ecc-uncorrectable warning"}},
	{name: "four errors of on-chip memory", tree: server(), record: devices(`,"ecc":{"mode":"on","uncorrected_aggregate":4,"sram_uncorrected_aggregate":4}`)},
	{name: "Xid 48 without counters", tree: server(), log: stamp + "Xid (PCI:0000:01:00): 48, pid=5, DBE (double bit error) ECC Error", want: []string{"gpu.ecc-uncorrectable error", "gpu.xid error"}},
	{name: "a row waits", tree: server(), record: devices(`,"remapped_rows":{"uncorrectable":1,"pending":true}`), want: []string{"gpu.row-remap-pending warning"}},
	{name: "rows were remapped", tree: server(), record: devices(`,"remapped_rows":{"correctable":2,"uncorrectable":1}`)},
	{name: "a page waits", tree: server(), record: devices(`,"page_retirement_pending":true`), want: []string{"gpu.row-remap-pending warning"}},
	{name: "Xid 63 that waits", tree: server(), log: stamp + "Xid (PCI:0000:01:00): 63, pid=1896, Row Remapper: New row marked for remapping, reset gpu to activate.", want: []string{"gpu.row-remap-pending warning", "gpu.xid info"}},
	{name: "remapping failed", tree: server(), record: devices(`,"remapped_rows":{"failed":true}`), want: []string{"gpu.row-remap-failed error"}},
	{name: "Xid 64", tree: server(), log: stamp + "Xid (PCI:0000:01:00): 64, Row Remapper: Error: failed", want: []string{"gpu.row-remap-failed error", "gpu.xid error"}},

	{name: "hot", tree: server(), record: devices(`,"throttle_reasons":["hw_slowdown","hw_thermal_slowdown"],"temperature":93`), want: []string{"gpu.throttled warning"}},
	{name: "hot, in other words", tree: server(), record: devices(`,"throttle_reasons":["SW Thermal Slowdown"]`), want: []string{"gpu.throttled warning"}},
	{name: "power brake", tree: server(), record: devices(`,"throttle_reasons":["hw_power_brake_slowdown"]`), want: []string{"gpu.throttled warning"}},
	{name: "busy at its power cap", tree: server(), record: devices(`,"throttle_reasons":["sw_power_cap"],"power":698,"power_limit":700,"default_power_limit":700`)},
	{name: "idle with clocks set", tree: server(), record: devices(`,"throttle_reasons":["gpu_idle","applications_clocks_setting"]`)},
	{name: "power limit set low", tree: server(), record: devices(`,"power_limit":400,"default_power_limit":700`), want: []string{"gpu.throttled info"}},
	{name: "memory full", tree: server(), record: devices(`,"memory_bytes":85899345920,"memory_used_bytes":85000000000,"processes":[{"pid":77,"memory_bytes":84000000000}]`), want: []string{"gpu.memory-in-use info"}},
	{name: "memory half full", tree: server(), record: devices(`,"memory_bytes":85899345920,"memory_used_bytes":45000000000`)},
	{name: "links down", tree: hgx(), record: links(12, ""), want: []string{"gpu.nvlink-down warning"}},
	{name: "no link up", tree: hgx(), record: links(0, ""), want: []string{"gpu.nvlink-down error"}},
	{name: "no link up in MIG mode", tree: hgx(), record: links(0, "on")},
	{name: "bridges are an option", tree: server(), record: devices(`,"nvlink":[{"link":0,"active":true},{"link":1,"active":false}]`)},

	{name: "MIG without instances", tree: server(), record: devices(`,"mig":{"mode":"on"}`), want: []string{"gpu.mig-no-instance error"}},
	{name: "MIG without instances, in short", tree: server(), record: devices(`,"mig":"on"`), want: []string{"gpu.mig-no-instance error"}},
	{name: "MIG with an instance", tree: server(), record: devices(`,"mig":{"mode":"on","instances":[{"uuid":"MIG-aa"}]}`)},
	{name: "MIG with an instance on file", tree: with(server(), tree{"/proc/driver/nvidia/capabilities/gpu0/mig/gi1/ci0/access": "DeviceFileMinor: 12\n"}), record: devices(`,"mig":{"mode":"on"}`)},
	{name: "MIG used by its UUID", tree: server(), env: map[string]string{"CUDA_VISIBLE_DEVICES": "MIG-aa"}, record: devices(`,"mig":{"mode":"on","instances":["MIG-aa"]}`)},
	{name: "MIG UUID of yesterday", tree: server(), env: map[string]string{"CUDA_VISIBLE_DEVICES": "MIG-bb"}, record: devices(`,"mig":{"mode":"on","instances":["MIG-aa"]}`), want: []string{"gpu.mig-visible-devices error"}},
	{name: "MIG UUID without MIG", tree: server(), env: map[string]string{"CUDA_VISIBLE_DEVICES": "MIG-bb"}, record: devices(`,"mig":{"mode":"off"}`), want: []string{"gpu.mig-visible-devices error"}},
	{name: "MIG UUID that nobody can check", tree: server(), env: map[string]string{"CUDA_VISIBLE_DEVICES": "MIG-bb"}},
	{name: "instances counted", tree: server(), env: map[string]string{"CUDA_VISIBLE_DEVICES": "0,1"}, record: devices(`,"mig":{"mode":"on","instances":["MIG-aa","MIG-bb"]}`), want: []string{"gpu.mig-visible-devices warning"}},
	{name: "two instances named", tree: server(), env: map[string]string{"CUDA_VISIBLE_DEVICES": "MIG-aa,MIG-bb"}, record: devices(`,"mig":{"mode":"on","instances":["MIG-aa","MIG-bb"]}`), want: []string{"gpu.mig-visible-devices info"}},

	{name: "ACS redirects", tree: switched("20f1", "\x1d\x00"), want: []string{"gpu.acs-p2p warning"}},
	{name: "ACS off", tree: switched("20f1", "\x01\x00")},
	{name: "ACS redirects under games", tree: switched("2684", "\x1d\x00")},
	{name: "ACS redirects in a virtual machine", tree: with(switched("20f1", "\x1d\x00"), tree{"/proc/cpuinfo": "flags\t: fpu hypervisor\n"})},
	{name: "ACS redirects on a host of virtual machines", tree: third(switched("20f1", "\x1d\x00"), "vfio-pci"), want: []string{"gpu.vfio-bound info"}},
	{name: "far from the GPU", tree: pinned("0-7"), want: []string{"gpu.numa-affinity warning"}},
	{name: "next to the GPU", tree: pinned("8-11")},
	{name: "on both sides", tree: pinned("4-11")},
	{name: "not bound", tree: pinned("0-15")},
	{name: "the firmware names no node", tree: with(pinned("0-7"), tree{busDir + "/numa_node": "-1\n"})},
	{name: "InfiniBand without peer memory", tree: adapter("InfiniBand", "4: ACTIVE"), want: []string{"gpu.peermem-missing warning"}},
	{name: "Ethernet without peer memory", tree: adapter("Ethernet", "4: ACTIVE"), want: []string{"gpu.peermem-missing info"}},
	{name: "peer memory loaded", tree: with(adapter("InfiniBand", "4: ACTIVE"), tree{"/proc/modules": "nvidia_peermem 1 0 - Live 0x0\nnvidia_uvm 1 0 - Live 0x0\nnvidia 1 1 - Live 0x0\n"})},
	{name: "the open module needs no peer memory", tree: with(adapter("InfiniBand", "4: ACTIVE"), tree{"/proc/driver/nvidia/version": "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  550.54.15  Release Build\n"})},
	{name: "a slot with 8 lanes", tree: func() tree {
		t := rtx4090()
		t.Behind(bus, "0000:00:01.0")
		dir := "/sys/devices/pci0000:00/0000:00:01.0"
		return with(t, tree{dir + "/max_link_width": "8\n", dir + "/" + bus + "/current_link_width": "8\n"})
	}()},

	{name: "fabric manager of another version", tree: with(nvswitch(server()), fabricPackage("550.90.07-1")), want: []string{"gpu.fabric-manager error", "gpu.fabric-manager-mismatch error"}},
	{name: "fabric manager of another version still runs", tree: with(with(nvswitch(server()), fabricPackage("550.90.07-1")), tree{"/run/nvidia-fabricmanager/nv-fabricmanager.pid": "1\n"}), want: []string{"gpu.fabric-manager-mismatch warning"}},
	{name: "fabric manager of this version", tree: with(with(nvswitch(server()), fabricPackage("550.54.15-0ubuntu1")), tree{"/run/nvidia-fabricmanager/nv-fabricmanager.pid": "1\n"})},
	{name: "fabric manager without switches", tree: with(server(), fabricPackage("550.90.07-1"))},
	{name: "fabric manager refused this driver", tree: with(nvswitch(server()), tree{"/var/log/fabricmanager.log": "[Nov 22] fabric manager NVIDIA GPU driver interface version 550.90.07 don't match with driver version 550.54.15. Please update\n"}), want: []string{"gpu.fabric-manager error", "gpu.fabric-manager-mismatch error"}},
	{name: "fabric manager refused an older driver", tree: with(nvswitch(server()), tree{"/var/log/fabricmanager.log": "fabric manager NVIDIA GPU driver interface version 550.54.15 don't match with driver version 535.183.01. Please update\n", "/run/nvidia-fabricmanager/nv-fabricmanager.pid": "1\n"})},

	{name: "a GPU that has not joined the fabric", tree: hgx(), record: devices(`,"fabric":"in progress"`), want: []string{"gpu.fabric-manager error"}},
	{name: "one GPU of a fabric, in a virtual machine", tree: server(), record: devices(`,"fabric":"not started"`)},
	{name: "a GPU in MIG mode joins no fabric", tree: hgx(), record: devices(`,"fabric":"not started","mig":{"mode":"on","instances":["MIG-1"]}`)},
	{name: "the fabric works, whoever set it up", tree: nvswitch(server()), record: devices(`,"fabric":"completed"`)},
	{name: "vfio on purpose", tree: with(bound(unloaded(), "vfio-pci"), tree{"/proc/cmdline": "quiet iommu=pt vfio-pci.ids=10de:2684,10de:22ba\n"}), want: []string{"gpu.vfio-bound info"}},
	{name: "vfio on purpose, by modprobe", tree: with(bound(unloaded(), "vfio-pci"), tree{"/etc/modprobe.d/vfio.conf": "# x\noptions vfio-pci ids=10DE:2684\n"}), want: []string{"gpu.vfio-bound info"}},
	{name: "vfio on purpose, and PyTorch wants the GPU", tree: with(bound(unloaded(), "vfio-pci"), tree{"/etc/modprobe.d/vfio.conf": "options vfio-pci ids=10de:2684\n"}), record: record{"python.env[/e].torch": `{"version":"2.6.0","cuda":"12.4"}`}, want: []string{"gpu.vfio-bound warning"}},
	{name: "vfio on purpose, and PyTorch for the CPU", tree: with(bound(unloaded(), "vfio-pci"), tree{"/etc/modprobe.d/vfio.conf": "options vfio-pci ids=10de:2684\n"}), record: record{"python.env[/e].torch": `{"version":"2.6.0"}`}, want: []string{"gpu.vfio-bound info"}},
	{name: "vfio for another GPU", tree: with(bound(unloaded(), "vfio-pci"), tree{"/etc/modprobe.d/vfio.conf": "options vfio-pci ids=10de:1b80\n"}), want: []string{"gpu.vfio-bound warning"}},

	{name: "WSL without a GPU", tree: with(wsl(), tree{"/dev/dxg": "absent", "/usr/lib/wsl/lib/libcuda.so.1": "absent"}), want: []string{"gpu.wsl-no-gpu info"}},
	{name: "WSL without a GPU, and one is wanted", tree: with(wsl(), tree{"/dev/dxg": "absent", "/usr/lib/wsl/lib/libcuda.so.1": "absent"}), env: map[string]string{"CUDA_VISIBLE_DEVICES": "0"}, want: []string{"gpu.wsl-no-gpu warning"}},
	{name: "WSL with the library alone", tree: with(wsl(), tree{"/dev/dxg": "absent"}), want: []string{"gpu.wsl-no-gpu warning"}},
	{name: "WSL 1", tree: tree{"/proc/sys/kernel/osrelease": "4.4.0-19041-Microsoft\n"}, want: []string{"gpu.wsl-no-gpu info"}},
	{name: "container on WSL", tree: with(wsl(), tree{"/dev/dxg": "absent", "/.dockerenv": ""})},

	{name: "stray libcuda", tree: stray("470.42.01"), env: map[string]string{"LD_LIBRARY_PATH": "/opt/old"}, want: []string{"cuda.stray-libcuda error"}},
	{name: "libcuda of this release elsewhere", tree: stray("535.183.01"), env: map[string]string{"LD_LIBRARY_PATH": "/opt/old"}},
	{name: "stub", tree: with(rtx4090(), tree{"/usr/local/cuda/lib64/stubs/libcuda.so.1": "ELF"}), env: map[string]string{"LD_LIBRARY_PATH": "/usr/local/cuda/lib64/stubs"}, want: []string{"cuda.stray-libcuda error"}},
	{name: "stub that is not on the path", tree: with(rtx4090(), tree{"/usr/local/cuda/lib64/stubs/libcuda.so": "ELF"}), env: map[string]string{"LD_LIBRARY_PATH": "/usr/local/cuda/lib64"}},
	{name: "two majors of cuDNN", tree: rtx4090(), record: cudnn(facts.Library{Soname: "libcudnn.so.8", Path: "/a", Origin: "ld.so.cache"}, facts.Library{Soname: "libcudnn.so.9", Path: "/b", Origin: "ld.so.cache"}), want: []string{"cuda.cudnn-duplicate info"}},
	{name: "two releases of cuDNN 9", tree: rtx4090(), record: cudnn(facts.Library{Soname: "libcudnn.so.9", Path: "/a", Version: "9.1.0", Origin: "LD_LIBRARY_PATH"}, facts.Library{Soname: "libcudnn.so.9", Path: "/b", Version: "9.8.0", Origin: "ld.so.cache"}), want: []string{"cuda.cudnn-duplicate info"}},
	{name: "one cuDNN seen twice", tree: rtx4090(), record: cudnn(facts.Library{Soname: "libcudnn.so.9", Path: "/a", Version: "9.1.0", Origin: "LD_LIBRARY_PATH"}, facts.Library{Soname: "libcudnn.so.9", Path: "/b", Version: "9.1.0", Origin: "ld.so.cache"})},
	{name: "cuDNN in toolkits", tree: rtx4090(), record: cudnn(facts.Library{Soname: "libcudnn.so.8", Path: "/a", Origin: "toolkit"}, facts.Library{Soname: "libcudnn.so.9", Path: "/b", Origin: "ld.so.cache"})},
	{name: "nvcc of another major", tree: twoToolkits("11.8.0"), env: map[string]string{"CUDA_HOME": "/usr/local/cuda-12.2", "PATH": "/usr/local/cuda-other/bin:/usr/bin"}, want: []string{"cuda.path-mismatch warning"}},
	{name: "nvcc of another minor", tree: twoToolkits("12.1.1"), env: map[string]string{"CUDA_HOME": "/usr/local/cuda-12.2", "PATH": "/usr/local/cuda-other/bin:/usr/bin"}, want: []string{"cuda.path-mismatch info"}},
	{name: "nvcc of an update", tree: twoToolkits("12.2.2"), env: map[string]string{"CUDA_HOME": "/usr/local/cuda-12.2", "PATH": "/usr/local/cuda-other/bin:/usr/bin"}},
	{name: "no nvcc on PATH", tree: twoToolkits("11.8.0"), env: map[string]string{"CUDA_HOME": "/usr/local/cuda-12.2", "PATH": "/usr/bin"}},
	{name: "GCC too new for a toolkit without its header", tree: gcc(with(rtx4090(), tree{"/usr/local/cuda-12.2/version.json": `{"cuda": {"version": "12.2.0"}}`, "/usr/local/cuda-12.2/bin/nvcc": ""}), "14"), want: []string{"cuda.gcc-too-new info"}},
}

// third adds a GPU for another driver.
func third(t tree, driver string) tree {
	t.GPU("0000:03:00.0", "20f1", driver)
	return t
}

func stray(version string) tree {
	return with(rtx4090(), tree{"/opt/old/libcuda.so." + version: "ELF", "/opt/old/libcuda.so.1": "-> libcuda.so." + version})
}

func twoToolkits(other string) tree {
	t := rtx4090()
	t.Toolkit("/usr/local/cuda-12.2", "12.2.0")
	t.Toolkit("/usr/local/cuda-other", other)
	return t
}

func TestHardware(t *testing.T) {
	codes := map[string]bool{}
	for _, c := range All() {
		codes[c.Code] = true
	}
	for _, m := range hardware {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			target := m.tree.Target(t, m.env)
			target.KernelLog = m.log
			found := judged(t, target, nil, m.record.facts(t))
			if got := spoken(found); !slices.Equal(got, m.want) {
				t.Errorf("findings %q, want %q", got, m.want)
			}
			for _, f := range found {
				requireComplete(t, f)
				for _, code := range f.Explains {
					if !codes[code] || code == f.Code {
						t.Errorf("%s explains %s", f.Code, code)
					}
				}
			}
		})
	}
}
