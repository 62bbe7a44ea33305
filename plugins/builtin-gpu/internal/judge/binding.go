// SPDX-License-Identifier: Apache-2.0

package judge

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/facts"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/tables"
	"github.com/bulkhead-ml/bulkhead/sdk/check"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

var nouveauBound = check.Check{
	Code: "gpu.nouveau-bound", Title: "nouveau holds the GPU", Area: areaGPU,
	Needs: []string{facts.PCI},
	Doc: check.Doc{
		Meaning:    "The kernel's own driver for NVIDIA GPUs, nouveau (or its successor nova), is bound to the GPU. It shows pictures and cannot run CUDA, and it keeps NVIDIA's driver from taking the GPU.",
		Detection:  "The link driver of the GPU's directory in /sys/bus/pci/devices ends in nouveau or nova. It is information for a GeForce older than Turing, which CUDA 13 does not serve, on a machine where nothing of NVIDIA's driver is installed and nothing (a PyTorch for CUDA, a CUDA toolkit, CUDA_VISIBLE_DEVICES) wants a GPU, and for a GPU that is too old for any framework.",
		Cause:      "NVIDIA's driver is not installed, or nouveau is loaded from the boot image before the rule that keeps it out.",
		Fix:        "Install NVIDIA's driver, keep nouveau out, rebuild the boot image and reboot.",
		Verify:     "The link ends in nvidia, and nvidia-smi -L lists the GPU.",
		References: []string{driverGuide, "https://docs.nvidia.com/datacenter/dcgm/latest/user-guide/dcgm-diagnostics.html"},
	},
	Run: seen(judgeNouveau),
}

func judgeNouveau(s *scene) {
	held := s.boundTo(communityDrivers...)
	if len(held) == 0 || s.wsl {
		return
	}
	f := check.Finding{
		Subject:  s.names(held),
		Detail:   fmt.Sprintf("The kernel driver %s is bound to %s, so CUDA finds %d of %s.", held[0].Driver, s.names(held), len(s.gpus)-len(held), count(len(s.gpus), "GPU")),
		Cause:    "nouveau was loaded before NVIDIA's driver, or NVIDIA's driver is not installed.",
		Evidence: s.Evidence(facts.PCI, facts.Modules, facts.Blacklist),
		Explains: append([]string{"gpu.driver-missing", "gpu.module-missing-for-kernel", "gpu.secure-boot-blocks-module"}, withoutDriver...),
		Remedies: []check.Remedy{s.installDriver(), s.keepNouveauOut()},
		Verify:   append([]string{"readlink /sys/bus/pci/devices/" + held[0].Address + "/driver"}, verifyDriver...),
	}
	switch {
	case len(held) < len(s.gpus):
		f.Severity = check.Warning
	case s.idle(held):
		f.Severity = check.Info
		f.Cause = "NVIDIA's driver is not installed. Nothing here is seen to want the GPU for more than a picture, which nouveau shows."
	}
	s.reportUsable(held, f)
}

func (s *scene) keepNouveauOut() check.Remedy {
	if s.blacklisted("nouveau") {
		return command("rebuild-boot-image", "modprobe.d keeps nouveau out already: rebuild the boot image, which still loads it, and reboot.",
			check.Medium, s.rebuildInitramfs(), "sudo reboot")
	}
	return command("blacklist-nouveau", "Keep nouveau out, rebuild the boot image and reboot.", check.Medium,
		`printf 'blacklist nouveau\noptions nouveau modeset=0\n' | sudo tee /etc/modprobe.d/blacklist-nouveau.conf`,
		s.rebuildInitramfs(), "sudo reboot")
}

