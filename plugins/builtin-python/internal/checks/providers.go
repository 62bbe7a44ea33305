// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/observed"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/pep508"
	"github.com/bulkhead-ml/bulkhead/sdk/check"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// factDevices reads gpu.devices.
func factDevices(e *environment) ([]device, bool) {
	return fact.Get[[]device](e.ctx.Facts, "gpu.devices")
}

// runtimeNames are builds of ONNX Runtime that install the same files.
var runtimeNames = []string{
	"onnxruntime", "ort-nightly", "onnxruntime-training", "onnxruntime-openvino", "onnxruntime-directml", "ort-nightly-directml",
	"onnxruntime-qnn", "onnxruntime-migraphx", "onnxruntime-rocm", "ort-nightly-gpu", "onnxruntime-gpu",
}

// isRuntimePair recognises what onnxruntime.cpu-and-gpu names.
func isRuntimePair(names [2]string) bool {
	return slices.Contains(runtimeNames, names[0]) && slices.Contains(runtimeNames, names[1])
}

var onnxruntimeBoth = check.Check{
	Code: "onnxruntime.cpu-and-gpu", Title: "Two builds of ONNX Runtime are installed", Area: areaFrameworks,
	Needs: []string{need(observed.Packages)},
	Doc: check.Doc{
		Meaning:    "onnxruntime and onnxruntime-gpu install the same package, and the one installed last has overwritten the other. The GPU provider is often gone: only AzureExecutionProvider and CPUExecutionProvider are offered.",
		Detection:  "More than one distribution that brings the module onnxruntime is installed.",
		Cause:      "A package depends on onnxruntime by name while onnxruntime-gpu is installed.",
		Fix:        "Uninstall all of them and install the one that is wanted.",
		Verify:     "Print onnxruntime.get_available_providers().",
		References: []string{"https://onnxruntime.ai/docs/install/", "https://github.com/microsoft/onnxruntime/issues/23833"},
	},
	Run: perEnvironment(lookRuntimes),
}

func lookRuntimes(e *environment) {
	var packages []observed.Package
	var names, texts []string
	for _, name := range runtimeNames {
		if p, ok := e.installed(name); ok {
			packages, names, texts = append(packages, p), append(names, name), append(texts, p.Name+" "+p.Version)
		}
	}
	if len(names) < 2 {
		return
	}
	e.report(check.Finding{
		Detail:   strings.Join(texts, " and ") + " install the same files; the one installed last is what runs.",
		Cause:    "Two builds of one package are installed side by side.",
		Evidence: evidenceOf(e, packages...),
		Explains: []string{codeRecordTorn, codeNotLoadable, codeOnnxCUDA},
		Remedies: []check.Remedy{{
			ID: "keep-one", Summary: "Uninstall all and install one.", Kind: check.InstallPackages, Risk: check.Medium,
			Preview: []string{e.pip("uninstall", slices.Clone(names)...), e.pip("install", e.runtimeToKeep(names))},
		}},
		Verify: []string{e.imports("import onnxruntime; print(onnxruntime.get_available_providers())")},
	})
}

// runtimeToKeep is the build for the GPU that is there, which stands last among
// runtimeNames, and without one the plain build, with what others demand of it.
func (e *environment) runtimeToKeep(names []string) string {
	keep := names[0]
	if e.hasGPU() {
		keep = names[len(names)-1]
	}
	clauses, _ := e.demands(keep)
	return keep + strings.Join(clauses, ",")
}

var jaxPluginMissing = check.Check{
	Code: "jax.cuda-plugin-missing", Title: "JAX has no CUDA plugin on a machine with a GPU", Area: areaFrameworks,
	Needs: []string{gpuCount, need(observed.Packages)},
	Doc: check.Doc{
		Meaning:    "JAX says \"An NVIDIA GPU may be present on this machine, but a CUDA-enabled jaxlib is not installed. Falling back to cpu.\"",
		Detection:  "jaxlib is installed without jax-cuda12-plugin or jax-cuda13-plugin and is itself no CUDA build, and a PCI device of NVIDIA is there.",
		Cause:      "jax was installed without its extra for CUDA.",
		Fix:        "Install jax with the extra cuda12 or cuda13.",
		Verify:     "Print jax.devices().",
		References: []string{"https://docs.jax.dev/en/latest/installation.html"},
	},
	Run: perEnvironment(func(e *environment) {
		jaxlib, ok := e.version("jaxlib")
		if !ok || !e.hasGPU() || strings.Contains(jaxlib.Local(), "cuda") || len(jaxPlugins(e)) > 0 || e.condaBuildHas("jaxlib", "cuda") {
			return
		}
		p, _ := e.installed("jaxlib")
		e.report(check.Finding{
			Severity: check.Warning,
			Detail:   fmt.Sprintf("jaxlib %s has no CUDA plugin beside it, so JAX runs on the CPU.", jaxlib),
			Cause:    "jax was installed without its extra for CUDA.",
			Evidence: append(evidenceOf(e, p), e.ctx.Evidence(gpuCount, "gpu.pci")...),
			Remedies: []check.Remedy{e.jaxWithCUDA()},
			Verify:   []string{e.imports("import jax; print(jax.devices())")},
		})
	}),
}

