// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/observed"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/pep440"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/pep508"
	"github.com/bulkhead-ml/bulkhead/sdk/check"
)

var torchABI = check.Check{
	Code: codeTorchABI, Title: "Extension was compiled for another torch", Area: areaFrameworks,
	Needs: []string{need(observed.Torch)},
	Doc: check.Doc{
		Meaning:    "An extension such as flash-attn stops at import with \"undefined symbol: _ZN3c104cuda9SetDeviceEi\" or another name of the namespaces c10, at or torch.",
		Detection:  "The undefined symbols of torch's C++ namespaces in each extension of the environment are looked up among those that the libraries in torch/lib export. Where the file name of the installed wheel says for which torch it was built, the two releases are compared.",
		Cause:      "torch's C++ interface changes with each release, and with the build: 2.6 for CUDA 12.4 and for CUDA 12.6 differ in the ABI of std::string. The extension was compiled against another torch, or torch was upgraded after it.",
		Fix:        "Install the build of the extension for this torch, or let it be compiled here without build isolation and without pip's cache.",
		Verify:     "Import torch and then the extension.",
		References: []string{"https://github.com/Dao-AILab/flash-attention#installation-and-features", "https://dev-discuss.pytorch.org/t/pytorch-linux-wheels-switching-to-new-wheel-build-platform-manylinux-2-28-on-november-12-2024/2581", "https://gcc.gnu.org/onlinedocs/libstdc++/manual/using_dual_abi.html"},
	},
	Run: perEnvironment(lookTorchABI),
}

func lookTorchABI(e *environment) {
	torch, ok := get[observed.TorchBuild](e, observed.Torch)
	if !ok {
		return
	}
	misses, _ := get[[]observed.ABIMiss](e, observed.TorchABI)
	reported := map[string]bool{}
	for _, m := range misses {
		if key := pep508.Normalize(m.Distribution); m.Symbol != "" && !reported[key] {
			reported[key] = true
			reportABI(e, torch, misses, key)
		}
	}
	if f, ok := e.framework("flash_attn"); ok && !reported["flash-attn"] {
		lookWheelTag(e, torch, f)
	}
}

func reportABI(e *environment, torch observed.TorchBuild, misses []observed.ABIMiss, key string) {
	mine := slices.DeleteFunc(slices.Clone(misses), func(m observed.ABIMiss) bool { return pep508.Normalize(m.Distribution) != key })
	first := mine[0]
	name := first.Distribution
	if name == "" {
		name = first.Path
	}
	var paths []string
	for _, m := range mine {
		paths = append(paths, m.Path)
	}
	detail := fmt.Sprintf("%s wants %s, which no library of torch %s exports.", first.Path, first.Symbol, torch.Version)
	if first.Count > 1 {
		detail += fmt.Sprintf(" %s more are missing.", plural(first.Count-1, "symbol"))
	}
	e.report(check.Finding{
		Title:    fmt.Sprintf("%s was compiled for another torch than %s", name, torch.Version),
		Detail:   detail,
		Cause:    "torch's C++ interface differs between releases and builds.",
		Evidence: append(e.paths(observed.TorchABI, paths...), e.ctx.Evidence(e.at(observed.Torch))...),
		Remedies: []check.Remedy{e.rebuildFor(torch, key)},
		Verify:   []string{e.imports("import torch, " + moduleOf(key))},
	})
}

// lookWheelTag compares the torch that the file name of the wheel names.
func lookWheelTag(e *environment, torch observed.TorchBuild, f observed.Framework) {
	built, errB := pep440.Parse(f.Torch)
	v, errV := pep440.Parse(torch.Version)
	if f.Torch == "" || errB != nil || errV != nil || built.Major() == v.Major() && built.Minor() == v.Minor() {
		return
	}
	e.report(check.Finding{
		Confidence: 0.9,
		Title:      fmt.Sprintf("flash-attn was compiled for torch %s, and %s is installed", f.Torch, torch.Version),
		Detail:     fmt.Sprintf("The wheel of flash-attn %s names torch %s; torch is %s.", f.Version, f.Torch, torch.Version),
		Cause:      "torch's C++ interface differs between releases.",
		Evidence:   append(e.paths(observed.Frameworks, f.Source), e.ctx.Evidence(e.at(observed.Torch))...),
		Remedies:   []check.Remedy{e.rebuildFor(torch, "flash-attn")},
		Verify:     []string{e.imports("import torch, flash_attn")},
	})
}