var vfioBound = check.Check{
	Code: "gpu.vfio-bound", Title: "The GPU is set aside for a virtual machine", Area: areaGPU,
	Needs: []string{facts.PCI},
	Doc: check.Doc{
		Meaning:    "A driver that only hands devices to virtual machines (vfio-pci, pci-stub, xen-pciback) is bound to the GPU. Programs on this machine cannot use it.",
		Detection:  "The link driver of the GPU's directory in /sys/bus/pci/devices ends in one of those names. It is information where other GPUs are left for this machine, or where it is meant (the kernel's command line or modprobe.d names the GPU's PCI number for vfio-pci, or nothing of NVIDIA's driver is installed) and nothing on this machine (a PyTorch for CUDA, a CUDA toolkit, CUDA_VISIBLE_DEVICES) wants a GPU.",
		Cause:      "Somebody configured pass-through, on the kernel command line or in modprobe.d, or a virtual machine manager did.",
		Fix:        "If the GPU should serve this machine, give it back to NVIDIA's driver; otherwise start the virtual machine and run the work there.",
		Verify:     "The link ends in nvidia.",
		References: []string{"https://docs.kernel.org/driver-api/vfio.html"},
	},
	Run: seen(judgeVFIO),
}

func judgeVFIO(s *scene) {
	held := s.boundTo(passthroughDrivers...)
	if len(held) == 0 {
		return
	}
	severity := check.Warning
	if len(held) < len(s.gpus) || (s.meant(held) || !s.installed()) && !s.wanted() {
		severity = check.Info
	}
	address := held[0].Address
	s.Report(check.Finding{
		Severity: severity,
		Subject:  s.names(held),
		Detail:   fmt.Sprintf("The driver %s is bound to %s; %d of %s left for this machine.", held[0].Driver, s.names(held), len(s.gpus)-len(held), count(len(s.gpus), "GPU")),
		Cause:    "The GPU is configured for pass-through to a virtual machine.",
		Evidence: s.Evidence(facts.PCI, facts.KernelWords, facts.Passthrough),
		Explains: append([]string{"gpu.driver-missing"}, withoutDriver...),
		Remedies: []check.Remedy{command("give-back", "Give the GPU back to NVIDIA's driver until the next boot.", check.Medium,
			"echo "+address+" | sudo tee /sys/bus/pci/devices/"+address+"/driver/unbind",
			"echo nvidia | sudo tee /sys/bus/pci/devices/"+address+"/driver_override",
			"echo "+address+" | sudo tee /sys/bus/pci/drivers_probe")},
		Verify: []string{"readlink /sys/bus/pci/devices/" + address + "/driver"},
	})
}

// installed reports whether anything of NVIDIA's driver is on this machine.
func (s *scene) installed() bool {
	modules, _ := fact.Get[[]facts.Module](s.Facts, facts.OnDisk)
	sources, _ := fact.Get[[]string](s.Facts, facts.DKMS)
	libraries, _ := fact.Get[[]facts.Library](s.Facts, facts.Libraries)
	return len(modules)+len(sources)+len(libraries) > 0
}

// idle reports whether GPUs are made for games, older than the oldest that CUDA
// 13 serves (Turing), and nothing on this machine is there to compute on them.
func (s *scene) idle(gpus []facts.PCIDevice) bool {
	return !s.wanted() && !s.installed() && !slices.ContainsFunc(gpus, func(g facts.PCIDevice) bool {
		row, known := tables.LookupGPU(g.Device)
		return !known || row.Family != "geforce" || tables.SinceTuring(g.Device)
	})
}

// meant reports whether the kernel was told to set every one of the GPUs aside.
func (s *scene) meant(held []facts.PCIDevice) bool {
	ids, _ := fact.Get[[]string](s.Facts, facts.Passthrough)
	for _, g := range held {
		if !slices.Contains(ids, g.Vendor+":"+g.Device) {
			return false
		}
	}
	return true
}

