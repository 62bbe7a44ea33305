// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/dist"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/observed"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/pep508"
)

// shadows looks in the project and on PYTHONPATH, which are searched before
// the standard library and the installed packages, for modules of the same name.
func (o *observer) shadows(_ context.Context, inv *inventory) {
	var found []observed.Shadow
	if dir := o.target.ProjectDir; dir != "" {
		found = append(found, o.shadowsIn(dir, "project", inv)...)
	}
	for dir := range strings.SplitSeq(o.target.Env["PYTHONPATH"], ":") {
		if path.IsAbs(dir) && path.Clean(dir) != o.target.ProjectDir {
			found = append(found, o.shadowsIn(path.Clean(dir), "PYTHONPATH", inv)...)
		}
	}
	if len(found) > 0 {
		o.add(observed.Shadows, found)
	}
}

func (o *observer) shadowsIn(dir, by string, inv *inventory) []observed.Shadow {
	entries, err := o.target.ReadDir(dir)
	if err != nil {
		return nil
	}
	var out []observed.Shadow
	for _, e := range entries {
		module, ok := o.moduleName(dir, e)
		if !ok {
			continue
		}
		s := observed.Shadow{Module: module, Path: path.Join(dir, e.Name()), By: by}
		if d := inv.owner(module); d != nil {
			s.Distribution = d.Name
			if !d.Editable && !o.samePlace(d.Site, dir) {
				out = append(out, s)
			}
		} else if o.isStandard(module) {
			out = append(out, s)
		}
	}
	return out
}

// samePlace compares directories by where their links lead: lib64 of an
// environment is often its lib.
func (o *observer) samePlace(a, b string) bool {
	if a == b {
		return true
	}
	x, errX := o.target.Resolve(a)
	y, errY := o.target.Resolve(b)
	return errX == nil && errY == nil && x == y
}

// moduleName tells by which name an entry is imported. A directory without
// __init__.py hides nothing: a regular package on a later path wins over it.
func (o *observer) moduleName(dir string, e fs.DirEntry) (string, bool) {
	name := e.Name()
	if strings.HasPrefix(name, ".") {
		return "", false
	}
	if e.IsDir() {
		return name, o.target.Exists(path.Join(dir, name, "__init__.py"))
	}
	module, ok := strings.CutSuffix(name, ".py")
	return module, ok && !isEntryPoint(module)
}

// startupModules are loaded before the directory of the script is searched, so
// that a file of their name hides nothing; the others are directories that
// projects have and nobody imports from the standard library.
var startupModules = []string{
	"abc", "codecs", "encodings", "genericpath", "importlib", "io", "ntpath", "os", "posixpath", "site", "stat", "zipimport",
	"test", "idlelib", "lib2to3", "turtledemo", "sitecustomize", "usercustomize",
}

// isStandard reports whether a module of the standard library has this name.
func (o *observer) isStandard(module string) bool {
	if o.env.Stdlib == "" || slices.Contains(startupModules, module) {
		return false
	}
	name := path.Join(o.env.Stdlib, module)
	return o.target.Exists(name+".py") || o.target.Exists(path.Join(name, "__init__.py"))
}

func isEntryPoint(module string) bool {
	return module == "setup" || module == "conftest" || module == "__init__" || module == "__main__"
}

// owner returns the distribution that installs a module, by its RECORD, or by
// name where it has none.
func (inv *inventory) owner(module string) *dist.Distribution {
	if _, ok := inv.module(module); !ok {
		return nil
	}
	for _, d := range inv.all {
		if d.Record == nil && d.Key == pep508.Normalize(module) || d.Record != nil && owns(d.Record, module) {
			return d
		}
	}
	return nil
}

func owns(r *dist.Record, module string) bool {
	for _, e := range r.Roots {
		if e.Path == module+".py" || e.Path == module+"/__init__.py" {
			return true
		}
	}
	return false
}