// rebuildFor installs an extension anew for the torch that is there. What pip
// has in its cache was compiled for the other one.
func (e *environment) rebuildFor(torch observed.TorchBuild, key string) check.Remedy {
	if isTorchCompanion(key) {
		return e.fitCompanions()
	}
	summary := "Install a build of " + key + " for torch " + torch.Version + "; what is in pip's cache was compiled for another."
	return e.reinstall(summary, key, "--no-deps", "--no-cache-dir", "--no-build-isolation")
}

var xformersMismatch = check.Check{
	Code: codeXFormers, Title: "xformers was built for another torch", Area: areaFrameworks,
	Needs: []string{need(observed.Frameworks)},
	Doc: check.Doc{
		Meaning:    "xformers warns \"xFormers can't load C++/CUDA extensions. xFormers was built for: PyTorch ...\" and works without memory-efficient attention.",
		Detection:  "xformers' requirement on torch is compared with the installed one. Where it names no release, the release in xformers/cpp_lib.json is.",
		Cause:      "torch was upgraded or replaced after xformers was installed.",
		Fix:        "Install the release of xformers for this torch, from the same index.",
		Verify:     "Run python -m xformers.info.",
		References: []string{"https://github.com/facebookresearch/xformers#installing-xformers"},
	},
	Run: perEnvironment(lookXFormers),
}

func lookXFormers(e *environment) {
	f, ok := e.framework("xformers")
	torch, found := e.version("torch")
	if !ok || !found {
		return
	}
	detail := ""
	for _, c := range e.conflicts() {
		if namedElsewhere(c) == codeXFormers {
			detail = c.String() + "."
		}
	}
	if built, err := pep440.Parse(f.Torch); detail == "" && err == nil && f.Torch != "" && !e.statesTorch("xformers") &&
		built.Public().Compare(torch.Public()) != 0 {
		detail = fmt.Sprintf("xformers %s was compiled against torch %s, and torch %s is installed.", f.Version, f.Torch, torch)
	}
	if detail == "" {
		return
	}
	p, _ := e.installed("xformers")
	t, _ := e.installed("torch")
	args := []string{"--upgrade", "xformers", "torch==" + torch.String()}
	args = append(args, indexOptions(torch)...)
	severity := check.Warning
	misses, _ := get[[]observed.ABIMiss](e, observed.TorchABI)
	if slices.ContainsFunc(misses, func(m observed.ABIMiss) bool { return pep508.Normalize(m.Distribution) == "xformers" }) {
		severity = check.Error
	}
	e.report(check.Finding{
		Severity: severity,
		Title:    fmt.Sprintf("xformers %s was built for another torch than %s", f.Version, torch),
		Detail:   detail,
		Cause:    "The two were not installed together.",
		Evidence: append(evidenceOf(e, p, t), e.paths(observed.Frameworks, nonEmpty(f.Source)...)...),
		Explains: []string{codeTorchABI},
		Remedies: []check.Remedy{e.install("Let pip choose the release of xformers for this torch.", args...)},
		Verify:   []string{quote(e.Python) + " -m xformers.info"},
	})
}

// statesTorch reports whether the metadata of a package bounds torch: then the
// requirement graph judges it.
func (e *environment) statesTorch(name string) bool {
	p, ok := e.installed(name)
	return ok && slices.ContainsFunc(p.Requires, func(text string) bool {
		r, err := pep508.Parse(text)
		return err == nil && r.Name == "torch" && strings.TrimSpace(r.SpecifierText) != ""
	})
}

func nonEmpty(items ...string) []string {
	return slices.DeleteFunc(items, func(s string) bool { return s == "" })
}

// framework returns what is known of a framework by its import name.
func (e *environment) framework(name string) (observed.Framework, bool) {
	all, _ := get[[]observed.Framework](e, observed.Frameworks)
	i := slices.IndexFunc(all, func(f observed.Framework) bool { return f.Name == name })
	if i < 0 {
		return observed.Framework{}, false
	}
	return all[i], true
}
