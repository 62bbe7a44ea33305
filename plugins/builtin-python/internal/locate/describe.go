// SPDX-License-Identifier: Apache-2.0

package locate

import (
	"path"
	"strings"

	"github.com/bulkhead-ml/bulkhead/internal/pattern"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// describe fills in everything that follows from the prefix.
func (e *Env) describe(t *fact.Target) {
	e.identify(t)
	e.Stdlib = stdlib(t, e.BasePrefix, e.pythonDir())
	e.Sites = e.sites(t)
}

// identify fills in what the environment is, without looking at its packages.
func (e *Env) identify(t *fact.Target) {
	e.Link = e.follow(t)
	e.BasePrefix = e.base(t)
	e.Kind = e.kind(t)
	e.Implementation = e.implementation(t)
	e.Version = e.version(t)
}

// hasPackages reports whether a directory of packages of its own can be seen.
func (e *Env) hasPackages(t *fact.Target) bool {
	for _, s := range e.siteDirs(t, e.Prefix, ScopeEnv) {
		if t.Exists(s.Path) {
			return true
		}
	}
	return false
}

// base returns sys.base_prefix.
func (e *Env) base(t *fact.Target) string {
	if e.Config == nil {
		return e.Prefix
	}
	if e.Link.State == LinkOK {
		if real, err := t.Resolve(e.Python); err == nil && real != e.Python {
			return prefixOf(t, real)
		}
	}
	if e.Config.Home != "" {
		return prefixOf(t, path.Join(e.Config.Home, "python3"))
	}
	return e.Prefix
}

func (e *Env) kind(t *fact.Target) string {
	switch {
	case e.Config != nil:
		return e.Config.Tool
	case isConda(t, e.Prefix):
		return KindConda
	case path.Base(path.Dir(e.Prefix)) == "versions" && strings.Contains(e.Prefix, "pyenv"):
		return KindPyenv
	case e.Prefix == "/usr" || e.Prefix == "/usr/local" || e.Prefix == "/":
		return KindSystem
	}
	return KindStandalone
}

func (e *Env) implementation(t *fact.Target) string {
	if e.Config != nil && strings.EqualFold(e.Config.Implementation, "pypy") {
		return "PyPy"
	}
	if strings.HasPrefix(path.Base(e.Link.Target), "pypy") || len(t.Glob(path.Join(e.BasePrefix, "lib/pypy3*"))) > 0 {
		return "PyPy"
	}
	return "CPython"
}

// version reads the version from the surest place that has one.
func (e *Env) version(t *fact.Target) string {
	if e.Config != nil && e.Config.Version != "" {
		return e.Config.Version
	}
	minor := e.minorVersion(t)
	for _, full := range []string{
		condaVersion(t, e.BasePrefix), headerVersion(t, e.BasePrefix, minor), nameVersion(e.BasePrefix),
	} {
		if full != "" && (minor == "" || strings.HasPrefix(full, minor+".")) {
			return full
		}
	}
	return minor
}

var (
	fileMinor   = pattern.Lazy(`^(?:python|pypy)(3\.\d+)t?(?:\.exe)?$`)
	dirFull     = pattern.Lazy(`(?:^|[-@])(3\.\d+\.\d+)(?:$|[-+])`)
	condaRecord = pattern.Lazy(`^python-(3\.\d+\.\d+)-[^-]+\.json$`)
	headerLine  = pattern.Lazy(`(?m)^#define\s+PY_VERSION\s+"(\d+\.\d+\.\d+)`)
)

// minorVersion is "3.11", from the interpreter's file name or the only
// standard library under the prefix.
func (e *Env) minorVersion(t *fact.Target) string {
	if m := fileMinor().FindStringSubmatch(path.Base(e.Link.Target)); m != nil {
		return m[1]
	}
	var versions []string
	for _, prefix := range []string{e.Prefix, e.BasePrefix} {
		for _, dir := range append(t.Glob(path.Join(prefix, "lib/python3.*")), t.Glob(path.Join(prefix, "lib/pypy3.*"))...) {
			if m := fileMinor().FindStringSubmatch(path.Base(dir)); m != nil {
				versions = append(versions, m[1])
			}
		}
		if len(versions) == 1 {
			return versions[0]
		}
	}
	return ""
}

func condaVersion(t *fact.Target, prefix string) string {
	entries, err := t.ReadDir(path.Join(prefix, "conda-meta"))
	if err != nil {
		return ""
	}
	for _, entry := range entries {
		if m := condaRecord().FindStringSubmatch(entry.Name()); m != nil {
			return m[1]
		}
	}
	return ""
}

func headerVersion(t *fact.Target, prefix, minor string) string {
	data, err := t.ReadFile(path.Join(prefix, "include", "python"+minor, "patchlevel.h"))
	if err != nil {
		return ""
	}
	if m := headerLine().FindSubmatch(data); m != nil {
		return string(m[1])
	}
	return ""
}

// nameVersion reads ".../versions/3.11.7" and ".../cpython-3.12.1-linux-...".
func nameVersion(prefix string) string {
	for dir := prefix; len(dir) > 1; dir = path.Dir(dir) {
		if m := dirFull().FindStringSubmatch(path.Base(dir)); m != nil {
			return m[1]
		}
	}
	return ""
}

// pythonDir is the name of the version's directory under lib: "python3.11".
func (e *Env) pythonDir() string {
	parts := strings.SplitN(e.Version, ".", 3)
	if len(parts) < 2 {
		return ""
	}
	minor := parts[0] + "." + parts[1]
	if e.Implementation == "PyPy" {
		return "pypy" + minor
	}
	return "python" + minor
}

func stdlib(t *fact.Target, base, pythonDir string) string {
	for _, dir := range []string{
		path.Join(base, "lib", pythonDir), path.Join(base, "lib64", pythonDir), path.Join(base, "Lib"),
	} {
		if pythonDir != "" && t.Exists(dir) {
			return dir
		}
	}
	return ""
}
