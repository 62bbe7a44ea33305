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

var debugVariables = check.Check{
	Code: "gpu.debug-variables", Title: "A debugging variable is set", Area: areaGPU,
	Needs: []string{facts.Env, facts.Count},
	Doc: check.Doc{
		Meaning:    "Variables that help while debugging CUDA or NCCL make ordinary work slow or different when they are left behind in a shell profile, an image or a job script.",
		Detection:  "The environment of the examined process is compared with the table debug_variables, which says for each variable what it does. On a machine without GPUs nothing is reported.",
		Cause:      "The variable was set for an earlier investigation, or as a workaround that is no longer needed.",
		Fix:        "Unset the variable where it is set: shell profile, image, job script or service unit.",
		Verify:     "env shows the variable no more.",
		References: []string{cudaVariables, "https://docs.nvidia.com/deeplearning/nccl/user-guide/docs/env.html"},
	},
	Run: seen(judgeVariables),
}

func judgeVariables(s *scene) {
	env, _ := fact.Get[map[string]string](s.Facts, facts.Env)
	if gpus, _ := s.Facts.Int(facts.Count); gpus == 0 {
		return
	}
	for _, v := range tables.DebugVariables() {
		value, set := env[v.Name]
		if !set || value == "" || len(v.Active) > 0 && !slices.Contains(v.Active, value) {
			continue
		}
		severity := check.Warning
		if strings.HasPrefix(v.Name, "NCCL_") {
			severity = check.Info // often a deliberate workaround
		}
		s.Report(check.Finding{
			Severity: severity,
			Subject:  v.Name,
			Detail:   fmt.Sprintf("%s=%s is set: %s.", v.Name, value, v.Effect),
			Cause:    "The variable was left behind after debugging, or is meant so.",
			Evidence: s.Evidence(facts.Env),
			Remedies: []check.Remedy{{ID: "unset", Summary: "Unset the variable unless it is meant.", Kind: check.SetEnv, Risk: check.Low, Preview: []string{"unset " + v.Name}}},
			Verify:   []string{"env | grep " + v.Name},
		})
	}
}
