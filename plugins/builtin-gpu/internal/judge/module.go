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

var libraryMismatch = check.Check{
	Code: "gpu.library-mismatch", Title: "The driver's module and its libraries have different versions", Area: areaGPU,
	Needs: []string{facts.DriverVersion, facts.Libraries},
	Doc: check.Doc{
		Meaning:    "The kernel module that runs and the library that programs load come from different releases of the driver. They work only as a pair: nvidia-smi fails with Driver/library version mismatch, and CUDA with error 803.",
		Detection:  "The version in /sys/module/nvidia/version is compared with the suffix of the real file behind libnvidia-ml.so.1 and libcuda.so.1, as the loader finds them. Libraries of CUDA's forward compatibility packages are left out.",
		Cause:      "The packages were upgraded while the old module was in use, which unattended upgrades do; or an old copy of the library stands earlier on the loader's path; or a container image carries a copy of its own.",
		Fix:        "Reboot, or unload and load the module when nothing uses it. Remove a copy that does not belong to the driver. Hold the driver's packages back from unattended upgrades.",
		Verify:     "nvidia-smi works, and both versions are equal.",
		References: []string{"https://docs.nvidia.com/deploy/cuda-compatibility/index.html", "https://docs.nvidia.com/deploy/nvml-api/group__nvmlDeviceEnumvs.html"},
	},
	Run: seen(judgeMismatch),
}

func judgeMismatch(s *scene) {
	libraries, _ := fact.Get[[]facts.Library](s.Facts, facts.Libraries)
	if s.withoutGPUs() {
		return
	}
	for _, lib := range libraries {
		if lib.Version == "" || lib.Version == s.driver || lib.Compat() || s.wsl {
			continue
		}
		if lib.Soname == libraryNVML && s.nvml == facts.NVMLOk {
			continue // it was seen to work
		}
		if lib.Soname == libraryCUDA && s.stray(lib) {
			continue // cuda.stray-libcuda tells about it
		}
		s.Report(check.Finding{
			Subject:  lib.Path,
			Detail:   fmt.Sprintf("The loaded kernel module is %s, and %s is version %s.", s.driver, lib.Path, lib.Version),
			Cause:    s.mismatchCause(lib),
			Evidence: s.Evidence(facts.DriverVersion, facts.Libraries),
			Remedies: s.mismatchRemedies(lib),
			Verify:   []string{"cat /sys/module/nvidia/version", "readlink -f " + lib.Path, "nvidia-smi -L"},
		})
		return // the second library repeats the first
	}
}

func (s *scene) mismatchCause(lib facts.Library) string {
	switch {
	case lib.Origin == "LD_LIBRARY_PATH":
		return "LD_LIBRARY_PATH puts a copy of another release before the driver's own library."
	case s.container:
		return "The container image carries a copy of the library from another release than the host's module."
	}
	return "The driver's packages were changed while the old kernel module stayed loaded."
}

func (s *scene) mismatchRemedies(lib facts.Library) []check.Remedy {
	switch {
	case lib.Origin == "LD_LIBRARY_PATH":
		return []check.Remedy{advice("clean-path", "Take the directory of "+lib.Path+" out of LD_LIBRARY_PATH.")}
	case s.container:
		return []check.Remedy{advice("clean-image", "Build the image without the driver's packages; the container runtime brings the host's own libraries.")}
	}
	return []check.Remedy{
		command("reboot", "Reboot, so that the module of the installed release is loaded.", check.Medium, "sudo reboot"),
		command("reload", "Without a reboot: stop everything that uses a GPU, then load the module again.", check.Medium,
			"sudo systemctl stop nvidia-persistenced", "sudo rmmod "+s.peermem()+"nvidia_drm nvidia_modeset nvidia_uvm nvidia", "sudo modprobe nvidia"),
	}
}

