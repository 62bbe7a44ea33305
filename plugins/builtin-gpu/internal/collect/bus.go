// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"encoding/binary"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/internal/pattern"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/facts"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

const (
	procCPU     = "/proc/cpuinfo"
	iommuGroups = "/sys/kernel/iommu_groups"
	dmiVendor   = "/sys/devices/virtual/dmi/id/sys_vendor"
)

// maxCPUInfo covers the description of the first processor.
const maxCPUInfo = 16 << 10

// virtual records whether a hypervisor runs below: the processor says so, and
// where it cannot (arm64) the firmware's vendor does.
func (m *machine) virtual() {
	text := string(m.head(procCPU, maxCPUInfo))
	vendor := m.ReadText(dmiVendor)
	switch {
	case hypervisorFlag(text):
		m.record.Add(facts.Virtual, true, fact.File(procCPU, 0, "hypervisor"))
	case slices.Contains([]string{"QEMU", "Xen", "VMware, Inc.", "innotek GmbH"}, vendor):
		m.record.Add(facts.Virtual, true, fact.File(dmiVendor, 1, vendor))
	case text != "":
		m.record.Add(facts.Virtual, false, fact.File(procCPU, 0, ""))
	}
}

// hypervisorFlag looks for the flag among those of the first processor.
func hypervisorFlag(text string) bool {
	for line := range strings.SplitSeq(text, "\n") {
		if key, flags, _ := strings.Cut(line, ":"); strings.TrimSpace(key) == "flags" {
			return slices.Contains(strings.Fields(flags), "hypervisor")
		}
	}
	return false
}

// Bounds of what is read about a bus.
const (
	maxConfig    = 4096 // bytes of a device's configuration space
	maxGroups    = 1024
	maxAncestors = 16
)

// bridges records the IOMMU's groups and the access control services of the
// bridges above GPUs, which only an administrator can read.
func (m *machine) bridges(gpus []facts.PCIDevice) {
	if groups, err := m.ReadDir(iommuGroups); err == nil {
		state := facts.IOMMUState{Groups: len(groups), Types: map[string]int{}}
		for _, g := range groups[:min(len(groups), maxGroups)] {
			if kind := m.ReadText(path.Join(iommuGroups, g.Name(), "type")); kind != "" {
				state.Types[kind]++
			}
		}
		m.record.Add(facts.IOMMU, state, fact.File(iommuGroups, 0, fmt.Sprintf("%d groups", len(groups))))
	}
	above := map[string][]string{}
	var order []string
	for _, g := range gpus {
		for _, dir := range m.ancestors(g.Address) {
			if above[dir] == nil {
				order = append(order, dir)
			}
			above[dir] = append(above[dir], g.Address)
		}
	}
	m.accessControl(order, above)
}

func (m *machine) accessControl(order []string, above map[string][]string) {
	out := []facts.Bridge{}
	var seen []fact.Evidence
	for _, dir := range order {
		control, ok := acsControl(m.head(dir+"/config", maxConfig))
		if !ok {
			continue
		}
		b := facts.Bridge{Address: path.Base(dir), Control: fmt.Sprintf("%04x", control), Redirects: control&acsRedirects != 0, GPUs: above[dir]}
		out = append(out, b)
		seen = append(seen, fact.File(dir+"/config", 0, "ACSCtl "+b.Control))
	}
	if len(out) > 0 {
		m.record.Add(facts.ACS, out, seen...)
	}
}

var (
	pciName  = pattern.Lazy(`^[0-9a-fA-F]{4,8}:[0-9a-fA-F]{2}:[0-9a-fA-F]{2}\.[0-7]$`)
	rootName = pattern.Lazy(`^pci[0-9a-fA-F]{4,8}:[0-9a-fA-F]{2}$`)
)

// ancestors lists the directories of the bridges above a device, the nearest
// to the processor first.
func (m *machine) ancestors(address string) []string {
	real, err := m.Resolve(path.Join(pciDir, address))
	if err != nil {
		return nil
	}
	var out []string
	for dir := path.Dir(real); pciName().MatchString(path.Base(dir)) && len(out) < maxAncestors; dir = path.Dir(dir) {
		out = append(out, dir)
	}
	slices.Reverse(out)
	return out
}

// hostBridge is the name of the root that a device hangs on, "pci0000:00".
func (m *machine) hostBridge(address string) string {
	real, err := m.Resolve(path.Join(pciDir, address))
	if err != nil {
		return ""
	}
	for word := range strings.SplitSeq(real, "/") {
		if rootName().MatchString(word) {
			return word
		}
	}
	return ""
}

// The access control services of PCI Express (extended capability 000d): the
// control register stands 6 bytes into it. Bits 2 and 3 send requests and
// completions between devices below the bridge up to the processor.
const (
	acsCapability = 0x000d
	acsRedirects  = 1<<2 | 1<<3
	firstExtended = 0x100
)

// acsControl finds the control register in a device's configuration space;
// false when the space is cut short, as for an ordinary user, or has none.
func acsControl(config []byte) (uint16, bool) {
	for at, steps := firstExtended, 0; at >= firstExtended && at+8 <= len(config) && steps < maxConfig/8; steps++ {
		header := binary.LittleEndian.Uint32(config[at:])
		if header == 0 || header == 0xffffffff {
			return 0, false
		}
		if header&0xffff == acsCapability {
			return binary.LittleEndian.Uint16(config[at+6:]), true
		}
		at = int(header >> 20 &^ 3)
	}
	return 0, false
}
