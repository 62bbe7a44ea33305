// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"fmt"
	"path"

	"github.com/bulkhead-ml/bulkhead/internal/pattern"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/locate"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/observed"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/tables"
	"github.com/bulkhead-ml/bulkhead/sdk/check"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// Facts of the gpu plugin about CUDA toolkits.
const (
	cudaToolkits = "cuda.toolkits"
	cudaHome     = "cuda.home"
)

type toolkit struct {
	Path    string `json:"path"`
	Version string `json:"version"`
}

type namedHome struct {
	Variable string `json:"variable"`
	Path     string `json:"path"`
	Exists   bool   `json:"exists"`
}

// nvccOnPath is nvcc as this plugin finds it; false when PATH may not be seen.
func (e *environment) nvccOnPath() (string, bool) {
	c, ok := fact.Get[observed.Compiler](e.ctx.Facts, observed.Compilers)
	return c.NVCC, ok
}

var cudaHomeUnset = check.Check{
	Code: codeHomeUnset, Title: "No CUDA toolkit for packages that compile CUDA code", Area: areaFrameworks,
	Needs: []string{gpuCount, cudaToolkits, observed.Compilers, need(observed.Torch)},
	Doc: check.Doc{
		Meaning:    "DeepSpeed and other packages that compile CUDA code while they run stop with \"CUDA_HOME environment variable is not set\" or MissingCUDAException. Wheels of torch itself need no toolkit.",
		Detection:  "torch looks for a toolkit in CUDA_HOME, CUDA_PATH, beside nvcc on PATH and in /usr/local/cuda; none of them is there. It is judged only where a package that compiles CUDA code is installed with a CUDA build of torch on a machine with a GPU.",
		Cause:      "The CUDA toolkit is not installed, or its place is not named.",
		Fix:        "Install the toolkit of torch's CUDA release and set CUDA_HOME, or install the package with its kernels compiled.",
		Verify:     "Print torch.utils.cpp_extension.CUDA_HOME.",
		References: []string{"https://github.com/pytorch/pytorch/blob/main/torch/utils/cpp_extension.py", "https://www.deepspeed.ai/tutorials/advanced-install/", "https://developer.nvidia.com/cuda-toolkit-archive"},
	},
	Run: perEnvironment(lookHomeUnset),
}

func lookHomeUnset(e *environment) {
	torch, ok := e.cudaOnGPU()
	builders := e.builders(tables.BuildsCUDA)
	toolkits, known := fact.Get[[]toolkit](e.ctx.Facts, cudaToolkits)
	nvcc, seen := e.nvccOnPath()
	if !ok || len(builders) == 0 || !known || len(toolkits) > 0 || !seen || nvcc != "" || e.ctx.Facts.Known(cudaHome) {
		return
	}
	e.report(check.Finding{
		Severity: check.Warning,
		Detail: fmt.Sprintf("%s compiles CUDA code while it runs, and there is no toolkit: CUDA_HOME is not set, nvcc is not on PATH and /usr/local/cuda is absent.",
			packageNames(builders)),
		Cause:    "torch's wheel brings CUDA's libraries and not its compiler.",
		Evidence: append(e.ctx.Evidence(cudaToolkits, observed.Compilers, e.at(observed.Torch)), evidenceOf(e, builders...)...),
		Remedies: []check.Remedy{e.toolkitFor(torch)},
		Verify:   []string{e.imports("from torch.utils.cpp_extension import CUDA_HOME; print(CUDA_HOME)")},
	})
}

// toolkitFor installs the toolkit of torch's own CUDA release.
func (e *environment) toolkitFor(torch observed.TorchBuild) check.Remedy {
	r := check.Remedy{ID: "install-toolkit", Kind: check.Advice, Risk: check.Medium, Summary: "Install the toolkit of torch's CUDA release and name it."}
	release, ok := cudaRelease(torch.CUDA)
	if !ok {
		return r
	}
	dotted, dashed := fmt.Sprintf("%d.%d", release[0], release[1]), fmt.Sprintf("%d-%d", release[0], release[1])
	name := "export CUDA_HOME=/usr/local/cuda-" + dotted
	r.Summary = "Install the toolkit of CUDA " + dotted + " and name it."
	r.Preview = []string{name}
	switch m := managers[e.distribution()]; {
	case e.Kind == locate.KindConda:
		r.Kind = check.SystemCommand
		r.Preview = []string{"conda install --prefix " + quote(e.Prefix) + " -c nvidia cuda-toolkit=" + dotted, "export CUDA_HOME=" + quote(e.Prefix)}
	case m[0] == "apt" || m[0] == "dnf":
		r.Kind = check.SystemCommand
		r.Preview = []string{m[1] + "cuda-toolkit-" + dashed + "   # from NVIDIA's repository", name}
	}
	return r
}