var openModuleRequired = check.Check{
	Code: "gpu.open-module-required", Title: "The GPU needs the open kernel module", Area: areaGPU,
	Needs: []string{facts.PCI},
	Doc: check.Doc{
		Meaning:    "GPUs from Blackwell on are served by NVIDIA's open kernel module only. With the closed one the kernel log says that the GPU requires use of the NVIDIA open kernel modules, and nvidia-smi says: No devices were found.",
		Detection:  "The PCI number of the GPU is that of a Blackwell chip, and the first line of /proc/driver/nvidia/version does not name the Open Kernel Module; or the driver says so of a GPU in the kernel's log since it was loaded.",
		Cause:      "The closed flavour of the driver is installed, for example from before the GPU was exchanged.",
		Fix:        "Install the same branch in its open flavour and reboot.",
		Verify:     "/proc/driver/nvidia/version names the Open Kernel Module, and nvidia-smi -L lists the GPU.",
		References: []string{"https://github.com/NVIDIA/open-gpu-kernel-modules", "https://developer.nvidia.com/blog/nvidia-transitions-fully-towards-open-source-gpu-kernel-modules/"},
	},
	Run: seen(judgeOpenModule),
}

func judgeOpenModule(s *scene) {
	needs, seen := s.refusedByClosed()
	left := s.driverState() == wrongFlavour // it was loaded, and went again
	if s.Facts.String(facts.Flavor) != facts.FlavorClosed && !left || len(needs) == 0 || s.works() && len(s.devices) >= len(s.gpus) {
		return
	}
	detail := fmt.Sprintf("%s is a %s GPU, and the closed kernel module %s is loaded.", s.names(needs), architecture(needs[0]), s.driver)
	switch {
	case left:
		detail = fmt.Sprintf("%s requires the open kernel module, as the driver said when it was loaded, and the closed one is installed.", s.names(needs))
	case architecture(needs[0]) == "":
		detail = fmt.Sprintf("%s requires the open kernel module, as the driver says, and the closed one %s is loaded.", s.names(needs), s.driver)
	}
	s.Report(check.Finding{
		Subject:  s.names(needs),
		Detail:   detail,
		Cause:    "The closed flavour of the driver does not support this GPU.",
		Evidence: append(s.Evidence(facts.PCI, facts.Flavor), seen...),
		Explains: []string{"gpu.driver-missing", "gpu.device-unclaimed", "gpu.init-failed", "gpu.device-nodes-missing", "gpu.cuda-visible-devices"},
		Remedies: []check.Remedy{s.openFlavour()},
		Verify:   []string{"head -n 1 /proc/driver/nvidia/version", "nvidia-smi -L"},
	})
}

// refusedByClosed returns the GPUs that only the open module serves: those of
// the table, and those of which the driver said so.
func (s *scene) refusedByClosed() (needs []facts.PCIDevice, seen []fact.Evidence) {
	needs = s.openOnly()
	for _, e := range s.current(facts.EventOpen) {
		for _, g := range s.gpus {
			if g.Address == e.PCI {
				seen = append(seen, e.seen...)
				if !slices.Contains(needs, g) {
					needs = append(needs, g)
				}
			}
		}
	}
	return needs, seen
}

// peermem is the module that has to go before the driver's own, if it is there.
func (s *scene) peermem() string {
	if s.Facts.Bool(facts.Peermem) {
		return "nvidia_peermem "
	}
	return ""
}

func (s *scene) openFlavour() check.Remedy {
	branch, known := tables.Branch(s.driver)
	first := tables.FirstOpenBranch()
	summary := "Install the open flavour of the same branch."
	if branch < first {
		summary = fmt.Sprintf("Install the open flavour of branch %d or newer; %d does not serve this GPU in any flavour.", first, branch)
	}
	if s.distribution() == "ubuntu" && known {
		return command("open-flavour", summary, check.Medium,
			fmt.Sprintf("sudo apt install nvidia-driver-%d-open", max(branch, first)), "sudo reboot")
	}
	if !known {
		summary = "Install the open flavour of the driver and reboot."
	}
	return advice("open-flavour", summary, driverGuide)
}

