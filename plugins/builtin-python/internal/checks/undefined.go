// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"fmt"
	"path"
	"strings"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/observed"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/pep508"
	"github.com/bulkhead-ml/bulkhead/sdk/check"
)

var undefinedSymbol = check.Check{
	Code: codeUndefined, Title: "Library lacks a symbol that another one needs", Area: areaPython,
	Needs: []string{observed.Envs},
	Doc: check.Doc{
		Meaning:    "The import stops with \"undefined symbol\", such as \"libtorch_cuda.so: undefined symbol: ncclCommRegister\" or \"__nvJitLinkComplete_12_4, version libnvJitLink.so.12\".",
		Detection:  "For each library that a framework loads, the symbols and symbol versions that it wants of another library of the environment are compared with those that the file which the loader takes exports.",
		Cause:      "One of the two libraries is of another release: the CUDA 11 and CUDA 12 builds of an nvidia package share a directory, or one package was upgraded alone.",
		Fix:        "Install the version of the providing package that the framework pins.",
		Verify:     "Import the framework.",
		References: []string{"https://man7.org/linux/man-pages/man8/ld.so.8.html", "https://refspecs.linuxfoundation.org/LSB_5.0.0/LSB-Core-generic/LSB-Core-generic/symversion.html"},
	},
	Run: perEnvironment(func(e *environment) {
		all, _ := get[[]observed.UndefinedSymbol](e, observed.UndefinedSymbols)
		seen := map[[2]string]bool{}
		for _, u := range all {
			key := [2]string{u.NeededBy, u.Library}
			if u.FromEnvironment || u.Symbol == "" || seen[key] {
				continue // LD_LIBRARY_PATH has a code of its own
			}
			seen[key] = true
			reportUndefined(e, u, all)
		}
	}),
}

func reportUndefined(e *environment, u observed.UndefinedSymbol, all []observed.UndefinedSymbol) {
	var names []string
	for _, o := range all {
		if o.NeededBy == u.NeededBy && o.Library == u.Library {
			names = append(names, symbolText(o))
		}
	}
	framework := u.Framework
	if framework == "" {
		framework = pep508.Normalize(u.Owner)
	}
	f := check.Finding{
		Title:    fmt.Sprintf("%s lacks %s", path.Base(u.Library), u.Symbol),
		Detail:   fmt.Sprintf("%s wants %s of %s, which does not export it.", u.NeededBy, listed(names), u.Library),
		Cause:    "The two libraries are of releases that do not belong together.",
		Evidence: e.paths(observed.UndefinedSymbols, u.NeededBy, u.Library),
		Explains: []string{codeTorchNotLoadable, codeNotLoadable},
		Remedies: []check.Remedy{e.matchProvider(u, framework)},
		Verify:   []string{e.imports("import " + moduleOf(framework))},
	}
	e.report(f)
}

func symbolText(u observed.UndefinedSymbol) string {
	if u.Version == "" {
		return u.Symbol
	}
	return u.Symbol + ", version " + u.Version
}

// matchProvider installs the providing package as the framework requires it,
// or both anew where it states nothing.
func (e *environment) matchProvider(u observed.UndefinedSymbol, framework string) check.Remedy {
	key := pep508.Normalize(u.Provider)
	if profiling := strings.HasPrefix(u.Symbol, "iJIT_"); profiling && e.condaOwns(framework) {
		return e.condaInstall("Install the last release of mkl with the symbol.", []string{"mkl<2024.1"})
	} else if profiling {
		return e.install("Install the last release of mkl with the symbol.", "mkl<2024.1")
	}
	if key == "" {
		return e.reinstall("Install the framework and its libraries again.", framework)
	}
	clauses, _ := e.demands(key)
	if len(clauses) == 0 {
		return e.install("Install the newest release of the package that brings the library.", "--upgrade", u.Provider)
	}
	return e.install("Install the release of the library that is required.", "--force-reinstall", "--no-deps", u.Provider+strings.Join(clauses, ","))
}
