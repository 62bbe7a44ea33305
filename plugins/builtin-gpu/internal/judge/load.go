// SPDX-License-Identifier: Apache-2.0

package judge

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/facts"
	"github.com/bulkhead-ml/bulkhead/sdk/check"
)

var throttled = check.Check{
	Code: "gpu.throttled", Title: "The GPU is slowed down", Area: areaGPU,
	Needs: []string{facts.Devices},
	Doc: check.Doc{
		Meaning:    "The GPU lowers its clocks to protect itself, because it is too hot or its power supply asked it to. Work is slower by as much as the clocks are.",
		Detection:  "NVML is asked what holds the clocks down at this moment. Heat and the power brake are warnings. The software power cap, which every busy GPU meets, is reported only where an administrator set the limit below 90% of the default, as information. A laptop's limit, which its firmware moves all the time, is not judged, and its power brake (on battery) is information. Idle clocks and clocks that were set are not reported.",
		Cause:      "Cooling that is weak, blocked or failed; a power supply that is too small or reports a fault; a power limit that was set low.",
		Fix:        "Look at fans, filters and the temperature of the intake, at the power supply, and at the power limit.",
		Verify:     "nvidia-smi -q -d PERFORMANCE shows Not Active for each of the slowdowns under load.",
		References: []string{"https://docs.nvidia.com/deploy/nvml-api/group__nvmlClocksEventReasons.html", "https://docs.nvidia.com/deploy/nvidia-smi/index.html"},
	},
	Run: seen(perDevice(judgeThrottle)),
}

// slowdowns are the reasons that mean trouble, the most telling first.
var slowdowns = []struct{ reason, words, cause, remedy string }{
	{"hw_thermal_slowdown", "too hot (hardware thermal slowdown)", "The GPU or its memory is at its limit of temperature.", "Look at fans, air flow and dust; lower the load until the GPU is cool."},
	{"sw_thermal_slowdown", "too hot (software thermal slowdown)", "The GPU or its memory is at its limit of temperature.", "Look at fans, air flow and dust; lower the load until the GPU is cool."},
	{"hw_power_brake_slowdown", "held back by the power supply (power brake)", "The machine's power supply asked the GPU to slow down.", "Look at the power supplies: their number, their size, and the log of the management controller."},
	{"hw_slowdown", "slowed down by its hardware (heat or power)", "The GPU protects itself against heat or a lack of power.", "Look at cooling and power; ask nvidia-smi -q -d PERFORMANCE which of them it is."},
}

func judgeThrottle(s *scene, d facts.Device) (check.Finding, bool) {
	for _, slow := range slowdowns {
		if !slices.ContainsFunc(d.ThrottleReasons, func(r string) bool { return reason(r) == slow.reason }) {
			continue
		}
		severity := check.Warning
		if portable(d) && slow.reason == "hw_power_brake_slowdown" {
			severity = check.Info // a laptop on its battery
		}
		return check.Finding{
			Severity: severity,
			Detail:   fmt.Sprintf("%s is %s%s.", s.label(d), slow.words, measured(d)),
			Cause:    slow.cause,
			Remedies: []check.Remedy{advice("cool-or-power", slow.remedy, "nvidia-smi -q -d PERFORMANCE,TEMPERATURE,POWER -i "+number(d))},
			Verify:   []string{"nvidia-smi -q -d PERFORMANCE -i " + number(d)},
		}, true
	}
	if d.PowerLimit == 0 || d.PowerLimit >= 0.9*d.DefaultPowerLimit || portable(d) {
		return check.Finding{}, false
	}
	return check.Finding{
		Severity: check.Info,
		Title:    "The power limit is below the default",
		Detail:   fmt.Sprintf("The power limit of %s is %.0f W, and its default is %.0f W.", s.label(d), d.PowerLimit, d.DefaultPowerLimit),
		Cause:    "The limit was set with nvidia-smi -pl or by a manager of the machine.",
		Remedies: []check.Remedy{command("default-limit", "Set the default limit, unless cooling or supply want the lower one.", check.Low, fmt.Sprintf("sudo nvidia-smi -i %s -pl %.0f", number(d), d.DefaultPowerLimit))},
		Verify:   []string{"nvidia-smi -q -d POWER -i " + number(d)},
	}, true
}

// portable reports whether a GPU is a laptop's, whose power the firmware shares
// out between processor, GPU and battery as it sees fit.
func portable(d facts.Device) bool {
	return slices.ContainsFunc([]string{"Laptop", "Mobile", "Max-Q"}, func(word string) bool { return strings.Contains(d.Name, word) })
}

// reason spells a reason as nvidia-smi does, whoever recorded it.
func reason(text string) string {
	text = strings.NewReplacer(" ", "_", "-", "_").Replace(strings.ToLower(text))
	return strings.TrimPrefix(strings.TrimPrefix(text, "clocks_event_reasons."), "clocks_throttle_reasons.")
}

// measured adds temperature and clocks to a finding, where they are known.
func measured(d facts.Device) string {
	var words []string
	if d.Temperature > 0 {
		text := fmt.Sprintf("%d °C", d.Temperature)
		if d.SlowdownTemperature > 0 {
			text += fmt.Sprintf(" of %d °C", d.SlowdownTemperature)
		}
		words = append(words, text)
	}
	if d.Clocks != nil && d.Clocks.MaxSM > 0 {
		words = append(words, fmt.Sprintf("clock %d of %d MHz", d.Clocks.SM, d.Clocks.MaxSM))
	}
	if len(words) == 0 {
		return ""
	}
	return ", at " + strings.Join(words, ", ")
}

