// SPDX-License-Identifier: Apache-2.0

package judge

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/facts"
	"github.com/bulkhead-ml/bulkhead/sdk/check"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

var migNoInstance = check.Check{
	Code: "gpu.mig-no-instance", Title: "A GPU is in MIG mode and has no instance", Area: areaGPU,
	Needs: []string{facts.Devices},
	Doc: check.Doc{
		Meaning:    "In MIG mode CUDA uses the instances into which a GPU is split, and never the GPU as a whole. Without an instance it shows no device: No CUDA GPUs are available.",
		Detection:  "NVML says that the mode is on and lists no instance, and /proc/driver/nvidia/capabilities shows no compute instance of that GPU. In a container, which sees only the instances that it was given, nothing is said.",
		Cause:      "The mode stayed on and the instances were destroyed: they do not outlive a reset or a restart of the machine.",
		Fix:        "Create a GPU instance with a compute instance, or switch the mode off.",
		Verify:     "nvidia-smi -L lists MIG devices below the GPU.",
		References: []string{migGuide},
	},
	Run: seen(perDevice(judgeNoInstance)),
}

func judgeNoInstance(s *scene, d facts.Device) (check.Finding, bool) {
	if !d.MIG.On() || s.container || len(d.MIG.Instances) > 0 || s.instancesOnFile(d) {
		return check.Finding{}, false
	}
	severity := check.Warning
	if !slices.ContainsFunc(s.devices, func(o facts.Device) bool { return !o.MIG.On() || len(o.MIG.Instances) > 0 }) {
		severity = check.Error
	}
	return check.Finding{
		Severity: severity,
		Detail:   fmt.Sprintf("MIG mode of %s is on, and it has no compute instance, so CUDA cannot use it.", s.label(d)),
		Cause:    "The instances were destroyed, by hand or by a restart.",
		Explains: []string{"gpu.cuda-visible-devices", "gpu.mig-visible-devices"},
		Remedies: []check.Remedy{
			command("create-instances", "List the profiles, and create an instance with its compute instance.", check.Medium,
				"nvidia-smi mig -lgip -i "+number(d), fmt.Sprintf("sudo nvidia-smi mig -cgi PROFILE -C -i %s", number(d))),
			command("mig-off", "Or switch MIG mode off, and use the GPU as a whole.", check.Medium, fmt.Sprintf("sudo nvidia-smi -i %s -mig 0", number(d))),
		},
		Verify: []string{"nvidia-smi -L"},
	}, true
}

// instancesOnFile reports whether the driver's files show an instance of a
// GPU. They count GPUs by device node, which is the index where every GPU has
// one.
func (s *scene) instancesOnFile(d facts.Device) bool {
	list, _ := fact.Get[[]facts.MIGCapability](s.Facts, facts.Capabilities)
	return slices.ContainsFunc(list, func(c facts.MIGCapability) bool { return c.GPU == d.Index })
}

var migVisible = check.Check{
	Code: "gpu.mig-visible-devices", Title: "CUDA_VISIBLE_DEVICES does not fit the MIG instances", Area: areaGPU,
	Needs: []string{facts.Env, facts.Devices},
	Doc: check.Doc{
		Meaning:    "MIG instances are chosen by their UUID, MIG-..., not by counting them. CUDA shows a process one instance only. A UUID that is not there hides everything: No CUDA GPUs are available.",
		Detection:  "The entries of CUDA_VISIBLE_DEVICES in the examined process are compared with the instances that NVML lists.",
		Cause:      "The instances were created anew and have other UUIDs, the variable was written for another machine or for whole GPUs, or several instances were named.",
		Fix:        "Name one instance by the UUID that nvidia-smi -L shows.",
		Verify:     "nvidia-smi -L lists the UUID that the variable names.",
		References: []string{migGuide, cudaVariables},
	},
	Run: seen(judgeMIGVisible),
}

func judgeMIGVisible(s *scene) {
	env, _ := fact.Get[map[string]string](s.Facts, facts.Env)
	value, set := env["CUDA_VISIBLE_DEVICES"]
	if !set || len(s.devices) == 0 || s.driverState() != fine || s.undivided() {
		return
	}
	severity, fault := s.migFault(strings.Split(value, ","))
	if fault == "" {
		return
	}
	s.Report(check.Finding{
		Severity: severity,
		Subject:  "CUDA_VISIBLE_DEVICES",
		Detail:   fmt.Sprintf("CUDA_VISIBLE_DEVICES=%q: %s.", value, fault),
		Cause:    "MIG instances are named by UUID, and CUDA uses one of them in a process.",
		Evidence: s.Evidence(facts.Env, facts.Devices),
		Remedies: []check.Remedy{{ID: "name-instance", Summary: "Name one instance.", Kind: check.SetEnv, Risk: check.Low, Preview: []string{"nvidia-smi -L", "export CUDA_VISIBLE_DEVICES=" + s.someInstance()}}},
		Verify:   []string{"nvidia-smi -L", `echo "$CUDA_VISIBLE_DEVICES"`},
	})
}

// undivided reports whether there is no instance to name although a GPU is in
// MIG mode: gpu.mig-no-instance tells about that, which is the deeper fault.
func (s *scene) undivided() bool {
	list, _ := s.instances()
	return len(list) == 0 && slices.ContainsFunc(s.devices, func(d facts.Device) bool {
		_, told := judgeNoInstance(s, d)
		return told
	})
}

// migFault says what is wrong with the entries as far as MIG is concerned.
func (s *scene) migFault(entries []string) (check.Severity, string) {
	instances, complete := s.instances()
	named := 0
	for _, entry := range entries {
		entry = strings.TrimSpace(entry)
		if n, err := strconv.Atoi(entry); err == nil && s.allMIG() && n >= len(s.devices) {
			return check.Warning, fmt.Sprintf("%d is counted as a GPU, of which there are %d; instances are named by UUID", n, len(s.devices))
		}
		if !migUUID().MatchString(entry) {
			continue
		}
		named++
		if complete && !strings.HasPrefix(entry, "MIG-GPU-") && !slices.ContainsFunc(instances, func(i string) bool { return strings.HasPrefix(strings.ToLower(i), strings.ToLower(entry)) }) {
			return check.Error, fmt.Sprintf("no instance of this machine has the UUID %s (it has %s)", entry, count(len(instances), "instance"))
		}
	}
	if named > 1 {
		return check.Info, fmt.Sprintf("%d instances are named, and CUDA uses the first only", named)
	}
	return 0, ""
}

// instances lists the UUIDs of all MIG instances; complete tells whether NVML
// gave them for every GPU.
func (s *scene) instances() (uuids []string, complete bool) {
	complete = s.nvml == facts.NVMLOk
	for _, d := range s.devices {
		if d.MIG == nil {
			complete = complete && d.Fault == ""
			continue
		}
		for _, i := range d.MIG.Instances {
			uuids = append(uuids, i.UUID)
			complete = complete && i.UUID != ""
		}
	}
	return uuids, complete
}

func (s *scene) allMIG() bool {
	return !slices.ContainsFunc(s.devices, func(d facts.Device) bool { return !d.MIG.On() })
}

// someInstance is a UUID for an example.
func (s *scene) someInstance() string {
	if list, _ := s.instances(); len(list) > 0 && list[0] != "" {
		return list[0]
	}
	return "MIG-UUID"
}
