// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"bytes"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/facts"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

const (
	kernelRelease  = "/proc/sys/kernel/osrelease"
	kernelLine     = "/proc/cmdline"
	kernelModules  = "/proc/modules"
	kernelLockdown = "/sys/kernel/security/lockdown"
	efiSecureBoot  = "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
)

// place records what kind of machine this is, as far as drivers care.
func (m *machine) place() {
	release := m.ReadText(kernelRelease)
	if release != "" {
		m.record.Add(facts.Kernel, release, fact.File(kernelRelease, 1, release))
		wsl := strings.Contains(strings.ToLower(release), "microsoft")
		m.record.Add(facts.WSL, wsl, fact.File(kernelRelease, 1, release))
	}
	container, evidence := m.container()
	m.record.Add(facts.Container, container, evidence...)
}

// container looks for the marks of container runtimes. An image that was
// written to the disk of a virtual machine keeps its /.dockerenv, but no
// container has a whole block device as its root.
func (m *machine) container() (bool, []fact.Evidence) {
	if m.Env["KUBERNETES_SERVICE_HOST"] != "" {
		return true, []fact.Evidence{fact.Call("environment", "KUBERNETES_SERVICE_HOST is set")}
	}
	for _, mark := range []string{"/run/.containerenv", "/.dockerenv"} {
		if !m.Exists(mark) {
			continue
		}
		seen := []fact.Evidence{fact.File(mark, 0, "")}
		if m.ProcessDir == "" {
			return true, seen
		}
		mounts := m.ProcessDir + "/mountinfo"
		if line, disk := rootDisk(m.ReadText(mounts)); disk != "" {
			return false, append(seen, fact.File(mounts, line, "/ is the whole of "+disk))
		}
		return true, seen
	}
	return false, nil
}

// rootDisk returns the block device that is mounted as a whole on /, with the
// line of mountinfo that says so; "" when the root is anything else. Fields:
// id, parent, device, root, mount point, options ... - type, source, options.
func rootDisk(mounts string) (line int, disk string) {
	for i, text := range strings.Split(mounts, "\n") {
		place, source, ok := strings.Cut(text, " - ")
		fields, from := strings.Fields(place), strings.Fields(source)
		if !ok || len(fields) < 5 || len(from) < 2 || fields[4] != "/" {
			continue
		}
		line, disk = 0, ""
		if fields[3] == "/" && strings.HasPrefix(from[1], "/dev/") {
			line, disk = i+1, from[1]
		}
	}
	return line, disk
}

// kernel records how the kernel was told to treat GPU modules.
func (m *machine) kernel() {
	if line := m.ReadText(kernelLine); line != "" {
		m.record.Add(facts.KernelWords, gpuWords(line), fact.File(kernelLine, 1, strings.Join(gpuWords(line), " ")))
	}
	m.passthrough()
	if data, err := m.ReadFile(kernelModules); err == nil {
		loaded := gpuModules(data)
		evidence := fact.File(kernelModules, 0, strings.Join(loaded, " "))
		m.record.Add(facts.Modules, loaded, evidence)
		m.record.Add(facts.Peermem, slices.Contains(loaded, "nvidia_peermem") || slices.Contains(loaded, "nv_peer_mem"), evidence)
	}
	if data, err := m.ReadFile(efiSecureBoot); err == nil && len(data) == 5 {
		m.record.Add(facts.SecureBoot, data[4] == 1, fact.File(efiSecureBoot, 0, ""))
	}
	if level := lockdown(m.ReadText(kernelLockdown)); level != "" {
		m.record.Add(facts.Lockdown, level, fact.File(kernelLockdown, 1, level))
	}
	m.blacklist()
}

// lockdown reads "none [integrity] confidentiality": the level in brackets.
func lockdown(text string) string {
	for _, level := range []string{"none", "integrity", "confidentiality"} {
		if strings.Contains(text, "["+level+"]") {
			return level
		}
	}
	return ""
}

// gpuWords picks from the kernel command line what concerns GPUs; the rest is
// nobody's business.
func gpuWords(line string) []string {
	out := []string{}
	for word := range strings.FieldsSeq(line) {
		for _, part := range []string{"nvidia", "nouveau", "vfio", "iommu", "nomodeset"} {
			if strings.Contains(word, part) {
				out = append(out, word)
				break
			}
		}
	}
	return out
}