var memoryInUse = check.Check{
	Code: "gpu.memory-in-use", Title: "Nearly all GPU memory is taken", Area: areaGPU,
	Needs: []string{facts.Devices},
	Doc: check.Doc{
		Meaning:    "Programs that run now hold at least 95% of the GPU's memory. The next one gets: CUDA out of memory.",
		Detection:  "NVML tells how much memory is used, and by which processes. Those of other containers and users may be missing in the list.",
		Cause:      "Another job runs, or one that was stopped left processes behind. JAX, TensorFlow and vLLM take most of the memory at their start on purpose.",
		Fix:        "Wait for the job, stop the processes that are left over, or choose another GPU with CUDA_VISIBLE_DEVICES.",
		Verify:     "nvidia-smi shows free memory.",
		References: []string{nvmlPage, "https://docs.nvidia.com/deploy/nvidia-smi/index.html"},
	},
	Run: seen(perDevice(judgeMemory)),
}

func judgeMemory(s *scene, d facts.Device) (check.Finding, bool) {
	if d.MemoryBytes == 0 || d.MemoryUsed < d.MemoryBytes/100*95 {
		return check.Finding{}, false
	}
	const mib = 1 << 20
	return check.Finding{
		Severity: check.Info,
		Detail:   fmt.Sprintf("%d of %d MiB of %s are in use%s.", d.MemoryUsed/mib, d.MemoryBytes/mib, s.label(d), holders(d.Processes)),
		Cause:    "Programs that run now hold the memory.",
		Remedies: []check.Remedy{advice("look-at-processes", "Look at who holds it, and stop what is left over from an old job.",
			"nvidia-smi --query-compute-apps=pid,used_memory,process_name --format=csv -i "+number(d))},
		Verify: []string{"nvidia-smi --query-gpu=memory.used,memory.total --format=csv -i " + number(d)},
	}, true
}

// holders names the processes that hold most.
func holders(list []facts.Process) string {
	if len(list) == 0 {
		return ", by processes that cannot be seen from here"
	}
	most := slices.SortedFunc(slices.Values(list), func(a, b facts.Process) int { return cmp.Compare(b.MemoryBytes, a.MemoryBytes) })
	var words []string
	for _, p := range most[:min(len(most), 4)] {
		words = append(words, fmt.Sprintf("PID %d", p.PID))
	}
	return fmt.Sprintf(", by %s that run now (%s)", count(len(list), "program"), strings.Join(words, ", "))
}

var nvlinkDown = check.Check{
	Code: "gpu.nvlink-down", Title: "A GPU has fewer NVLinks than its peers", Area: areaGPU,
	Needs: []string{facts.Devices, facts.Switches},
	Doc: check.Doc{
		Meaning:    "On a machine with NVSwitch chips every GPU of one model has the same number of NVLinks. One with fewer exchanges data more slowly, and one with none breaks the jobs that use all GPUs together.",
		Detection:  "NVML is asked for the state of each link. The GPUs of one model on a machine with NVSwitch are compared with each other; GPUs in MIG mode, whose links are off, and machines without NVSwitch, where bridges are an option, are not judged.",
		Cause:      "A link that failed to train, a switch with an error, or a fabric manager that did not configure the fabric.",
		Fix:        "Look for SXid and Xid 74 or 136 in the kernel's log, reset all GPUs, restart the fabric manager, and contact support where the link stays down.",
		Verify:     "nvidia-smi nvlink -s shows the same links for every GPU.",
		References: []string{fabricGuide, "https://docs.nvidia.com/deploy/nvml-api/group__NvLink.html"},
	},
	Run: seen(judgeNVLink),
}

func judgeNVLink(s *scene) {
	if switches, _ := s.Facts.Int(facts.Switches); switches == 0 {
		return
	}
	most := map[string]int{}
	for _, d := range s.devices {
		most[d.Name] = max(most[d.Name], active(d))
	}
	perDevice(func(s *scene, d facts.Device) (check.Finding, bool) {
		have, want := active(d), most[d.Name]
		if d.MIG.On() || d.Fault != "" || len(d.NVLink) == 0 || have >= want {
			return check.Finding{}, false
		}
		severity := check.Warning
		if have == 0 {
			severity = check.Error
		}
		return check.Finding{
			Severity: severity,
			Detail:   fmt.Sprintf("%s has %d NVLinks up, and others of its model have %d.", s.label(d), have, want),
			Cause:    "A link did not train, or the fabric was not configured for it.",
			Remedies: []check.Remedy{
				advice("read-kernel-log", "Look for errors of links and switches.", "sudo dmesg | grep -e SXid -e 'NVRM: Xid'", "nvidia-smi nvlink -s -i "+number(d)),
				contactSupport(),
			},
			Verify: []string{"nvidia-smi nvlink -s -i " + number(d)},
		}, true
	})(s)
}

func active(d facts.Device) int {
	n := 0
	for _, l := range d.NVLink {
		if l.Active {
			n++
		}
	}
	return n
}
