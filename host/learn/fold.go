// SPDX-License-Identifier: Apache-2.0

package learn

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/host/sandbox"
	"github.com/bulkhead-ml/bulkhead/registry/manifest"
)

// opened proposes grants for what the plugin wanted, and tells of it as refused
// unless it had it.
func (j *judge) opened() {
	for _, kind := range manifest.Kinds() {
		var marks []Mark
		for _, w := range j.wanted {
			if w.kind == kind {
				marks = append(marks, w.Mark)
			}
		}
		for _, g := range j.group(kind, marks) {
			j.settle(kind, g)
		}
	}
	j.addresses()
}

// grouped is one granted path for several uses.
type grouped struct {
	path    string
	marks   []Mark
	pattern bool
}

// settle proposes one path.
func (j *judge) settle(kind string, g grouped) {
	count, had := 0, true
	for _, m := range g.marks {
		count += m.Count
		had = had && m.Found
	}
	grant := manifest.Grant{Kind: kind, Path: g.path, Why: j.why(verbOf(kind, g.marks), count)}
	if slices.ContainsFunc(g.marks, func(m Mark) bool { return stopped(m) && !listedToo(g.marks, m.Path) }) {
		j.refuse(Refusal{What: grant.String(), Count: count, Reason: j.tooLittle()})
		return
	}
	if err := j.propose(grant); err != nil {
		j.refuse(Refusal{What: grant.String(), Count: count, Reason: err.Error()})
		return
	}
	if !had {
		j.refuse(Refusal{What: grant.String(), Count: count, Grant: grant.String()})
	}
}

// refuse tells of a refusal, or counts it when there are too many.
func (j *judge) refuse(r Refusal) {
	if len(j.out.Refused) == maxRefused {
		j.out.More++
		return
	}
	j.out.Refused = append(j.out.Refused, r)
}

// stopped reports whether a plugin looked for a directory and did not find it: it
// wants something in it, and nobody saw what.
func stopped(m Mark) bool { return m.Use == sandbox.UseLook && !m.Found && isDir(m.Path) }

// listedToo reports whether a directory was looked for to list it.
func listedToo(marks []Mark, p string) bool {
	return slices.ContainsFunc(marks, func(m Mark) bool { return m.Use == sandbox.UseRead && m.Path == p })
}

// tooLittle is why such a directory is not proposed.
func (j *judge) tooLittle() string {
	const seen = "a directory of which too little was seen: the plugin stops at the first one that it does not find. "
	if j.replaced() {
		return seen + "A wide run shows nothing of it; if the plugin needs something in it, name that in the manifest and run without --wide"
	}
	return seen + "Run with --wide to see what it wants in it"
}

// addresses proposes the addresses that were asked for.
func (j *judge) addresses() {
	var order []string
	for address := range j.Seen.Asked {
		order = append(order, address)
	}
	slices.Sort(order)
	for _, address := range order {
		g := manifest.Grant{Kind: manifest.Net, Address: address, Why: j.why("connected to", j.Seen.Asked[address])}
		if slices.ContainsFunc(j.Asked, func(a manifest.Grant) bool { return a.String() == g.String() }) {
			continue
		}
		r := Refusal{What: "connection to " + address, Count: j.Seen.Asked[address], Grant: g.String()}
		if err := j.propose(g); err != nil {
			r.Grant, r.Reason = "", err.Error()
		}
		j.refuse(r)
	}
}

// group brings the uses of one kind into as few paths as say what was used.
func (j *judge) group(kind string, marks []Mark) []grouped {
	var out groups
	for _, m := range j.towards(kind, marks) {
		p := m.Path
		if kind == manifest.Write && !exists(p) {
			p = path.Dir(p)
		}
		out.add(j.word(kind, p), m.pattern, m)
	}
	return j.similar(j.crowded(kind, inListed(out.list)))
}

// word is a path in the words of a manifest. Programs and devices are named by their
// own.
func (j *judge) word(kind, p string) string {
	folded := j.fold(p)
	if (kind == manifest.Exec || kind == manifest.Device) && folded != manifest.Python {
		return p
	}
	return folded
}

// towards leaves out the directories on the way, and puts in place of one that was
// not found where the links led that were read before.
func (j *judge) towards(kind string, marks []Mark) (out []Mark) {
	leaves := map[string]bool{}
	for _, l := range j.leavesOf(marks) {
		leaves[l.Path] = true
	}
	for _, m := range marks {
		if !leaves[m.Path] {
			continue
		}
		ends := j.beyond(m)
		if kind != manifest.Read || m.Use != sandbox.UseLook || len(ends) == 0 {
			out = append(out, m)
			continue
		}
		for _, end := range ends {
			m.Path = end
			out = append(out, m)
		}
	}
	return out
}

