// SPDX-License-Identifier: Apache-2.0

package solve_test

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/bulkhead-ml/bulkhead/registry/release"
	"github.com/bulkhead-ml/bulkhead/registry/solve"
)

// law is a rule as this test understands it, apart from the solver's code.
type law struct {
	kind, from string
	holds      func(release.Known) bool
}

// part is one constraint on versions 1.MINOR.0 and 1.MINOR.0-rc.1, with what
// it means.
type part struct {
	text string
	ok   func(minor int, rc bool) bool
}

func drawPart(t *rapid.T) part {
	n := rapid.IntRange(0, 5).Draw(t, "minor")
	switch rapid.IntRange(0, 5).Draw(t, "operator") {
	case 0:
		return part{fmt.Sprintf(">= 1.%d", n), func(m int, _ bool) bool { return m >= n }}
	case 1:
		return part{fmt.Sprintf("< 1.%d.0", n), func(m int, _ bool) bool { return m < n }}
	case 2:
		return part{fmt.Sprintf("!= 1.%d.0", n), func(m int, rc bool) bool { return m != n || rc }}
	case 3:
		return part{fmt.Sprintf("~> 1.%d.0", n), func(m int, _ bool) bool { return m == n }}
	case 4:
		return part{fmt.Sprintf("~> 1.%d", n), func(m int, _ bool) bool { return m >= n }}
	}
	return part{"", func(int, bool) bool { return true }}
}

func minorOf(k release.Known) (minor int, rc bool) {
	n, _ := fmt.Sscanf(k.Version, "1.%d.0-rc.1", &minor)
	if n == 0 {
		panic(k.Version)
	}
	return minor, release.Prerelease(k.Version)
}

func drawRelease(t *rapid.T) release.Known {
	text := fmt.Sprintf("1.%d.0", rapid.IntRange(0, 5).Draw(t, "minor"))
	if rapid.Bool().Draw(t, "rc") {
		text += "-rc.1"
	}
	text += rapid.SampledFrom([]string{"", "", "", " protocol=2", " protocol=1,2"}).Draw(t, "protocol")
	text += rapid.SampledFrom([]string{"", "", "", " host=0.9.0", " host=0.5.0"}).Draw(t, "host")
	text += rapid.SampledFrom([]string{"", "", "", " for=any", " for=windows_amd64"}).Draw(t, "platform")
	text += rapid.SampledFrom([]string{"", "", "", " yanked=x"}).Draw(t, "yanked")
	text += rapid.SampledFrom([]string{"", "", "", " in=other"}).Draw(t, "registry")
	return rel(text)
}

func drawProblem(t *rapid.T) (solve.Problem, []law) {
	known := rapid.SliceOfNDistinct(rapid.Custom(drawRelease), 1, 8, func(k release.Known) string { return k.Version }).Draw(t, "releases")
	p := problem(known)
	if rapid.Bool().Draw(t, "has a lock") {
		p.Locked = map[string]string{gpu: fmt.Sprintf("1.%d.0", rapid.IntRange(0, 5).Draw(t, "locked"))}
	}
	p.UpgradeAll = rapid.Bool().Draw(t, "upgrade")
	laws := hostLaws(p)
	for i := range rapid.IntRange(1, 4).Draw(t, "wants") {
		c := drawPart(t)
		w := solve.Want{ID: gpu, From: fmt.Sprintf("place:%d", i), Constraint: c.text, Prerelease: rapid.Bool().Draw(t, "pre-releases")}
		if rapid.IntRange(0, 5).Draw(t, "pins") == 0 {
			w.Pin = fmt.Sprintf("1.%d.0", rapid.IntRange(0, 5).Draw(t, "pin"))
		}
		w.Registry = rapid.SampledFrom([]string{"", "", "default", "other"}).Draw(t, "registry")
		p.Wants = append(p.Wants, w)
		laws = append(laws, wantLaws(w, c)...)
	}
	return p, append(laws, ambiguity(p)...)
}

func hostLaws(p solve.Problem) []law {
	return []law{
		{solve.Protocol, "", func(k release.Known) bool { return slices.Contains(k.Protocols, 1) }},
		{solve.Host, "", func(k release.Known) bool { return k.MinHost != "0.9.0" }},
		{solve.Platform, "", func(k release.Known) bool { return has(k, "linux_amd64") || has(k, release.Any) }},
		{solve.Yanked, "", func(k release.Known) bool { return k.Yanked == nil || k.Version == p.Locked[gpu] }},
	}
}

func has(k release.Known, platform string) bool { _, ok := k.Platforms[platform]; return ok }

func wantLaws(w solve.Want, c part) []law {
	laws := []law{{solve.Prerelease, w.From, func(k release.Known) bool { return w.Prerelease || !release.Prerelease(k.Version) }}}
	if c.text != "" {
		laws = append(laws, law{solve.Constraint, w.From, func(k release.Known) bool { return c.ok(minorOf(k)) }})
	}
	if w.Pin != "" {
		laws = append(laws, law{solve.Pin, w.From, func(k release.Known) bool { return k.Version == w.Pin }})
	}
	if w.Registry != "" {
		laws = append(laws, law{solve.Registry, w.From, func(k release.Known) bool { return k.Registry == w.Registry }})
	}
	return laws
}

