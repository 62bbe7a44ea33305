// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"encoding/binary"
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/facts"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/machinetest"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// extended writes a configuration space with a chain of extended capabilities.
func extended(capabilities ...uint16) []byte {
	config := make([]byte, maxConfig)
	at := firstExtended
	for i, id := range capabilities {
		next := 0
		if i < len(capabilities)-1 {
			next = at + 0x20
		}
		binary.LittleEndian.PutUint32(config[at:], uint32(id)|1<<16|uint32(next)<<20)
		binary.LittleEndian.PutUint16(config[at+4:], 0x5f)
		binary.LittleEndian.PutUint16(config[at+6:], 0x1d)
		at = next
	}
	return config
}

func TestACSControl(t *testing.T) {
	loop := extended(1, 2)
	binary.LittleEndian.PutUint32(loop[firstExtended+0x20:], 2|1<<16|firstExtended<<20)
	for name, c := range map[string]struct {
		config []byte
		want   uint16
		ok     bool
	}{
		"first":        {extended(acsCapability), 0x1d, true},
		"third":        {extended(1, 0x19, acsCapability), 0x1d, true},
		"none":         {extended(1, 2), 0, false},
		"cut short":    {extended(acsCapability)[:64], 0, false},
		"cut within":   {extended(acsCapability)[:firstExtended+6], 0, false},
		"gone":         {[]byte(strings.Repeat("\xff", maxConfig)), 0, false},
		"chain loops":  {loop, 0, false},
		"empty":        {nil, 0, false},
		"points below": {append(make([]byte, firstExtended), 1, 0, 1, 4, 0, 0, 0, 0), 0, false},
	} {
		if got, ok := acsControl(c.config); got != c.want || ok != c.ok {
			t.Errorf("%s: %04x, %v", name, got, ok)
		}
	}
}

func FuzzACSControl(f *testing.F) {
	f.Add(extended(1, acsCapability))
	f.Add([]byte(strings.Repeat("\x0d\x00\x01\x10", 200)))
	f.Fuzz(func(t *testing.T, config []byte) { acsControl(config) })
}

func TestTopology(t *testing.T) {
	tree := machinetest.CPUOnly()
	for i, address := range []string{"0000:21:00.0", "0000:22:00.0", "0000:23:00.0", "0000:24:00.0"} {
		tree.GPU(address, "2330", "nvidia")
		_ = i
	}
	tree.Behind("0000:21:00.0", "0000:00:01.0", "0000:10:00.0")
	tree.Behind("0000:22:00.0", "0000:00:01.0", "0000:10:01.0")
	tree.Behind("0000:23:00.0", "0000:00:01.0", "0000:10:02.0", "0000:12:00.0")
	tree.GPU("0001:01:00.0", "2330", "nvidia")
	for name, content := range tree {
		if rest, ok := strings.CutPrefix(name, "/sys/devices/pci0000:00/0001:01:00.0"); ok {
			delete(tree, name)
			tree["/sys/devices/pci0001:00/0001:01:00.0"+rest] = content
		}
	}
	tree["/sys/bus/pci/devices/0001:01:00.0"] = "-> ../../../devices/pci0001:00/0001:01:00.0"
	set := observe(t, tree.Target(t, nil), nil)
	pairs, _ := fact.Get[[]facts.Pair](set, facts.Topology)
	got := map[string]string{}
	for _, p := range pairs {
		got[p.A[:7]+" "+p.B[:7]] = p.Level
	}
	for pair, want := range map[string]string{
		"0000:21 0000:22": "PIX", "0000:21 0000:23": "PXB", "0000:21 0000:24": "PHB", "0000:24 0001:01": "SYS",
	} {
		if got[pair] != want {
			t.Errorf("%s: %q, want %q", pair, got[pair], want)
		}
	}
	if len(pairs) != 10 {
		t.Errorf("%d pairs of 5 GPUs", len(pairs))
	}
}

