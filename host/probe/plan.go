// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// Deadlines of the probes.
const (
	importTime = 90 * time.Second // a cold import of a large framework from a network disk
	driverTime = 20 * time.Second
	engineTime = 5 * time.Second
	reachTime  = 5 * time.Second
	cloudTime  = time.Second
)

// maxImports bounds the imports of one run.
const maxImports = 64

// modules are what is imported of each distribution, in this order. Those with
// compiled code are where an environment breaks.
var modules = []struct{ distribution, module string }{
	{"numpy", "numpy"}, {"torch", "torch"}, {"torchvision", "torchvision"}, {"torchaudio", "torchaudio"},
	{"tensorflow", "tensorflow"}, {"tensorflow-cpu", "tensorflow"}, {"keras", "keras"}, {"jax", "jax"}, {"flax", "flax"},
	{"onnxruntime", "onnxruntime"}, {"onnxruntime-gpu", "onnxruntime"}, {"scipy", "scipy"}, {"pandas", "pandas"},
	{"scikit-learn", "sklearn"}, {"pyarrow", "pyarrow"}, {"protobuf", "google.protobuf"}, {"transformers", "transformers"},
	{"datasets", "datasets"}, {"accelerate", "accelerate"}, {"peft", "peft"}, {"trl", "trl"}, {"bitsandbytes", "bitsandbytes"},
	{"flash-attn", "flash_attn"}, {"xformers", "xformers"}, {"triton", "triton"}, {"deepspeed", "deepspeed"}, {"vllm", "vllm"},
	{"mlflow", "mlflow"}, {"xgboost", "xgboost"}, {"lightgbm", "lightgbm"}, {"opencv-python", "cv2"}, {"opencv-python-headless", "cv2"},
}

// environment is what a plan needs of a row of python.envs.
type environment struct {
	Prefix string `json:"prefix"`
	Python string `json:"python"`
}

// Plan lists what to try on a machine with these facts.
func Plan(facts fact.Set, o Options) []Probe {
	var out []Probe
	envs, _ := fact.Get[[]environment](facts, "python.envs")
	for _, env := range envs {
		if len(out) < maxImports {
			out = append(out, imports(facts, env, o.Project)...)
		}
	}
	out = append(out, driverProbe(facts, envs)...)
	out = append(out, engineProbe(facts, &o)...)
	if o.Network {
		out = append(out, reachProbes(facts, &o)...)
		out = append(out, cloudProbe(facts)...)
	}
	return out
}

// imports are the probes of one environment that was examined in depth.
func imports(facts fact.Set, env environment, project string) []Probe {
	packages, _ := fact.Get[[]struct {
		Name string `json:"name"`
	}](facts, fact.At("python.env", env.Prefix, "packages"))
	installed := map[string]bool{}
	for _, p := range packages {
		installed[normal(p.Name)] = true
	}
	var out []Probe
	var seen []string
	for _, m := range modules {
		if !installed[m.distribution] || slices.Contains(seen, m.module) {
			continue
		}
		seen = append(seen, m.module)
		out = append(out, Probe{
			Address: fact.At(ImportAddress, env.Prefix+"/"+m.module, ""), Deadline: importTime,
			Title: fmt.Sprintf("import %s in %s", m.module, env.Prefix),
			run:   importing(env.Prefix, interpreterOf(env), m.module, project),
		})
	}
	return out
}

// interpreterOf is the interpreter of an environment by the name under which it
// finds its packages.
func interpreterOf(env environment) string {
	return cmp.Or(env.Python, path.Join(env.Prefix, "bin/python"))
}

// normal is a distribution's name as PEP 503 compares it.
func normal(name string) string {
	return strings.NewReplacer("_", "-", ".", "-").Replace(strings.ToLower(name))
}

// driverProbe asks the driver's libraries where there is a GPU or a driver, with
// the first interpreter that there is.
func driverProbe(facts fact.Set, envs []environment) []Probe {
	count, _ := fact.Get[int](facts, "gpu.count")
	loaded, _ := fact.Get[bool](facts, "gpu.driver.loaded")
	if len(envs) == 0 || count == 0 && !loaded {
		return nil
	}
	return []Probe{{
		Address: DriverAddress, Title: "initialise NVML and CUDA", Deadline: driverTime, run: driver(interpreterOf(envs[0])),
	}}
}
