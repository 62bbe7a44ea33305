// SPDX-License-Identifier: Apache-2.0

package learn

import (
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/host/sandbox"
	"github.com/bulkhead-ml/bulkhead/registry/manifest"
)

// asked judges the grants of the manifest that are about no path, and those of
// paths that were not used.
func (j *judge) asked() {
	for _, g := range j.Asked {
		switch {
		case g.Kind == manifest.Env:
			j.variable(g)
		case g.Kind == manifest.Secret:
			j.oneOf(g, j.secrets[g.Name] > 0, "its file was never opened")
		case g.Kind == manifest.Net:
			j.oneOf(g, j.Seen.Asked[g.Address] > 0, "no connection was asked for")
		case g.Path == manifest.KernelLog && g.Kind == manifest.Read:
			j.unseen(g, "the host reads the log and hands its text over")
		case g.Path == manifest.Sink:
			j.unseen(g, "the host hands the file over, open")
		case j.used[g.String()] == nil && !j.replaced():
			j.idle(g)
		}
	}
}

// replaced says that the run was with other grants than those of the manifest.
func (j *judge) replaced() bool {
	return !slices.EqualFunc(j.Asked, j.Given, func(a, b manifest.Grant) bool { return a.String() == b.String() })
}

// idle judges a grant of a path that was not used: a plugin that looks for one
// directory after the other was not seen to look for what is not there.
func (j *judge) idle(g manifest.Grant) {
	for _, pattern := range j.expand(g.Path) {
		if found, err := filepath.Glob(pattern); err == nil && len(found) > 0 {
			j.out.Unused = append(j.out.Unused, Judged{g.String(), "it is here, and was not used"})
			return
		}
	}
	j.out.NotHere = append(j.out.NotHere, g)
}

func (j *judge) oneOf(g manifest.Grant, used bool, otherwise string) {
	if used {
		_ = j.propose(g)
		return
	}
	j.out.Unused = append(j.out.Unused, Judged{g.String(), otherwise})
}

// variable keeps a variable that is set: whether it is looked at cannot be seen.
func (j *judge) variable(g manifest.Grant) {
	prefix, wild := strings.CutSuffix(g.Name, "*")
	for name := range j.Env {
		if name == g.Name || wild && strings.HasPrefix(name, prefix) {
			j.unseen(g, "it is set here; whether the plugin looks at it cannot be seen")
			return
		}
	}
	j.out.NotHere = append(j.out.NotHere, g)
}

// unseen keeps a grant whose use cannot be seen.
func (j *judge) unseen(g manifest.Grant, remark string) {
	_ = j.propose(g)
	j.out.Unseen = append(j.out.Unseen, Judged{g.String(), remark})
}

// kept proposes the grants that were used, or what was used of them, in the order
// of the manifest. Those of a wide run are no author's, and only what was used
// counts.
func (j *judge) kept() {
	wide := j.replaced()
	for _, g := range j.Given {
		u := j.used[g.String()]
		if u == nil {
			continue
		}
		delete(j.used, g.String()) // a grant may be given twice
		i := slices.IndexFunc(j.Asked, func(a manifest.Grant) bool { return a.String() == g.String() })
		if i >= 0 {
			g, u.grant = j.Asked[i], j.Asked[i] // with the author's reason
		}
		switch leaves := j.leavesOf(u.marks); {
		case wide && i < 0:
			j.wants(g.Kind, u.marks, leaves)
		case j.whole(u, leaves):
			_ = j.propose(g)
		default:
			j.narrow(u, leaves)
		}
	}
}

// wants notes what of a wide grant was found and used.
func (j *judge) wants(kind string, marks, leaves []Mark) {
	used := map[string]bool{}
	for _, l := range leaves {
		used[l.Path] = true
	}
	for _, m := range marks {
		if m.Found && used[m.Path] {
			j.wanted = append(j.wanted, want{kind, m})
		}
	}
}

// whole reports whether a grant is needed as it is.
func (j *judge) whole(u *usage, leaves []Mark) bool {
	expanded := j.expand(u.grant.Path)
	if manifest.HasGlob(u.grant.Path) || u.grant.Path == manifest.Python || len(expanded) != 1 || len(leaves) == 0 || len(leaves) > MaxFiles {
		return true
	}
	top := path.Clean(unescape.Replace(expanded[0]))
	return u.grant.Kind == manifest.Write || ofAKind(leaves) || slices.ContainsFunc(leaves, func(m Mark) bool { return !below(m.Path, top) || m.Path == top })
}

// ofAKind reports whether some of the things differ in one number only, as devices
// do: on another machine they have others.
func ofAKind(leaves []Mark) bool {
	seen := map[string]bool{}
	for _, m := range leaves {
		for _, pattern := range generalised(m.Path) {
			if seen[pattern] {
				return true
			}
			seen[pattern] = true
		}
	}
	return false
}

var unescape = strings.NewReplacer(`\*`, `*`, `\?`, `?`, `\[`, `[`, `\\`, `\`)

// narrow proposes what was used of a grant.
func (j *judge) narrow(u *usage, leaves []Mark) {
	top := path.Clean(unescape.Replace(j.expand(u.grant.Path)[0]))
	for _, m := range leaves {
		part := u.grant
		part.Path = u.grant.Path + strings.TrimPrefix(escape.Replace(m.Path), escape.Replace(top))
		if m.pattern {
			part.Path = u.grant.Path + strings.TrimPrefix(m.Path, top)
		}
		if j.propose(part) != nil {
			_ = j.propose(u.grant)
			return
		}
	}
	j.out.Unused = append(j.out.Unused, Judged{u.grant.String(), fmt.Sprintf("%d of the things in it are all that was used; they are proposed instead", len(leaves))})
}

// leavesOf are the things that were used themselves: no directories on the way to
// others, but for those that were listed, which stand for all in them, as a pattern
// does for all that it matches.
func (j *judge) leavesOf(marks []Mark) (out []Mark) {
	onTheWay, listed, known := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, m := range marks {
		for dir := path.Dir(m.Path); dir != "/" && !onTheWay[dir]; dir = path.Dir(dir) {
			onTheWay[dir] = true
		}
		if m.Directory && m.Use == sandbox.UseRead {
			listed[m.Path] = true
		}
	}
	for _, m := range marks {
		if own := listed[m.Path] && m.Use == sandbox.UseRead; known[m.Path] || onTheWay[m.Path] && !own || inAny(listed, m.Path) || j.inPattern(m) {
			continue
		}
		known[m.Path] = true
		out = append(out, m)
	}
	return out
}

// inAny reports whether a path lies in one of the directories.
func inAny(dirs map[string]bool, p string) bool {
	for dir := path.Dir(p); dir != "/" && dir != "."; dir = path.Dir(dir) {
		if dirs[dir] {
			return true
		}
	}
	return false
}

func isRegular(p string) bool {
	info, err := stat(p)
	return err == nil && info.Mode().IsRegular()
}
