// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"context"
	_ "embed" // the scripts
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/host/plugin"
	"github.com/bulkhead-ml/bulkhead/host/sandbox"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

//go:embed import.py
var importScript string

//go:embed driver.py
var driverScript string

// RunPython runs code with an interpreter of this machine, as a probe does: in a
// sandbox, without network, until it ends or ctx does. It returns what the code
// writes to descriptor 3.
func RunPython(ctx context.Context, python, code string, args []string, o Options) ([]byte, error) {
	out, err := script{python: python, code: code, args: args}.run(ctx, &o)
	if err == nil && (out.deadline || out.exit.Code != 0 || out.exit.Signal != 0) {
		err = errors.New(out.died())
	}
	return out.answer, err
}

// script runs Python code in an environment.
type script struct {
	python  string // path of the interpreter
	code    string
	args    []string
	project string // granted when it is not empty
}

// importing is the probe of one module in one environment.
func importing(prefix, python, module, project string) func(context.Context, *Options) []fact.Fact {
	return func(ctx context.Context, o *Options) []fact.Fact {
		key := prefix + "/" + module
		at, tensorAt := fact.At(ImportAddress, key, ""), fact.At(TensorAddress, key, "")
		s := script{python: python, code: importScript, args: []string{module, project}, project: project}
		out, err := s.run(ctx, o)
		if err != nil {
			return []fact.Fact{unknown(at, err.Error())}
		}
		return imported(prefix, module, at, tensorAt, out)
	}
}

// imported turns an outcome into facts.
func imported(prefix, module, at, tensorAt string, out outcome) []fact.Fact {
	var answer struct {
		Import *Import `json:"import"`
		Tensor *Tensor `json:"tensor"`
	}
	if err := json.Unmarshal(out.answer, &answer); err != nil || answer.Import == nil {
		answer.Import, answer.Tensor = &Import{Error: out.died()}, nil
	}
	i := answer.Import
	i.Prefix, i.Module, i.PeakBytes = prefix, module, out.exit.PeakBytes
	i.Error, i.Cause, i.Path, i.Version = clean(i.Error), clean(i.Cause), clean(i.Path), clean(i.Version)
	call := fmt.Sprintf("import %s in %s", module, prefix)
	facts := []fact.Fact{known(at, i, call, firstOf(i.Error, "ok"))}
	if t := answer.Tensor; t != nil {
		t.Prefix, t.Module = prefix, module
		t.Error, t.Device, t.GPUError = clean(t.Error), clean(t.Device), clean(t.GPUError)
		facts = append(facts, known(tensorAt, t, "product of two matrices with "+module, firstOf(t.Error, t.Device)))
	}
	return facts
}

// driver is the probe of NVML and CUDA's driver library.
func driver(python string) func(context.Context, *Options) []fact.Fact {
	return func(ctx context.Context, o *Options) []fact.Fact {
		out, err := script{python: python, code: driverScript}.run(ctx, o)
		if err != nil {
			return []fact.Fact{unknown(DriverAddress, err.Error())}
		}
		var d Driver
		if err := json.Unmarshal(out.answer, &d); err != nil {
			return []fact.Fact{unknown(DriverAddress, out.died())}
		}
		for _, l := range []*Library{&d.NVML, &d.CUDA} {
			l.Error, l.Version = clean(l.Error), clean(l.Version)
		}
		return []fact.Fact{known(DriverAddress, d, "nvmlInit_v2, cuInit", firstOf(d.NVML.Error, d.CUDA.Error, "ok"))}
	}
}

// run starts the interpreter in a sandbox.
func (s script) run(ctx context.Context, o *Options) (outcome, error) {
	interpreter, err := plugin.FindPython(s.python)
	if err != nil {
		return outcome{}, err
	}
	exe, err := os.Open(interpreter.Path)
	if err != nil {
		return outcome{}, err
	}
	defer exe.Close()
	spec := sandbox.Spec{
		Exe: exe, Args: slices.Concat([]string{interpreter.Path, "-B", "-c", s.code}, s.args),
		Env: s.environment(o, interpreter), DirEnv: caches, Binds: s.binds(o, interpreter),
		Proc: true, Identity: sandbox.SameUID, Limits: frameworkLimits, Floor: o.Floor,
	}
	stayInPlace(&spec)
	return launch(ctx, spec)
}

// stayInPlace lowers the level where something lies where a private root has its
// scratch. Python finds an environment by its own path only, so one in /tmp is
// tried behind walls that leave files in their places, where targets count for
// nothing.
func stayInPlace(spec *sandbox.Spec) {
	for i := range spec.Binds {
		if b := &spec.Binds[i]; covered(b.Source, []string{sandbox.ScratchDir}) {
			spec.Ceiling, b.Target = sandbox.WallsOnly, "/in-place"+b.Source
		}
	}
}

