// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/host/plugin"
)

// caches are the variables by which frameworks find a place to write to: the
// home is not writable in a sandbox.
var caches = []string{
	"TMPDIR", "XDG_CACHE_HOME", "MPLCONFIGDIR", "NUMBA_CACHE_DIR", "TRITON_CACHE_DIR", "TORCHINDUCTOR_CACHE_DIR",
	"CUDA_CACHE_PATH", "HF_HOME",
}

// passed are the variables of the examined process that change what an import
// does, by name or by prefix.
var passed = []string{
	"PATH", "LD_PRELOAD", "LANG", "LC_*", "USER", "LOGNAME", "PYTHON*", "CUDA_*", "NVIDIA_*", "NCCL_*", "CUDNN_*", "OMP_*", "MKL_*",
	"OPENBLAS_*", "KMP_*", "XLA_*", "TF_*", "JAX_*", "TORCH_*", "PYTORCH_*", "BNB_*", "KERAS_*", "HIP_*", "ROCR_*", "ORT_*", "VIRTUAL_ENV", "CONDA_PREFIX",
}

// kept are those among them that are not passed: Terraform shares a prefix with
// TensorFlow, and NGC's key one with the driver.
var kept = []string{"TF_VAR_*", "TF_CLI_*", "TF_HTTP_*", "TF_TOKEN_*"}

// secretWords are in the names of variables that hold secrets.
var secretWords = []string{"TOKEN", "SECRET", "PASSWORD", "PASSWD", "API_KEY", "APIKEY", "ACCESS_KEY", "CREDENTIAL", "PRIVATE_KEY"}

// isPassed reports whether an import sees a variable.
func isPassed(name string) bool {
	named := func(p string) bool { return matches(p, name) }
	secret := func(word string) bool { return strings.Contains(strings.ToUpper(name), word) }
	return slices.ContainsFunc(passed, named) && !slices.ContainsFunc(kept, named) &&
		!slices.ContainsFunc(secretWords, secret) && !slices.Contains(caches, name)
}

func matches(pattern, name string) bool {
	prefix, open := strings.CutSuffix(pattern, "*")
	return name == pattern || open && strings.HasPrefix(name, prefix)
}

// environment is what the examined process would give to the interpreter.
func (s script) environment(o *Options, i *plugin.Interpreter) []string {
	variables := map[string]string{}
	for name, value := range o.Env {
		if isPassed(name) {
			variables[name] = value
		}
	}
	libraries := places(o.Env["LD_LIBRARY_PATH"], o.Project)
	for _, pair := range i.Env {
		name, value, _ := strings.Cut(pair, "=")
		if name == "LD_LIBRARY_PATH" {
			libraries = append(libraries, value) // after the user's own
			continue
		}
		variables[name] = value
	}
	setList(variables, "LD_LIBRARY_PATH", libraries)
	setList(variables, "PYTHONPATH", places(o.Env["PYTHONPATH"], o.Project))
	variables["HF_HUB_OFFLINE"], variables["PYTHONDONTWRITEBYTECODE"] = "1", "1"
	if o.Home != "" {
		variables["HOME"] = o.Home
	}
	env := make([]string, 0, len(variables))
	for name, value := range variables {
		env = append(env, name+"="+value)
	}
	slices.Sort(env)
	return env
}

// setList sets a variable to a list of directories; one without any is not set.
func setList(variables map[string]string, name string, dirs []string) {
	delete(variables, name)
	if len(dirs) > 0 {
		variables[name] = strings.Join(dirs, ":")
	}
}
