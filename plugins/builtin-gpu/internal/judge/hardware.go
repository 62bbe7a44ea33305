// SPDX-License-Identifier: Apache-2.0

package judge

import (
	"fmt"
	"strings"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/facts"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/tables"
	"github.com/bulkhead-ml/bulkhead/sdk/check"
)

var pcieWidth = check.Check{
	Code: "gpu.pcie-width-reduced", Title: "The PCIe link is narrower than the GPU's", Area: areaGPU,
	Needs: []string{facts.PCI},
	Doc: check.Doc{
		Meaning:    "The GPU talks to the machine over fewer PCIe lanes than it has. Moving data to the GPU is slower in proportion; work that stays on the GPU is not.",
		Detection:  "current_link_width is below max_link_width in the GPU's directory of /sys/bus/pci/devices. Where the port above tells how many lanes it has, a link that uses all of those is fine: the slot is made so. The speed of the link is not compared, since it drops on purpose while a GPU idles, nor is that of a GPU that the kernel has switched off. A GPU next to an Arm processor of NVIDIA's (GH200, GB200, GB10), which does not move its data over PCIe, is left out. Half the lanes is information, and so is any width of a GPU that is plugged in from outside; less is a warning.",
		Cause:      "The slot has fewer lanes wired or shares them, a riser or the seating of the card is bad, or the firmware splits the lanes.",
		Fix:        "Move the card to a slot with all lanes, reseat it, replace the riser, and look at the firmware's bifurcation settings.",
		Verify:     "Both widths are equal.",
		References: []string{"https://docs.kernel.org/PCI/sysfs-pci.html", "https://docs.nvidia.com/datacenter/dcgm/latest/user-guide/dcgm-diagnostics.html"},
	},
	Run: seen(judgeWidth),
}

func judgeWidth(s *scene) {
	for _, g := range s.gpus {
		most := g.MaxLinkWidth
		if g.UpstreamMaxWidth > 0 {
			most = min(most, g.UpstreamMaxWidth)
		}
		if g.LinkWidth == 0 || g.LinkWidth >= most || g.Suspended || g.Lost || coherent(g) {
			continue
		}
		severity := check.Warning
		if g.LinkWidth*2 >= most || g.External {
			severity = check.Info
		}
		dir := "/sys/bus/pci/devices/" + g.Address
		s.Report(check.Finding{
			Severity: severity,
			Subject:  s.name(g),
			Detail:   fmt.Sprintf("The link of %s runs with %d of %d lanes, %d%% of its bandwidth.", s.name(g), g.LinkWidth, most, 100*g.LinkWidth/most),
			Cause:    "The slot, the riser or the firmware gives the GPU fewer lanes than it has.",
			Evidence: s.Evidence(facts.PCI),
			Remedies: []check.Remedy{advice("reseat", "Reseat the card, or move it to a slot with all lanes; a laptop or an x8 slot is wired so.")},
			Verify:   []string{"cat " + dir + "/current_link_width " + dir + "/max_link_width"},
		})
	}
}

// coherent reports whether a GPU shares a package with an Arm processor of
// NVIDIA's: GH200, GB200, GB10. Its data take NVLink-C2C, and PCIe only
// announces it.
func coherent(g facts.PCIDevice) bool {
	row, _ := tables.LookupGPU(g.Device)
	return strings.HasPrefix(row.Name, "GH") || strings.HasPrefix(row.Name, "GB")
}

var persistenceOff = check.Check{
	Code: "gpu.persistence-off", Title: "Persistence mode is off", Area: areaGPU,
	Needs: []string{facts.PCI, facts.Loaded, facts.Persistenced},
	Doc: check.Doc{
		Meaning:    "When no program uses a GPU, the driver shuts it down, and the next one waits seconds for it to start; settings such as power limits are lost in between.",
		Detection:  "Every GPU is a data-centre product, the socket of nvidia-persistenced is not there, and NVML, where it answers, does not say that the mode is on.",
		Cause:      "The service nvidia-persistenced is not running.",
		Fix:        "Enable the service.",
		Verify:     "nvidia-smi --query-gpu=persistence_mode --format=csv shows Enabled for every GPU.",
		References: []string{"https://docs.nvidia.com/deploy/driver-persistence/index.html"},
	},
	Run: seen(judgePersistence),
}

func judgePersistence(s *scene) {
	if !s.loaded || s.wsl || s.container || s.Facts.Bool(facts.Persistenced) || !s.sleeps() {
		return
	}
	s.Report(check.Finding{
		Severity:   check.Info,
		Confidence: 0.8,
		Detail:     fmt.Sprintf("Nothing keeps the driver awake for %s, so the first CUDA call after a pause takes seconds.", count(len(s.gpus), "GPU")),
		Cause:      "nvidia-persistenced is not running.",
		Evidence:   s.Evidence(facts.Persistenced, facts.Loaded),
		Remedies:   []check.Remedy{command("enable-persistence", "Enable the persistence daemon.", check.Low, "sudo systemctl enable --now nvidia-persistenced")},
		Verify:     []string{"nvidia-smi --query-gpu=persistence_mode --format=csv"},
	})
}

// sleeps reports whether the driver shuts GPUs down between programs. Only
// data-centre products are judged: a laptop's GPU is meant to sleep, and a
// display keeps the others awake.
func (s *scene) sleeps() bool {
	for _, d := range s.devices {
		if d.PersistenceMode == "on" {
			return false
		}
	}
	served := s.boundTo("nvidia")
	for _, g := range served {
		if row, _ := tables.LookupGPU(g.Device); row.Family != "datacenter" {
			return false
		}
	}
	return len(served) > 0
}

var computeMode = check.Check{
	Code: "gpu.compute-mode", Title: "The compute mode limits who may use the GPU", Area: areaGPU,
	Needs: []string{facts.Devices},
	Doc: check.Doc{
		Meaning:    "A GPU in exclusive mode takes one process at a time, and one in prohibited mode takes none. The second process gets: all CUDA-capable devices are busy or unavailable.",
		Detection:  "NVML is asked for the compute mode of each GPU; without NVML nothing is said.",
		Cause:      "An administrator or a scheduler set the mode with nvidia-smi -c.",
		Fix:        "Set the default mode, unless a scheduler relies on the other.",
		Verify:     "nvidia-smi shows the compute mode Default.",
		References: []string{"https://docs.nvidia.com/deploy/nvml-api/group__nvmlDeviceQueries.html"},
	},
	Run: seen(judgeComputeMode),
}

func judgeComputeMode(s *scene) {
	for _, d := range s.devices {
		var severity check.Severity
		switch d.ComputeMode {
		case "exclusive":
			severity = check.Info
		case "prohibited":
			severity = check.Error
		default:
			continue
		}
		s.Report(check.Finding{
			Severity: severity,
			Subject:  s.label(d),
			Detail:   fmt.Sprintf("GPU %d, %s, is in compute mode %s.", d.Index, s.label(d), d.ComputeMode),
			Cause:    "The mode was set with nvidia-smi -c, by an administrator or a scheduler.",
			Evidence: s.Evidence(facts.Devices),
			Remedies: []check.Remedy{command("default-mode", "Set the default compute mode, unless a scheduler or the multi-process service (MPS) relies on this one.", check.Medium, fmt.Sprintf("sudo nvidia-smi -i %d -c 0", d.Index))},
			Verify:   []string{"nvidia-smi --query-gpu=compute_mode --format=csv"},
		})
	}
}
