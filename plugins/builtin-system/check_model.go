// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"

	"github.com/bulkhead-ml/bulkhead/sdk/check"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

var modelMemory = check.Check{
	Code: "system.model-memory", Title: "A model is larger than the memory that the job may use",
	Area: "system", Needs: []string{"models", "cgroup.memory.limit_bytes"},
	Doc: check.Doc{
		Meaning: "The weights of a model take more bytes on disk than the control group allows the job to use. To run it on the CPU all of them are needed in memory, and so are they when a pickle is loaded: " +
			"the job ends with \"Killed\" (exit status 137).",
		Detection: "Sizes from the index or the header of safetensors files and from the length of others, in the project and in the Hugging Face cache, against the tightest memory limit of the process's control group. " +
			"It is a warning for a model of the project where there is no GPU or the weights are a pickle. Else it is a note: safetensors and GGUF are mapped and can go to a GPU piece by piece, and not everything in a cache is loaded. " +
			"A machine without such a limit is not reported.",
		Cause:  "The memory of the container, pod or batch job was chosen without the model in mind.",
		Fix:    "Raise the limit, load a quantized model, or load it piece by piece onto a GPU (low_cpu_mem_usage, device_map).",
		Verify: "The limit in memory.max (memory.limit_in_bytes in version 1) is larger than the weights.",
		References: []string{
			"https://docs.kernel.org/admin-guide/cgroup-v2.html#memory",
			"https://huggingface.co/docs/transformers/big_models",
			"https://huggingface.co/docs/safetensors/index",
		},
	},
	Run: runModelMemory,
}

func runModelMemory(c *check.Context) {
	bound, ok := c.Facts.Int("cgroup.memory.limit_bytes")
	total, known := c.Facts.Int("memory.total_bytes")
	if !ok || known && bound >= total {
		return
	}
	models, _ := fact.Get[[]model](c.Facts, "models")
	reported := map[string]bool{}
	for _, m := range models {
		if m.Bytes > bound && !reported[m.From] { // the largest of each place
			reported[m.From] = true
			reportModel(c, m, bound)
		}
	}
}

func reportModel(c *check.Context, m model, bound int64) {
	severity, what := check.Info, "it can be used where it is loaded onto a GPU piece by piece, and not on the CPU."
	if gpus, known := c.Facts.Int("gpu.count"); m.From == "project" && (m.Format == "pickle" || known && gpus == 0) {
		severity, what = check.Warning, "loading it ends with \"Killed\" (exit status 137)."
	}
	c.Report(check.Finding{
		Severity: severity,
		Subject:  m.Name,
		Detail:   fmt.Sprintf("The weights of %s take %s, and the job may use %s of memory: %s", m.Name, size(m.Bytes), size(bound), what),
		Cause:    "The memory limit is smaller than the model.",
		Evidence: append([]fact.Evidence{{Fact: "models", Path: m.Path, Value: fmt.Sprintf("%d bytes", m.Bytes)}}, c.Evidence("cgroup.memory.limit_bytes")...),
		Remedies: modelRemedies(c, m),
		Verify:   []string{"cat " + quoted(controlFile(c, "cgroup.memory.limit_bytes", "/sys/fs/cgroup/memory.max"))},
	})
}

// modelRemedies raises the limit where the machine has the memory, and loads by
// pieces where there may be a GPU.
func modelRemedies(c *check.Context, m model) []check.Remedy {
	var out []check.Remedy
	need := m.Bytes + m.Bytes/4 + 2<<30
	if total, known := c.Facts.Int("memory.total_bytes"); !known || need <= total {
		out = memoryRemedies(c, need)
	}
	if gpus, known := c.Facts.Int("gpu.count"); !known || gpus > 0 {
		out = append(out, check.Remedy{
			ID: "load-by-pieces", Summary: "Load it piece by piece onto the GPU", Kind: check.Advice, Risk: check.Low,
			Preview: []string{`AutoModel.from_pretrained(NAME, device_map="auto", low_cpu_mem_usage=True)`},
		})
	}
	return append(out, check.Remedy{
		ID: "smaller-model", Summary: "Use a smaller or a quantized model", Kind: check.Advice, Risk: check.Low,
		Preview: []string{"hf download ORG/NAME-GGUF --include '*Q4_K_M*'"},
	})
}
