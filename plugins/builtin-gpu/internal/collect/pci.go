// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"path"
	"strconv"
	"strings"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/facts"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

const pciDir = "/sys/bus/pci/devices"

// maxPCI bounds how many devices of the bus are looked at.
const maxPCI = 8192

// vendorNVIDIA is NVIDIA's number in the PCI register of vendors.
const vendorNVIDIA = "10de"

// Classes of the PCI code list: the base class and subclass.
const (
	classVGA    = "0300" // VGA controller
	class3D     = "0302" // 3D controller: a GPU without a display
	classBridge = "0680" // other bridge: NVSwitch
)

// pci records NVIDIA's devices on the bus. The result says whether there is a
// bus that can be looked at, so that neither an unpacked image nor a bus whose
// devices may not be read is taken for a machine without GPUs.
func (m *machine) pci() (gpus []facts.PCIDevice, bus bool) {
	entries, err := m.ReadDir(pciDir)
	if err != nil && !m.Live {
		return nil, false
	}
	gpus = []facts.PCIDevice{}
	switches, hidden := 0, 0
	var seen []fact.Evidence
	var amd accelerators
	for _, e := range entries[:min(len(entries), maxPCI)] {
		dir := path.Join(pciDir, e.Name())
		vendor := hexWord(m.ReadText(dir + "/vendor"))
		if vendor == "" {
			hidden++
		}
		if vendor == vendorAMD {
			amd.look(m, dir, e.Name())
		}
		if vendor != vendorNVIDIA || m.virtualFunction(dir) {
			continue
		}
		switch class := hexWord(m.ReadText(dir + "/class")); {
		case strings.HasPrefix(class, classVGA), strings.HasPrefix(class, class3D):
			gpus = append(gpus, m.pciDevice(e.Name(), class))
			seen = append(seen, fact.File(dir+"/vendor", 1, "0x"+vendorNVIDIA))
		case strings.HasPrefix(class, classBridge) && !chipset(hexWord(m.ReadText(dir+"/device"))):
			switches++
		}
	}
	if len(gpus) == 0 && hidden > 0 {
		m.record.Unknown(facts.PCI, strconv.Itoa(hidden)+" devices on the bus cannot be read", fact.File(pciDir, 0, ""))
		return nil, false
	}
	amd.add(m.record)
	m.record.Add(facts.PCI, gpus, seen...)
	m.switches = switches
	m.record.Add(facts.Switches, switches, fact.File(pciDir, 0, ""))
	return gpus, true
}

// virtualFunction reports whether a device is a part that a vGPU host cuts off a
// GPU for its guests: the kernel links it to the GPU itself. It is no GPU of
// this machine. Inside a guest the link is not there.
func (m *machine) virtualFunction(dir string) bool {
	_, err := m.Readlink(dir + "/physfn")
	return err == nil
}

// firstSwitch is the PCI number from which on NVIDIA's bridges are NVSwitch
// chips (GV100's is 1ac0). Below it are the network adapters and controllers of
// nForce chipsets, which call themselves bridges too.
const firstSwitch = "1000"

func chipset(device string) bool { return device != "" && device < firstSwitch }

func (m *machine) pciDevice(address, class string) facts.PCIDevice {
	dir := path.Join(pciDir, address)
	d := facts.PCIDevice{
		Address:      strings.ToLower(address),
		Vendor:       vendorNVIDIA,
		Device:       hexWord(m.ReadText(dir + "/device")),
		Class:        class,
		LinkWidth:    lanes(m.ReadText(dir + "/current_link_width")),
		MaxLinkWidth: lanes(m.ReadText(dir + "/max_link_width")),
		NUMANode:     -1,
	}
	if link, err := m.Readlink(dir + "/driver"); err == nil {
		d.Driver = path.Base(link)
	}
	if n, err := strconv.Atoi(m.ReadText(dir + "/numa_node")); err == nil && n >= 0 {
		d.NUMANode = n
	}
	d.External = m.ReadText(dir+"/removable") == "removable"
	d.Suspended = m.ReadText(dir+"/power/runtime_status") == "suspended"
	if real, err := m.Resolve(dir); err == nil {
		d.UpstreamMaxWidth = lanes(m.ReadText(path.Dir(real) + "/max_link_width"))
	}
	d.Lost = !d.Suspended && d.Driver == "nvidia" && allOnes(m.head(dir+"/config", 4))
	return d
}

// allOnes reports whether the first register of a device, its vendor and
// number, reads as ones: that is what the bus answers for a device that is gone.
// A device that the kernel switched off is not asked, since that would wake it.
func allOnes(data []byte) bool {
	return len(data) == 4 && data[0]&data[1]&data[2]&data[3] == 0xff
}

// hexWord reads a number as sysfs writes it, "0x10DE", to "10de"; "" for
// anything else.
func hexWord(text string) string {
	digits, ok := strings.CutPrefix(strings.ToLower(text), "0x")
	if !ok || digits == "" || len(digits) > 8 || strings.Trim(digits, "0123456789abcdef") != "" {
		return ""
	}
	return digits
}

// lanes reads a PCIe link width. Virtual machines report 0, 63 or 255 for
// links that do not exist; only widths of the PCIe standard count.
func lanes(text string) int {
	switch n, _ := strconv.Atoi(text); n {
	case 1, 2, 4, 8, 12, 16, 32:
		return n
	}
	return 0
}
