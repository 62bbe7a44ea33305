// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// environment is an element of python.envs.
type environment struct {
	Prefix  string `json:"prefix"`
	Version string `json:"version"`
	Kind    string `json:"kind"`
}

// distribution is an element of python.env[PREFIX].packages.
type distribution struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// environments lists what was found, from the list or, without it, from the
// instances.
func environments(s fact.Set) []environment {
	if envs, ok := fact.Get[[]environment](s, "python.envs"); ok {
		return envs
	}
	var out []environment
	for _, prefix := range s.Instances("python.env") {
		out = append(out, environment{prefix,
			instanceValue[string](s, "python.env", prefix, "version"), instanceValue[string](s, "python.env", prefix, "kind")})
	}
	return out
}

func packages(s fact.Set, prefix string) []distribution {
	return instanceValue[[]distribution](s, "python.env", prefix, "packages")
}

// installed counts the packages without reading what they are.
func installed(s fact.Set, prefix string) int {
	return len(instanceValue[[]struct{}](s, "python.env", prefix, "packages"))
}

// pythonLine is "3.11.7 venv, 143 packages", or what several environments have
// in common.
func pythonLine(s fact.Set) string {
	envs := environments(s)
	switch len(envs) {
	case 0:
		return ""
	case 1:
		return joined(envs[0].String(), count(int64(installed(s, envs[0].Prefix)), "package"))
	}
	total := 0
	var each []string
	for _, e := range envs {
		total += installed(s, e.Prefix)
		each = append(each, e.String())
	}
	return joined(fmt.Sprintf("%d environments", len(envs)), grouped(each), count(int64(total), "package"))
}

// String is "3.11.7 venv", or the half of it that is known.
func (e environment) String() string { return strings.TrimSpace(e.Version + " " + e.Kind) }

// frameworks are the distributions that the headline names, in this order.
var frameworks = []string{"torch", "tensorflow", "jax", "keras", "onnxruntime", "onnxruntime-gpu", "scikit-learn", "xgboost", "lightgbm", "transformers"}

// frameworksLine is "torch 2.4.0 (CUDA 12.4), jax 0.4.30".
func frameworksLine(s fact.Set) string {
	versions := map[string][]string{}
	envs := environments(s)
	for _, e := range envs {
		for _, d := range packages(s, e.Prefix) {
			if name := normalName(d.Name); slices.Contains(frameworks, name) {
				versions[name] = append(versions[name], d.Version+torchBuild(s, e.Prefix, name))
			}
		}
	}
	var parts []string
	for _, name := range frameworks {
		found := versions[name]
		slices.Sort(found)
		if found = slices.Compact(found); len(found) > 0 {
			parts = append(parts, name+" "+strings.Join(found, " and "))
		}
	}
	if len(parts) == 0 && len(envs) > 0 {
		return "none installed"
	}
	return joined(parts...)
}

// torchBuild says what an installed torch was built for.
func torchBuild(s fact.Set, prefix, name string) string {
	if name != "torch" {
		return ""
	}
	build := instanceValue[struct {
		CUDA string `json:"cuda"`
		HIP  string `json:"hip"`
	}](s, "python.env", prefix, "torch")
	switch {
	case build.CUDA != "":
		return " (CUDA " + build.CUDA + ")"
	case build.HIP != "":
		return " (ROCm " + build.HIP + ")"
	}
	return ""
}

// normalName is the name of a distribution as PEP 503 normalises it.
func normalName(name string) string {
	return strings.Join(strings.FieldsFunc(strings.ToLower(name), func(r rune) bool {
		return r == '-' || r == '_' || r == '.'
	}), "-")
}
