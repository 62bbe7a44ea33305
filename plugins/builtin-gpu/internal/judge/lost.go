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

// xidLost is the number of the Xid for a GPU that fell off the bus.
const xidLost = 79

var fallenOffBus = check.Check{
	Code: "gpu.fallen-off-bus", Title: "A GPU has fallen off the bus", Area: areaGPU,
	Needs: []string{facts.NVMLStatus},
	Doc: check.Doc{
		Meaning:    "The GPU does not answer on PCIe any more. Programs that used it have failed, nvidia-smi lists it no more or says that it is lost, and often every other call to the driver hangs behind it.",
		Detection:  "Any of: Xid 79 or the words \"fallen off the bus\" in the kernel's log since the last start; a configuration space that reads as ones; NVML's answer that the GPU is lost; a GPU that is bound to the driver on the bus and missing in /proc/driver/nvidia/gpus (not judged in a container, which sees its own GPUs only). A GPU that NVML describes is not lost.",
		Cause:      "Power (supply, connectors, a peak of load), heat, a bad slot, riser or seat, the power management of PCIe, or a GPU that is dying.",
		Fix:        "Switch the machine off and on. Where it comes back: check power and cooling, reseat the card, update the firmware, and let support replace a GPU that does it again.",
		Verify:     "nvidia-smi -L lists every GPU, and dmesg shows no new Xid 79.",
		References: []string{xidCatalog, xidPage, "https://github.com/NVIDIA/open-gpu-kernel-modules/issues/507"},
	},
	Run: seen(judgeLost),
}

func judgeLost(s *scene) {
	lost := s.lostInLog()
	for _, g := range s.boundTo("nvidia") {
		if why, seen := s.lostOnBus(g); why != "" {
			lost = addLost(lost, g.Address, why, seen)
		}
	}
	for _, d := range s.devices {
		if d.Fault == facts.FaultLost {
			lost = addLost(lost, d.PCI, "NVML says that the GPU is lost", s.evidenceOf(d))
		}
	}
	for _, l := range lost {
		s.Report(check.Finding{
			Subject:    s.at(l.address),
			Confidence: l.confidence,
			Detail:     fmt.Sprintf("%s does not answer on the bus: %s.", s.at(l.address), strings.Join(l.why, "; ")),
			Cause:      "The GPU lost its power or its PCIe link, got too hot, or is broken.",
			Evidence:   l.seen,
			Explains:   []string{"gpu.xid", "gpu.init-failed", "gpu.device-unclaimed", "gpu.cuda-visible-devices", "gpu.pcie-width-reduced", "gpu.nvlink-down"},
			Remedies: []check.Remedy{
				s.powerCycle("Switch the machine off and on; a restart alone may leave the GPU without power."),
				contactSupport(),
			},
			Verify: []string{"nvidia-smi -L", "sudo dmesg | grep -e 'Xid.*: 79' -e 'fallen off the bus'"},
		})
	}
}

// powerCycle takes the power from a GPU: a guest cannot do that by itself.
func (s *scene) powerCycle(summary string) check.Remedy {
	const id = "power-cycle"
	switch {
	case s.container:
		return advice(id, "On the host: "+strings.ToLower(summary[:1])+summary[1:])
	case s.Facts.Bool(facts.Virtual):
		return advice(id, "Stop the virtual machine and start it again from its host or the cloud's console, which gives it another GPU; a restart from inside keeps this one.")
	}
	return command(id, summary, check.High, "sudo poweroff")
}

// lostGPU is one GPU and everything that says that it is lost.
type lostGPU struct {
	address string
	why     []string
	seen    []fact.Evidence
	// confidence is lower where the only sign is a list that lacks the GPU.
	confidence float64
}

func addLost(list []lostGPU, address, why string, seen []fact.Evidence) []lostGPU {
	i := slices.IndexFunc(list, func(l lostGPU) bool { return l.address == address })
	if i < 0 {
		sure := 0.95
		if strings.HasPrefix(why, "the driver lists") {
			sure = 0.8
		}
		return append(list, lostGPU{address, []string{why}, seen, sure})
	}
	list[i].confidence = 0.95
	list[i].why = append(list[i].why, why)
	list[i].seen = append(slices.Clone(list[i].seen), seen...)
	return list
}

// lostInLog finds what the driver wrote since the last start.
func (s *scene) lostInLog() []lostGPU {
	var out []lostGPU
	events := append(s.current(facts.EventXid), s.current(facts.EventLost)...)
	for _, e := range events {
		if e.Xid != xidLost && e.Kind != facts.EventLost || s.answers(e.PCI) {
			continue
		}
		what := "the driver said so"
		if e.Kind != facts.EventLost {
			what = "the driver reported Xid 79"
		}
		out = addLost(out, e.PCI, what+" "+s.when(e), e.seen)
	}
	return out
}

