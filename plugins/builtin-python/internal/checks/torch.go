// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/observed"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/pep440"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/pep508"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/tables"
	"github.com/bulkhead-ml/bulkhead/sdk/check"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// gpuCount is the number of NVIDIA GPUs, from the gpu plugin.
const gpuCount = "gpu.count"

// gpuAMD lists AMD's accelerators, from the gpu plugin; absent where there are
// none.
const gpuAMD = "gpu.amd"

func (e *environment) hasGPU() bool {
	n, _ := e.ctx.Facts.Int(gpuCount)
	return n > 0
}

var torchCPUWheel = check.Check{
	Code: "torch.cpu-wheel-on-gpu-host", Title: "torch is built without CUDA on a machine with a GPU", Area: areaFrameworks,
	Needs: []string{gpuCount, need(observed.Torch)},
	Doc: check.Doc{
		Meaning:    "torch.cuda.is_available() is False, or \"Torch not compiled with CUDA enabled\", although the machine has an NVIDIA GPU.",
		Detection:  "torch/version.py says cuda = None and hip = None, and a PCI device of NVIDIA is there, or the machine is a Jetson. Where the project's requirements ask for torch+cpu or name the CPU index, it is for information.",
		Cause:      "The CPU wheel was installed: from the cpu index, from a lock file of another machine, or by a resolver that chose it.",
		Fix:        "Install torch from the index for CUDA with --force-reinstall. A plain `pip install torch` changes nothing, because torch already satisfies it.",
		Verify:     "Print torch.version.cuda and torch.cuda.is_available().",
		References: []string{"https://pytorch.org/get-started/locally/"},
	},
	Run: perEnvironment(func(e *environment) {
		torch, ok := get[observed.TorchBuild](e, observed.Torch)
		if e.isJetson() && ok && torch.CUDA == "" {
			e.reportJetson(torch)
			return
		}
		if !ok || !e.hasGPU() || torch.CUDA != "" || torch.HIP != "" {
			return
		}
		severity, cause, note := e.cpuBuild(torch)
		e.report(check.Finding{
			Severity: severity,
			Detail:   fmt.Sprintf("torch %s has no CUDA, so the GPU stays unused and .cuda() fails.%s", torch.Version, note),
			Cause:    cause,
			Evidence: e.ctx.Evidence(e.at(observed.Torch), gpuCount, "gpu.pci"),
			Explains: []string{codeArch, codeTorchABI, codeXFormers, codeCompanion, codeBNBLibrary},
			Remedies: []check.Remedy{e.cudaTorch()},
			Verify:   []string{e.imports("import torch; print(torch.version.cuda, torch.cuda.is_available())")},
		})
	}),
}

// cpuBuild tells how a build without CUDA came to be there: where the project's
// requirements ask for it, it is what was wanted.
func (e *environment) cpuBuild(torch observed.TorchBuild) (severity check.Severity, cause, note string) {
	if strings.HasSuffix(torch.Version, "+xpu") {
		return check.Error, "torch was installed from the index for Intel's GPUs.", " It is built for Intel GPUs."
	}
	if a, ok := e.asksForCPU(); ok {
		return check.Info, "The project's requirements ask for the CPU build of torch.",
			fmt.Sprintf(" %s line %d asks for it: %s.", a.Path, a.Line, a.Requirement)
	}
	return check.Error, "The CPU build of torch is installed.", ""
}

// asksForCPU finds the line by which the project that the environment is for
// asks for torch without CUDA.
func (e *environment) asksForCPU() (observed.Asking, bool) {
	asked, _ := fact.Get[[]observed.Asking](e.ctx.Facts, observed.Asked)
	all := observed.Environments(e.ctx.Facts)
	if len(all) == 0 || projectsOwn(all).Prefix != e.Prefix {
		return observed.Asking{}, false
	}
	i := slices.IndexFunc(asked, func(a observed.Asking) bool {
		return a.Name == "torch" && strings.Contains(a.Requirement, "+cpu") || a.Name == "" && strings.HasSuffix(a.Requirement, torchWheels+"cpu")
	})
	if i < 0 {
		return observed.Asking{}, false
	}
	return asked[i], true
}

func (e *environment) cudaTorch() check.Remedy {
	return e.fromIndex("Install the CUDA build of torch and what is compiled against it.", "", e.cudaTag())
}

