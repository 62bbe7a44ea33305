// SPDX-License-Identifier: Apache-2.0

package judge

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/bulkhead-ml/bulkhead/internal/pattern"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/facts"
	"github.com/bulkhead-ml/bulkhead/sdk/check"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

const cudaVariables = "https://docs.nvidia.com/cuda/cuda-c-programming-guide/index.html#cuda-environment-variables"

var visibleDevices = check.Check{
	Code: "gpu.cuda-visible-devices", Title: "CUDA_VISIBLE_DEVICES hides GPUs", Area: areaGPU,
	Needs: []string{facts.Env, facts.Count},
	Doc: check.Doc{
		Meaning:    "CUDA_VISIBLE_DEVICES names the GPUs that CUDA may see, as numbers or UUIDs. CUDA stops at the first entry that it cannot find, so one wrong entry hides it and all that follow. Frameworks then say: No CUDA GPUs are available.",
		Detection:  "The variable of the examined process is read entry by entry and compared with the number of GPUs and, where they are known, their UUIDs. A machine without GPUs, and one whose GPUs are in MIG mode, is not judged by number; MIG instances are judged by gpu.mig-visible-devices.",
		Cause:      "The variable is left over from another job or machine, or was written for another program's syntax.",
		Fix:        "Unset the variable, or name GPUs that are there.",
		Verify:     "nvidia-smi -L lists the numbers and UUIDs that the variable may name.",
		References: []string{cudaVariables},
	},
	Run: seen(judgeVisible),
}

func judgeVisible(s *scene) {
	env, _ := fact.Get[map[string]string](s.Facts, facts.Env)
	value, set := env["CUDA_VISIBLE_DEVICES"]
	if gpus, _ := s.Facts.Int(facts.Count); !set || gpus == 0 || s.driverState() != fine {
		return
	}
	severity, fault := s.visibleFault(strings.TrimSpace(value))
	if fault == "" {
		return
	}
	sure := 0.9 // counted on the bus or among the device nodes
	if s.works() {
		sure = 1
	}
	s.Report(check.Finding{
		Severity: severity, Confidence: sure,
		Subject:  "CUDA_VISIBLE_DEVICES",
		Detail:   fmt.Sprintf("CUDA_VISIBLE_DEVICES=%q: %s.", value, fault),
		Cause:    "CUDA shows a process only the GPUs that this variable names, up to the first that it cannot find.",
		Evidence: s.Evidence(facts.Env, facts.Count),
		Remedies: []check.Remedy{{ID: "unset", Summary: "Unset the variable, so that CUDA sees every GPU.", Kind: check.SetEnv, Risk: check.Low, Preview: []string{"unset CUDA_VISIBLE_DEVICES"}}},
		Verify:   []string{"nvidia-smi -L", `echo "$CUDA_VISIBLE_DEVICES"`},
	})
}

// visibleFault finds the first entry that CUDA stops at; "" when there is none.
func (s *scene) visibleFault(value string) (check.Severity, string) {
	if value == "" {
		return check.Warning, "it is set and empty, which hides every GPU"
	}
	seenBefore := map[string]bool{}
	list := strings.Split(strings.TrimRight(value, ", "), ",")
	for i, entry := range list {
		entry = strings.TrimSpace(entry)
		switch {
		case i == 0 && (entry == "-1" || entry == "NoDevFiles"): // Slurm writes the word for a job without GPUs
			return check.Warning, entry + " hides every GPU"
		case entry == "-1" && i == len(list)-1:
			return 0, "" // the documented way to end the list
		case entry == "-1":
			return check.Warning, fmt.Sprintf("-1 ends the list, so CUDA sees only what stands before it (%s)", entries(i))
		}
		if fault := s.entryFault(entry); fault != "" {
			return check.Error, fmt.Sprintf("%s; CUDA sees only what stands before it (%s)", fault, entries(i))
		}
		if seenBefore[entry] {
			return check.Error, fmt.Sprintf("%q stands twice, and CUDA then shows no GPU", entry)
		}
		seenBefore[entry] = true
	}
	return 0, ""
}

var (
	gpuUUID = pattern.Lazy(`^GPU-[0-9a-fA-F-]{1,36}$`)
	migUUID = pattern.Lazy(`^MIG-`)
)

// entryFault says what is wrong with one entry.
func (s *scene) entryFault(entry string) string {
	if n, err := strconv.Atoi(entry); err == nil {
		limit, known := s.visibleLimit()
		if n >= 0 && (!known || n < limit) {
			return ""
		}
		return fmt.Sprintf("there is no GPU %d, since this machine has %s, counted from 0", n, count(limit, "GPU"))
	}
	switch {
	case migUUID().MatchString(entry):
		return ""
	case !gpuUUID().MatchString(entry):
		return fmt.Sprintf("%q is neither a number nor a UUID that starts with GPU- or MIG-", entry)
	}
	return s.uuidFault(entry)
}

// uuidFault compares a UUID, which may be cut short, with the GPUs, provided
// that all of their UUIDs are known.
func (s *scene) uuidFault(entry string) string {
	if len(s.devices) == 0 || slices.ContainsFunc(s.devices, func(d facts.Device) bool { return d.UUID == "" }) {
		return ""
	}
	for _, d := range s.devices {
		if strings.HasPrefix(strings.ToLower(d.UUID), strings.ToLower(entry)) {
			return ""
		}
	}
	return "no GPU of this machine has the UUID " + entry
}

// visibleLimit is the number of GPUs that CUDA counts here, when it can be told.
func (s *scene) visibleLimit() (int, bool) {
	if slices.ContainsFunc(s.devices, func(d facts.Device) bool { return d.MIG.On() }) {
		return 0, false
	}
	if s.works() {
		return len(s.devices), true
	}
	served := len(s.boundTo("nvidia"))
	if nodes := s.numbered(); s.container && nodes > 0 {
		return nodes, true
	}
	return served, served > 0
}

func entries(n int) string {
	if n == 1 {
		return "1 entry"
	}
	return fmt.Sprintf("%d entries", n)
}