var driverUnknown = check.Check{
	Code: "gpu.driver-unknown", Title: "The driver is newer than the tables", Area: areaGPU,
	Needs: []string{facts.DriverVersion},
	Doc: check.Doc{
		Meaning:    "The loaded driver is of a branch that was released after the tables of this plugin. What depends on the branch cannot be judged, and nothing is said to be right or wrong because of it.",
		Detection:  "The first number of the module's version is greater than the newest branch in the table driver_branches.",
		Cause:      "The driver is newer than this release of the plugin.",
		Fix:        "Upgrade the gpu plugin, whose tables come with it.",
		Verify:     "The finding is gone after the upgrade.",
		References: []string{"https://docs.nvidia.com/datacenter/tesla/drivers/index.html"},
	},
	Run: seen(judgeUnknownDriver),
}

func judgeUnknownDriver(s *scene) {
	if _, readable := tables.Branch(s.driver); !readable || tables.KnownBranch(s.driver) {
		return
	}
	s.Report(check.Finding{
		Severity: check.Unknown,
		Subject:  s.driver,
		Detail:   fmt.Sprintf("Driver %s is loaded; the newest branch in the tables is %d.", s.driver, tables.NewestBranch()),
		Cause:    "The driver was released after the tables of this plugin.",
		Evidence: s.Evidence(facts.DriverVersion),
		Remedies: []check.Remedy{advice("upgrade-plugin", "Upgrade the gpu plugin to one whose tables know this branch.")},
	})
}

// wslLibraries is where Windows mounts the driver's libraries.
const wslLibraries = "/usr/lib/wsl/"

var wslLinuxDriver = check.Check{
	Code: "gpu.wsl-linux-driver", Title: "A Linux driver is installed inside WSL", Area: areaGPU,
	Needs: []string{facts.WSL, facts.Libraries},
	Doc: check.Doc{
		Meaning:    "Under the Windows Subsystem for Linux the GPU belongs to the Windows driver, whose libraries stand in /usr/lib/wsl/lib. A Linux driver installed beside it hides them: NVML says that GPU access was blocked by the operating system.",
		Detection:  "The kernel is Microsoft's, and libcuda.so.1 or libnvidia-ml.so.1 as the loader finds it is a versioned library outside /usr/lib/wsl.",
		Cause:      "A package such as nvidia-driver, cuda or nvidia-utils was installed inside WSL.",
		Fix:        "Remove the driver's packages inside WSL, and install toolkits without a driver (cuda-toolkit).",
		Verify:     "nvidia-smi works inside WSL.",
		References: []string{"https://docs.nvidia.com/cuda/wsl-user-guide/index.html"},
	},
	Run: seen(judgeWSL),
}

func judgeWSL(s *scene) {
	if !s.wsl || s.container || s.works() {
		return
	}
	libraries, _ := fact.Get[[]facts.Library](s.Facts, facts.Libraries)
	for _, lib := range libraries {
		// Windows mounts its libraries without a version in their names, so a
		// versioned one was installed by a Linux package.
		if lib.Version == "" || lib.Compat() || strings.HasPrefix(lib.Path, wslLibraries) {
			continue
		}
		s.Report(check.Finding{
			Subject:  lib.Path,
			Detail:   fmt.Sprintf("%s (version %s) stands before the Windows driver's library in %slib.", lib.Path, lib.Version, wslLibraries),
			Cause:    "The driver's packages for Linux were installed inside WSL.",
			Evidence: s.Evidence(facts.WSL, facts.Libraries),
			Explains: []string{"gpu.library-mismatch"},
			Remedies: []check.Remedy{command("purge-driver", "Remove the driver's packages inside WSL.", check.Medium,
				"sudo apt purge 'nvidia-driver-*' 'libnvidia-compute-*' 'nvidia-utils-*'", "sudo ldconfig")},
			Verify: []string{"ldconfig -p | grep -e libcuda.so.1 -e libnvidia-ml.so.1", "nvidia-smi -L"},
		})
		return
	}
}