// gpuModules lists the loaded modules of /proc/modules that drive NVIDIA GPUs,
// sorted.
func gpuModules(data []byte) []string {
	out := []string{}
	for line := range bytes.Lines(data) {
		name, _, _ := strings.Cut(string(line), " ")
		if isGPUModule(name) {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func isGPUModule(name string) bool {
	switch name {
	case "nouveau", "nova_core", "vfio_pci", "nvidia_vgpu_vfio", "nvidia", "nvidia_uvm", "nvidia_drm", "nvidia_modeset", "nvidia_peermem", "nv_peer_mem":
		return true
	}
	return false
}

// maxConfigs bounds how many files of modprobe.d are read.
const maxConfigs = 256

// blacklist records the GPU modules that modprobe must not load.
func (m *machine) blacklist() {
	names := []string{}
	var seen []fact.Evidence
	for _, dir := range []string{"/etc/modprobe.d", "/usr/lib/modprobe.d", "/lib/modprobe.d", "/run/modprobe.d"} {
		configs := m.Glob(dir + "/*.conf")
		for _, name := range configs[:min(len(configs), maxConfigs)] {
			data, err := m.ReadFile(name)
			if err != nil {
				continue
			}
			for i, line := range strings.Split(string(data), "\n") {
				if module := blacklisted(line); module != "" {
					names = append(names, module)
					seen = append(seen, fact.File(name, i+1, line))
				}
			}
		}
	}
	slices.Sort(names)
	m.record.Add(facts.Blacklist, slices.Compact(names), seen...)
}

// passthrough records the PCI numbers of NVIDIA's that were set aside for
// virtual machines on purpose.
func (m *machine) passthrough() {
	var ids []string
	var seen []fact.Evidence
	note := func(name string, line int, text string) {
		if found := setAside(text); len(found) > 0 {
			ids = append(ids, found...)
			seen = append(seen, fact.File(name, line, strings.Join(found, " ")))
		}
	}
	note(kernelLine, 1, m.ReadText(kernelLine))
	configs := m.Glob("/etc/modprobe.d/*.conf")
	for _, name := range configs[:min(len(configs), maxConfigs)] {
		for i, line := range strings.Split(m.ReadText(name), "\n") {
			if strings.HasPrefix(strings.TrimSpace(line), "options vfio") {
				note(name, i+1, line)
			}
		}
	}
	if len(ids) > 0 {
		slices.Sort(ids)
		m.record.Add(facts.Passthrough, slices.Compact(ids), seen...)
	}
}

// maxIDs bounds how many numbers one line may set aside.
const maxIDs = 64

// setAside reads "vfio-pci.ids=10de:2684,10de:22ba" of the command line and
// "options vfio-pci ids=10de:2684" of modprobe.d; numbers of other vendors are
// left out.
func setAside(line string) []string {
	var out []string
	for word := range strings.FieldsSeq(line) {
		key, list, _ := strings.Cut(word, "=")
		if key != "ids" && key != "vfio-pci.ids" && key != "vfio_pci.ids" {
			continue
		}
		for id := range strings.SplitSeq(list, ",") {
			id = strings.ToLower(id)
			if strings.HasPrefix(id, vendorNVIDIA+":") && len(id) >= 9 && len(out) < maxIDs {
				out = append(out, id[:9])
			}
		}
	}
	return out
}

// blacklisted returns the GPU module that a line of modprobe.d keeps out:
// "blacklist M", or "install M /bin/false" with any program that does nothing.
func blacklisted(line string) string {
	words := strings.Fields(line)
	if len(words) < 2 {
		return ""
	}
	module := strings.ReplaceAll(words[1], "-", "_")
	off := words[0] == "blacklist" && len(words) == 2 ||
		words[0] == "install" && len(words) == 3 && (strings.HasSuffix(words[2], "/false") || strings.HasSuffix(words[2], "/true"))
	if off && isGPUModule(module) {
		return module
	}
	return ""
}

// driverContainer is where Kubernetes' GPU Operator shows the root of the
// container that holds the driver and its daemons.
const driverContainer = "/run/nvidia/driver"

// services records the driver's daemons and tools.
func (m *machine) services() {
	m.presence(facts.Persistenced, "/run/nvidia-persistenced/socket", "/var/run/nvidia-persistenced/socket", driverContainer+"/run/nvidia-persistenced/socket")
	m.presence(facts.FabricManager,
		"/run/nvidia-fabricmanager/nv-fabricmanager.pid", "/var/run/nvidia-fabricmanager/nv-fabricmanager.pid",
		"/run/nvidia-fabricmanager/socket", "/var/run/nvidia-fabricmanager/socket",
		driverContainer+"/run/nvidia-fabricmanager/nv-fabricmanager.pid", driverContainer+"/run/nvidia-fabricmanager/socket")
	m.presence(facts.DriverContainer, driverContainer+"/dev/nvidiactl", "/run/nvidia/validations/.driver-ctr-ready")
	m.presence(facts.FabricProgram, "/usr/bin/nv-fabricmanager")
	m.presence(facts.ModprobeTool, "/usr/bin/nvidia-modprobe")
}

// presence records whether one of the names exists, and which.
func (m *machine) presence(address string, names ...string) {
	for _, name := range names {
		if m.Exists(name) {
			m.record.Add(address, true, fact.File(name, 0, ""))
			return
		}
	}
	m.record.Add(address, false, fact.File(names[0], 0, "absent"))
}