// lostOnBus tells what the bus and the driver's files say against a GPU.
func (s *scene) lostOnBus(g facts.PCIDevice) (why string, seen []fact.Evidence) {
	served, known := fact.Get[[]string](s.Facts, facts.Served)
	missing := known && !slices.Contains(served, strings.ToLower(g.Address))
	switch {
	case s.answers(g.Address) || s.wsl:
		return "", nil
	case g.Lost:
		return "its configuration space reads as ones", s.Evidence(facts.PCI)
	case missing && s.loaded && !s.container:
		return fmt.Sprintf("the driver lists %s, and %d are bound to it", count(len(served), "GPU"), len(s.boundTo("nvidia"))), s.Evidence(facts.Served, facts.PCI)
	}
	return "", nil
}

var initFailed = check.Check{
	Code: "gpu.init-failed", Title: "The driver could not start a GPU", Area: areaGPU,
	Needs: []string{facts.LogEvents, facts.PCI},
	Doc: check.Doc{
		Meaning:    "The driver is loaded and failed to initialise a GPU: the kernel's log says RmInitAdapter failed. nvidia-smi leaves the GPU out or says: No devices were found.",
		Detection:  "The words RmInitAdapter failed in the kernel's log since the last start of machine and driver, for a GPU that NVML does not describe.",
		Cause:      "The closed module on a GPU that wants the open one, a GPU in a bad state after a crash or after pass-through, too little PCI address space in the firmware's settings, missing power, or a broken card.",
		Fix:        "Look for a deeper reason in the same log. Switch the machine off and on; in the firmware, allow decoding above 4 GB; check the power connectors.",
		Verify:     "nvidia-smi -L lists the GPU.",
		References: []string{driverGuide, "https://github.com/NVIDIA/open-gpu-kernel-modules/issues"},
	},
	Run: seen(judgeInit),
}

func judgeInit(s *scene) {
	for _, e := range s.current(facts.EventInit) {
		if s.answers(e.PCI) || e.PCI == "" && s.works() {
			continue
		}
		s.Report(check.Finding{
			Subject:    s.at(e.PCI),
			Confidence: 0.9,
			Detail:     fmt.Sprintf("The driver failed to start %s, %s: %s.", s.at(e.PCI), s.when(e), s.plain(e.Text)),
			Cause:      "The driver met a GPU that it cannot use, or one in a bad state.",
			Evidence:   e.seen,
			Explains:   []string{"gpu.device-unclaimed", "gpu.cuda-visible-devices", "gpu.device-nodes-missing"},
			Remedies: []check.Remedy{
				advice("read-kernel-log", "Read what the driver said before it.", "sudo dmesg | grep -i nvrm"),
				s.powerCycle("Switch the machine off and on."),
			},
			Verify: []string{"nvidia-smi -L"},
		})
	}
}

// plain makes a driver's words fit a sentence.
func (s *scene) plain(text string) string {
	return strings.TrimRight(strings.ReplaceAll(strings.ReplaceAll(text, "! ", " "), "!", ""), ". ")
}

var nvswitchError = check.Check{
	Code: "gpu.nvswitch-error", Title: "An NVSwitch reported an error", Area: areaGPU,
	Needs: []string{facts.LogEvents},
	Doc: check.Doc{
		Meaning:    "The driver of the NVSwitch chips wrote an SXid into the kernel's log. A fatal one stops the NVLinks that run through the switch, and work on several GPUs with them.",
		Detection:  "Lines \"nvidia-nvswitchN: SXid (PCI:address): number\" since the last start. The line itself says whether the error is fatal.",
		Cause:      "A failing link, switch or cable, or a GPU that was reset while others used the fabric.",
		Fix:        "Reset all GPUs and switches together; restart the machine if that does not help; contact support when it comes again.",
		Verify:     "nvidia-smi nvlink -s shows every link up, and dmesg no newer SXid.",
		References: []string{fabricGuide, xidPage},
	},
	Run: seen(judgeSwitch),
}

func judgeSwitch(s *scene) {
	for _, e := range s.current(facts.EventSXid) {
		text := strings.ToLower(e.Text)
		severity := check.Info
		if strings.Contains(text, "fatal") && !strings.Contains(text, "non-fatal") && !strings.Contains(text, "nonfatal") {
			severity = check.Error
		}
		s.Report(check.Finding{
			Severity:   severity,
			Confidence: 0.95,
			Title:      "NVSwitch " + e.PCI + " reported an error", // without a subject: it concerns every GPU
			Detail:     fmt.Sprintf("The NVSwitch at %s reported SXid %d, %s: %s.", e.PCI, e.Xid, s.when(e), s.plain(e.Text)),
			Cause:      "An error of the switch or of a link that runs through it.",
			Evidence:   e.seen,
			Explains:   []string{"gpu.nvlink-down"},
			Remedies:   []check.Remedy{advice("reset-fabric", "Stop everything that uses the GPUs, reset them all, and start the fabric manager again.", "sudo nvidia-smi --gpu-reset", "sudo systemctl restart nvidia-fabricmanager")},
			Verify:     []string{"nvidia-smi nvlink -s"},
		})
	}
}