// ambiguity is the law that several registries need a word from somebody.
func ambiguity(p solve.Problem) []law {
	registries := map[string]bool{}
	for _, k := range p.Available[gpu] {
		registries[k.Registry] = true
	}
	named := slices.ContainsFunc(p.Wants, func(w solve.Want) bool { return w.Registry != "" })
	if named || len(registries) < 2 {
		return nil
	}
	return []law{{solve.Registry, "", func(release.Known) bool { return false }}}
}

// best is the newest release that obeys all laws, by trying each.
func best(known []release.Known, laws []law) string {
	out := ""
	for _, k := range known {
		ok := !slices.ContainsFunc(laws, func(l law) bool { return !l.holds(k) })
		if ok && (out == "" || release.Compare(k.Version, out) > 0) {
			out = k.Version
		}
	}
	return out
}

func TestAgainstBruteForce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, laws := drawProblem(t)
		known := p.Available[gpu]
		s, err := solve.Solve(p)
		want := best(known, laws)
		if want == "" {
			checkCore(t, err, known, laws)
			return
		}
		if err != nil {
			t.Fatalf("%s would do: %v", want, err)
		}
		c, _ := s.Of(gpu)
		if c.Usable != want {
			t.Fatalf("usable is %s, want %s", c.Usable, want)
		}
		locked := slices.IndexFunc(known, func(k release.Known) bool { return k.Version == p.Locked[gpu] })
		if locked >= 0 && !p.UpgradeAll && best(known[locked:locked+1], laws) != "" {
			want = p.Locked[gpu]
		}
		if c.Release.Version != want {
			t.Fatalf("chose %s, want %s", c.Release.Version, want)
		}
		if c.Newest != "" && release.Compare(c.Newest, c.Release.Version) > 0 && len(c.Why) == 0 {
			t.Fatalf("%s is newer than %s and nobody says why", c.Newest, c.Release.Version)
		}
	})
}

// checkCore holds a conflict to its promises: the reasons suffice, each is needed,
// and what would do without one would do.
func checkCore(t *rapid.T, err error, known []release.Known, laws []law) {
	conflict, ok := errors.AsType[*solve.Conflict](err)
	if !ok || len(conflict.Plugins) != 1 {
		t.Fatalf("there is no answer, and the error is %v", err)
	}
	var core []law
	reasons := conflict.Plugins[0].Core
	for _, r := range reasons {
		i := slices.IndexFunc(laws, func(l law) bool { return l.kind == r.Kind && l.from == r.From })
		if i < 0 {
			t.Fatalf("no law is the reason %+v", r)
		}
		core = append(core, laws[i])
	}
	if v := best(known, core); v != "" {
		t.Fatalf("the reasons do not rule out %s: %v", v, err)
	}
	for i, r := range reasons {
		if best(known, slices.Delete(slices.Clone(core), i, i+1)) == "" {
			t.Fatalf("the reason %q is not needed: %v", r.Text, err)
		}
		rest := slices.DeleteFunc(slices.Clone(laws), func(l law) bool { return l.kind == r.Kind && l.from == r.From })
		if want := best(known, rest); r.Without != want {
			t.Fatalf("without %q %q would do, and it says %q", r.Text, want, r.Without)
		}
	}
}

// TestOrderDoesNotMatter solves shuffled problems.
func TestOrderDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, _ := drawProblem(t)
		first, firstErr := solve.Solve(p)
		shuffled := p
		shuffled.Available = map[string][]release.Known{gpu: rapid.Permutation(p.Available[gpu]).Draw(t, "order")}
		second, secondErr := solve.Solve(shuffled)
		if !reflect.DeepEqual(first, second) || fmt.Sprint(firstErr) != fmt.Sprint(secondErr) {
			t.Fatalf("%v, %v in one order and %v, %v in another", first, firstErr, second, secondErr)
		}
	})
}

// FuzzConstraint feeds constraints from configurations to the solver.
func FuzzConstraint(f *testing.F) {
	for _, text := range []string{"", "~> 1.2", ">= 1.0, < 2", "!= 1.2.0-rc.1", "~> 1.3.1-rc.1", "=1", "1.2.3.4", "~>9999999999999999999", ">", ",", "~> 1.2-~"} {
		f.Add(text, "1.3.1-rc.2")
	}
	f.Fuzz(func(t *testing.T, text, version string) {
		if release.CheckVersion(version) != nil {
			return
		}
		p := problem(rels("1.2.0"), ask(text))
		p.Available[gpu][0].Version = version
		s, err := solve.Solve(p)
		if _, ok := errors.AsType[*solve.WantError](err); ok {
			return
		}
		if _, ok := errors.AsType[*solve.Conflict](err); err != nil && !ok {
			t.Fatalf("%q: %v", text, err)
		}
		if err == nil && s.Choices[0].Release.Version != version {
			t.Fatalf("%q chose %q of %q", text, s.Choices[0].Release.Version, version)
		}
	})
}
