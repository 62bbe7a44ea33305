// SPDX-License-Identifier: Apache-2.0

package elfdeps

import (
	"debug/elf"
	"path"
	"strings"
)

// found tells which rule found a library.
type found int

const (
	notFound found = iota
	fromRPath
	fromEnvironment
	fromRunPath
	fromCache
	fromDefault
	fromPreload
	fromProgram
)

// resolve searches one name for one object.
func (l *Loader) resolve(n *node, name string) (string, found) {
	if strings.Contains(name, "/") {
		file := expand(name, n.object)
		if l.target.Exists(file) {
			return file, fromRPath
		}
		return "", notFound
	}
	o := n.object
	for _, try := range []struct {
		dirs []string
		how  found
	}{
		{n.rpaths(), fromRPath}, {l.programPaths(o), fromProgram}, {l.libraryPath, fromEnvironment}, {o.runPath(), fromRunPath},
	} {
		if file, ok := l.search(try.dirs, name, o); ok {
			return file, try.how
		}
	}
	if file, how := l.ofSystem(name, o); how != notFound {
		return file, how
	}
	if file, ok := l.search(l.preloadDirs(name), name, o); ok {
		return file, fromPreload
	}
	return "", notFound
}

// ofSystem searches where the loader looks for every program. What its cache
// names in a directory that cannot be seen is taken to be there.
func (l *Loader) ofSystem(name string, o *Object) (string, found) {
	if l.system == SystemOfStore {
		return "", notFound
	}
	if file, ok := l.cache.lookup(name, o.Machine); ok && (l.target.Exists(file) || !l.target.Exists(path.Dir(file))) {
		return file, fromCache
	}
	if file, ok := l.search(defaultDirs(o.Machine), name, o); ok {
		return file, fromDefault
	}
	return "", notFound
}

func (l *Loader) preloadDirs(name string) []string {
	var out []string
	for _, p := range l.preloads {
		if strings.HasPrefix(name, p.Prefix) {
			out = append(out, p.Dir)
		}
	}
	return out
}

// rpaths lists DT_RPATH of an object and of its loaders, each directory once. An
// object with DT_RUNPATH has no use for any, and the list of a loader with
// DT_RUNPATH is passed over.
func (n *node) rpaths() []string {
	if n.listed {
		return n.dirs
	}
	n.listed = true
	if len(n.object.RunPath) > 0 {
		return nil
	}
	seen := map[string]bool{}
	for at := n; at != nil; at = at.parent {
		if len(at.object.RunPath) > 0 {
			continue
		}
		for _, dir := range at.object.rPath() {
			if !seen[dir] {
				seen[dir] = true
				n.dirs = append(n.dirs, dir)
			}
		}
	}
	return n.dirs
}

// programPaths are DT_RPATH of the program, which the loader asks last of all
// such lists, and not for an object with DT_RUNPATH.
func (l *Loader) programPaths(o *Object) []string {
	if len(o.RunPath) > 0 {
		return nil
	}
	return l.program
}

func (l *Loader) search(dirs []string, name string, o *Object) (string, bool) {
	for _, dir := range dirs {
		if !l.mayHold(dir, name) {
			continue
		}
		file := path.Join(dir, name)
		if _, regular, err := l.target.Regular(file); err == nil && regular && l.fits(file, o) {
			return file, true
		}
	}
	return "", false
}

// mayHold lists a directory of the environment once, so that the long search
// paths of frameworks cost one call a directory and not one a library. Other
// directories may be large and are asked for each file.
func (l *Loader) mayHold(dir, name string) bool {
	if !l.isInside(dir) {
		return true
	}
	v, ok := l.listings.Load(dir)
	if !ok {
		names := map[string]bool{}
		entries, _ := l.target.ReadDir(dir) // absent: holds nothing
		for _, e := range entries {
			names[e.Name()] = true
		}
		v, _ = l.listings.LoadOrStore(dir, names)
	}
	return v.(map[string]bool)[name]
}

// fits skips libraries of another architecture as the loader does. A file that
// cannot be read as ELF fits: the loader would stop at it.
func (l *Loader) fits(file string, o *Object) bool {
	if o == nil || !l.isInside(file) && !strings.Contains(file, "32") && !strings.HasPrefix(file, "/lib/i386") {
		return true
	}
	other, err := l.object(file)
	return err != nil || other.Machine == o.Machine && other.Class == o.Class
}

// rPath and runPath are the object's own lists of directories, with the loader's
// tokens replaced.
func (o *Object) rPath() []string   { return o.expanded().rPath }
func (o *Object) runPath() []string { return o.expanded().runPath }

// searched are lists of absolute directories.
type searched struct{ rPath, runPath []string }

func (o *Object) expanded() *searched {
	o.once.Do(func() { o.dirs = searched{expandAll(o.RPath, o), expandAll(o.RunPath, o)} })
	return &o.dirs
}

func expandAll(dirs []string, o *Object) []string {
	out := make([]string, 0, len(dirs))
	for _, dir := range dirs {
		if dir = expand(dir, o); path.IsAbs(dir) {
			out = append(out, dir)
		}
	}
	return out
}

// expand replaces the loader's tokens, with and without braces.
func expand(dir string, o *Object) string {
	before, rest, found := strings.Cut(dir, "$")
	if !found {
		return path.Clean(dir)
	}
	var out strings.Builder
	for found {
		out.WriteString(before)
		var value string
		value, rest = replaceToken(rest, o)
		out.WriteString(value)
		before, rest, found = strings.Cut(rest, "$")
	}
	out.WriteString(before)
	return path.Clean(out.String())
}

// replaceToken returns what the token stands for that a text behind a "$" begins
// with, and what follows it; "$" itself where there is none.
func replaceToken(text string, o *Object) (value, rest string) {
	for _, token := range tokens {
		if rest, ok := strings.CutPrefix(text, token.name); ok {
			return token.value(o), rest
		}
		if rest, ok := strings.CutPrefix(text, "{"+token.name+"}"); ok {
			return token.value(o), rest
		}
	}
	return "$", text
}

// tokens of ld.so(8).
var tokens = []struct {
	name  string
	value func(*Object) string
}{
	{"ORIGIN", func(o *Object) string { return path.Dir(o.Path) }},
	{"LIB", libraryDir},
	{"PLATFORM", func(o *Object) string { return platform(o.Machine) }},
}

func libraryDir(o *Object) string {
	if o.Class == elf.ELFCLASS64 {
		return "lib64"
	}
	return "lib"
}

func platform(m elf.Machine) string {
	if m == elf.EM_AARCH64 {
		return "aarch64"
	}
	return "x86_64"
}

// defaultDirs lists the built-in directories of common distributions and of
// musl, for 64-bit machines.
func defaultDirs(m elf.Machine) []string {
	triplet := platform(m) + "-linux-gnu"
	return []string{
		"/lib/" + triplet, "/usr/lib/" + triplet, "/lib64", "/usr/lib64", "/lib", "/usr/lib", "/usr/local/lib",
	}
}
