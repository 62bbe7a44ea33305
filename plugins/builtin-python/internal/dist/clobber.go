// SPDX-License-Identifier: Apache-2.0

package dist

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// Clobber is a set of files that two distributions both claim, with different
// content: the one installed last has overwritten the other.
type Clobber struct {
	// Owners are "name version" of the two, in name order.
	Owners [2]string `json:"owners"`
	// Names are the names alone.
	Names [2]string `json:"names"`
	// Count of files; Paths are some of them, libraries first.
	Count int      `json:"count"`
	Paths []string `json:"paths"`
	// Native tells that a shared library is among them.
	Native bool `json:"native"`
	// Winner is the owner whose bytes the first path holds, "" when unknown.
	Winner string `json:"winner,omitempty"`
	// Whole tells that every file, as far as looked at, is the winner's: it was
	// installed last and nothing was mixed. Twins are of one version.
	Whole bool `json:"whole,omitempty"`
	Twins bool `json:"twins,omitempty"`
}

// FindClobbers compares the RECORDs of distributions of one directory that
// share a first path component.
func FindClobbers(t *fact.Target, dists []*Distribution) []Clobber {
	byTop := map[string][]*Distribution{}
	for _, d := range dists {
		if d.Record == nil {
			continue
		}
		for _, top := range d.Record.Tops {
			byTop[top] = append(byTop[top], d)
		}
	}
	pairs := map[[2]*Distribution][]claim{}
	for top, owners := range byTop {
		if len(owners) > 1 && !isBystander(top) {
			compareUnder(top, owners, pairs)
		}
	}
	return clobbers(t, pairs)
}

// isBystander recognises directories that many distributions install by
// mistake and nobody imports.
func isBystander(top string) bool {
	switch strings.ToLower(top) {
	case "test", "tests", "doc", "docs", "example", "examples", "benchmarks", "scripts", "bin", "share", "licenses":
		return true
	}
	return false
}

// claim is one path as two distributions claim it.
type claim struct{ first, second Entry }

// owned is a path as one distribution claims it.
type owned struct {
	by    *Distribution
	entry Entry
}

// maxClaimants bounds the distributions that are compared over one path: each
// new one is compared with all before it.
const maxClaimants = 8

func compareUnder(top string, owners []*Distribution, pairs map[[2]*Distribution][]claim) {
	seen := map[string][]owned{}
	for _, d := range owners {
		for _, e := range d.Record.Under(top) {
			if !matters(e.Path) {
				continue
			}
			before := seen[e.Path]
			for _, o := range before {
				if o.disputes(d, e) {
					key := [2]*Distribution{o.by, d}
					pairs[key] = append(pairs[key], claim{o.entry, e})
				}
			}
			if len(before) < maxClaimants {
				seen[e.Path] = append(before, owned{d, e})
			}
		}
	}
}

// disputes reports whether another distribution claims the path with other
// content. What has no hash is content that nobody knows.
func (o owned) disputes(d *Distribution, e Entry) bool {
	return o.by.Key != d.Key && e.Hash != "" && o.entry.Hash != "" && e.Hash != o.entry.Hash
}

// matters keeps what can be imported or loaded.
func matters(name string) bool {
	return strings.HasSuffix(name, ".py") || isNative([]byte(name))
}

func clobbers(t *fact.Target, pairs map[[2]*Distribution][]claim) []Clobber {
	var out []Clobber
	for owners, claims := range pairs {
		if c, ok := clobber(t, owners, claims); ok {
			out = append(out, c)
		}
	}
	slices.SortFunc(out, func(a, b Clobber) int {
		return cmp.Or(cmp.Compare(a.Owners[0], b.Owners[0]), cmp.Compare(a.Owners[1], b.Owners[1]))
	})
	return out
}

func clobber(t *fact.Target, owners [2]*Distribution, claims []claim) (Clobber, bool) {
	slices.SortFunc(claims, func(a, b claim) int {
		return cmp.Or(-compareBool(isNative([]byte(a.first.Path)), isNative([]byte(b.first.Path))), cmp.Compare(a.first.Path, b.first.Path))
	})
	if len(claims) == 1 && isNamespaceInit(claims[0]) {
		return Clobber{}, false
	}
	c := Clobber{Count: len(claims), Native: isNative([]byte(claims[0].first.Path)), Winner: winner(t, owners, claims[0])}
	for _, claim := range claims[:min(maxListed, len(claims))] {
		c.Paths = append(c.Paths, path.Join(owners[0].Site, claim.first.Path))
	}
	c.Twins = owners[0].Version == owners[1].Version
	c.Whole = c.Winner != "" && wonWhole(t, owners, claims, c.Winner)
	for i, d := range owners {
		c.Names[i], c.Owners[i] = d.Name, d.Name+" "+d.Version
	}
	if c.Owners[0] > c.Owners[1] {
		slices.Reverse(c.Owners[:])
		slices.Reverse(c.Names[:])
	}
	return c, true
}

// isNamespaceInit recognises the small __init__.py that parts of one namespace
// package each bring along.
func isNamespaceInit(c claim) bool {
	const small = 1 << 10
	return path.Base(c.first.Path) == "__init__.py" && c.first.Size < small && c.second.Size < small
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// maxWon bounds the files of which is asked whose they are.
const maxWon = 64

// wonWhole reports whether all files have one winner.
func wonWhole(t *fact.Target, owners [2]*Distribution, claims []claim, by string) bool {
	if len(claims) > maxWon {
		return false
	}
	for _, c := range claims {
		if winner(t, owners, c) != by {
			return false
		}
	}
	return true
}

// winner tells by size, or for small files by content, whose file is there.
func winner(t *fact.Target, owners [2]*Distribution, c claim) string {
	file := path.Join(owners[0].Site, c.first.Path)
	info, err := t.Stat(file)
	if err != nil {
		return ""
	}
	const maxWinnerHash = 4 << 20
	for i, e := range []Entry{c.first, c.second} {
		if info.Size() != e.Size {
			continue
		}
		if c.first.Size != c.second.Size || info.Size() <= maxWinnerHash && sameHash(t, file, e) {
			return owners[i].Name + " " + owners[i].Version
		}
	}
	return ""
}
