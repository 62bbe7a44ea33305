// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"fmt"
	"path"
	"strings"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/elfdeps"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/observed"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/pep508"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/tables"
	"github.com/bulkhead-ml/bulkhead/sdk/check"
)

var torchNotLoadable = check.Check{
	Code: codeTorchNotLoadable, Title: "torch is installed but cannot be loaded", Area: areaFrameworks,
	Needs: []string{observed.Envs},
	Doc: check.Doc{
		Meaning:    "`import torch` stops with \"cannot open shared object file\", because a library that torch needs is not there.",
		Detection:  "The shared libraries that the import loads are followed as the dynamic loader does: RPATH, LD_LIBRARY_PATH, RUNPATH, ld.so.cache, default directories, and the nvidia packages that torch searches itself. Libraries of the GPU driver are left out.",
		Cause:      "One of the nvidia packages that torch depends on is missing, of another CUDA release, or torn.",
		Fix:        "Install torch again together with what it depends on.",
		Verify:     "Import torch.",
		References: []string{"https://man7.org/linux/man-pages/man8/ld.so.8.html", "https://github.com/pytorch/pytorch/blob/main/torch/__init__.py"},
	},
	Run: perEnvironment(func(e *environment) { lookLoad(e, func(name string) bool { return name == "torch" }) }),
}

var frameworkNotLoadable = check.Check{
	Code: codeNotLoadable, Title: "Framework is installed but cannot be loaded", Area: areaFrameworks,
	Needs: []string{observed.Envs},
	Doc: check.Doc{
		Meaning:    "The import of NumPy, TensorFlow, JAX, ONNX Runtime, OpenCV, LightGBM, XGBoost, vLLM, FlashAttention, TorchCodec or llama-cpp-python stops because a shared library is missing or damaged: \"cannot open shared object file\".",
		Detection:  "The shared libraries that the import loads are followed as the dynamic loader does, after those of torch where the package imports it first. An interpreter of Nix or Guix has a loader of its own, which knows neither a cache nor the system's directories.",
		Cause:      "A system library is not installed, the package was built for another CUDA release than torch, or it is torn. The Python of nixpkgs finds no library of the system.",
		Fix:        "Install the named library, a build of the package for torch's CUDA, or the package again.",
		Verify:     "Import the package.",
		References: []string{"https://man7.org/linux/man-pages/man8/ld.so.8.html", "https://peps.python.org/pep-0600/", "https://github.com/Dao-AILab/flash-attention/issues/2118", "https://wiki.nixos.org/wiki/Python"},
	},
	Run: perEnvironment(func(e *environment) { lookLoad(e, func(name string) bool { return name != "torch" }) }),
}

func lookLoad(e *environment, wanted func(string) bool) {
	loads, _ := get[[]observed.Load](e, observed.Loads)
	for _, l := range loads {
		if wanted(l.Framework) && len(l.Missing)+len(l.Unreadable) > 0 {
			reportLoad(e, l)
		}
	}
}

func reportLoad(e *environment, l observed.Load) {
	var reasons, files []string
	for _, m := range l.Missing {
		reasons = append(reasons, fmt.Sprintf("%s, needed by %s, is in none of the places that the loader searches", m.Library, m.NeededBy))
		files = append(files, m.NeededBy)
	}
	for _, file := range unique(mapKeys(l.Unreadable)) {
		reasons = append(reasons, fmt.Sprintf("%s is no valid library (%s)", file, l.Unreadable[file]))
		files = append(files, file)
	}
	f := check.Finding{
		Detail:   listed(reasons) + ".",
		Cause:    "The package that brings the library is missing, torn, or made for another release.",
		Evidence: e.paths(observed.Loads, unique(files)...),
		Explains: []string{codeArch, codeTorchABI, codeXFormers, codeBNBLibrary},
		Remedies: []check.Remedy{e.reinstall("Install the framework and its libraries again.", installedAs(l))},
		Verify:   []string{e.imports("import " + l.Framework)},
	}
	if len(l.Missing) > 0 {
		f.Title = fmt.Sprintf("%s cannot be loaded: %s is missing", l.Framework, l.Missing[0].Library)
		e.bringMissing(&f, l)
	}
	e.report(f)
}

// installedAs is what an installer calls the framework.
func installedAs(l observed.Load) string {
	if l.Distribution != "" {
		return l.Distribution
	}
	return l.Framework
}

func mapKeys(m map[string]string) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	return out
}

