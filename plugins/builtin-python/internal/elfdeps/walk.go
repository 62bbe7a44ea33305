// SPDX-License-Identifier: Apache-2.0

package elfdeps

import (
	"path"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// Loader searches libraries on one target. It is safe for concurrent use.
type Loader struct {
	target      *fact.Target
	cache       Cache
	libraryPath []string
	// inside holds the directories of the environment, whose objects are walked.
	inside   []string
	preloads []Preload
	// program holds the directories of the interpreter's own DT_RPATH.
	program []string
	system  System

	objects  sync.Map // path → *cell
	defines  sync.Map // path → map[string]bool
	symbols  sync.Map // path → *exportsCell
	listings sync.Map // directory → map[string]bool
}

type cell struct {
	once   sync.Once
	object *Object
	err    error
}

// Preload is a directory in which the package itself finds libraries of a name
// that the loader does not: torch then opens nvidia/cublas/lib/libcublas.so.12 by
// path, and with it what lies beside it.
type Preload struct {
	// Prefix starts the file's name: "libcublas".
	Prefix string
	Dir    string
	// Always tells that the package opens it whenever it is imported. Others it
	// opens only when its own libraries could not be loaded without.
	Always bool
}

// NewLoader prepares a loader. libraryPath is the text of LD_LIBRARY_PATH.
func NewLoader(t *fact.Target, libraryPath string, inside []string, preloads []Preload) *Loader {
	l := &Loader{target: t, inside: inside, preloads: preloads}
	if data, err := t.ReadFile("/etc/ld.so.cache"); err == nil {
		l.cache, _ = ParseCache(data) // one that cannot be read is as good as absent
	}
	l.libraryPath = LibraryPath(libraryPath, t.ProjectDir)
	return l
}

// LibraryPath splits the text of LD_LIBRARY_PATH into directories. An empty or
// relative element is a place in the directory in which the program is started,
// which "/x:$LD_LIBRARY_PATH" often brings about; it is left out where working,
// that directory, is "".
func LibraryPath(text, working string) []string {
	if text == "" {
		return nil
	}
	var out []string
	for dir := range strings.SplitSeq(strings.ReplaceAll(text, ";", ":"), ":") {
		switch {
		case path.IsAbs(dir):
			out = append(out, path.Clean(dir))
		case working != "":
			out = append(out, path.Join(working, dir))
		}
	}
	return out
}

// SetProgram names the directories of DT_RPATH of the interpreter, which hold for
// every library that it loads and that has no DT_RUNPATH: conda's has its prefix's
// lib. It must be called before any walk.
func (l *Loader) SetProgram(dirs ...string) { l.program = dirs }

// SetSystem tells which libraries of the system the interpreter's loader finds.
// It must be called before any walk.
func (l *Loader) SetSystem(s System) { l.system = s }

// Missing is a library that no search found.
type Missing struct {
	Library string `json:"library"`
	// NeededBy is the file that asks for it.
	NeededBy string `json:"needed_by"`
}

// Unmet is a symbol version that the library found does not define.
type Unmet struct {
	Version  string `json:"version"`
	Library  string `json:"library"`
	NeededBy string `json:"needed_by"`
	// Newest is the newest version of the same name that the library defines,
	// "GLIBC_2.28"; "" where it defines none of that name.
	Newest string `json:"newest,omitempty"`
	// FromEnvironment tells that LD_LIBRARY_PATH led to the library.
	FromEnvironment bool `json:"from_environment,omitempty"`
}

// Hijack is a library of the environment whose place another one from
// LD_LIBRARY_PATH takes.
type Hijack struct {
	Library string `json:"library"`
	// Path is the file that is loaded, Bundled the one that was meant.
	Path    string `json:"path"`
	Bundled string `json:"bundled"`
	// NeededBy is the file that asks for it.
	NeededBy string `json:"needed_by"`
	// Undefined are symbols that NeededBy wants and Path does not export.
	Undefined []string `json:"undefined,omitempty"`
	// Release is the number behind ".so" in the name of the real file, "12.6.85";
	// "" where that is only the major of the name.
	Release string `json:"release,omitempty"`
}

// Result of a walk.
type Result struct {
	// Objects counts the files that were read.
	Objects int       `json:"objects"`
	Missing []Missing `json:"missing,omitempty"`
	Unmet   []Unmet   `json:"unmet,omitempty"`
	Hijacks []Hijack  `json:"hijacks,omitempty"`
	// Unreadable are files that are no valid ELF, with the reason.
	Unreadable map[string]string `json:"unreadable,omitempty"`
	// Lacking are symbols of other libraries that those do not define.
	Lacking []Lacking `json:"-"`
	// Truncated tells that the bound on files cut the walk short.
	Truncated bool `json:"truncated,omitempty"`
}

// maxObjects bounds the files read in one walk.
const maxObjects = 400

// node is an object with the one that had it loaded.
type node struct {
	object *Object
	parent *node
	// dirs are its rpaths, once listed.
	dirs   []string
	listed bool
}

type walk struct {
	*Loader
	result Result
	// loaded holds the names that need no search any more.
	loaded map[string]bool
	// outside is where names led that are not the environment's own: whoever
	// needs one of them later has to be content with the same file.
	outside map[string]foreign
	// files holds what each name led to, nodes the objects that were walked.
	files map[string]string
	nodes []*node
	// later tells that what is loaded now opens no Preload itself, opened that what
	// was loaded before did.
	later, opened bool
}

// foreign is a library that is not of the environment.
type foreign struct {
	file            string
	fromEnvironment bool
}

// maxUnmet bounds what one walk lists.
const maxUnmet = 256

// Walk loads the roots and everything that they need.
func (l *Loader) Walk(roots []string) Result { return l.Start(true).Load(roots) }

func (l *Loader) begin() *walk {
	return &walk{Loader: l, loaded: map[string]bool{}, outside: map[string]foreign{}, files: map[string]string{}}
}

func (w *walk) run(roots []string) {
	level := w.open(nil, roots)
	for len(level) > 0 && !w.result.Truncated {
		level = w.next(level)
	}
}

// next resolves what one level needs and opens it.
func (w *walk) next(level []*node) []*node {
	var out []*node
	for _, n := range level {
		var files []string
		for _, name := range n.object.Needed {
			if file, ok := w.need(n, name); ok {
				files = append(files, file)
			}
		}
		out = append(out, w.open(n, files)...)
	}
	w.prefetch(out)
	return out
}

// need finds one library; the result is a file to walk, false when there is
// nothing to walk.
func (w *walk) need(n *node, name string) (string, bool) {
	if name == "" || w.loaded[path.Base(name)] {
		w.checkVersions(n, name)
		return "", false
	}
	w.loaded[path.Base(name)] = true
	file, how := w.resolve(n, name)
	if how == fromPreload {
		if file, how = w.preloaded(name, file); how == fromPreload {
			w.opened = true
		}
	}
	if how == notFound {
		if !isDriver(name) && w.certain(n, name) {
			w.result.Missing = append(w.result.Missing, Missing{Library: name, NeededBy: n.object.Path})
		}
		return "", false
	}
	w.files[path.Base(name)] = file
	if how == fromEnvironment {
		w.noteHijack(n, name, file)
	}
	if how == fromProgram { // of the interpreter, whoever needs it
		w.outside[path.Base(name)] = foreign{file: file}
		w.checkVersions(n, name)
	}
	if w.isInside(file) {
		return file, true
	}
	w.outside[path.Base(name)] = foreign{file, how == fromEnvironment}
	w.checkVersions(n, name)
	return file, false
}

// open reads files in parallel and drops those that cannot be walked.
func (w *walk) open(parent *node, files []string) []*node {
	if len(files) > 1 {
		w.readAll(files)
	}
	var out []*node
	for _, file := range files {
		o, err := w.object(file)
		if err != nil {
			w.unreadable(file, err)
			continue
		}
		if w.result.Objects++; w.result.Objects >= maxObjects {
			w.result.Truncated = true
			break
		}
		w.loaded[path.Base(file)] = true
		w.files[path.Base(file)] = file
		if o.Soname != "" {
			w.loaded[o.Soname] = true
			w.files[o.Soname] = file
		}
		out = append(out, &node{object: o, parent: parent})
		w.nodes = append(w.nodes, out[len(out)-1])
	}
	return out
}

func (w *walk) unreadable(file string, err error) {
	if w.result.Unreadable == nil {
		w.result.Unreadable = map[string]string{}
	}
	w.result.Unreadable[file] = err.Error()
}

// prefetch reads ahead what the next level will most likely need, since files
// are read faster side by side than one after another. Whether they fit is seen
// when they were read.
func (w *walk) prefetch(level []*node) {
	var files []string
	for _, n := range level {
		for _, name := range n.object.Needed {
			if w.loaded[path.Base(name)] {
				continue
			}
			if file, ok := w.search(n.rpaths(), name, nil); ok && w.isInside(file) {
				files = append(files, file)
			}
		}
	}
	slices.Sort(files)
	w.readAll(slices.Compact(files))
}

func (l *Loader) readAll(files []string) {
	inParallel(len(files), func(i int) { _, _ = l.object(files[i]) }) // kept in the cell, error and all
}

// inParallel calls work(0) ... work(n-1) on all processors.
func inParallel(n int, work func(int)) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(n, 2*runtime.GOMAXPROCS(0)) {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				work(i)
			}
		})
	}
	wg.Wait()
}