func TestSharedLinks(t *testing.T) {
	link := func(peer string, up bool) facts.NVLink {
		return facts.NVLink{Active: up, Peer: peer, Switch: peer == ""}
	}
	a := facts.Device{PCI: "0000:01:00.0", NVLink: []facts.NVLink{link("0000:02:00.0", true), link("0000:02:00.0", false), link("0000:03:00.0", true)}}
	b := facts.Device{PCI: "0000:02:00.0", NVLink: []facts.NVLink{link("0000:01:00.0", true)}}
	if got := sharedLinks(a, b); got != 1 {
		t.Errorf("a bridge: %d", got)
	}
	s := facts.Device{PCI: "0000:04:00.0", NVLink: []facts.NVLink{link("", true), link("", true)}}
	u := facts.Device{PCI: "0000:05:00.0", NVLink: []facts.NVLink{link("", true), link("", false)}}
	if got := sharedLinks(s, u); got != 1 {
		t.Errorf("a switch: %d", got)
	}
	if got := sharedLinks(facts.Device{}, facts.Device{}); got != 0 {
		t.Errorf("nothing: %d", got)
	}
}

func TestVirtual(t *testing.T) {
	for name, c := range map[string]struct {
		tree machinetest.Tree
		want string
	}{
		"bare":              {machinetest.Tree{procCPU: "processor : 0\nflags : fpu vme\n"}, "false"},
		"flag":              {machinetest.Tree{procCPU: "flags\t\t: fpu hypervisor lahf_lm\n"}, "true"},
		"word in a name":    {machinetest.Tree{procCPU: "model name : hypervisor CPU\nflags : fpu\n"}, "false"},
		"firmware on arm64": {machinetest.Tree{procCPU: "BogoMIPS : 50\n", dmiVendor: "QEMU\n"}, "true"},
		"nothing":           {machinetest.Tree{}, "absent"},
	} {
		set := observe(t, c.tree.Target(t, nil), nil)
		t.Run(name, func(t *testing.T) { require(t, set, map[string]string{facts.Virtual: c.want}) })
	}
}

// TestPlacement: affinity, adapters, instances and the driver's own list.
func TestPlacement(t *testing.T) {
	tree := rtx4090()
	tree["/proc/self/status"] = "Name:\tx\nUid:\t1\t1\t1\t1\nCpus_allowed_list:\t0-3\n"
	tree["/sys/devices/system/cpu/online"] = "0-7\n"
	tree["/sys/devices/pci0000:00/0000:01:00.0/local_cpulist"] = "4-7\n"
	tree["/sys/devices/pci0000:00/0000:01:00.0/numa_node"] = "1\n"
	tree["/sys/class/infiniband/mlx5_1/ports/1/link_layer"] = "Ethernet\n"
	tree["/sys/class/infiniband/mlx5_1/ports/1/state"] = "1: DOWN\n"
	tree["/proc/driver/nvidia/capabilities/gpu0/mig/gi7/ci0/access"] = ""
	tree["/proc/driver/nvidia/capabilities/gpu0/mig/gi7/access"] = ""
	tree["/sys/kernel/iommu_groups/0/type"] = "identity\n"
	tree["/sys/kernel/iommu_groups/1/type"] = "DMA-FQ\n"
	set := observe(t, tree.Target(t, nil), nil)
	require(t, set, map[string]string{
		facts.Affinity:     `{"allowed_cpus":"0-3","online_cpus":"0-7","local_cpus":{"0000:01:00.0":"4-7"}}`,
		facts.RDMA:         `[{"name":"mlx5_1","driver":"","link_layer":"Ethernet","active":false}]`,
		facts.Capabilities: `[{"gpu":0,"instance":"gi7/ci0"}]`,
		facts.Served:       `["0000:01:00.0"]`,
		facts.IOMMU:        `{"groups":2,"types":{"DMA-FQ":1,"identity":1}}`,
		facts.Peermem:      `false`,
		facts.Topology:     "absent",
		facts.ACS:          "absent",
		facts.WSLDevice:    "absent",
	})
	if f, _ := set.Lookup(facts.Affinity); len(f.Evidence) == 0 || f.Evidence[0].Line != 3 {
		t.Errorf("%+v", f.Evidence)
	}
}
