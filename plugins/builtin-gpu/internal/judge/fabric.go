// SPDX-License-Identifier: Apache-2.0

package judge

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/facts"
	"github.com/bulkhead-ml/bulkhead/sdk/check"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

var fabricManager = check.Check{
	Code: "gpu.fabric-manager", Title: "The fabric manager is not running", Area: areaGPU,
	Needs: []string{facts.PCI, facts.Loaded, facts.Switches},
	Doc: check.Doc{
		Meaning:    "GPUs behind NVSwitch chips can be used only after the fabric manager has set up the switches. Until then CUDA says: system not yet initialized (error 802).",
		Detection:  "A bridge of vendor 10de and class 0680 (NVSwitch) is on the PCI bus, the driver is loaded, and the fabric manager's process file in /run/nvidia-fabricmanager is not there; or NVML says that a GPU has not finished joining its NVLink fabric or has failed to, which also finds it on machines whose switches are not on the bus.",
		Cause:      "The package nvidia-fabricmanager is not installed, its service is not enabled, or its version is not the driver's and it stopped.",
		Fix:        "Install the fabric manager of exactly the driver's version and enable its service.",
		Verify:     "systemctl is-active nvidia-fabricmanager says active.",
		References: []string{fabricGuide},
	},
	Run: seen(judgeFabric),
}

func judgeFabric(s *scene) {
	if s.fabricWaits() {
		return
	}
	switches, _ := s.Facts.Int(facts.Switches)
	if switches == 0 || s.fabricJoined() || len(s.gpus) == 0 || !s.loaded || s.container || s.Facts.Bool(facts.FabricManager) {
		return
	}
	f := check.Finding{
		Confidence: 0.8,
		Detail:     fmt.Sprintf("%s and %s are on the PCI bus, and the fabric manager is not running.", count(int(switches), "NVSwitch bridge"), count(len(s.gpus), "GPU")),
		Cause:      "The fabric manager is not installed.",
		Evidence:   s.Evidence(facts.Switches, facts.FabricManager, facts.FabricProgram),
		Remedies:   []check.Remedy{s.installFabricManager()},
		Verify:     []string{"systemctl is-active nvidia-fabricmanager", "nvidia-smi -q | grep -A 2 Fabric"},
	}
	if s.Facts.Bool(facts.FabricProgram) {
		f.Cause = "The fabric manager is installed and its service is not running."
		f.Remedies = []check.Remedy{command("start-fabric-manager", "Enable the fabric manager, whose version must be "+s.driver+".", check.Medium,
			enableFabric, "journalctl -u nvidia-fabricmanager -n 20   # if it stops again")}
	}
	s.Report(f)
}

// fabricWaits reports the GPUs that have not joined their fabric, as NVML says,
// and tells whether there are any. GPUs in MIG mode do not join.
func (s *scene) fabricWaits() bool {
	var waiting []string
	for _, d := range s.devices {
		if !d.MIG.On() && (d.Fabric == facts.FabricNotStarted || d.Fabric == facts.FabricInProgress || d.Fabric == facts.FabricFailed) {
			waiting = append(waiting, fmt.Sprintf("%s: %s", s.label(d), d.Fabric))
		}
	}
	if switches, _ := s.Facts.Int(facts.Switches); len(waiting) == 0 || switches == 0 && len(s.devices) == 1 {
		return false // one GPU by itself, as virtual machines get it, needs no fabric
	}
	s.Report(check.Finding{
		Title:      "The NVLink fabric is not set up",
		Confidence: 0.9,
		Detail:     fmt.Sprintf("%s of %d did not finish joining the NVLink fabric: %s.", count(len(waiting), "GPU"), len(s.devices), strings.Join(waiting, "; ")),
		Cause:      "The fabric manager, here or on the machine that manages the switches, does not run or has failed.",
		Evidence:   s.Evidence(facts.Devices, facts.FabricManager),
		Remedies:   s.repairFabric(),
		Verify:     []string{"nvidia-smi -q | grep -A 2 Fabric"},
	})
	return true
}

