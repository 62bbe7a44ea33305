// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/observed"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/pep508"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/tables"
	"github.com/bulkhead-ml/bulkhead/sdk/check"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// variables reads observed.Variables.
func (e *environment) variables() map[string]string {
	v, _ := fact.Get[map[string]string](e.ctx.Facts, observed.Variables)
	return v
}

// builders lists the installed packages that compile what while they run.
func (e *environment) builders(what string) []observed.Package {
	var out []observed.Package
	for _, name := range tables.Builders().Names(what) {
		if p, ok := e.installed(name); ok && !e.compiledAhead(p) {
			out = append(out, p)
		}
	}
	return out
}

// compiledAhead reports whether a package that compiles its kernels while it
// runs has them compiled already, or is there for another that does without.
func (e *environment) compiledAhead(p observed.Package) bool {
	switch name := pep508.Normalize(p.Name); name {
	case "deepspeed":
		f, ok := e.framework("deepspeed")
		return ok && len(f.Natives) > 0
	case "flashinfer-python":
		return e.anyInstalled([]string{"flashinfer-jit-cache", "vllm"}) // vLLM takes it where it finds nvcc
	default:
		_, local, ok := strings.Cut(p.Version, "+")
		return ok && (strings.HasPrefix(local, "pt") || strings.HasPrefix(local, "cu")) // gsplat 1.5.2+pt24cu124
	}
}

// tritonUsers lists the packages other than torch that require triton, which
// compiles kernels and their launchers when they are first called.
func (e *environment) tritonUsers() []observed.Package {
	var out []observed.Package
	for key, all := range e.packages() {
		if key != "torch" && slices.ContainsFunc(all[0].Requires, func(text string) bool {
			r, err := pep508.Parse(text)
			return err == nil && pep508.Normalize(r.Name) == "triton"
		}) {
			out = append(out, all[0])
		}
	}
	return out
}

// compilation tells what of the environment compiles C while it runs, and how
// much a missing compiler matters: torch brings triton along, which not every
// program uses.
func (e *environment) compilation() (packages []observed.Package, severity check.Severity) {
	packages = append(e.builders(tables.BuildsC), e.tritonUsers()...)
	if len(packages) > 0 {
		return packages, check.Warning
	}
	if p, ok := e.installed("triton"); ok {
		return []observed.Package{p}, check.Info
	}
	return nil, check.Info
}

// cudaOnGPU reports whether torch is a CUDA build on a machine with a GPU.
func (e *environment) cudaOnGPU() (observed.TorchBuild, bool) {
	torch, ok := get[observed.TorchBuild](e, observed.Torch)
	return torch, ok && torch.CUDA != "" && e.hasGPU()
}

func packageNames(packages []observed.Package) string {
	var names []string
	for _, p := range packages {
		names = append(names, p.Name)
	}
	return strings.Join(unique(names), ", ")
}

var noCompiler = check.Check{
	Code: "python.no-c-compiler", Title: "No C compiler for packages that compile while they run", Area: areaPython,
	Needs: []string{gpuCount, observed.Compilers, need(observed.Torch)},
	Doc: check.Doc{
		Meaning:    "torch.compile, Triton and DeepSpeed compile small programs when they are first called, and stop with \"Failed to find C compiler. Please specify via CC environment variable\".",
		Detection:  "CC and the directories of PATH are searched for gcc, clang and cc. It is judged only where a GPU, a CUDA build of torch and a package that compiles while it runs are there; with triton alone, which torch brings along, it is for information.",
		Cause:      "The image or the system was installed without a compiler, as slim images are.",
		Fix:        "Install a C compiler and Python's headers, or name one in CC.",
		Verify:     "Run cc --version in the shell that starts the program.",
		References: []string{"https://github.com/triton-lang/triton/blob/main/python/triton/runtime/build.py", "https://pytorch.org/docs/stable/torch.compiler_get_started.html"},
	},
	Run: perEnvironment(lookCompiler),
}

func lookCompiler(e *environment) {
	c, known := fact.Get[observed.Compiler](e.ctx.Facts, observed.Compilers)
	packages, severity := e.compilation()
	if _, ok := e.cudaOnGPU(); !known || !ok || c.C != "" || len(packages) == 0 {
		return
	}
	e.report(check.Finding{
		Severity: severity,
		Detail:   fmt.Sprintf("%s compiles C while it runs, and gcc, clang and cc are in none of %s.", packageNames(packages), strings.Join(c.Searched, ", ")),
		Cause:    "No compiler is installed, or its directory is not on PATH.",
		Evidence: append(e.ctx.Evidence(observed.Compilers), evidenceOf(e, packages...)...),
		Explains: []string{codeHeaders, codeHomeUnset},
		Remedies: []check.Remedy{e.systemPackages("Install a C compiler and Python's headers.", buildTools)},
		Verify:   []string{"cc --version"},
	})
}

