// SPDX-License-Identifier: Apache-2.0

package judge

import (
	"fmt"
	"path"
	"strings"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/facts"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/tables"
	"github.com/bulkhead-ml/bulkhead/sdk/check"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// withoutDriver lists the findings that the lack of a driver brings about.
var withoutDriver = []string{"gpu.device-nodes-missing", "gpu.uvm-missing", "gpu.device-unclaimed", "gpu.cuda-visible-devices"}

var verifyDriver = []string{"cat /proc/driver/nvidia/version", "nvidia-smi -L"}

var driverMissing = check.Check{
	Code: "gpu.driver-missing", Title: "The NVIDIA driver is missing", Area: areaGPU,
	Needs: []string{facts.PCI, facts.Loaded},
	Doc: check.Doc{
		Meaning:    "The machine has an NVIDIA GPU and no NVIDIA kernel driver that serves it. nvidia-smi says that it could not communicate with the driver, and every framework runs on the CPU or stops.",
		Detection:  "A display or 3D controller of vendor 10de stands in /sys/bus/pci/devices, and neither /sys/module/nvidia nor /proc/driver/nvidia/version is there. Deeper reasons (nouveau, Secure Boot, a module for another kernel) are reported under codes of their own instead.",
		Cause:      "The driver was never installed, its installation was interrupted, or its module is on disk and was not loaded.",
		Fix:        "Install the driver branch that supports the GPU, from the distribution where it has one. If the module is on disk, load it and read the kernel log for the reason it gives.",
		Verify:     "/proc/driver/nvidia/version is there and nvidia-smi -L lists every GPU.",
		References: []string{driverGuide, "https://docs.kernel.org/filesystems/sysfs-pci.html"},
	},
	Run: seen(judgeMissing),
}

func judgeMissing(s *scene) {
	switch s.driverState() {
	case noModule:
		s.reportUsable(s.gpus, check.Finding{
			Detail:   fmt.Sprintf("%s on the PCI bus, %s, and the kernel module nvidia is not loaded.", count(len(s.gpus), "NVIDIA GPU"), s.names(s.gpus)),
			Cause:    "No NVIDIA driver is installed for " + s.kernel() + ".",
			Evidence: s.Evidence(facts.PCI, facts.Loaded, facts.OnDisk),
			Explains: withoutDriver,
			Remedies: []check.Remedy{s.installDriver()},
			Verify:   verifyDriver,
		})
	case notLoaded:
		s.reportNotLoaded()
	}
}

func (s *scene) reportNotLoaded() {
	module := s.runningModule()
	f := check.Finding{
		Title:    "The NVIDIA driver is installed and not loaded",
		Detail:   fmt.Sprintf("%s for %s is on disk, and the kernel module nvidia is not loaded, so %s cannot be used.", module.Path, s.kernel(), s.names(s.gpus)),
		Cause:    "The module was not loaded at boot, or the kernel refused it; the kernel log says which.",
		Evidence: s.Evidence(facts.PCI, facts.Loaded, facts.OnDisk),
		Explains: withoutDriver,
		Remedies: []check.Remedy{command("load-module", "Load the module and read what the kernel says.", check.Low, "sudo modprobe nvidia", "sudo dmesg | grep -i nvrm")},
		Verify:   verifyDriver,
	}
	if cause, seen := s.refusal(s.gpus); len(seen) > 0 {
		f.Cause, f.Evidence = cause, append(f.Evidence, seen...)
		f.Remedies = []check.Remedy{s.installDriver()}
	}
	if s.blacklisted("nvidia") {
		f.Cause = "A file of modprobe.d tells modprobe not to load the module nvidia."
		f.Evidence = append(f.Evidence, s.Evidence(facts.Blacklist)...)
		f.Remedies = []check.Remedy{s.liftBlacklist()}
	}
	if needs := s.openOnly(); len(needs) > 0 {
		f.Remedies = append(f.Remedies, advice("open-module", s.names(needs)+" works with the open kernel module only: install that flavour if the kernel log asks for it."))
	}
	s.reportUsable(s.gpus, f)
}

// liftBlacklist undoes what keeps the module out: prime-select, which Ubuntu has
// for laptops, writes its own file, and removing that by hand does not last.
func (s *scene) liftBlacklist() check.Remedy {
	const id = "lift-blacklist"
	for _, e := range s.Evidence(facts.Blacklist) {
		if s.distribution() == "ubuntu" && path.Base(e.Path) == "blacklist-nvidia.conf" && !strings.HasPrefix(e.Path, "/etc/") {
			return command(id, "prime-select keeps the NVIDIA GPU switched off: switch it on, and reboot.", check.Medium, "sudo prime-select on-demand", "sudo reboot")
		}
	}
	return advice(id, "Remove the line that keeps nvidia out, rebuild the boot image and reboot.",
		"grep -rn nvidia /etc/modprobe.d /usr/lib/modprobe.d", s.rebuildInitramfs(), "sudo reboot")
}

// reportUsable reports that GPUs have no driver. Where all of them are too old
// for any current driver and framework, that is worth knowing and no more:
// such a card often only shows a picture.
func (s *scene) reportUsable(gpus []facts.PCIDevice, f check.Finding) {
	for _, g := range gpus {
		if !tables.PreMaxwell(g.Device) {
			s.Report(f)
			return
		}
	}
	f.Severity = check.Info
	f.Cause += " It is older than Maxwell: driver branch 470 was the last to serve it, and current frameworks have no code for it."
	f.Remedies = []check.Remedy{advice("leave", "Leave it as it is, and run on the CPU or on a newer GPU.")}
	s.Report(f)
}

var moduleMissingForKernel = check.Check{
	Code: "gpu.module-missing-for-kernel", Title: "The NVIDIA module is not built for the running kernel", Area: areaGPU,
	Needs: []string{facts.PCI, facts.Loaded, facts.Kernel, facts.OnDisk},
	Doc: check.Doc{
		Meaning:    "The driver is installed, and its kernel module exists for other kernels than the one that runs. modprobe says that module nvidia was not found in the directory of the running kernel.",
		Detection:  "The directory of /proc/sys/kernel/osrelease below /lib/modules holds no nvidia.ko, while another kernel's directory or /var/lib/dkms/nvidia does.",
		Cause:      "The kernel was upgraded, and the module was not rebuilt, usually because the headers of the new kernel are not installed or the build failed.",
		Fix:        "Install the headers of the running kernel and let DKMS build the module, or boot the kernel that has one.",
		Verify:     "modinfo nvidia finds a module, and it loads.",
		References: []string{driverGuide, "https://github.com/dell/dkms"},
	},
	Run: seen(judgeWrongKernel),
}

func judgeWrongKernel(s *scene) {
	if s.driverState() != wrongKernel {
		return
	}
	modules, _ := fact.Get[[]facts.Module](s.Facts, facts.OnDisk)
	sources, _ := fact.Get[[]string](s.Facts, facts.DKMS)
	var have []string
	for _, m := range modules {
		have = append(have, m.Kernel)
	}
	detail := fmt.Sprintf("Kernel %s runs and has no module nvidia", s.kernel())
	if len(have) > 0 {
		detail += "; there is one for " + strings.Join(have, ", ")
	}
	if len(sources) > 0 {
		detail += "; DKMS holds the sources of " + strings.Join(sources, ", ")
	}
	s.Report(check.Finding{
		Subject:  s.kernel(),
		Detail:   detail + ".",
		Cause:    "The kernel was upgraded without a module for it.",
		Evidence: s.Evidence(facts.Kernel, facts.OnDisk, facts.DKMS),
		Explains: append([]string{"gpu.driver-missing"}, withoutDriver...),
		Remedies: []check.Remedy{
			s.buildModule(modules, len(sources) > 0),
			s.installDriver(),
		},
		Verify: append([]string{"modinfo nvidia | head -n 3"}, verifyDriver...),
	})
}

var secureBoot = check.Check{
	Code: "gpu.secure-boot-blocks-module", Title: "Secure Boot keeps the NVIDIA module out", Area: areaGPU,
	Needs: []string{facts.PCI, facts.Loaded, facts.SecureBoot},
	Doc: check.Doc{
		Meaning:    "The module is on disk for the running kernel, and the kernel does not load it because Secure Boot accepts only modules signed with a key that it trusts. modprobe says: Key was rejected by service.",
		Detection:  "The fifth byte of the EFI variable SecureBoot is 1, nvidia.ko for the running kernel is on disk, and the module is not loaded. A kernel that says in /sys/kernel/security/lockdown that it is not locked down, and a module that spoke in the kernel's log since the start, are not judged. An uncompressed module without a signature makes it certain.",
		Cause:      "The module was built on this machine by DKMS, and its signing key was not enrolled with the firmware.",
		Fix:        "Enrol the key that DKMS signs with, or install the modules that the distribution signs.",
		Verify:     "modprobe nvidia succeeds.",
		References: []string{"https://docs.kernel.org/admin-guide/module-signing.html", "https://wiki.ubuntu.com/UEFI/SecureBoot/DKMS", driverGuide},
	},
	Run: seen(judgeSecureBoot),
}

func judgeSecureBoot(s *scene) {
	if s.driverState() != blocked {
		return
	}
	module := s.runningModule()
	confidence, seal := 0.7, "whose signature could not be read"
	if module.Signed != nil && *module.Signed {
		confidence, seal = 0.6, "signed with a key that the firmware may not know"
	} else if module.Signed != nil {
		confidence, seal = 0.95, "not signed"
	}
	s.Report(check.Finding{
		Confidence: confidence,
		Subject:    module.Path,
		Detail:     fmt.Sprintf("Secure Boot is on, and %s is %s and not loaded.", module.Path, seal),
		Cause:      "The kernel loads only modules that carry a trusted signature while Secure Boot is on.",
		Evidence:   s.Evidence(facts.SecureBoot, facts.OnDisk, facts.Loaded),
		Explains:   append([]string{"gpu.driver-missing"}, withoutDriver...),
		Remedies:   []check.Remedy{command("enrol-key", "Enrol the key that modules are signed with here; the firmware asks for the password at the next boot.", check.Medium, s.enrolKey()...)},
		Verify:     append([]string{"mokutil --sb-state", "sudo modprobe nvidia"}, verifyDriver...),
	})
}

// openOnly returns the GPUs that only the open kernel module serves.
func (s *scene) openOnly() []facts.PCIDevice {
	var out []facts.PCIDevice
	for _, g := range s.gpus {
		if tables.NeedsOpenModule(architecture(g)) {
			out = append(out, g)
		}
	}
	return out
}