// repairFabric names where the fabric manager runs: beside the GPUs, on the host
// of a virtual machine, or on the switch trays of a rack.
func (s *scene) repairFabric() []check.Remedy {
	elsewhere := advice("look-at-switches", "Read the log of the fabric manager where it runs: on the host of a virtual machine, or on the switch trays of a rack (GB200, GB300).", "nvidia-smi -q | grep -A 4 Fabric")
	restart := command("restart-fabric-manager", "Start the fabric manager anew, and read why it stopped.", check.Medium, "sudo systemctl restart nvidia-fabricmanager", "journalctl -u nvidia-fabricmanager -n 20")
	switches, _ := s.Facts.Int(facts.Switches)
	switch {
	case s.container || slices.ContainsFunc(s.gpus, coherent):
		return []check.Remedy{elsewhere}
	case s.Facts.Bool(facts.FabricProgram):
		return []check.Remedy{restart}
	case switches == 0 && s.Facts.Bool(facts.Virtual):
		return []check.Remedy{elsewhere}
	}
	return []check.Remedy{s.installFabricManager(), elsewhere}
}

// fabricJoined reports whether every GPU is seen to have joined its fabric.
func (s *scene) fabricJoined() bool {
	for _, d := range s.devices {
		if d.Fabric != facts.FabricCompleted {
			return false
		}
	}
	return len(s.devices) > 0
}

var fabricMismatch = check.Check{
	Code: "gpu.fabric-manager-mismatch", Title: "The fabric manager is not of the driver's version", Area: areaGPU,
	Needs: []string{facts.Switches, facts.DriverVersion},
	Doc: check.Doc{
		Meaning:    "The fabric manager works with exactly one release of the driver. Of another release it refuses to start, the NVSwitch chips stay as they are, and CUDA says: system not yet initialized (error 802).",
		Detection:  "On a machine with NVSwitch chips, the version of the package nvidia-fabricmanager in /var/lib/dpkg/status is compared with that of the loaded module; or the log of the fabric manager says that its version does not match this driver's.",
		Cause:      "Driver and fabric manager were upgraded one without the other, or come from different repositories.",
		Fix:        "Install the fabric manager of exactly the driver's version, hold both back from unattended upgrades, and restart the service.",
		Verify:     "systemctl is-active nvidia-fabricmanager says active, and nvidia-smi -q shows the fabric's state Completed.",
		References: []string{fabricGuide, "https://docs.nvidia.com/datacenter/tesla/driver-installation-guide/index.html"},
	},
	Run: seen(judgeFabricVersion),
}

func judgeFabricVersion(s *scene) {
	switches, _ := s.Facts.Int(facts.Switches)
	if switches == 0 || s.container || !s.loaded {
		return
	}
	installed := s.Facts.String(facts.FabricPkg)
	version, seen := installed, s.Evidence(facts.FabricPkg, facts.DriverVersion)
	if installed == "" {
		version, seen = s.refusedBy()
	}
	if version == "" || version == s.driver {
		return
	}
	f := check.Finding{
		Detail:   fmt.Sprintf("The fabric manager is %s, and the loaded driver is %s.", version, s.driver),
		Cause:    "One of them was upgraded without the other.",
		Evidence: seen,
		Explains: []string{"gpu.fabric-manager", "gpu.nvlink-down"},
		Remedies: []check.Remedy{s.installFabricManager()},
		Verify:   []string{"systemctl is-active nvidia-fabricmanager", "nvidia-smi -q | grep -A 2 Fabric"},
	}
	if s.Facts.Bool(facts.FabricManager) {
		f.Severity = check.Warning
		f.Detail += " The one that runs was started before, and will not start again."
	}
	s.Report(f)
}

// refusedBy reads from the log which fabric manager refused this driver; "" when
// it refused another one, or none.
func (s *scene) refusedBy() (string, []fact.Evidence) {
	list, _ := fact.Get[[]facts.LogEvent](s.Facts, facts.FabricLog)
	for _, e := range list {
		if e.Driver == s.driver && !s.Facts.Bool(facts.FabricManager) {
			return e.Manager, s.Evidence(facts.FabricLog, facts.DriverVersion)
		}
	}
	return "", nil
}
