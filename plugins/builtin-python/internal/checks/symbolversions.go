// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"fmt"
	"iter"
	"path"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/elfdeps"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/locate"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/observed"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/pep440"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/pep508"
	"github.com/bulkhead-ml/bulkhead/sdk/check"
)

var glibcTooOld = check.Check{
	Code: "glibc.too-old", Title: "System libraries are older than a package needs", Area: areaPython,
	Needs: []string{observed.Envs},
	Doc: check.Doc{
		Meaning:    "The import stops with \"version `GLIBC_2.32' not found\" or \"version `GLIBCXX_3.4.29' not found\".",
		Detection:  "The symbol versions that the libraries of a framework, extensions of torch and wheels without a manylinux tag want are compared with those that the system's libraries define, as the loader does.",
		Cause:      "The package was built on a newer system than this one, or installed from a file that its tags do not allow here.",
		Fix:        "Install an older release of the package, or run in a newer system or container. For libstdc++ a conda environment with libstdcxx-ng helps.",
		Verify:     "Import the package.",
		References: []string{"https://peps.python.org/pep-0600/", "https://refspecs.linuxfoundation.org/LSB_5.0.0/LSB-Core-generic/LSB-Core-generic/symversion.html"},
	},
	Run: perEnvironment(func(e *environment) {
		loads, _ := get[[]observed.Load](e, observed.Loads)
		for _, l := range loads {
			if unmet := unmetOf(l, false); len(unmet) > 0 {
				reportUnmet(e, l.Framework, observed.Loads, unmet)
			}
		}
		for name, unmet := range unmetByDistribution(e) {
			reportUnmet(e, name, observed.UnmetVersions, unmet)
		}
	}),
}

// unmetByDistribution yields what extensions outside the frameworks lack, in the
// order in which it was found.
func unmetByDistribution(e *environment) iter.Seq2[string, []elfdeps.Unmet] {
	all, _ := get[[]observed.UnmetVersion](e, observed.UnmetVersions)
	of := map[string][]elfdeps.Unmet{}
	var names []string
	for _, u := range all {
		if of[u.Distribution] == nil {
			names = append(names, u.Distribution)
		}
		of[u.Distribution] = append(of[u.Distribution], u.Unmet)
	}
	return func(yield func(string, []elfdeps.Unmet) bool) {
		for _, name := range names {
			if !yield(name, of[name]) {
				return
			}
		}
	}
}

// unmetOf picks the versions that LD_LIBRARY_PATH is to blame for, or the others.
func unmetOf(l observed.Load, fromEnvironment bool) []elfdeps.Unmet {
	return slices.DeleteFunc(slices.Clone(l.Unmet), func(u elfdeps.Unmet) bool { return u.FromEnvironment != fromEnvironment })
}

func reportUnmet(e *environment, framework, field string, unmet []elfdeps.Unmet) {
	e.report(check.Finding{
		Title:    fmt.Sprintf("%s needs a newer %s than the %s has", framework, path.Base(unmet[0].Library), e.ownerOf(unmet[0].Library)),
		Detail:   fmt.Sprintf("%s cannot be loaded: %s.", framework, listed(describeUnmet(unmet))),
		Cause:    "The package was built for a newer system.",
		Evidence: append(e.paths(field, unmet[0].Library, unmet[0].NeededBy), e.ctx.Evidence("os.glibc", "os.pretty_name")...),
		Explains: []string{codeTorchNotLoadable, codeNotLoadable, codeUndefined, codeWrongWheel},
		Remedies: e.newerRuntime(unmet[0].Library, e.buildForSystem(framework, field)),
		Verify:   []string{e.imports("import " + moduleOf(pep508.Normalize(framework)))},
	})
}

// ownerOf tells whose a library is.
func (e *environment) ownerOf(library string) string {
	if strings.HasPrefix(library, e.Prefix+"/") {
		return "environment"
	}
	return "system"
}

// newerRuntime adds that a newer C++ library is one package away where conda
// brought it.
func (e *environment) newerRuntime(library string, other check.Remedy) []check.Remedy {
	if e.Kind != locate.KindConda || e.ownerOf(library) == "system" || !strings.HasPrefix(path.Base(library), "libstdc++") {
		return []check.Remedy{other}
	}
	return []check.Remedy{e.condaInstall("Install a newer C++ library in the environment.", []string{"libstdcxx-ng"}, "--channel", "conda-forge"), other}
}

// buildForSystem installs a wheel that names this system among its tags, or for
// an extension, of which there may be none, has it compiled here.
func (e *environment) buildForSystem(name, field string) check.Remedy {
	if field == observed.UnmetVersions {
		return check.Remedy{
			ID: "compile", Summary: "Have the package compiled on this system.", Kind: check.InstallPackages, Risk: check.Medium,
			Preview: []string{e.pip("install", "--force-reinstall", "--no-deps", "--no-cache-dir", "--no-build-isolation", "--no-binary", name, name)},
		}
	}
	return check.Remedy{
		ID: "older-release", Summary: "Let pip choose a release for this system.", Kind: check.InstallPackages, Risk: check.Medium,
		Preview: []string{e.pip("install", "--force-reinstall", "--only-binary", ":all:", name)},
	}
}

// reportOldLibrary blames LD_LIBRARY_PATH for a system library that is too old:
// the system's own may well do.
func reportOldLibrary(e *environment, framework string, unmet []elfdeps.Unmet) {
	library := unmet[0].Library
	e.report(check.Finding{
		Subject:  library,
		Title:    fmt.Sprintf("%s from LD_LIBRARY_PATH is too old for %s", path.Base(library), framework),
		Detail:   fmt.Sprintf("%s cannot be loaded: %s.", framework, listed(describeUnmet(unmet))),
		Cause:    "LD_LIBRARY_PATH is searched before the system's directories.",
		Evidence: e.paths(observed.Loads, library, unmet[0].NeededBy),
		Explains: []string{codeTorchNotLoadable, codeNotLoadable, codeUndefined, codeWrongWheel},
		Remedies: []check.Remedy{unsetLibraryPath()},
		Verify:   []string{"env -u LD_LIBRARY_PATH " + e.imports("import "+framework)},
	})
}

// describeUnmet names for each library and each family of versions the newest
// that is wanted: whoever has it has those before it.
func describeUnmet(unmet []elfdeps.Unmet) []string {
	newest := map[[2]string]elfdeps.Unmet{}
	for _, u := range unmet {
		family, _ := splitSymbolVersion(u.Version)
		key := [2]string{u.Library, family}
		if old, ok := newest[key]; !ok || laterSymbolVersion(u.Version, old.Version) {
			newest[key] = u
		}
	}
	var out []string
	for _, u := range newest {
		has := "defines no such version"
		if u.Newest != "" {
			has = "has " + u.Newest + " as its newest"
		}
		out = append(out, fmt.Sprintf("%s wants %s of %s, which %s", path.Base(u.NeededBy), u.Version, u.Library, has))
	}
	slices.Sort(out)
	return out
}

// splitSymbolVersion cuts "GLIBCXX_3.4.29".
func splitSymbolVersion(version string) (family, number string) {
	at := strings.LastIndexByte(version, '_')
	return version[:max(at, 0)], version[at+1:]
}

func laterSymbolVersion(a, b string) bool {
	_, x := splitSymbolVersion(a)
	_, y := splitSymbolVersion(b)
	v, errA := pep440.Parse(x)
	w, errB := pep440.Parse(y)
	if errA != nil || errB != nil {
		return a > b
	}
	return v.Compare(w) > 0
}