var headersMissing = check.Check{
	Code: codeHeaders, Title: "Python's headers are not installed", Area: areaPython,
	Needs: []string{gpuCount, observed.Compilers, need(observed.Headers)},
	Doc: check.Doc{
		Meaning:    "Triton and packages that build extensions stop with \"fatal error: Python.h: No such file or directory\".",
		Detection:  "include/pythonX.Y/Python.h is looked for under the prefix of the interpreter behind the environment. It is judged for the system's Python only, where there is a C compiler, a GPU, a CUDA build of torch and a package that compiles while it runs.",
		Cause:      "Distributions put the headers into a package of their own, python3-dev or python3-devel.",
		Fix:        "Install the headers for this version of Python, or use an interpreter that brings them, such as uv's or conda's.",
		Verify:     "Look for Python.h in the directory that sysconfig names.",
		References: []string{"https://docs.python.org/3/library/sysconfig.html#sysconfig.get_path", "https://github.com/triton-lang/triton/blob/main/python/triton/runtime/build.py"},
	},
	Run: perEnvironment(lookHeaders),
}

func lookHeaders(e *environment) {
	h, ok := get[observed.HeaderFile](e, observed.Headers)
	c, known := fact.Get[observed.Compiler](e.ctx.Facts, observed.Compilers)
	base, _ := get[observed.BaseInterpreter](e, observed.Base)
	packages, _ := e.compilation()
	if _, cuda := e.cudaOnGPU(); !ok || h.Exists || !known || c.C == "" || base.Prefix != "/usr" || !cuda || len(packages) == 0 {
		return
	}
	e.report(check.Finding{
		Severity: check.Warning,
		Detail:   fmt.Sprintf("%s compiles C while it runs, and %s is not there.", packageNames(packages), h.Path),
		Cause:    "The development package of the system's Python is not installed.",
		Evidence: append(e.paths(observed.Headers, h.Path), evidenceOf(e, packages...)...),
		Remedies: []check.Remedy{e.systemPackages("Install Python's headers.", headerPackages(e.Version))},
		Verify:   []string{e.imports(`import sysconfig; print(sysconfig.get_path('include'))`), "ls " + quote(path.Dir(h.Path))},
	})
}

// buildTools by package manager.
var buildTools = map[string]string{"apt": "build-essential python3-dev", "dnf": "gcc gcc-c++ python3-devel", "pacman": "base-devel", "zypper": "gcc gcc-c++ python3-devel", "apk": "build-base python3-dev"}

func headerPackages(version string) map[string]string {
	apt := "python3-dev"
	if release, ok := cudaRelease(minorOf(version)); ok {
		apt = fmt.Sprintf("python%d.%d-dev", release[0], release[1])
	}
	return map[string]string{"apt": apt, "dnf": "python3-devel", "pacman": "python", "zypper": "python3-devel", "apk": "python3-dev"}
}

// managers maps a distribution to its package manager and how it installs.
var managers = map[string][2]string{
	"ubuntu": {"apt", "sudo apt update && sudo apt install -y "}, "debian": {"apt", "sudo apt update && sudo apt install -y "},
	"fedora": {"dnf", "sudo dnf install -y "}, "rhel": {"dnf", "sudo dnf install -y "}, "centos": {"dnf", "sudo dnf install -y "},
	"rocky": {"dnf", "sudo dnf install -y "}, "almalinux": {"dnf", "sudo dnf install -y "}, "amzn": {"dnf", "sudo dnf install -y "},
	"arch": {"pacman", "sudo pacman -S --needed "}, "alpine": {"apk", "sudo apk add "},
	"opensuse-leap": {"zypper", "sudo zypper install -y "}, "opensuse-tumbleweed": {"zypper", "sudo zypper install -y "},
}

// systemPackages installs packages of the operating system; where it is not
// known, the remedy names them without a command.
func (e *environment) systemPackages(summary string, names map[string]string) check.Remedy {
	r := check.Remedy{ID: "system-packages", Summary: summary, Kind: check.Advice, Risk: check.Low}
	m, ok := managers[e.distribution()]
	if !ok {
		r.Summary += " Debian calls them " + names["apt"] + "."
		return r
	}
	r.Kind, r.Preview = check.SystemCommand, []string{m[1] + names[m[0]]}
	return r
}
