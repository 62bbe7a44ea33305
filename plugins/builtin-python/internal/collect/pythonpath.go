// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/dist"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/observed"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// maxPythonPath bounds the directories of PYTHONPATH that are looked at.
const maxPythonPath = 64

// pythonPath records the directories of PYTHONPATH and for which versions of
// Python they hold packages.
func (o *observer) pythonPath(_ context.Context, _ *inventory) {
	text := o.target.Env["PYTHONPATH"]
	var list []observed.PythonPathEntry
	for dir := range strings.SplitSeq(text, ":") {
		if path.IsAbs(dir) && len(list) < maxPythonPath {
			list = append(list, o.pythonPathEntry(path.Clean(dir)))
		}
	}
	if len(list) > 0 {
		o.add(observed.PythonPath, list, fact.Call("environ", "PYTHONPATH="+text))
	}
}

var (
	versionedDir = pattern(`(?:^|/)python(3\.[0-9]+)(?:/|$)`)
	extensionTag = pattern(`\.cpython-3([0-9]+)t?-[^/]*\.so$`)
)

func (o *observer) pythonPathEntry(dir string) observed.PythonPathEntry {
	listing, err := dist.List(o.target, dir)
	e := observed.PythonPathEntry{Path: dir, Exists: err == nil, Distributions: len(listing.Distributions)}
	note := func(version, example string) {
		if len(e.Versions) == 0 {
			e.Example = example
		}
		if !slices.Contains(e.Versions, version) {
			e.Versions = append(e.Versions, version)
		}
	}
	if m := versionedDir().FindStringSubmatch(dir); m != nil {
		note(m[1], dir)
	}
	escaped := escapeGlob(dir)
	for _, pattern := range []string{"*.cpython-3*.so", "*/*.cpython-3*.so"} {
		for _, file := range o.target.Glob(path.Join(escaped, pattern)) {
			if m := extensionTag().FindStringSubmatch(file); m != nil {
				note("3."+m[1], file)
			}
		}
		if len(e.Versions) > 0 {
			break // what lies deeper says nothing else
		}
	}
	slices.Sort(e.Versions)
	if len(e.Versions) > 0 && !slices.Contains(e.Versions, minor(o.env.Version)) {
		e.Modules = o.packagesIn(dir, listing)
	}
	return e
}

// maxModules bounds the packages named of one directory.
const maxModules = 8

// packagesIn names the first regular packages of a directory.
func (o *observer) packagesIn(dir string, listing dist.Listing) []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(listing.Modules)) {
		if len(out) == maxModules {
			break
		}
		if !strings.ContainsAny(name, ".-") && o.target.Exists(path.Join(dir, name, "__init__.py")) {
			out = append(out, name)
		}
	}
	return out
}

// minor cuts "3.11" of "3.11.7".
func minor(version string) string {
	parts := strings.SplitN(version, ".", 3)
	return strings.Join(parts[:min(len(parts), 2)], ".")
}