// frameworkLimits are wide: an import of torch maps tens of gigabytes for CUDA
// and starts a thread for each processor.
var frameworkLimits = sandbox.Limits{
	DataBytes: 16 << 30, AddressSpaceBytes: sandbox.Unlimited, GroupMemoryBytes: 16 << 30, FileBytes: 256 << 20,
	OpenFiles: 4096, Processes: 4096, ScratchBytes: 256 << 20, ScratchInodes: 1 << 16,
}

// caches are the variables by which frameworks find a place to write to: the
// home is not writable in a sandbox.
var caches = []string{
	"TMPDIR", "XDG_CACHE_HOME", "MPLCONFIGDIR", "NUMBA_CACHE_DIR", "TRITON_CACHE_DIR", "TORCHINDUCTOR_CACHE_DIR",
	"CUDA_CACHE_PATH", "HF_HOME",
}

// passed are the variables of the examined process that change what an import
// does, by name or by prefix.
var passed = []string{
	"PATH", "LD_LIBRARY_PATH", "LD_PRELOAD", "LANG", "LC_*", "PYTHON*", "CUDA_*", "NVIDIA_*", "NCCL_*", "CUDNN_*", "OMP_*", "MKL_*",
	"OPENBLAS_*", "KMP_*", "XLA_*", "TF_*", "JAX_*", "TORCH_*", "PYTORCH_*", "BNB_*", "KERAS_*", "HIP_*", "ROCR_*", "ORT_*", "VIRTUAL_ENV", "CONDA_PREFIX",
}

// environment is what the examined process would give to the interpreter.
func (s script) environment(o *Options, i *plugin.Interpreter) []string {
	env := []string{"HOME=" + o.Home, "HF_HUB_OFFLINE=1", "PYTHONDONTWRITEBYTECODE=1"}
	library := o.Env["LD_LIBRARY_PATH"]
	for _, pair := range i.Env {
		if dir, ok := strings.CutPrefix(pair, "LD_LIBRARY_PATH="); ok {
			library = strings.TrimPrefix(library+":"+dir, ":") // after the user's own
			continue
		}
		env = append(env, pair)
	}
	if library != "" {
		env = append(env, "LD_LIBRARY_PATH="+library)
	}
	for name, value := range o.Env {
		if name != "LD_LIBRARY_PATH" && slices.ContainsFunc(passed, func(p string) bool { return matches(p, name) }) {
			env = append(env, name+"="+value)
		}
	}
	slices.Sort(env)
	return env
}

func matches(pattern, name string) bool {
	prefix, open := strings.CutSuffix(pattern, "*")
	return name == pattern || open && strings.HasPrefix(name, prefix)
}

// binds are the files that an import may need, at their own places.
func (s script) binds(o *Options, i *plugin.Interpreter) []sandbox.Bind {
	var dirs []string
	dirs = append(dirs, i.Optional...)
	for _, name := range []string{"LD_LIBRARY_PATH", "PYTHONPATH"} {
		dirs = append(dirs, strings.Split(o.Env[name], ":")...)
	}
	if o.Home != "" {
		dirs = append(dirs, o.Home+"/.local/lib/python"+i.Version) // packages of the user
	}
	dirs = append(dirs, s.project, "/usr/local/cuda", "/sys/devices/system", "/sys/bus/pci/devices", "/sys/module/nvidia", "/etc/OpenCL", "/run/opengl-driver")
	dirs = append(dirs, glob("/usr/local/cuda-*", "/usr/lib/gcc")...)
	binds := make([]sandbox.Bind, 0, len(dirs)+len(i.Libraries))
	for _, library := range i.Libraries {
		binds = append(binds, sandbox.Bind{Source: library, Access: sandbox.Library})
	}
	seen := slices.Clone(i.Libraries)
	slices.Sort(dirs)
	for _, dir := range dirs {
		if !filepath.IsAbs(dir) || covered(dir, seen) {
			continue
		}
		seen = append(seen, filepath.Clean(dir))
		binds = append(binds, sandbox.Bind{Source: filepath.Clean(dir), Access: sandbox.Library, Optional: true})
	}
	for _, node := range glob("/dev/nvidia*", "/dev/nvidia-caps/*", "/dev/dxg", "/dev/kfd", "/dev/dri/renderD*") {
		if info, err := os.Stat(node); err == nil && info.Mode()&os.ModeDevice != 0 {
			binds = append(binds, sandbox.Bind{Source: node, Access: sandbox.Device, Optional: true})
		}
	}
	return binds
}

func covered(name string, by []string) bool {
	return slices.ContainsFunc(by, func(dir string) bool {
		return filepath.Clean(name) == dir || strings.HasPrefix(name, strings.TrimSuffix(dir, "/")+"/")
	})
}

func glob(patterns ...string) []string {
	var out []string
	for _, p := range patterns {
		found, _ := filepath.Glob(p) // the patterns are ours
		out = append(out, found...)
	}
	return out
}