var toolkitMismatch = check.Check{
	Code: "cuda.toolkit-torch-mismatch", Title: "CUDA toolkit is of another major release than torch's", Area: areaFrameworks,
	Needs: []string{gpuCount, cudaToolkits, need(observed.Torch)},
	Doc: check.Doc{
		Meaning:    "Extensions that are compiled here stop with \"The detected CUDA version (11.8) mismatches the version that was used to compile PyTorch (12.1)\" or DeepSpeed's CUDAMismatchException. What is installed from wheels is not touched.",
		Detection:  "The toolkit that torch would take (CUDA_HOME, else nvcc on PATH, else the only one installed) is compared with torch/version.py by major release, as torch does: a toolkit 12.8 beside a build for 12.6 is fine. Without a package that compiles CUDA code it is for information.",
		Cause:      "The toolkit of the system and the wheel of torch were chosen apart.",
		Fix:        "Name a toolkit of torch's major release in CUDA_HOME.",
		Verify:     "Compile an extension, or run ds_report.",
		References: []string{"https://github.com/pytorch/pytorch/blob/main/torch/utils/cpp_extension.py", "https://github.com/deepspeedai/DeepSpeed/blob/master/op_builder/builder.py"},
	},
	Run: perEnvironment(lookToolkit),
}

func lookToolkit(e *environment) {
	torch, ok := e.cudaOnGPU()
	taken, found := e.takenToolkit()
	have, err1 := cudaMajor(taken.Version)
	want, err2 := cudaMajor(torch.CUDA)
	if !ok || !found || !err1 || !err2 || have == want {
		return
	}
	builders := e.builders(tables.BuildsCUDA)
	f := check.Finding{
		Severity: check.Info,
		Detail:   fmt.Sprintf("The toolkit in %s is CUDA %s, and torch %s is built for CUDA %s.", taken.Path, taken.Version, torch.Version, torch.CUDA),
		Cause:    "Extensions of torch can be compiled with a toolkit of its own major release only.",
		Evidence: e.ctx.Evidence(cudaToolkits, cudaHome, e.at(observed.Torch)),
		Remedies: []check.Remedy{e.toolkitFor(torch)},
		Verify:   []string{e.imports("import torch; from torch.utils.cpp_extension import CUDA_HOME; print(CUDA_HOME, torch.version.cuda)")},
	}
	if len(builders) > 0 && e.variable("DS_SKIP_CUDA_CHECK") != "1" {
		f.Severity = check.Error
		f.Detail += " " + packageNames(builders) + " compiles CUDA code while it runs and stops."
		f.Evidence = append(f.Evidence, evidenceOf(e, builders...)...)
	}
	e.report(f)
}

// takenToolkit is the one that torch.utils.cpp_extension finds; false when
// several are there and none is named.
func (e *environment) takenToolkit() (toolkit, bool) {
	all, _ := fact.Get[[]toolkit](e.ctx.Facts, cudaToolkits)
	if home, ok := fact.Get[namedHome](e.ctx.Facts, cudaHome); ok {
		return toolkitAt(all, home.Path)
	}
	if nvcc, _ := e.nvccOnPath(); nvcc != "" {
		return toolkitAt(all, path.Dir(path.Dir(nvcc)))
	}
	if t, ok := toolkitAt(all, "/usr/local/cuda"); ok {
		return t, true
	}
	if len(all) != 1 {
		return toolkit{}, false
	}
	return all[0], true
}

// versionedDir is how NVIDIA's installers name a toolkit's directory. The gpu
// plugin lists a toolkit once, by one of the links that lead to it.
var versionedDir = pattern.Lazy(`^cuda-(\d{1,2}\.\d{1,2})$`)

func toolkitAt(all []toolkit, dir string) (toolkit, bool) {
	for _, t := range all {
		if t.Path == dir {
			return t, true
		}
	}
	m := versionedDir().FindStringSubmatch(path.Base(dir))
	if m == nil {
		return toolkit{}, false
	}
	return toolkit{Path: dir, Version: m[1]}, true
}
