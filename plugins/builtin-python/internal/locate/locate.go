// SPDX-License-Identifier: Apache-2.0

// Package locate finds Python environments from outside: by reading links,
// directory names and pyvenv.cfg, and never by starting an interpreter.
//
// Which environments are examined in depth:
//
//  1. those that the user named (Target.Pythons: an interpreter, a venv or
//     conda directory), and only those when there are any;
//  2. else $VIRTUAL_ENV, $CONDA_PREFIX, the first python3 or python on $PATH
//     (a pyenv shim leads to the version that pyenv would start), .venv, venv,
//     env, .conda and .pixi/envs/default in the project, and what VS Code and
//     PyCharm are set to there;
//  3. and when none of those is there, /usr/bin/python3;
//  4. with All among Target.Pythons, every other one that is found and whose
//     packages may be read.
//
// All others are only listed: those in Places, where tools keep them, those in
// conda's environments.txt, those below VS Code's python.venvPath and the
// system's interpreters.
//
// An environment is known by its prefix, the value of sys.prefix inside it.
// The same prefix found twice is listed once, under the first way.
//
// Kernelspecs of Jupyter and the settings of editors name interpreters. Each is
// followed to its end: it is there, it is certainly not, or it cannot be told
// because the place may not be seen.
package locate

import (
	"path"
	"strings"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/observed"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// Kinds of environments.
const (
	KindVenv       = "venv"
	KindVirtualenv = "virtualenv"
	KindUV         = "uv"
	KindConda      = "conda"
	KindPyenv      = "pyenv"
	KindSystem     = "system"
	KindStandalone = "standalone"
)

// Env is one environment.
type Env struct {
	// Prefix is sys.prefix; Python the interpreter, "" when none was found.
	Prefix, Python string
	// FoundBy says which rule found it: "--python", "VIRTUAL_ENV", "PATH", ...
	FoundBy string
	Kind    string
	// Version is "3.11.7", or "3.11" when the micro version is not on disk.
	Version string
	// Implementation is "CPython" or "PyPy".
	Implementation string
	// BasePrefix is sys.base_prefix: that of the interpreter behind a venv.
	BasePrefix string
	// Config is nil when the environment is not a virtual one.
	Config *VenvConfig
	Link   Link
	// Stdlib is the directory of the standard library, "" when not seen.
	Stdlib string
	Sites  []Site
}

// Ways of finding that other rules ask about.
const (
	foundByUser    = "--python"
	foundInProject = "project"
)

// candidate is a path that may lead to an environment.
type candidate struct {
	path, foundBy string
	// ifVisible passes over an environment whose packages may not be read.
	ifVisible bool
}

func candidates(t *fact.Target, editors []observed.EditorInterpreter) []candidate {
	var out []candidate
	for _, p := range t.Pythons {
		if p != All {
			out = append(out, candidate{path: absolute(t, p), foundBy: foundByUser})
		}
	}
	if len(out) > 0 {
		return out
	}
	for _, name := range []string{"VIRTUAL_ENV", "CONDA_PREFIX"} {
		if dir := t.Env[name]; path.IsAbs(dir) {
			out = append(out, candidate{path: dir, foundBy: name})
		}
	}
	if python := firstOnPath(t); python != "" {
		out = append(out, candidate{path: python, foundBy: "PATH"})
	}
	if t.ProjectDir != "" {
		for _, dir := range []string{".venv", "venv", "env", ".conda", ".pixi/envs/default"} {
			out = append(out, candidate{path: path.Join(t.ProjectDir, dir), foundBy: foundInProject})
		}
	}
	for _, e := range editors {
		if e.Resolved != "" {
			out = append(out, candidate{path: e.Resolved, foundBy: e.Editor, ifVisible: true})
		}
	}
	return out
}

func absolute(t *fact.Target, p string) string {
	if rest, ok := strings.CutPrefix(p, "~/"); ok && t.Home != "" {
		return path.Join(t.Home, rest)
	}
	if !path.IsAbs(p) && t.ProjectDir != "" {
		return path.Join(t.ProjectDir, p)
	}
	return p
}

// open finds the prefix that a candidate belongs to.
func open(t *fact.Target, c candidate) (Env, bool) {
	env := Env{FoundBy: c.foundBy}
	info, err := t.Stat(c.path)
	switch {
	case err == nil && info.IsDir():
		env.Prefix = path.Clean(c.path)
	case err != nil && !isLink(t, c.path):
		return env, false
	default:
		env.Python = c.path
		env.Prefix = prefixOf(t, c.path)
	}
	if env.Python == "" {
		env.Python = interpreterIn(t, env.Prefix)
	}
	env.Config = readVenvConfig(t, env.Prefix)
	return env, env.Python != "" || env.Config != nil || isConda(t, env.Prefix)
}

func isLink(t *fact.Target, name string) bool {
	_, err := t.Readlink(name)
	return err == nil
}

// prefixOf returns sys.prefix of an interpreter: the venv around it, or the
// directory above bin of the real file.
func prefixOf(t *fact.Target, python string) string {
	if near := path.Dir(path.Dir(python)); t.Exists(path.Join(near, "pyvenv.cfg")) {
		return near
	}
	if real, err := t.Resolve(python); err == nil {
		python = real
	}
	if path.Dir(python) == "/bin" {
		return "/usr"
	}
	if dir := path.Dir(python); strings.EqualFold(path.Ext(python), ".exe") && path.Base(dir) != "Scripts" {
		return dir // on Windows python.exe lies in the prefix itself
	}
	return path.Dir(path.Dir(python))
}

// interpreterIn looks for an interpreter under a prefix, dangling links too.
func interpreterIn(t *fact.Target, prefix string) string {
	for _, name := range []string{"bin/python3", "bin/python", "Scripts/python.exe", "python.exe", "bin/pypy3"} {
		p := path.Join(prefix, name)
		if _, err := t.Lstat(p); err == nil {
			return p
		}
	}
	return ""
}

func isConda(t *fact.Target, prefix string) bool {
	return t.Exists(path.Join(prefix, "conda-meta"))
}
