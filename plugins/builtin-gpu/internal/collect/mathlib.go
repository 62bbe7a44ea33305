// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"path"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/internal/pattern"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/facts"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/ldcache"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// compilerOnPath records the first nvcc on PATH and the toolkit it is part of.
func (m *machine) compilerOnPath() {
	count := 0
	for dir := range strings.SplitSeq(m.Env["PATH"], ":") {
		if count++; count > maxPathDirs || !path.IsAbs(dir) {
			continue
		}
		name := path.Join(dir, "nvcc")
		real, err := m.Resolve(name)
		if err != nil || path.Base(real) == "ccache" {
			continue // a wrapper is part of no toolkit
		}
		c := facts.Compiler{Path: name, Toolkit: path.Dir(path.Dir(real))}
		if c.Toolkit == "/usr" { // Debian's package keeps the rest elsewhere
			c.Toolkit = "/usr/lib/cuda"
		}
		c.Version, _ = m.toolkitVersion(c.Toolkit)
		m.record.Add(facts.NVCCOnPath, c, fact.File(name, 0, real), fact.Call("environment", "PATH"))
		return
	}
}

// libraryName is a library by the name under which programs load it, with the
// major of its interface.
var libraryName = pattern.Lazy(`^lib(?:cudnn|nccl)\.so\.\d{1,3}$`)

// mathLibraries records the copies of cuDNN and NCCL outside of Python
// environments, in the order in which the loader finds them.
func (m *machine) mathLibraries() {
	cache := m.loaderCache()
	for address, stem := range map[string]string{facts.CUDNN: "libcudnn.so.", facts.NCCL: "libnccl.so."} {
		found := m.copies(stem, cache)
		if len(found) == 0 {
			continue
		}
		var seen []fact.Evidence
		for _, l := range found {
			seen = append(seen, fact.File(l.Path, 0, l.Version))
		}
		m.record.Add(address, found, seen...)
	}
}

// copies lists what LD_LIBRARY_PATH, the cache and the toolkits hold.
func (m *machine) copies(stem string, cache []ldcache.Entry) []facts.Library {
	var out []facts.Library
	add := func(name, origin string) {
		known := slices.ContainsFunc(out, func(l facts.Library) bool { return l.Path == name })
		if libraryName().MatchString(path.Base(name)) && !known && len(out) < maxToolkits {
			out = append(out, m.library(path.Base(name), name, origin))
		}
	}
	for _, dir := range m.libraryPath() {
		for _, name := range m.Glob(dir + "/" + stem + "*") {
			add(name, "LD_LIBRARY_PATH")
		}
	}
	for _, e := range cache {
		if strings.HasPrefix(e.Name, stem) {
			add(e.Path, "ld.so.cache")
		}
	}
	for _, pattern := range []string{"/usr/local/cuda*/lib64/", "/usr/local/cuda*/targets/*/lib/"} {
		for _, name := range m.Glob(pattern + stem + "*") {
			add(name, "toolkit")
		}
	}
	return out
}
