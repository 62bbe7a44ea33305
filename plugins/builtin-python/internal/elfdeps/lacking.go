// SPDX-License-Identifier: Apache-2.0

package elfdeps

import (
	"cmp"
	"path"
	"slices"
	"strings"
	"sync"
)

// Lacking is a symbol that a library wants of another one, and that the file
// which the loader gives it does not define.
//
// Symbols with a version name their library. Of the others those are judged that
// start with the name of a library from another directory, as ncclCommInitRank
// does with that of libnccl.so.2, and that nothing in the whole closure defines.
type Lacking struct {
	Symbol  string `json:"symbol"`
	Version string `json:"version,omitempty"`
	// NeededBy wants the symbol, Library is the file that is loaded.
	NeededBy string `json:"needed_by"`
	Library  string `json:"library"`
	// FromEnvironment tells that LD_LIBRARY_PATH led to Library.
	FromEnvironment bool `json:"from_environment,omitempty"`
}

// maxLacking bounds the symbols listed for one library and for one walk.
const maxLacking = 16

// supplier is a library that an object of the walk gets.
type supplier struct {
	name            string // as it is asked for
	file            string
	stem            string // what its unversioned symbols start with
	fromEnvironment bool
}

// lacking looks for symbols of objects of the walk, several at a time.
func (w *walk) lacking(nodes []*node) []Lacking {
	if w.result.Truncated || len(w.result.Unreadable) > 0 {
		return nil // what is not known of a library must not be held against it
	}
	var jobs []func() []Lacking
	for _, n := range nodes {
		if suppliers := w.suppliers(n); len(suppliers) > 0 {
			jobs = append(jobs, func() []Lacking { return w.lackingOf(n.object, suppliers) })
		}
	}
	results := make([][]Lacking, len(jobs))
	inParallel(len(jobs), func(i int) { results[i] = jobs[i]() })
	out := slices.Concat(results...)
	return out[:min(maxLacking, len(out))]
}

// suppliers lists the libraries of a node that may be of another
// version than it was built with: those of other packages, and those that
// LD_LIBRARY_PATH puts in their place.
func (w *walk) suppliers(n *node) []supplier {
	var out []supplier
	for _, name := range n.object.Needed {
		file, ok := w.files[path.Base(name)]
		if !ok {
			continue
		}
		strayed := w.outside[path.Base(name)].fromEnvironment
		if !strayed && !w.isInside(file) || file == n.object.Path {
			continue
		}
		s := supplier{name: name, file: file, fromEnvironment: strayed}
		if strayed || path.Dir(file) != path.Dir(n.object.Path) {
			s.stem = symbolStem(name)
		} else if len(n.object.Needs[name]) == 0 {
			continue
		}
		out = append(out, s)
	}
	return out
}

// symbolStem is what the functions of a library start with: "nccl" for
// libnccl.so.2, "" where the name is too short to tell.
func symbolStem(name string) string {
	stem := strings.TrimPrefix(path.Base(name), "lib")
	if strings.HasPrefix(stem, "mkl_core.") {
		return "iJIT" // profiling functions, which torch 2.1 and its like take from there; mkl 2024.1 has none
	}
	if end := strings.IndexFunc(stem, func(r rune) bool { return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') }); end >= 0 {
		stem = stem[:end]
	}
	if len(stem) < 4 {
		return ""
	}
	return stem
}

// startsWith reports whether a symbol is stem followed by the start of a word.
func startsWith(name []byte, stem string) bool {
	return stem != "" && len(name) > len(stem) && string(name[:len(stem)]) == stem && (name[len(stem)] < 'a' || name[len(stem)] > 'z')
}

func (w *walk) lackingOf(o *Object, suppliers []supplier) []Lacking {
	var out []Lacking
	concerns := func(library string) bool {
		return slices.ContainsFunc(suppliers, func(s supplier) bool {
			return s.name == library || library == "" && s.stem != ""
		})
	}
	err := eachWanted(w.target, o.Path, concerns, func(want want) {
		i := slices.IndexFunc(suppliers, func(s supplier) bool {
			return s.name == want.library || want.library == "" && startsWith(want.name, s.stem)
		})
		if i < 0 || len(out) == maxLacking || w.defined(suppliers[i].file, want) || w.definedAnywhere(want) {
			return
		}
		s := suppliers[i]
		out = append(out, Lacking{
			Symbol: string(want.name), Version: want.version, NeededBy: o.Path, Library: s.file, FromEnvironment: s.fromEnvironment,
		})
	})
	if err != nil {
		return nil
	}
	return out
}

// defined reports whether a file defines a symbol. A file whose symbols cannot
// be read is taken to.
func (l *Loader) defined(file string, want want) bool {
	e := l.exports(file)
	return e == nil || e.has(want.name, want.version)
}

func (w *walk) definedAnywhere(want want) bool {
	for _, file := range w.files {
		if w.defined(file, want) {
			return true
		}
	}
	return false
}

// exports reads the symbols of a file once; nil when they cannot be read.
func (l *Loader) exports(file string) *exports {
	v, _ := l.symbols.LoadOrStore(file, &exportsCell{})
	c := v.(*exportsCell)
	c.once.Do(func() {
		if e, err := readExports(l.target, file); err == nil {
			c.exports = e
		}
	})
	return c.exports
}

type exportsCell struct {
	once    sync.Once
	exports *exports
}

// Unprovided lists the symbols that file wants, that wanted selects, and that no
// provider, no library of its own closure and no further file defines, in the
// order of its table of symbols, which is close to that in which the loader asks.
func (l *Loader) Unprovided(file string, wanted func(symbol []byte) bool, providers, further []string) ([]string, error) {
	var out []string
	var rest []want
	err := eachWanted(l.target, file, func(library string) bool { return library == "" }, func(w want) {
		if wanted(w.name) && !l.definedBy(providers, w) && len(rest) < maxUnprovided {
			w.name = slices.Clone(w.name)
			rest = append(rest, w)
		}
	})
	if err != nil || len(rest) == 0 {
		return nil, err
	}
	slices.SortFunc(rest, func(a, b want) int { return cmp.Compare(a.place, b.place) })
	closure := l.begin()
	closure.run([]string{file})
	for _, w := range rest {
		if !closure.definedAnywhere(w) && !l.definedBy(further, w) {
			out = append(out, string(w.name))
		}
	}
	return out, nil
}

// maxUnprovided bounds the symbols that are looked for in the closure.
const maxUnprovided = 4096

func (l *Loader) definedBy(files []string, want want) bool {
	return slices.ContainsFunc(files, func(file string) bool { return l.defined(file, want) })
}

// Needed returns the libraries that a file names as needed.
func (l *Loader) Needed(file string) ([]string, error) {
	o, err := l.object(file)
	if err != nil {
		return nil, err
	}
	return o.Needed, nil
}