// beyond are the ends of links in a directory that was looked for in vain.
func (j *judge) beyond(m Mark) (out []string) {
	if m.Found || !isDir(m.Path) {
		return nil
	}
	for _, end := range j.links {
		if end != m.Path && below(end, m.Path) && !slices.Contains(out, end) {
			out = append(out, end)
		}
	}
	return out
}

// groups are paths with their uses, each path once, in the order in which they came.
type groups struct {
	list []grouped
	at   map[string]int
}

func (g *groups) add(p string, pattern bool, marks ...Mark) {
	if i, ok := g.at[p]; ok {
		g.list[i].marks = append(g.list[i].marks, marks...)
		return
	}
	if g.at == nil {
		g.at = map[string]int{}
	}
	g.at[p] = len(g.list)
	g.list = append(g.list, grouped{p, marks, pattern})
}

// inListed puts what lies in a path that is granted anyway to it, and what a pattern
// matches to the pattern.
func inListed(list []grouped) []grouped {
	slices.SortStableFunc(list, func(a, b grouped) int { return compare(a.path, b.path, 0, 0) })
	var out groups
	var open []int // patterns in out
	for _, g := range list {
		if g.pattern && grantable(manifest.Read, g.path) {
			open = append(open, len(out.list))
		}
		out.add(g.path, g.pattern, g.marks...)
	}
	kept := groups{}
	for i, g := range out.list {
		p := g.path
		if at, ok := out.above(p); ok {
			p = at
		} else if k := slices.IndexFunc(open, func(k int) bool { return k != i && holds(out.list[k].path, p) }); k >= 0 {
			p = out.list[open[k]].path
		}
		kept.add(p, out.list[out.at[p]].pattern, g.marks...)
	}
	return kept.list
}

// above is the outermost path that a path lies in, and that may be granted.
func (g *groups) above(p string) (at string, ok bool) {
	for dir := path.Dir(p); dir != "/" && dir != "."; dir = path.Dir(dir) {
		if i, known := g.at[dir]; known && !g.list[i].pattern && grantable(manifest.Read, dir) {
			at, ok = dir, true
		}
	}
	return at, ok
}

// crowded makes a directory of many of its files.
func (j *judge) crowded(kind string, list []grouped) []grouped {
	in := map[string]int{}
	for _, g := range list {
		in[path.Dir(g.path)]++
	}
	var out groups
	for _, g := range list {
		if dir := path.Dir(g.path); in[dir] > MaxFiles && grantable(kind, dir) {
			out.add(dir, false, g.marks...)
			continue
		}
		out.add(g.path, g.pattern, g.marks...)
	}
	return inListed(out.list)
}

// similar makes one glob of paths that differ in one name, with a digit in it.
func (j *judge) similar(list []grouped) []grouped {
	same := map[string]int{}
	for _, g := range list {
		for _, pattern := range generalised(g.path) {
			same[pattern]++
		}
	}
	var out groups
	for _, g := range list {
		p := g.path
		for _, pattern := range generalised(p) {
			if same[pattern] > 1 && !g.pattern {
				p = pattern
				break
			}
		}
		if p == g.path && !g.pattern {
			p = escapeGlobs(p)
		}
		out.add(p, g.pattern, g.marks...)
	}
	return out.list
}

// escapeGlobs makes characters of a name that a pattern would obey stand for
// themselves. A manifest knows no escapes but those in brackets.
func escapeGlobs(p string) string {
	return strings.NewReplacer("[", "[[]", "*", "[*]", "?", "[?]").Replace(p)
}

// generalised are the patterns that a path matches with one name left open.
func generalised(p string) (out []string) {
	parts := strings.Split(p, "/")
	for i, part := range parts {
		if i == 0 || !strings.ContainsAny(part, "0123456789") {
			continue
		}
		open := slices.Clone(parts)
		open[i] = strings.TrimRight(letters(part), "0123456789") + "*"
		out = append(out, strings.Join(open, "/"))
	}
	return out
}

// letters is the beginning of a name up to its first digit.
func letters(name string) string {
	return name[:max(0, strings.IndexAny(name, "0123456789"))]
}

func grantable(kind, p string) bool {
	return manifest.Grant{Kind: kind, Path: p, Why: "x"}.Validate() == nil
}

func isDir(p string) bool {
	info, err := stat(p)
	return err == nil && info.IsDir()
}

func stat(p string) (fs.FileInfo, error) { return os.Stat(filepath.FromSlash(p)) }

func resolve(p string) (string, error) {
	real, err := filepath.EvalSymlinks(filepath.FromSlash(p))
	return filepath.ToSlash(real), err
}

// Count tells how much was recorded, for a line of text.
func (p Proposal) Count() string {
	return fmt.Sprintf("%d proposed, %d not used, %d refused; %d are for what is not on this machine", len(p.Grants), len(p.Unused), len(p.Refused), len(p.NotHere))
}
