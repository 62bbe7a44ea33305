// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"slices"
	"strings"
	"sync"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/locate"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/observed"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/pep440"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/pep508"
)

// graph is the distributions of one environment and their requirements. It is
// worked out once and shared by the checks that ask for it.
type graph struct {
	index     func() map[string][]observed.Package
	conflicts func() []conflict
}

// graphs remembers the graphs of the lists that observed.Get handed out, by
// the first element, which the entry keeps alive.
var graphs = struct {
	sync.Mutex
	of map[*observed.Package]*graph
}{of: map[*observed.Package]*graph{}}

// maxGraphs bounds what is remembered; all of it is dropped when it is full.
const maxGraphs = 32

func (e *environment) graph() *graph {
	list, _ := get[[]observed.Package](e, observed.Packages)
	if len(list) == 0 {
		return newGraph(nil)
	}
	graphs.Lock()
	defer graphs.Unlock()
	g, ok := graphs.of[&list[0]]
	if !ok {
		if len(graphs.of) >= maxGraphs {
			clear(graphs.of)
		}
		g = newGraph(list)
		graphs.of[&list[0]] = g
	}
	return g
}

func newGraph(list []observed.Package) *graph {
	g := &graph{index: sync.OnceValue(func() map[string][]observed.Package { return byName(list) })}
	g.conflicts = sync.OnceValue(func() []conflict { return findConflicts(g.index()) })
	return g
}

func byName(list []observed.Package) map[string][]observed.Package {
	index := make(map[string][]observed.Package, len(list))
	for _, p := range list {
		key := pep508.Normalize(p.Name)
		index[key] = append(index[key], p)
	}
	return index
}

// conflicts lists every requirement that is not met, as `pip check` does, of
// the distributions that an import uses and the environment itself owns; those of
// the operating system are left out, and so is what conda put together out of
// its own packages: it splits and renames what they require, too. Where there are
// more distributions than are read, none is known to be missing.
func (e *environment) conflicts() []conflict {
	cut, _ := get[bool](e, observed.TooMany)
	return slices.DeleteFunc(slices.Clone(e.graph().conflicts()), func(c conflict) bool {
		return cut && c.found.Version == "" || e.condaOwns(c.owner.Name) && (c.found.Version == "" || e.condaOwns(c.found.Name))
	})
}

func findConflicts(index map[string][]observed.Package) []conflict {
	toolkit := torchAsksForToolkit(index)
	var out []conflict
	for _, all := range index {
		if all[0].Scope == locate.ScopeBase || distributionOwned(all[0]) {
			continue
		}
		for _, text := range all[0].Requires {
			if c, bad := violates(index, &all[0], text); bad {
				c.forTorch = toolkit && pep508.Normalize(c.owner.Name) == cudaToolkit
				out = append(out, c)
			}
		}
	}
	slices.SortFunc(out, func(a, b conflict) int { return strings.Compare(a.String(), b.String()) })
	return out
}

// cudaToolkit is the package by whose extras torch requires CUDA since 2.11.
const cudaToolkit = "cuda-toolkit"

func torchAsksForToolkit(index map[string][]observed.Package) bool {
	torch := index["torch"]
	return len(torch) > 0 && slices.ContainsFunc(torch[0].Requires, func(text string) bool {
		r, err := pep508.Parse(text)
		return err == nil && pep508.Normalize(r.Name) == cudaToolkit
	})
}

// distributionOwned reports whether the package manager of the operating system
// installed p. It splits and renames what Python packages require, and keeps
// them together by its own means, so Requires-Dist says little there.
func distributionOwned(p observed.Package) bool {
	system := strings.HasPrefix(p.Path, "/usr/lib/python3") || strings.HasPrefix(p.Path, "/usr/lib64/python3")
	return system && p.Installer != "pip" && p.Installer != "uv"
}

func violates(index map[string][]observed.Package, owner *observed.Package, text string) (conflict, bool) {
	r, err := pep508.Parse(text)
	if err != nil {
		return conflict{}, false
	}
	found := index[pep508.Normalize(r.Name)]
	if len(found) == 0 {
		return conflict{owner: *owner, requirement: r}, true
	}
	if len(r.Specifiers) == 0 {
		return conflict{}, false
	}
	v, err := pep440.Parse(found[0].Version)
	if err != nil || r.Specifiers.Contains(v) {
		return conflict{}, false
	}
	return conflict{owner: *owner, requirement: r, found: found[0]}, true
}
