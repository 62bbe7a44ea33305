// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"path"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/observed"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

var frameworkDescriptions = []fact.Description{
	{Address: observed.Variables, Type: "object", Summary: "Variables that change what a framework loads."},
	{Address: observed.Compilers, Type: "object", Summary: "C compiler and nvcc that programs find on PATH: c, by, nvcc, searched."},
	{Address: observed.Asked, Type: "list", Summary: "Requirements in requirements*.txt and pyproject.toml of the project: name, requirement, path, line; without a name, the option that names torch's index for CPUs."},
	field(observed.Frameworks, "list", "Frameworks by their files: name, version, variant, cuda, cudnn, torch, natives, missing."),
	field(observed.Headers, "object", "Python.h of the interpreter: path, exists."),
	field(observed.Generated, "list", "Code that protoc generated: distribution, path, version that it demands."),
}

// machineFacts records what stands beside the environments.
func machineFacts(t *fact.Target, record *fact.Recorder) {
	variables(t, record)
	compilers(t, record)
	asked(t, record)
}

func variables(t *fact.Target, record *fact.Recorder) {
	set := map[string]string{}
	for _, name := range observed.FrameworkVariables {
		if value, ok := t.Env[name]; ok {
			set[name] = value
		}
	}
	record.Add(observed.Variables, set, fact.Call("environment of the examined process", ""))
}

// programs that would be seen beside a compiler: where none of them is on PATH,
// its directories are not shown to this plugin.
var programs = []string{"env", "python3", "gcc", "cc", "clang"}

func compilers(t *fact.Target, record *fact.Recorder) {
	if t.OS != "linux" {
		return
	}
	text, ok := t.Env["PATH"]
	if !ok {
		record.Unknown(observed.Compilers, "the examined process has no PATH")
		return
	}
	var dirs []string
	for dir := range strings.SplitSeq(text, ":") {
		if path.IsAbs(dir) && !slices.Contains(dirs, path.Clean(dir)) {
			dirs = append(dirs, path.Clean(dir))
		}
	}
	if _, ok := onPath(t, dirs, programs); !ok {
		record.Unknown(observed.Compilers, "the directories of PATH may not be seen")
		return
	}
	out := observed.Compiler{Searched: dirs}
	out.C, out.By = compiler(t, dirs)
	out.NVCC, _ = onPath(t, dirs, []string{"nvcc"})
	record.Add(observed.Compilers, out, fact.Evidence{Path: out.C, Value: text})
}

// compiler follows triton and setuptools: $CC, else the usual names.
func compiler(t *fact.Target, dirs []string) (file, by string) {
	if words := strings.Fields(t.Env["CC"]); len(words) > 0 {
		if path.IsAbs(words[0]) && t.Exists(words[0]) {
			return words[0], "CC"
		}
		if file, ok := onPath(t, dirs, words[:1]); ok {
			return file, "CC"
		}
	}
	for _, name := range compilerNames {
		if file, ok := onPath(t, dirs, []string{name}); ok {
			return file, name
		}
	}
	return unseenCompiler(t.Env["CC"])
}

// compilerNames are the programs of PATH that may be seen.
var compilerNames = []string{"gcc", "clang", "cc", "x86_64-conda-linux-gnu-cc", "aarch64-conda-linux-gnu-cc"}

// unseenCompiler takes CC at its word where it names a file or a program that
// this plugin is not shown: /nfs/gcc-13/bin/gcc, "gcc-13".
func unseenCompiler(cc string) (file, by string) {
	words := strings.Fields(cc)
	if len(words) == 0 || !path.IsAbs(words[0]) && (strings.Contains(words[0], "/") || slices.Contains(compilerNames, words[0])) {
		return "", ""
	}
	return words[0], "CC"
}

func onPath(t *fact.Target, dirs, names []string) (string, bool) {
	for _, name := range names {
		for _, dir := range dirs {
			if file := path.Join(dir, name); !strings.Contains(name, "/") && t.Exists(file) {
				return file, true
			}
		}
	}
	return "", false
}

// headers records whether Python.h is there, for interpreters whose include
// directory follows from the prefix.
func (o *observer) headers() {
	name := o.pythonDirectory()
	if name == "" || o.target.OS != "linux" || o.env.Stdlib == "" || o.env.Implementation != "CPython" {
		return
	}
	file := path.Join(o.env.BasePrefix, "include", name, "Python.h")
	h := observed.HeaderFile{Path: file, Exists: o.target.Exists(file)}
	o.add(observed.Headers, h, fact.File(file, 0, ""))
}

// pythonDirectory is "python3.11", or "" when the version is not known.
func (o *observer) pythonDirectory() string {
	parts := strings.SplitN(o.env.Version, ".", 3)
	if len(parts) < 2 {
		return ""
	}
	return "python" + parts[0] + "." + parts[1]
}
