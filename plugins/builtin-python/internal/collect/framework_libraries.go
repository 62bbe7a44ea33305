// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"bytes"
	"path"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/elfdeps"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/observed"
)

// systemLibraries are the directories that the loader searches last.
var systemLibraries = []string{
	"/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib/aarch64-linux-gnu", "/usr/lib/aarch64-linux-gnu",
	"/lib64", "/usr/lib64", "/usr/lib/wsl/lib",
}

// libraryDirs lists where a framework that opens CUDA libraries by name finds
// them: LD_LIBRARY_PATH, the nvidia packages, the environment's own lib and the
// system's directories.
func (f *framework) libraryDirs() []string {
	out := elfdeps.LibraryPath(f.target.Env["LD_LIBRARY_PATH"], f.target.ProjectDir)
	out = append(out, f.cudaDirs(f.inv)...)
	out = append(out, f.inside(f.inv)...)
	return append(out, systemLibraries...)
}

// unfound keeps the libraries that are in no such directory and that ld.so.cache
// does not list. Nothing is said where no library of the system is seen.
func (f *framework) unfound(names []string) []observed.MissingCUDA {
	dirs := f.libraryDirs()
	if !slices.ContainsFunc(dirs, func(dir string) bool { return f.target.Exists(path.Join(dir, "libc.so.6")) }) {
		return nil
	}
	cache, _ := f.target.ReadFile("/etc/ld.so.cache") // absent on systems without one
	var out []observed.MissingCUDA
	for _, name := range names {
		there := slices.ContainsFunc(dirs, func(dir string) bool { return f.target.Exists(path.Join(dir, name)) })
		if !there && !bytes.Contains(cache, []byte("/"+name+"\x00")) {
			out = append(out, observed.MissingCUDA{Library: name, NeededBy: f.Path, Others: f.others(name)})
		}
	}
	return out
}

// maxOthers bounds the files named beside a missing library.
const maxOthers = 4

// others finds the same library in other major releases.
func (f *framework) others(library string) []string {
	stem, _, ok := strings.Cut(library, ".so.")
	if !ok {
		return nil
	}
	var out []string
	for _, dir := range append(f.libraryDirs(), f.target.Glob("/usr/local/cuda*/lib64")...) {
		for _, file := range f.target.Glob(path.Join(escapeGlob(dir), stem+".so.[0-9]*")) {
			if path.Base(file) != library && !slices.Contains(out, file) && len(out) < maxOthers {
				out = append(out, file)
			}
		}
	}
	return out
}