// wanted reports whether something on this machine is there to use a GPU: a
// PyTorch built for CUDA, a toolkit, or a variable that chooses GPUs.
func (s *scene) wanted() bool {
	env, _ := fact.Get[map[string]string](s.Facts, facts.Env)
	if env["CUDA_VISIBLE_DEVICES"] != "" || len(s.toolkits()) > 0 {
		return true
	}
	for _, prefix := range s.Facts.Instances("python.env") {
		torch, _ := fact.Get[struct{ CUDA string }](s.Facts, fact.At("python.env", prefix, "torch"))
		packages, _ := fact.Get[[]struct{ Name string }](s.Facts, fact.At("python.env", prefix, "packages"))
		if torch.CUDA != "" || slices.ContainsFunc(packages, func(p struct{ Name string }) bool { return cudaPackage(p.Name) }) {
			return true
		}
	}
	return false
}

// cudaPackage reports whether a Python package is there for CUDA alone.
func cudaPackage(name string) bool {
	name = strings.ToLower(strings.ReplaceAll(name, "_", "-"))
	return slices.ContainsFunc([]string{"nvidia-cu", "cupy-cuda", "jax-cuda", "onnxruntime-gpu", "vllm"}, func(p string) bool { return strings.HasPrefix(name, p) })
}

var deviceUnclaimed = check.Check{
	Code: "gpu.device-unclaimed", Title: "The loaded driver does not serve every GPU", Area: areaGPU,
	Needs: []string{facts.PCI, facts.Loaded},
	Doc: check.Doc{
		Meaning:    "NVIDIA's kernel driver is loaded, and a GPU of this machine is bound to no driver at all. CUDA does not see that GPU.",
		Detection:  "/sys/module/nvidia is there, and the GPU's directory in /sys/bus/pci/devices has no link driver.",
		Cause:      "The loaded branch does not support the GPU (too old or too new for it, or closed where the open module is needed), or the GPU failed when the driver started it.",
		Fix:        "Read what the driver said about that address in the kernel log, and install the branch or flavour that it names; power-cycle a GPU that failed.",
		Verify:     "The link driver is there and ends in nvidia.",
		References: []string{driverGuide, "https://docs.nvidia.com/deploy/xid-errors/index.html"},
	},
	Run: seen(judgeUnclaimed),
}

func judgeUnclaimed(s *scene) {
	free := s.boundTo("")
	if !s.loaded || s.wsl || len(free) == 0 || s.works() && len(s.devices) >= len(s.gpus) {
		return
	}
	if needs, _ := s.refusedByClosed(); s.Facts.String(facts.Flavor) == facts.FlavorClosed && len(needs) > 0 {
		return // gpu.open-module-required names the reason
	}
	said, seen := s.refusal(free)
	severity := check.Warning
	switch {
	case len(free) == len(s.gpus):
		severity = check.Error // nothing is left to compute on
	case !slices.ContainsFunc(free, func(g facts.PCIDevice) bool { return !tables.PreMaxwell(g.Device) }):
		severity = check.Info // too old for the driver that serves the others
	}
	s.Report(check.Finding{
		Severity: severity,
		Subject:  s.names(free),
		Detail:   fmt.Sprintf("Driver %s is loaded, and %d of %s has no driver: %s.", s.driver, len(free), count(len(s.gpus), "GPU"), s.names(free)),
		Cause:    cause(said),
		Evidence: append(s.Evidence(facts.PCI, facts.Loaded), seen...),
		Remedies: append(s.otherDriver(said), advice("read-kernel-log", "Read what the driver said about the GPU.", "sudo dmesg | grep -i -e nvrm -e "+free[0].Address)),
		Verify:   []string{"readlink /sys/bus/pci/devices/" + free[0].Address + "/driver", "nvidia-smi -L"},
	})
}

// refusal is what the driver said of GPUs that it does not serve, "" for nothing.
func (s *scene) refusal(gpus []facts.PCIDevice) (said string, seen []fact.Evidence) {
	for _, e := range s.current(facts.EventUnserved) {
		for _, g := range gpus {
			if g.Address == e.PCI || e.PCI == "" && len(s.gpus) == 1 {
				return strings.TrimSuffix(s.plain(e.Text), ". Please"), e.seen
			}
		}
	}
	return "", nil
}

func cause(said string) string {
	if said == "" {
		return "The driver refused the GPU or could not start it."
	}
	return "The driver said: " + said + "."
}