// object reads a file once.
func (l *Loader) object(file string) (*Object, error) {
	v, _ := l.objects.LoadOrStore(file, &cell{})
	c := v.(*cell)
	c.once.Do(func() { c.object, c.err = Read(l.target, file) })
	return c.object, c.err
}

func (l *Loader) isInside(file string) bool {
	return slices.ContainsFunc(l.inside, func(dir string) bool {
		return len(file) > len(dir) && file[len(dir)] == '/' && file[:len(dir)] == dir
	})
}

// isDriver names the libraries that come with the GPU driver and not with any
// package: their absence is a fact about the driver.
func isDriver(name string) bool {
	switch name {
	case "libcuda.so.1", "libnvidia-ml.so.1", "libnvcuvid.so.1", "libnvidia-encode.so.1", "libcudadebugger.so.1":
		return true
	}
	return false
}

// checkVersions compares the symbol versions that n wants of a library from
// outside with those that it defines. One that defines none is taken, with a
// warning, by the loader too.
func (w *walk) checkVersions(n *node, name string) {
	wanted := n.object.Needs[name]
	f, ok := w.outside[path.Base(name)]
	if len(wanted) == 0 || !ok {
		return
	}
	have := w.versionsOf(f.file)
	for _, version := range wanted {
		if len(have) > 0 && !have[version] && len(w.result.Unmet) < maxUnmet {
			w.result.Unmet = append(w.result.Unmet, Unmet{
				Version: version, Library: f.file, NeededBy: n.object.Path, Newest: newestLike(have, version),
				FromEnvironment: f.fromEnvironment,
			})
		}
	}
}

func (l *Loader) versionsOf(file string) map[string]bool {
	if v, ok := l.defines.Load(file); ok {
		return v.(map[string]bool)
	}
	have, err := Defines(l.target, file)
	if err != nil {
		have = nil
	}
	l.defines.Store(file, have)
	return have
}
