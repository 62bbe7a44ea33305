// SPDX-License-Identifier: Apache-2.0

package elfdeps

import (
	"debug/elf"
	"io/fs"
	"slices"

	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// noteHijack records that LD_LIBRARY_PATH answers for a library of which the
// environment brings its own.
func (w *walk) noteHijack(n *node, name, file string) {
	if w.isInside(file) {
		return
	}
	bundled, ok := w.search(append(expandAll(n.object.RunPath, n.object), w.preloads...), name, n.object)
	if !ok || w.sameFile(bundled, file) {
		return
	}
	h := Hijack{Library: name, Path: file, Bundled: bundled, NeededBy: n.object.Path}
	h.Undefined = undefined(w.target, n.object.Path, file, bundled)
	w.result.Hijacks = append(w.result.Hijacks, h)
}

func (w *walk) sameFile(a, b string) bool {
	x, errX := w.target.Resolve(a)
	y, errY := w.target.Resolve(b)
	return errX == nil && errY == nil && x == y
}

// maxSymbolFile bounds the size of files whose symbols are read, in bytes;
// maxUndefined the symbols named.
const (
	maxSymbolFile = 256 << 20
	maxSymbols    = 16 << 20
	maxUndefined  = 5
)

// undefined lists symbols that user wants, the bundled library exports, and
// the one that is loaded instead does not: those that the loader will name.
func undefined(t *fact.Target, user, loaded, bundled string) []string {
	wants, err := symbols(t, user, false)
	if err != nil {
		return nil
	}
	has, err := symbols(t, loaded, true)
	if err != nil {
		return nil
	}
	meant, err := symbols(t, bundled, true)
	if err != nil {
		return nil
	}
	var out []string
	for name := range wants {
		if meant[name] && !has[name] {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out[:min(maxUndefined, len(out))]
}

// symbols lists the dynamic symbols that a file defines, or that it wants.
func symbols(t *fact.Target, name string, defined bool) (map[string]bool, error) {
	file, err := t.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if info, err := file.Stat(); err != nil || info.Size() > maxSymbolFile {
		return nil, fs.ErrInvalid
	}
	f, err := elf.NewFile(file)
	if err != nil {
		return nil, err
	}
	if s := f.SectionByType(elf.SHT_DYNSYM); s == nil || s.Size > maxSymbols {
		return nil, fs.ErrInvalid
	}
	all, err := f.DynamicSymbols()
	out := make(map[string]bool, len(all))
	for _, s := range all {
		if (s.Section != elf.SHN_UNDEF) == defined {
			out[s.Name] = true
		}
	}
	return out, err
}
