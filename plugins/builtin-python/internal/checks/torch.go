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
)

// gpuCount is the number of NVIDIA GPUs, from the gpu plugin.
const gpuCount = "gpu.count"

func (e *environment) hasGPU() bool {
	n, _ := e.ctx.Facts.Int(gpuCount)
	return n > 0
}

var torchCPUWheel = check.Check{
	Code: "torch.cpu-wheel-on-gpu-host", Title: "torch is built without CUDA on a machine with a GPU", Area: areaFrameworks,
	Needs: []string{gpuCount, need(observed.Torch)},
	Doc: check.Doc{
		Meaning:    "torch.cuda.is_available() is False, or \"Torch not compiled with CUDA enabled\", although the machine has an NVIDIA GPU.",
		Detection:  "torch/version.py says cuda = None and hip = None, and a PCI device of NVIDIA is there.",
		Cause:      "The CPU wheel was installed: from the cpu index, from a lock file of another machine, or by a resolver that chose it.",
		Fix:        "Install torch from the index for CUDA with --force-reinstall. A plain `pip install torch` changes nothing, because torch already satisfies it.",
		Verify:     "Print torch.version.cuda and torch.cuda.is_available().",
		References: []string{"https://pytorch.org/get-started/locally/"},
	},
	Run: perEnvironment(func(e *environment) {
		torch, ok := get[observed.TorchBuild](e, observed.Torch)
		if !ok || !e.hasGPU() || torch.CUDA != "" || torch.HIP != "" {
			return
		}
		e.report(check.Finding{
			Detail:   fmt.Sprintf("torch %s has no CUDA, so the GPU stays unused and .cuda() fails.", torch.Version),
			Cause:    "The CPU build of torch is installed.",
			Evidence: e.ctx.Evidence(e.at(observed.Torch), gpuCount, "gpu.pci"),
			Explains: []string{codeArch, codeTorchABI, codeXFormers, codeCompanion, codeBNBLibrary},
			Remedies: []check.Remedy{e.cudaTorch()},
			Verify:   []string{e.imports("import torch; print(torch.version.cuda, torch.cuda.is_available())")},
		})
	}),
}

func (e *environment) cudaTorch() check.Remedy {
	return e.fromIndex("Install the CUDA build of torch and what is compiled against it.", "", e.cudaTag())
}

var torchROCmWheel = check.Check{
	Code: "torch.rocm-wheel-on-nvidia", Title: "torch is built for AMD GPUs on a machine with an NVIDIA GPU", Area: areaFrameworks,
	Needs: []string{gpuCount, need(observed.Torch)},
	Doc: check.Doc{
		Meaning:    "torch was built for ROCm and finds no GPU here.",
		Detection:  "torch/version.py gives a hip version, and a PCI device of NVIDIA is there.",
		Cause:      "torch was installed from the ROCm index.",
		Fix:        "Install torch from the index for CUDA.",
		Verify:     "Print torch.version.hip, which is None in a CUDA build.",
		References: []string{"https://pytorch.org/get-started/locally/"},
	},
	Run: perEnvironment(func(e *environment) {
		torch, ok := get[observed.TorchBuild](e, observed.Torch)
		if !ok || !e.hasGPU() || torch.HIP == "" {
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
		Meaning:    "torch pins each nvidia package, and triton, to one version. Another version, or none, is installed.",
		Detection:  "The == requirements of torch are compared with the installed nvidia packages and triton.",
		Cause:      "Another package upgraded or removed them, or torch was installed with --no-deps.",
		Fix:        "Install the pinned versions.",
		Verify:     "Run pip check and import torch.",
		References: []string{"https://github.com/pytorch/pytorch/blob/main/.github/scripts/generate_binary_build_matrix.py"},
	},
	Run: perEnvironment(func(e *environment) {
		lookSpecial(e, codeNvidiaPins, check.Finding{
			Cause:    "The libraries were installed apart from torch.",
			Explains: []string{codeTorchNotLoadable, codeUndefined, codeOnnxCUDA},
		})
	}),
}

func isTorchPin(c conflict) bool {
	name := pep508.Normalize(c.requirement.Name)
	_, pinned := c.requirement.Specifiers.Pin()
	return pinned && (strings.HasPrefix(name, "nvidia-") || name == "triton" || strings.HasPrefix(name, "pytorch-triton"))
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
		Meaning:    "torchvision and torchaudio are compiled against one release and one build of torch. With another the import fails with \"operator torchvision::nms does not exist\" or an undefined symbol.",
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
	args := append([]string{"--upgrade"}, names...)
	if torch, ok := e.version("torch"); ok {
		args[1] += "==" + torch.String()
		if torchBuildTag.MatchString(torch.Local()) {
			args = append(args, "--index-url", indexOf(torch))
		}
	}
	return e.install("Install the companions that are built for this torch.", args...)
}

// lookPair compares releases by the table where the companion's metadata names
// no release of torch, as conda's and some early wheels do.
func lookPair(e *environment, name string) {
	torch, ok := e.version("torch")
	p, found := e.installed(name)
	wanted, known := tables.Pairs.Torch(name, p.Version)
	if !ok || !found || !known || e.statesTorch(name) || minorOf(torch.Public().String()) == wanted {
		return
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
	if !ok1 || !ok2 || torch.Local() == companion.Local() || torch.Local() == "" || companion.Local() == "" {
		return
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
		Remedies: []check.Remedy{e.install("Install both from one index.", "--force-reinstall", "torch", name, "--index-url", indexOf(torch))},
		Verify:   []string{e.imports("import torch, " + name)},
	})
}

func indexOf(torch pep440.Version) string {
	return torchWheels + torch.Local()
}

// cudaMajor reads "12" of "12.4".
func cudaMajor(cuda string) (int, bool) {
	major, _, _ := strings.Cut(cuda, ".")
	n, err := strconv.Atoi(major)
	return n, err == nil && n > 0
}
