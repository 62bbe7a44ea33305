// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/facts"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/machinetest"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

func TestHexWord(t *testing.T) {
	for text, want := range map[string]string{
		"0x10de": "10de", "0x10DE": "10de", "0x030200": "030200", "10de": "", "0x": "", "0xzz": "", "0x1234567890": "", "": "",
	} {
		if got := hexWord(text); got != want {
			t.Errorf("hexWord(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestLanes(t *testing.T) {
	for text, want := range map[string]int{"16": 16, "1": 1, "0": 0, "63": 0, "255": 0, "-8": 0, "x8": 0, "": 0} {
		if got := lanes(text); got != want {
			t.Errorf("lanes(%q) = %d, want %d", text, got, want)
		}
	}
}

func TestIsNode(t *testing.T) {
	for base, want := range map[string]bool{
		"nvidiactl": true, "nvidia0": true, "nvidia15": true, "nvidia-uvm": true, "nvidia-uvm-tools": true,
		"nvidia": false, "nvidia-caps": false, "nvidia0x": false, "nvidia-caps-imex-channels": false,
	} {
		if got := isNode(base); got != want {
			t.Errorf("isNode(%q) = %v", base, got)
		}
	}
}

// TestServerOfTwo: every GPU is listed in the order of the bus, switches are
// counted apart, and a sound device of the same card is neither.
func TestServerOfTwo(t *testing.T) {
	tree := machinetest.CPUOnly()
	tree.GPU("0000:c1:00.0", "2330", "nvidia")
	tree.GPU("0000:1b:00.0", "2330", "nvidia")
	tree.Class("0000:1b:00.0", "030200")
	tree["/sys/devices/pci0000:00/0000:1b:00.0/numa_node"] = "1\n"
	for address, class := range map[string]string{"0000:1b:00.1": "0x040300", "0000:05:00.0": "0x068000"} {
		tree["/sys/bus/pci/devices/"+address+"/vendor"] = "0x10de\n"
		tree["/sys/bus/pci/devices/"+address+"/class"] = class + "\n"
	}
	set := observe(t, tree.Target(t, nil), nil)
	require(t, set, map[string]string{facts.Count: "2", facts.Switches: "1"})
	gpus, _ := fact.Get[[]facts.PCIDevice](set, facts.PCI)
	if len(gpus) != 2 || gpus[0].Address != "0000:1b:00.0" || gpus[0].NUMANode != 1 || gpus[0].Class != "030200" || gpus[1].NUMANode != -1 {
		t.Errorf("%+v", gpus)
	}
	devices, _ := fact.Get[[]facts.Device](set, facts.Devices)
	if len(devices) != 2 || devices[0].Index != 0 || devices[1].PCI != "0000:c1:00.0" || devices[1].Name != "H100 SXM5 80GB" || devices[1].ComputeCapability != "9.0" {
		t.Errorf("%+v", devices)
	}
}

// TestUnknownChip: a number that is in no table gives no name and no
// capability, rather than a guess.
func TestUnknownChip(t *testing.T) {
	tree := machinetest.CPUOnly()
	tree.GPU("0000:01:00.0", "3fff", "")
	require(t, observe(t, tree.Target(t, nil), nil), map[string]string{
		facts.Devices: `[{"index":0,"pci":"0000:01:00.0","source":"files"}]`, facts.Loaded: "false", facts.DriverVersion: "absent",
	})
}

// TestKernelFacts: what concerns GPUs is recorded with the line that says it,
// and the rest of the command line is not.
func TestKernelFacts(t *testing.T) {
	tree := machinetest.CPUOnly()
	tree["/proc/cmdline"] = "root=/dev/sda1 token=hunter2 modprobe.blacklist=nouveau iommu=pt\n"
	tree["/proc/modules"] = "nouveau 1 0 - Live 0x0\nnvidiafb 1 0 - Live 0x0\n"
	tree["/etc/modprobe.d/a.conf"] = "# comment\nblacklist nvidia-drm\n"
	tree["/etc/modprobe.d/a.bak"] = "blacklist nvidia\n"
	tree[efiSecureBoot] = "\x06\x00\x00\x00\x01"
	set := observe(t, tree.Target(t, nil), nil)
	require(t, set, map[string]string{
		facts.KernelWords: `["modprobe.blacklist=nouveau","iommu=pt"]`,
		facts.Modules:     `["nouveau"]`,
		facts.Blacklist:   `["nvidia_drm"]`,
		facts.SecureBoot:  "true",
		facts.Kernel:      `"` + machinetest.Kernel + `"`,
	})
	f, _ := set.Lookup(facts.Blacklist)
	if len(f.Evidence) != 1 || f.Evidence[0].Path != "/etc/modprobe.d/a.conf" || f.Evidence[0].Line != 2 {
		t.Errorf("evidence %+v", f.Evidence)
	}
}

func TestSecureBootOfAnotherSize(t *testing.T) {
	tree := machinetest.CPUOnly()
	tree[efiSecureBoot] = "\x01"
	require(t, observe(t, tree.Target(t, nil), nil), map[string]string{facts.SecureBoot: "absent"})
}

func TestWSL(t *testing.T) {
	set := observe(t, machinetest.Tree{
		kernelRelease:                        "5.15.153.1-microsoft-standard-WSL2\n",
		"/usr/lib/wsl/lib/libnvidia-ml.so.1": "",
	}.Target(t, nil), nil)
	require(t, set, map[string]string{facts.WSL: "true", facts.LibraryVersion: "absent"})
	if libs, _ := fact.Get[[]facts.Library](set, facts.Libraries); len(libs) != 1 || libs[0].Path != "/usr/lib/wsl/lib/libnvidia-ml.so.1" {
		t.Errorf("%+v", libs)
	}
}

// TestUbuntuLayout: /lib is a link, and the cache names files through it.
func TestUbuntuLayout(t *testing.T) {
	tree := machinetest.Healthy("2684", "NVIDIA GeForce RTX 4090", "535.183.01")
	for name, content := range tree {
		if rest, ok := strings.CutPrefix(name, "/lib/"); ok {
			delete(tree, name)
			tree["/usr/lib/"+rest] = content
		}
	}
	tree["/lib"] = "-> usr/lib"
	tree["/etc/ld.so.cache"] = cache(0x303, sonameNVML, "/lib/x86_64-linux-gnu/"+sonameNVML)
	set := observe(t, tree.Target(t, nil), nil)
	require(t, set, map[string]string{facts.LibraryVersion: `"535.183.01"`})
	if modules, _ := fact.Get[[]facts.Module](set, facts.OnDisk); len(modules) != 1 {
		t.Errorf("%+v", modules)
	}
}