// providerRemedy names the requirement of the framework that is not met and by
// its name brings the missing library: libcudnn.so.9 comes with
// nvidia-cudnn-cu12.
func (e *environment) providerRemedy(l observed.Load) (check.Remedy, bool) {
	for _, c := range e.conflicts() {
		if pep508.Normalize(c.owner.Name) != l.Framework && (!c.forTorch || l.Framework != "torch") {
			continue
		}
		for _, m := range l.Missing {
			if brings(c.requirement.Name, m.Library) {
				return e.install("Install the package that brings "+m.Library+".", c.wanted()), true
			}
		}
	}
	return check.Remedy{}, false
}

// brings matches "nvidia-cudnn-cu12" with "libcudnn.so.9".
func brings(distribution, library string) bool {
	stem, _, _ := strings.Cut(strings.TrimPrefix(path.Base(library), "lib"), ".so")
	name, ok := strings.CutPrefix(pep508.Normalize(distribution), "nvidia-")
	name, _, _ = strings.Cut(name, "-")
	return ok && name != "" && strings.HasPrefix(strings.ToLower(stem), name)
}

var libraryPathHijack = check.Check{
	Code: "python.ld-library-path-hijack", Title: "LD_LIBRARY_PATH replaces a library of the environment", Area: areaPython,
	Needs: []string{observed.Envs},
	Doc: check.Doc{
		Meaning:    "A framework loads a library from LD_LIBRARY_PATH instead of the one that was installed with it. With another version of that library the import fails with \"undefined symbol\".",
		Detection:  "The loader's search is followed. Where LD_LIBRARY_PATH answers for a library that the environment brings itself, the symbols that are needed are compared with those that the found file exports; of the system's libraries that it replaces, the symbol versions. A later release of the same major that exports all of them is for information.",
		Cause:      "LD_LIBRARY_PATH names a CUDA toolkit, and it is searched before the RUNPATH of the nvidia packages' libraries.",
		Fix:        "Take the directory off LD_LIBRARY_PATH. Wheels with CUDA need no toolkit.",
		Verify:     "Import the framework with LD_LIBRARY_PATH unset.",
		References: []string{"https://man7.org/linux/man-pages/man8/ld.so.8.html", "https://github.com/pytorch/pytorch/issues/111469"},
	},
	Run: perEnvironment(func(e *environment) {
		loads, _ := get[[]observed.Load](e, observed.Loads)
		seen := map[string]bool{}
		for _, l := range loads {
			if unmet := unmetOf(l, true); len(unmet) > 0 && !seen[unmet[0].Library] {
				seen[unmet[0].Library] = true
				reportOldLibrary(e, l.Framework, unmet)
			}
			for _, h := range l.Hijacks {
				if !seen[h.Path] {
					seen[h.Path] = true
					reportHijack(e, l, h)
				}
			}
		}
	}),
}

func reportHijack(e *environment, l observed.Load, h elfdeps.Hijack) {
	f := check.Finding{
		Severity: check.Warning, Confidence: 0.6, Subject: h.Path,
		Detail:   fmt.Sprintf("%s loads %s and not %s, which was installed with it.", h.NeededBy, h.Path, h.Bundled),
		Cause:    "LD_LIBRARY_PATH is searched before the library's own search path.",
		Evidence: e.paths(observed.Loads, h.Path, h.NeededBy, h.Bundled),
		Explains: []string{codeUndefined, codeTorchNotLoadable, codeNotLoadable},
		Remedies: []check.Remedy{unsetLibraryPath()},
		Verify:   []string{"env -u LD_LIBRARY_PATH " + e.imports("import "+l.Framework)},
	}
	switch bundled := l.Releases[h.Bundled]; {
	case len(h.Undefined) > 0:
		f.Severity, f.Confidence = check.Error, 1
		f.Detail += fmt.Sprintf(" It does not export %s.", strings.Join(h.Undefined, ", "))
	case isLaterMinor(h.Release, bundled):
		f.Severity = check.Info
		f.Detail += fmt.Sprintf(" It is release %s of the same major as %s, and has all that is wanted of it.", h.Release, bundled)
	}
	e.report(f)
}

// isLaterMinor reports whether a release has the major number of another and is
// not older, as far as both are written: libraries of CUDA keep their interface
// within a major release.
func isLaterMinor(release, than string) bool {
	a, b := strings.Split(release, "."), strings.Split(than, ".")
	n := min(len(a), len(b))
	order, ok := tables.CompareDrivers(strings.Join(a[:n], "."), strings.Join(b[:n], "."))
	return ok && n > 1 && a[0] == b[0] && order >= 0
}

func unsetLibraryPath() check.Remedy {
	return check.Remedy{
		ID: "unset-library-path", Summary: "Start the program without LD_LIBRARY_PATH.", Kind: check.SetEnv, Risk: check.Low,
		Preview: []string{"unset LD_LIBRARY_PATH"},
	}
}
