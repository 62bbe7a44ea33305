// SPDX-License-Identifier: Apache-2.0

package elfdeps

import (
	"debug/elf"
	"path"
	"slices"
	"strings"
)

// System tells which libraries of the system an interpreter's loader finds.
type System int

// The systems. With SystemUsual the loader has a cache and default directories.
// One from the store of Nix or Guix knows neither: it finds what DT_RUNPATH or
// LD_LIBRARY_PATH leads to, and the libraries of its own glibc. With SystemUnseen
// libraries may come from places that nothing here shows, as nix-ld brings them.
const (
	SystemUsual System = iota
	SystemOfStore
	SystemUnseen
)

// Stores are the directories in which Nix and Guix keep all packages.
var Stores = []string{"/nix/store/", "/gnu/store/"}

// InStore reports whether a path lies in one of them.
func InStore(name string) bool {
	return slices.ContainsFunc(Stores, func(store string) bool { return strings.HasPrefix(name, store) })
}

// certain tells whether a name that was not found is really absent. Where the
// target shows no system libraries at all (a bare tree of packages), those
// that every wheel may expect of the system are given the benefit of doubt.
func (w *walk) certain(n *node, name string) bool {
	switch w.system {
	case SystemUnseen:
		return false
	case SystemOfStore:
		return !isGlibc(name) && !w.mayBeUnseen(n, name)
	}
	return !systemProvides(name) || w.seesSystem()
}

// mayBeUnseen reports whether the search for a library leads to where nothing can
// be seen: a directory of a store or of LD_LIBRARY_PATH, or the end of a link.
func (w *walk) mayBeUnseen(n *node, name string) bool {
	if slices.ContainsFunc(w.libraryPath, func(dir string) bool { return !w.target.Exists(dir) }) {
		return true
	}
	return slices.ContainsFunc(slices.Concat(n.rpaths(), n.object.runPath(), w.libraryPath), func(dir string) bool {
		_, err := w.target.Readlink(path.Join(dir, name))
		return err == nil || InStore(dir) && !w.target.Exists(dir)
	})
}

func (l *Loader) seesSystem() bool {
	_, ok := l.search(defaultDirs(elf.EM_X86_64), "libc.so.6", nil)
	if !ok {
		_, ok = l.search(defaultDirs(elf.EM_AARCH64), "libc.so.6", nil)
	}
	return ok || len(l.cache) > 0
}

// isGlibc recognises the libraries of glibc itself, and that of gcc which stands
// beside them in a store.
func isGlibc(name string) bool {
	switch stem(name) {
	case "libc", "libm", "libdl", "librt", "libpthread", "libutil", "libnsl", "libresolv", "libmvec", "libanl",
		"ld-linux-x86-64", "ld-linux-aarch64", "libgcc_s":
		return true
	}
	return false
}

// systemProvides recognises the libraries that the manylinux policy (PEP 600
// and its auditwheel profiles) lets a wheel expect of every system.
func systemProvides(name string) bool {
	switch stem(name) {
	case "libcrypt", "libstdc++", "libatomic", "libz", "libexpat", "libX11", "libXext", "libXrender", "libICE", "libSM",
		"libGL", "libglib-2.0", "libgobject-2.0", "libgthread-2.0":
		return true
	}
	return isGlibc(name) || strings.HasPrefix(name, "libc.musl-")
}

func stem(library string) string {
	name, _, _ := strings.Cut(library, ".so")
	return name
}