func (e *environment) jaxWithCUDA() check.Remedy {
	const summary = "Install the plugin for CUDA."
	if e.condaOwns("jaxlib") {
		return e.condaInstall(summary, []string{"jax", "jaxlib=*=*cuda*"}, "--channel", "conda-forge")
	}
	return e.install(summary, "jax[cuda12]"+e.exactly("jax"))
}

// exactly pins a package to its installed version; "" where it has none.
func (e *environment) exactly(name string) string {
	v, ok := e.version(name)
	if !ok {
		return ""
	}
	return "==" + publicText(v)
}

// condaBuildHas reports whether conda's build of a package names a variant, as
// jaxlib-0.4.31-cuda120py311h4a7c0c5_200 does.
func (e *environment) condaBuildHas(name, variant string) bool {
	conda, _ := get[[]observed.CondaPackage](e, observed.Conda)
	return slices.ContainsFunc(conda, func(c observed.CondaPackage) bool {
		build, ok := strings.CutPrefix(path.Base(c.Path), name+"-"+c.Version+"-")
		return ok && c.Name == name && strings.Contains(build, variant)
	})
}

// sameNumbers compares the numbers of two releases and nothing after them, as
// JAX does with its plugins: a post-release of one fits the other.
func sameNumbers(a, b string) bool {
	return leadingNumbers(a) == leadingNumbers(b)
}

// jaxParts are the CUDA parts of JAX.
var jaxParts = []string{"jax-cuda12-plugin", "jax-cuda12-pjrt", "jax-cuda13-plugin", "jax-cuda13-pjrt"}

func isJAXPart(name string) bool { return slices.Contains(jaxParts, name) }

// jaxPlugins lists the installed CUDA parts of JAX.
func jaxPlugins(e *environment) []observed.Package {
	var out []observed.Package
	for _, name := range jaxParts {
		if p, ok := e.installed(name); ok {
			out = append(out, p)
		}
	}
	return out
}

var jaxPluginMismatch = check.Check{
	Code: codeJAXMismatch, Title: "JAX's CUDA plugin does not fit what is installed with it", Area: areaFrameworks,
	Needs: []string{need(observed.Packages)},
	Doc: check.Doc{
		Meaning:    "The CUDA plugin of JAX is of another release than jaxlib, or was built with a newer cuDNN than the one that is installed (\"Outdated cuDNN installation found\"); JAX ignores it and falls back to the CPU.",
		Detection:  "The versions of jax-cudaNN-plugin and jax-cudaNN-pjrt are compared with that of jaxlib, with what they require of each other, and with an installed nvidia-cudnn by the bound of their extra with-cuda, as JAX does when it starts unless JAX_SKIP_CUDA_CONSTRAINTS_CHECK is set.",
		Cause:      "One of them was upgraded alone, or torch, which pins cuDNN, was installed after JAX.",
		Fix:        "Install jax with its extra for CUDA in one command; beside a torch that pins an older cuDNN, in an environment of its own.",
		Verify:     "Print jax.devices().",
		References: []string{"https://docs.jax.dev/en/latest/installation.html", "https://github.com/jax-ml/jax/blob/main/jax_plugins/cuda/__init__.py", "https://github.com/jax-ml/jax/issues/18032"},
	},
	Run: perEnvironment(lookJAXPlugins),
}

func lookJAXPlugins(e *environment) {
	texts, packages := e.jaxMismatches()
	if len(texts) == 0 {
		return
	}
	extra := "cuda12"
	for _, p := range packages {
		if strings.Contains(p.Name, "cuda13") {
			extra = "cuda13"
		}
	}
	e.report(check.Finding{
		Detail:   listed(texts) + ".",
		Cause:    "The parts of JAX were not installed together.",
		Evidence: evidenceOf(e, packages...),
		Remedies: []check.Remedy{e.jaxTogether(extra)},
		Verify:   []string{e.imports("import jax; print(jax.devices())")},
	})
}

// jaxTogether installs the parts of JAX with the libraries that they want, unless
// torch pins one of these at another version.
func (e *environment) jaxTogether(extra string) check.Remedy {
	for _, c := range e.conflicts() {
		clauses, _ := e.demands(pep508.Normalize(c.requirement.Name))
		if namedElsewhere(c) == codeJAXMismatch && isContradiction(c.requirement.Name+strings.Join(clauses, ",")) {
			return check.Remedy{
				ID: "own-environment", Kind: check.Advice, Risk: check.Low,
				Summary: fmt.Sprintf("Other packages pin %s %s: install JAX in an environment of its own, or releases of both that agree on it.", c.requirement.Name, c.found.Version),
			}
		}
	}
	return e.install("Install the parts of JAX together.", "--upgrade", "jax["+extra+"]")
}

// jaxMismatches compares the CUDA parts with jaxlib, and where all agree with
// that, or it is absent, with each other by what they require.
func (e *environment) jaxMismatches() (texts []string, packages []observed.Package) {
	if jaxlib, ok := e.installed("jaxlib"); ok {
		for _, p := range jaxPlugins(e) {
			if !sameNumbers(p.Version, jaxlib.Version) {
				texts, packages = append(texts, p.Name+" "+p.Version+" beside jaxlib "+jaxlib.Version), append(packages, p)
			}
		}
		if len(texts) > 0 {
			return texts, append(packages, jaxlib)
		}
	}
	for _, c := range e.conflicts() {
		if namedElsewhere(c) == codeJAXMismatch {
			texts, packages = append(texts, c.String()), append(packages, c.owner, c.found)
		}
	}
	return texts, packages
}
