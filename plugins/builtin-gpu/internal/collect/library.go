// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"os"
	"path"
	"strings"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/facts"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/ldcache"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/tables"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

const (
	sonameNVML = "libnvidia-ml.so.1"
	sonameCUDA = "libcuda.so.1"
	loadCache  = "/etc/ld.so.cache"
)

// libraries records what a program of the examined process would load, and
// returns the path of NVML's library, "" when there is none.
func (m *machine) libraries() string {
	cache := m.loaderCache()
	found := []facts.Library{}
	var seen []fact.Evidence
	for _, soname := range []string{sonameNVML, sonameCUDA} {
		lib, hidden := m.findLibrary(soname, cache)
		if hidden != "" {
			m.record.Unknown(facts.Libraries, soname+" is "+hidden+", which the plugin cannot see", fact.File(loadCache, 0, hidden))
			return m.libraryVersion(found)
		}
		if lib.Path != "" {
			found = append(found, lib)
			seen = append(seen, fact.File(lib.Path, 0, lib.Version))
		}
	}
	m.record.Add(facts.Libraries, found, seen...)
	return m.libraryVersion(found)
}

// libraryVersion records the version of the driver's own libraries. Those in a
// directory "compat" come from a toolkit and are not the driver's.
func (m *machine) libraryVersion(found []facts.Library) (nvmlPath string) {
	recorded := false
	for _, lib := range found {
		if lib.Soname == sonameNVML {
			nvmlPath = lib.Path
		}
		if lib.Version != "" && !recorded && !lib.Compat() {
			m.record.Add(facts.LibraryVersion, lib.Version, fact.File(lib.Path, 0, lib.Version))
			recorded = true
		}
	}
	return nvmlPath
}

// findLibrary searches as the loader does: LD_LIBRARY_PATH, the cache, the
// default directories. hidden is a path that the cache names first and that is
// out of sight, so that nothing can be said about what comes later.
func (m *machine) findLibrary(soname string, cache []ldcache.Entry) (lib facts.Library, hidden string) {
	for _, dir := range m.libraryPath() {
		if name := path.Join(dir, soname); m.Exists(name) {
			return m.library(soname, name, "LD_LIBRARY_PATH"), ""
		}
	}
	for _, e := range cache {
		if e.Name != soname {
			continue
		}
		for _, name := range []string{e.Path, "/usr" + e.Path} {
			if m.Exists(name) {
				return m.library(soname, name, "ld.so.cache"), ""
			}
		}
		return facts.Library{}, e.Path
	}
	for _, dir := range m.defaultDirs() {
		if name := path.Join(dir, soname); m.Exists(name) {
			return m.library(soname, name, "default directory"), ""
		}
	}
	return facts.Library{}, ""
}

// maxPathDirs bounds how many directories of LD_LIBRARY_PATH are searched.
const maxPathDirs = 64

func (m *machine) libraryPath() []string {
	var out []string
	for dir := range strings.SplitSeq(m.Env["LD_LIBRARY_PATH"], ":") {
		if path.IsAbs(dir) && len(out) < maxPathDirs {
			out = append(out, dir)
		}
	}
	return out
}

// loaderCache reads the cache's entries for this machine's architecture.
func (m *machine) loaderCache() []ldcache.Entry {
	data, err := m.ReadFile(loadCache)
	if err != nil {
		return nil
	}
	all, err := ldcache.Parse(data)
	if err != nil {
		return nil
	}
	want := map[string]uint32{"amd64": ldcache.FlagsAMD64, "arm64": ldcache.FlagsARM64}[m.Arch]
	var out []ldcache.Entry
	for _, e := range all {
		if want == 0 || e.Flags == want {
			out = append(out, e)
		}
	}
	return out
}

// defaultDirs are where drivers put their libraries: the loader's own
// directories, those of container images, WSL and NixOS.
func (m *machine) defaultDirs() []string {
	triplet := map[string]string{"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu"}[m.Arch]
	dirs := []string{"/usr/lib64", "/lib64", "/usr/lib", "/lib", "/usr/local/nvidia/lib64", "/usr/lib/wsl/lib", "/run/opengl-driver/lib"}
	if triplet != "" {
		dirs = append([]string{"/usr/lib/" + triplet, "/lib/" + triplet}, dirs...)
	}
	return dirs
}

// library describes a library and reads its version off the real file's name.
func (m *machine) library(soname, name, origin string) facts.Library {
	lib := facts.Library{Soname: soname, Path: name, Origin: origin}
	if real, err := m.Resolve(name); err == nil {
		lib.Version = versionSuffix(soname, path.Base(real))
		lib.Stub = path.Base(path.Dir(name)) == "stubs" || path.Base(path.Dir(real)) == "stubs"
	}
	if lib.Version == "" {
		lib.Version = m.siblingVersion(soname, name)
	}
	if soname == sonameCUDA || soname == sonameNVML {
		if tegraRelease(lib.Version) {
			lib.Version = ""
		}
		lib.Forward = soname == sonameCUDA && m.forward(lib.Version)
	}
	return lib
}

// forward reports whether a toolkit's forward compatibility package holds the
// same release of libcuda: the container runtime mounts that one over the
// directory of the driver's own libraries.
func (m *machine) forward(version string) bool {
	if version == "" {
		return false
	}
	for _, place := range []string{"/usr/local/cuda*/compat/", "/usr/local/cuda*/compat/lib.real/"} {
		if len(m.Glob(place+"libcuda.so."+version)) > 0 {
			return true
		}
	}
	return false
}

// versionSuffix returns "570.158.01" of "libcuda.so.570.158.01", else "".
func versionSuffix(soname, base string) string {
	stem := soname[:strings.LastIndex(soname, ".so")+len(".so")]
	version, ok := strings.CutPrefix(base, stem+".")
	if !ok || !tables.IsVersion(version) {
		return ""
	}
	return version
}

// siblingVersion finds the versioned name of the same file beside it, or in
// the directory that Debian's alternatives lead to: where a link itself was
// granted to the plugin, it stands there as a file.
func (m *machine) siblingVersion(soname, name string) string {
	self, err := m.Stat(name)
	if err != nil {
		return ""
	}
	for _, place := range []string{"", "nvidia/current"} {
		for _, other := range m.Glob(path.Join(path.Dir(name), place, soname[:strings.LastIndex(soname, ".")+1]+"*")) {
			version := versionSuffix(soname, path.Base(other))
			if info, err := m.Stat(other); version != "" && err == nil && os.SameFile(self, info) {
				return version
			}
		}
	}
	return ""
}