var torchROCmWheel = check.Check{
	Code: "torch.rocm-wheel-on-nvidia", Title: "torch is built for AMD GPUs on a machine with an NVIDIA GPU", Area: areaFrameworks,
	Needs: []string{gpuCount, need(observed.Torch)},
	Doc: check.Doc{
		Meaning:    "torch was built for ROCm and finds no GPU here.",
		Detection:  "torch/version.py gives a hip version, and a PCI device of NVIDIA is there, but no accelerator of AMD.",
		Cause:      "torch was installed from the ROCm index.",
		Fix:        "Install torch from the index for CUDA.",
		Verify:     "Print torch.version.hip, which is None in a CUDA build.",
		References: []string{"https://pytorch.org/get-started/locally/"},
	},
	Run: perEnvironment(func(e *environment) {
		torch, ok := get[observed.TorchBuild](e, observed.Torch)
		if !ok || !e.hasGPU() || torch.HIP == "" || e.ctx.Facts.Known(gpuAMD) {
			return
		}
		e.report(check.Finding{
			Detail:   fmt.Sprintf("torch %s is built for ROCm %s and cannot use the NVIDIA GPU.", torch.Version, torch.HIP),
			Cause:    "The ROCm build of torch is installed.",
			Evidence: e.ctx.Evidence(e.at(observed.Torch), gpuCount, "gpu.pci"),
			Explains: []string{codeTorchABI, codeXFormers, codeCompanion, codeBNBLibrary},
			Remedies: []check.Remedy{e.cudaTorch()},
			Verify:   []string{e.imports("import torch; print(torch.version.hip, torch.cuda.is_available())")},
		})
	}),
}

var torchNvidiaPins = check.Check{
	Code: codeNvidiaPins, Title: "CUDA libraries are not those that torch was built with", Area: areaFrameworks,
	Needs: []string{need(observed.Packages)},
	Doc: check.Doc{
		Meaning:    "torch requires one version of each nvidia package, since 2.11 through the package cuda-toolkit, and of triton. Another version, or none, is installed.",
		Detection:  "The requirements of torch are compared with the installed nvidia packages, cuda-toolkit and triton. A newer library of the same major release, with which torch loads, is a warning.",
		Cause:      "Another package upgraded or removed them, or torch was installed with --no-deps.",
		Fix:        "Install the pinned versions.",
		Verify:     "Run pip check and import torch.",
		References: []string{"https://github.com/pytorch/pytorch/blob/main/.github/scripts/generate_binary_build_matrix.py"},
	},
	Run: perEnvironment(func(e *environment) {
		lookSpecial(e, codeNvidiaPins, check.Finding{
			Severity: e.pinSeverity(),
			Cause:    "The libraries were installed apart from torch.",
			Explains: []string{codeTorchNotLoadable, codeUndefined, codeOnnxCUDA},
		})
	}),
}

// pinSeverity is a warning where all that is wrong is a newer library of the
// same major release, which keeps its interface, and torch loads with it.
func (e *environment) pinSeverity() check.Severity {
	loads, _ := get[[]observed.Load](e, observed.Loads)
	undefined, _ := get[[]observed.UndefinedSymbol](e, observed.UndefinedSymbols)
	fails := slices.ContainsFunc(loads, func(l observed.Load) bool { return l.Framework == "torch" && len(l.Missing)+len(l.Unreadable) > 0 }) ||
		slices.ContainsFunc(undefined, func(u observed.UndefinedSymbol) bool { return u.Framework == "torch" })
	if fails || slices.ContainsFunc(e.conflicts(), func(c conflict) bool { return namedElsewhere(c) == codeNvidiaPins && !isCompatible(c) }) {
		return check.Error
	}
	return check.Warning
}

// isCompatible reports whether a newer library stands in for the pinned one;
// the compiler triton keeps its interface within a minor release only.
func isCompatible(c conflict) bool {
	text, _ := c.requirement.Specifiers.Pin()
	pin, err1 := pep440.Parse(text)
	found, err2 := pep440.Parse(c.found.Version)
	if err1 != nil || err2 != nil || found.Compare(pin) < 0 || found.Major() != pin.Major() {
		return false
	}
	name := pep508.Normalize(c.requirement.Name)
	return strings.HasPrefix(name, "nvidia-") || name == cudaToolkit || found.Minor() == pin.Minor()
}

func isTorchPin(c conflict) bool {
	name := pep508.Normalize(c.requirement.Name)
	return strings.HasPrefix(name, "nvidia-") || name == cudaToolkit || name == "triton" || strings.HasPrefix(name, "pytorch-triton")
}

// lookSpecial reports the conflicts that a special check names.
func lookSpecial(e *environment, code string, f check.Finding) {
	var mine []conflict
	var wanted []string
	for _, c := range e.conflicts() {
		if namedElsewhere(c) == code {
			mine, wanted = append(mine, c), append(wanted, c.wanted())
		}
	}
	if len(mine) == 0 {
		return
	}
	texts, _, packages := describeConflicts(mine)
	f.Title = conflictTitle(mine)
	f.Detail = listed(texts) + "."
	f.Evidence = evidenceOf(e, packages...)
	if f.Remedies == nil {
		f.Remedies = []check.Remedy{e.install("Install the versions that are required.", unique(wanted)...)}
	}
	f.Verify = []string{e.pipCheck()}
	e.report(f)
}

// torchCompanions are compiled against one build of torch.
var torchCompanions = []string{"torchvision", "torchaudio", "torchtext"}

func isTorchCompanion(name string) bool { return slices.Contains(torchCompanions, name) }

