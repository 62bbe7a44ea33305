// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"fmt"
	"strings"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/facts"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// maxPairs bounds the matrix: 32 GPUs.
const maxPairs = 496

// topology records how each two GPUs reach each other. The levels are those of
// nvidia-smi topo -m, taken from the shape of the bus in sysfs and from the
// NVLinks that NVML named.
func (m *machine) topology(gpus []facts.PCIDevice, devices []facts.Device) {
	if len(gpus) < 2 {
		return
	}
	out := []facts.Pair{}
	for i, a := range gpus {
		for _, b := range gpus[i+1:] {
			if len(out) < maxPairs {
				out = append(out, facts.Pair{A: a.Address, B: b.Address, Level: m.level(a, b, devices)})
			}
		}
	}
	m.record.Add(facts.Topology, out, fact.File(pciDir, 0, fmt.Sprintf("%d pairs", len(out))))
}

// level prefers NVLink over PCIe.
func (m *machine) level(a, b facts.PCIDevice, devices []facts.Device) string {
	if n := sharedLinks(find(devices, a.Address), find(devices, b.Address)); n > 0 {
		return fmt.Sprintf("NV%d", n)
	}
	if m.hostBridge(a.Address) == "" || m.hostBridge(a.Address) != m.hostBridge(b.Address) {
		if a.NUMANode >= 0 && a.NUMANode == b.NUMANode {
			return "NODE"
		}
		return "SYS"
	}
	return pcieLevel(m.ancestors(a.Address), m.ancestors(b.Address))
}

// pcieLevel compares the bridges above two devices of one host bridge. PIX is
// one switch, PXB several, PHB the host bridge.
func pcieLevel(a, b []string) string {
	shared := 0
	for shared < min(len(a), len(b)) && a[shared] == b[shared] {
		shared++
	}
	switch {
	case shared == 0:
		return "PHB"
	case len(a)-shared <= 1 && len(b)-shared <= 1:
		return "PIX"
	}
	return "PXB"
}

func find(devices []facts.Device, address string) facts.Device {
	for _, d := range devices {
		if strings.EqualFold(d.PCI, address) {
			return d
		}
	}
	return facts.Device{}
}

// sharedLinks counts the NVLinks between two GPUs. Links that end at neither
// GPU of the machine end at a switch, which joins every GPU.
func sharedLinks(a, b facts.Device) int {
	direct, switchedA, switchedB := 0, 0, 0
	for _, l := range a.NVLink {
		switch {
		case !l.Active:
		case strings.EqualFold(l.Peer, b.PCI) && l.Peer != "":
			direct++
		case l.Switch:
			switchedA++
		}
	}
	for _, l := range b.NVLink {
		if l.Active && l.Switch {
			switchedB++
		}
	}
	return max(direct, min(switchedA, switchedB))
}
