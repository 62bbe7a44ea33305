// SPDX-License-Identifier: Apache-2.0

// Package checks judges what package collect observed. Every check is a pure
// function of facts; those about GPUs use the gpu plugin's facts and no others.
//
// A fault has one code. What a special check names (torch's pins, NumPy 2, the
// companions of torch) is left out of the general check of the requirement
// graph, so that no fault is reported twice.
package checks

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/locate"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/observed"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/pep440"
	"github.com/bulkhead-ml/bulkhead/sdk/check"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// All lists the checks of this plugin.
func All() []check.Check {
	return []check.Check{
		venvBroken, loaderMissing, externallyManaged, moduleShadowed, userSiteShadows,
		dependencyConflict, requiresPython, duplicateDistribution,
		recordTorn, fileClobbered, numpyABI,
		torchNotLoadable, frameworkNotLoadable, libraryPathHijack, glibcTooOld,
		torchNvidiaPins, torchCompanionMismatch, cudnnMixed,
		torchCPUWheel, torchROCmWheel, torchDriverTooOld, torchArchUnsupported,
		onnxruntimeBoth, jaxPluginMissing, jaxPluginMismatch,
		torchABI, xformersMismatch, undefinedSymbol, wheelTags,
		bitsandbytesNoLibrary, bitsandbytesOverride,
		noCompiler, headersMissing, cudaHomeUnset, toolkitMismatch,
		onnxruntimeCUDA, tensorflowCPU, tensorflowLibraries, kerasBackend,
		pythonTooNew, condaPip, pythonPathForeign, protobufCode,
		kernelBroken, kernelElsewhere, editorInterpreter,
	}
}

// Areas of the report.
const (
	areaPython     = "python"
	areaFrameworks = "frameworks"
)

// need is the address of a field for Check.Needs.
func need(field string) string { return observed.Group + "." + field }

// perEnvironment makes a Run that looks at one environment at a time.
func perEnvironment(look func(*environment)) func(*check.Context) {
	return func(ctx *check.Context) {
		for _, e := range observed.Environments(ctx.Facts) {
			look(&environment{Environment: e, ctx: ctx})
		}
	}
}

// environment is one environment under examination.
type environment struct {
	observed.Environment
	ctx *check.Context
}

// get decodes a field.
func get[T any](e *environment, field string) (T, bool) {
	return observed.Get[T](e.ctx.Facts, e.Prefix, field)
}

// at is the address of a field.
func (e *environment) at(field string) string { return observed.At(e.Prefix, field) }

// report fills in the subject.
func (e *environment) report(f check.Finding) {
	if f.Subject == "" {
		f.Subject = e.Prefix
	}
	e.ctx.Report(f)
}

// packages maps a normalised name to its distributions in search order.
func (e *environment) packages() map[string][]observed.Package {
	return e.graph().index()
}

// installed returns the distribution that an import uses.
func (e *environment) installed(name string) (observed.Package, bool) {
	if all := e.packages()[name]; len(all) > 0 {
		return all[0], true
	}
	return observed.Package{}, false
}

// version returns the parsed version of an installed distribution.
func (e *environment) version(name string) (pep440.Version, bool) {
	p, ok := e.installed(name)
	if !ok {
		return pep440.Version{}, false
	}
	v, err := pep440.Parse(p.Version)
	return v, err == nil
}

// evidenceOf points at the metadata of packages, once at each.
func evidenceOf(e *environment, packages ...observed.Package) []fact.Evidence {
	var out []fact.Evidence
	for _, p := range packages {
		seen := fact.Evidence{Fact: e.at(observed.Packages), Path: p.Path, Value: p.Name + " " + p.Version}
		if !slices.Contains(out, seen) {
			out = append(out, seen)
		}
	}
	return out
}

// maxPaths bounds the files that are evidence of one finding.
const maxPaths = 8

// paths points at files that a field is about.
func (e *environment) paths(field string, names ...string) []fact.Evidence {
	var out []fact.Evidence
	for _, name := range names[:min(len(names), maxPaths)] {
		out = append(out, fact.Evidence{Fact: e.at(field), Path: name})
	}
	return out
}

// pip is the command line of the environment's installer.
func (e *environment) pip(verb string, args ...string) string {
	for i, a := range args {
		args[i] = quote(a)
	}
	line := strings.Join(args, " ")
	if e.Kind == "uv" {
		return fmt.Sprintf("uv pip %s --python %s %s", verb, quote(e.Prefix), line)
	}
	if verb == "uninstall" {
		verb += " -y"
	}
	if _, managed := get[string](e, observed.Managed); managed && verb != "show" && verb != "check" {
		verb += " --break-system-packages" // what pip put there went there the same way
	}
	if _, ok := e.installed("pip"); !ok && e.Kind != locate.KindSystem {
		return fmt.Sprintf("python3 -m pip --python %s %s %s", quote(e.Prefix), verb, line) // poetry and pdm leave pip out
	}
	return fmt.Sprintf("%s -m pip %s %s", quote(e.Python), verb, line)
}

// quote makes an argument safe for a shell: the ">" of a requirement would
// otherwise redirect output.
func quote(arg string) string {
	if strings.IndexFunc(arg, unsafeInShell) < 0 && arg != "" {
		return arg
	}
	return "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
}

func unsafeInShell(r rune) bool {
	letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
	return !letter && !strings.ContainsRune("-_./:=+@%,", r)
}

// install is a remedy that installs packages.
func (e *environment) install(summary string, args ...string) check.Remedy {
	return check.Remedy{
		ID: "install-packages", Summary: summary, Kind: check.InstallPackages, Risk: check.Medium,
		Preview: []string{e.pip("install", args...)},
	}
}

// imports is a command that shows that modules load.
func (e *environment) imports(code string) string {
	if strings.ContainsAny(code, "\"$`\\!\n") { // names from foreign disks end up in it
		return quote(e.Python) + " -c " + quote(code)
	}
	return quote(e.Python) + ` -c "` + code + `"`
}

// pipCheck is the command that shows that requirements are met.
func (e *environment) pipCheck() string {
	return strings.TrimSpace(e.pip("check"))
}

// maxShown bounds lists in messages.
const maxShown = 6

// listed joins texts and counts those that are left out.
func listed(items []string) string {
	if len(items) <= maxShown {
		return strings.Join(items, "; ")
	}
	return fmt.Sprintf("%s; and %d more", strings.Join(items[:maxShown], "; "), len(items)-maxShown)
}

// plural writes "1 file" and "2 files".
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// unique sorts and removes repetitions.
func unique(items []string) []string {
	slices.Sort(items)
	return slices.Compact(items)
}