var torchCompanionMismatch = check.Check{
	Code: codeCompanion, Title: "torchvision or torchaudio does not fit torch", Area: areaFrameworks,
	Needs: []string{need(observed.Packages)},
	Doc: check.Doc{
		Meaning:    "torchvision and torchaudio are compiled against one release and one build of torch; only their newest releases, whose metadata says so, fit several. With another the import fails with \"operator torchvision::nms does not exist\" or an undefined symbol.",
		Detection:  "Their requirement torch== is compared with the installed torch, or where they state none, their release by a table; and the local parts of the versions (+cu121, +cpu) with each other.",
		Cause:      "torch was upgraded or replaced alone, or the packages come from different indexes.",
		Fix:        "Install torch and its companions in one command from one index.",
		Verify:     "Import torch and torchvision, and call torchvision.ops.nms.",
		References: []string{"https://github.com/pytorch/vision#installation", "https://pytorch.org/audio/stable/installation.html"},
	},
	Run: perEnvironment(func(e *environment) {
		lookSpecial(e, codeCompanion, check.Finding{
			Cause:    "torch and its companion were not installed together.",
			Explains: []string{codeTorchABI},
			Remedies: []check.Remedy{e.fitCompanions()},
		})
		for _, name := range torchCompanions {
			lookLocalTags(e, name)
			lookPair(e, name)
		}
	}),
}

// fitCompanions keeps torch, which everything else was chosen for, and lets pip
// find the companions that are built for it.
func (e *environment) fitCompanions() check.Remedy {
	names := e.torchFamily()
	torch, ok := e.version("torch")
	switch {
	case e.condaOwns("torch"):
		return e.condaInstall("Let conda install the companions that are built for its torch.", e.condaNamesOf(names[1:]))
	case ok && originOf(torch) == elsewhere:
		return e.companionsOfSource(names[1:])
	}
	args := append([]string{"--upgrade"}, names...)
	if ok {
		args[1] += "==" + torch.String()
		args = append(args, indexOptions(torch)...)
	}
	return e.install("Install the companions that are built for this torch.", args...)
}

// companionsOfSource compiles companions for a torch that no index has; to
// install wheels would replace that torch.
func (e *environment) companionsOfSource(names []string) check.Remedy {
	r := check.Remedy{ID: "build-companions", Kind: check.Advice, Risk: check.Medium,
		Summary: "This torch is of no public index, so compile the companion against it, from the tag of its release."}
	for _, name := range names {
		r.Preview = append(r.Preview, e.pip("install", "--force-reinstall", "--no-deps", "--no-build-isolation", "git+"+sources[name]))
	}
	return r
}

// lookPair compares releases by the table where the companion's metadata names
// no release of torch, as conda's and some early wheels do.
func lookPair(e *environment, name string) {
	torch, ok := e.version("torch")
	p, found := e.installed(name)
	wanted, known := tables.Pairs().Torch(name, p.Version)
	if !ok || !found || !known || e.statesTorch(name) || minorOf(publicText(torch)) == wanted {
		return
	}
	if companion, read := e.version(name); !read || originOf(torch) == elsewhere || originOf(companion) == elsewhere {
		return // whoever builds both himself pairs them as he likes, as NVIDIA does for its containers
	}
	t, _ := e.installed("torch")
	e.report(check.Finding{
		Confidence: 0.9,
		Title:      fmt.Sprintf("%s %s is compiled for torch %s, and %s is installed", name, p.Version, wanted, torch),
		Detail:     fmt.Sprintf("%s %s belongs to torch %s; torch is %s.", name, p.Version, wanted, torch),
		Cause:      "torch and its companion were not installed together.",
		Evidence:   evidenceOf(e, p, t),
		Explains:   []string{codeTorchABI},
		Remedies:   []check.Remedy{e.fitCompanions()},
		Verify:     []string{e.imports("import torch, " + name)},
	})
}

// lookLocalTags compares builds where both versions name theirs and the
// releases fit.
func lookLocalTags(e *environment, name string) {
	torch, ok1 := e.version("torch")
	companion, ok2 := e.version(name)
	if !ok1 || !ok2 || torch.Local() == companion.Local() || !torchBuildTag().MatchString(torch.Local()) || !torchBuildTag().MatchString(companion.Local()) {
		return // builds from source name their commit there
	}
	if slices.ContainsFunc(e.conflicts(), func(c conflict) bool { return pep508.Normalize(c.owner.Name) == name && c.requirement.Name == "torch" }) {
		return // already named by its requirement
	}
	first, _ := e.installed("torch")
	second, _ := e.installed(name)
	e.report(check.Finding{
		Detail:   fmt.Sprintf("torch is %s and %s is %s: they were built for different platforms.", torch, name, companion),
		Cause:    "The two packages come from different indexes.",
		Evidence: evidenceOf(e, first, second),
		Explains: []string{codeTorchABI},
		Remedies: []check.Remedy{e.install("Install the build of "+name+" from the index that torch came from.",
			append([]string{"--force-reinstall", "--no-deps", name + "==" + publicText(companion) + "+" + torch.Local()}, indexOptions(torch)...)...)},
		Verify: []string{e.imports("import torch, " + name)},
	})
}

// cudaMajor reads "12" of "12.4".
func cudaMajor(cuda string) (int, bool) {
	major, _, _ := strings.Cut(cuda, ".")
	n, err := strconv.Atoi(major)
	return n, err == nil && n > 0
}
