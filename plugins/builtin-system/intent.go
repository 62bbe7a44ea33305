// SPDX-License-Identifier: Apache-2.0

package main

import (
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/internal/pattern"
	"github.com/bulkhead-ml/bulkhead/sdk/check"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// frameworks are distributions that use GPUs, or processes that share memory.
var frameworks = pattern.Lazy(`^(torch|tensorflow|jax|jaxlib|keras|cupy|mxnet|paddlepaddle|onnxruntime|vllm|sglang|triton|deepspeed|ray|numba|cudf|cuml|rapids|nvidia|xgboost|lightgbm|mlx|bitsandbytes|llama-cpp-python)(-|$)`)

// bare are distributions that come with an interpreter.
var bare = []string{"pip", "setuptools", "wheel", "packaging", "distro-info", "python-apt", "unattended-upgrades"}

// withoutML reports whether the Python environments are known to be for something
// else: they have packages, none of them is a framework, and the project asks for
// none. It is false for an interpreter without packages, which tells nothing.
func withoutML(c *check.Context) bool {
	others := 0
	for _, prefix := range c.Facts.Instances("python.env") {
		packages, known := fact.Get[[]struct{ Name string }](c.Facts, fact.At("python.env", prefix, "packages"))
		if !known || c.Facts.Known(fact.At("python.env", prefix, "torch")) {
			return false
		}
		for _, p := range packages {
			name := strings.ToLower(strings.ReplaceAll(p.Name, "_", "-"))
			if frameworks().MatchString(name) {
				return false
			}
			if !slices.Contains(bare, name) {
				others++
			}
		}
	}
	return others > 0 && !projectAsksML(c)
}

// projectAsksML reports whether a requirements file of the project names a
// framework.
func projectAsksML(c *check.Context) bool {
	asked, _ := fact.Get[[]struct{ Name string }](c.Facts, "python.project_requirements")
	return slices.ContainsFunc(asked, func(p struct{ Name string }) bool {
		return frameworks().MatchString(strings.ToLower(strings.ReplaceAll(p.Name, "_", "-")))
	})
}
