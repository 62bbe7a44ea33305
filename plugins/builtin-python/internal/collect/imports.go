// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"path"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/elfdeps"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/observed"
)

// imported says which files an import loads first. Globs are relative to a
// directory of packages.
type imported struct {
	name  string
	roots []string
	// preloads tells that the package opens libraries of CUDA itself.
	preloads bool
	// anyOf tells that the package tries one root after the other, each built for
	// another release of what it needs, and wants one of them only.
	anyOf bool
}

// standalone are imported each in a process of its own.
var standalone = []imported{
	{name: "torch", preloads: true, roots: []string{"torch/lib/libtorch_global_deps.so", "torch/_C.*.so"}},
	{name: "numpy", roots: []string{"numpy/_core/_multiarray_umath.*.so", "numpy/core/_multiarray_umath.*.so"}},
	{name: "tensorflow", preloads: true, roots: []string{"tensorflow/libtensorflow_framework.so.2", "tensorflow/python/_pywrap_tensorflow_internal.so"}},
	{name: "jaxlib", preloads: true, roots: []string{"jaxlib/_jax.so", "jaxlib/xla_extension.so"}},
	{name: "onnxruntime", preloads: true, roots: []string{"onnxruntime/capi/onnxruntime_pybind11_state*.so"}},
	{name: "cv2", roots: []string{"cv2/cv2*.so", "cv2/python-3*/cv2*.so"}},
	{name: "lightgbm", roots: []string{"lightgbm/lib/lib_lightgbm.so", "lightgbm/lib_lightgbm.so"}},
	{name: "xgboost", roots: []string{"xgboost/lib/libxgboost.so"}},
	{name: "llama_cpp", roots: []string{"llama_cpp/lib/libllama.so", "llama_cpp/libllama.so"}},
}

// afterTorch import torch before they load libraries of their own.
var afterTorch = []imported{
	{name: "vllm", roots: []string{"vllm/_C*.so"}},
	{name: "flash_attn", roots: []string{"flash_attn_2_cuda*.so"}},
	{name: "causal_conv1d", roots: []string{"causal_conv1d_cuda*.so"}},
	{name: "mamba_ssm", roots: []string{"selective_scan_cuda*.so"}},
	{name: "torchcodec", roots: []string{"torchcodec/libtorchcodec_core?.so"}, anyOf: true},
}

// imports follows the shared libraries that each framework loads.
func (o *observer) imports(inv *inventory, loader *elfdeps.Loader) []observed.Load {
	var loads []observed.Load
	var torch *elfdeps.Session
	for _, f := range standalone {
		roots := o.roots(inv, f)
		if len(roots) == 0 {
			continue
		}
		process := loader.Start(f.preloads)
		loads = append(loads, inv.load(f.name, roots, process.Load(roots)))
		if f.name == "torch" && len(loads[len(loads)-1].Missing) == 0 {
			torch = process
		}
	}
	if torch == nil {
		return loads
	}
	for _, f := range afterTorch {
		if roots := o.roots(inv, f); f.anyOf && len(roots) > 0 {
			root, result := nearest(torch, roots)
			loads = append(loads, inv.load(f.name, []string{root}, result))
		} else if len(roots) > 0 {
			loads = append(loads, inv.load(f.name, roots, torch.Fork().Load(roots)))
		}
	}
	return loads
}

func (inv *inventory) load(name string, roots []string, result elfdeps.Result) observed.Load {
	return observed.Load{
		Framework: name, Distribution: inv.installerOf(roots[0]), Roots: roots, Result: result, Releases: inv.releases(result.Hijacks),
	}
}

// nearest is the root for which the fewest libraries are missing, the last of
// them where several are alike.
func nearest(before *elfdeps.Session, roots []string) (string, elfdeps.Result) {
	best, result := roots[0], before.Fork().Load(roots[:1])
	for i := range roots[1:] {
		r := before.Fork().Load(roots[i+1 : i+2])
		if len(r.Missing)+len(r.Unreadable) <= len(result.Missing)+len(result.Unreadable) {
			best, result = roots[i+1], r
		}
	}
	return best, result
}

func (o *observer) roots(inv *inventory, f imported) []string {
	dir, ok := inv.module(f.name)
	if !ok {
		return nil
	}
	var out []string
	for _, glob := range f.roots {
		out = append(out, o.target.Glob(path.Join(escapeGlob(dir), glob))...)
	}
	return out
}

// storePython is an interpreter as Nix and Guix build it. Programs of other names
// there may be scripts that set LD_LIBRARY_PATH and start one.
var storePython = pattern(`^/(?:nix|gnu)/store/[^/]+-python3?-3\.\d+\.\d+[a-z0-9]*/bin/python3?[0-9.]*$`)

// system tells which libraries of the system the interpreter's loader finds.
func (o *observer) system() elfdeps.System {
	if c := o.env.Config; storePython().MatchString(o.env.Link.Target) && (c == nil || !c.SystemSite) {
		return elfdeps.SystemOfStore
	}
	if elfdeps.InStore(o.env.Link.Target) {
		return elfdeps.SystemUnseen
	}
	for _, loader := range []string{"/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1"} {
		if text, err := o.target.Readlink(loader); err == nil && elfdeps.InStore(text) {
			return elfdeps.SystemUnseen // nix-ld, or the stub of which the check of the program's loader speaks
		}
	}
	return elfdeps.SystemUsual
}
