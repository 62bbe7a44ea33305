// SPDX-License-Identifier: Apache-2.0

package solve_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-ml/bulkhead/registry/release"
	"github.com/bulkhead-ml/bulkhead/registry/solve"
)

const gpu = "acme/gpu"

// rel describes a release: a version and words such as "protocol=2,3", "host=0.9.0",
// "for=any", "in=other" and "yanked=reason".
func rel(text string) release.Known {
	words := strings.Split(text, " ")
	k := release.Known{Registry: "default"}
	k.Version, k.Protocols = words[0], []int{1}
	k.Platforms = map[string]release.Platform{"linux_amd64": {}}
	for _, word := range words[1:] {
		key, value, _ := strings.Cut(word, "=")
		switch key {
		case "protocol":
			k.Protocols = nil
			for _, n := range strings.Split(value, ",") {
				k.Protocols = append(k.Protocols, int(n[0]-'0'))
			}
		case "host":
			k.MinHost = value
		case "for":
			k.Platforms = map[string]release.Platform{value: {}}
		case "in":
			k.Registry = value
		case "yanked":
			k.Yanked = &release.Yanked{Reason: value, At: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
		}
	}
	return k
}

func rels(texts ...string) []release.Known {
	var out []release.Known
	for _, text := range texts {
		out = append(out, rel(text))
	}
	return out
}

// problem is one of the plugin gpu on a host 0.6.0 that speaks protocol 1.
func problem(available []release.Known, wants ...solve.Want) solve.Problem {
	for i := range wants {
		if wants[i].ID == "" {
			wants[i].ID = gpu
		}
		if wants[i].From == "" {
			wants[i].From = fmt.Sprintf("bulkhead.hcl:%d", 12+i)
		}
	}
	return solve.Problem{
		Wants: wants, Available: map[string][]release.Known{gpu: available},
		Host: "0.6.0", Protocols: []int{1}, Platform: "linux_amd64",
	}
}

func ask(constraint string) solve.Want { return solve.Want{Constraint: constraint} }

func TestChoice(t *testing.T) {
	all := rels("1.2.0", "1.10.0", "1.3.0", "2.0.0-rc.1", "1.3.1-rc.1", "1.3.1-rc.2")
	for _, tt := range []struct {
		name  string
		known []release.Known
		wants []solve.Want
		want  string
	}{
		{"newest by number", all, []solve.Want{ask("")}, "1.10.0"},
		{"tilde of two numbers", all, []solve.Want{ask("~> 1.2")}, "1.10.0"},
		{"tilde of three numbers", all, []solve.Want{ask("~> 1.3.0")}, "1.3.0"},
		{"several wants", all, []solve.Want{ask(">= 1.2"), ask("!= 1.10.0"), ask("< 2")}, "1.3.0"},
		{"a pin", all, []solve.Want{{Pin: "1.2.0"}, ask("~> 1.2")}, "1.2.0"},
		{"a pin to a pre-release", all, []solve.Want{{Pin: "2.0.0-rc.1"}}, "2.0.0-rc.1"},
		{"pre-releases welcome", all, []solve.Want{{Prerelease: true}}, "2.0.0-rc.1"},
		{"pre-releases welcome within a constraint", all, []solve.Want{{Prerelease: true, Constraint: "~> 1.2, < 1.10"}}, "1.3.1-rc.2"},
		{"a pre-release below an excluded version", all, []solve.Want{{Prerelease: true, Constraint: "< 2.0"}}, "1.10.0"},
		{"a constraint that names a pre-release", all, []solve.Want{ask(">= 1.3.1-rc.1, < 1.10")}, "1.3.1-rc.2"},
		{"a tilde that names a pre-release", all, []solve.Want{ask("~> 1.3.1-rc.1")}, "1.3.1-rc.2"},
		{"named by exclusion", all, []solve.Want{ask("!= 2.0.0-rc.2")}, "1.10.0"},
		{"welcome, one excluded", all, []solve.Want{{Prerelease: true, Constraint: "!= 2.0.0-rc.1"}}, "1.10.0"},
		{"welcome, newer than a named one", rels("1.3.1-rc.1", "1.4.0-rc.1"), []solve.Want{{Prerelease: true, Constraint: ">= 1.3.1-rc.1"}}, "1.4.0-rc.1"},
		{"one want of two asks for pre-releases", all, []solve.Want{{Prerelease: true}, ask("")}, "1.10.0"},
		{"protocol", rels("1.0.0", "1.1.0 protocol=1,2", "1.2.0 protocol=2"), []solve.Want{ask("")}, "1.1.0"},
		{"host", rels("1.0.0 host=0.6.0", "1.1.0 host=0.6.1"), []solve.Want{ask("")}, "1.0.0"},
		{"platform", rels("1.0.0 for=any", "1.1.0 for=windows_amd64"), []solve.Want{ask("")}, "1.0.0"},
		{"yanked", rels("1.0.0", "1.1.0 yanked=x"), []solve.Want{ask("")}, "1.0.0"},
		{"registry", rels("1.0.0", "1.1.0 in=other"), []solve.Want{{Registry: "default"}}, "1.0.0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, err := solve.Solve(problem(tt.known, tt.wants...))
			if err != nil {
				t.Fatal(err)
			}
			if c, ok := s.Of(gpu); !ok || c.Release.Version != tt.want {
				t.Errorf("chose %q, want %q; %v", c.Release.Version, tt.want, c.Why)
			}
		})
	}
}

// TestPrereleasesCompareAsSemanticVersioningSays checks each operator between all
// pairs of the example in section 11 of its text.
func TestPrereleasesCompareAsSemanticVersioningSays(t *testing.T) {
	order := []string{"alpha", "alpha.1", "alpha.beta", "beta", "beta.2", "beta.11", "rc.1"}
	for i, v := range order {
		for j, named := range order {
			for operator, want := range map[string]bool{"": i == j, "= ": i == j, "!=": i != j, " > ": i > j, "<": i < j, ">=": i >= j, "<=": i <= j, "~> ": i >= j} {
				p := problem(rels("1.0.0-"+v), solve.Want{Constraint: operator + "1.0.0-" + named + " ", Prerelease: true})
				if _, err := solve.Solve(p); (err == nil) != want {
					t.Errorf("%s satisfies %s%s: %t, want %t", v, operator, named, err == nil, want)
				}
			}
		}
	}
}

func TestWhy(t *testing.T) {
	locked := func(v string) func(*solve.Problem) {
		return func(p *solve.Problem) { p.Locked = map[string]string{gpu: v} }
	}
	upgrade := func(v string) func(*solve.Problem) {
		return func(p *solve.Problem) {
			p.Locked, p.Upgrade = map[string]string{gpu: v}, map[string]bool{gpu: true}
		}
	}
	for _, tt := range []struct {
		name  string
		known []release.Known
		want  solve.Want
		edit  func(*solve.Problem)
		chose string
		why   []string
	}{
		{"newest", rels("1.0.0", "1.1.0"), ask(""), nil, "1.1.0", nil},
		{"protocol", rels("1.3.2", "1.4.0 protocol=3"), ask(""), nil, "1.3.2", []string{"1.4.0 is newer and needs protocol 3; this host speaks 1"}},
		{"host", rels("1.3.2", "1.4.0 host=0.9.0"), ask(""), nil, "1.3.2", []string{"1.4.0 is newer and needs Bulkhead 0.9.0; this is 0.6.0"}},
		{"platform", rels("1.3.2", "1.4.0 for=any", "1.5.0 for=darwin_arm64"), ask(""), nil, "1.4.0", []string{"1.5.0 is newer and has nothing for linux_amd64"}},
		{"constraint", rels("1.3.2", "2.0.0"), ask("~> 1.2"), nil, "1.3.2", []string{"2.0.0 is newer; bulkhead.hcl:12 asks for ~> 1.2"}},
		{"pin", rels("1.3.2", "2.0.0"), solve.Want{Pin: "1.3.2"}, nil, "1.3.2", []string{"2.0.0 is newer; pinned to 1.3.2"}},
		{"yanked", rels("1.3.2", "1.4.0 yanked=leaks"), ask(""), nil, "1.3.2", []string{"1.4.0 is newer and was yanked: leaks"}},
		{"yanked and another", rels("1.2.0", "1.3.2 protocol=2", "1.4.0 yanked=leaks"), ask(""), nil, "1.2.0",
			[]string{"1.4.0 is newer and was yanked: leaks", "1.3.2 is newer and needs protocol 2; this host speaks 1"}},
		{"hostile reason", rels("1.3.2", "1.4.0 yanked=a\x1b[2J"), ask(""), nil, "1.3.2", []string{"1.4.0 is newer and was yanked"}},
		{"pre-release", rels("1.3.2", "1.4.0-rc.1"), ask(""), nil, "1.3.2", nil},
		{"locked", rels("1.2.0", "1.3.0"), ask("~> 1.2"), locked("1.2.0"), "1.2.0",
			[]string{"1.3.0 is newer and would do; the lock file keeps 1.2.0 until an upgrade is asked for"}},
		{"locked below one that will not do", rels("1.2.0", "1.3.0", "1.4.0 protocol=2"), ask(""), locked("1.2.0"), "1.2.0",
			[]string{"1.4.0 is newer and needs protocol 2; this host speaks 1", "1.3.0 is newer and would do; the lock file keeps 1.2.0 until an upgrade is asked for"}},
		{"locked and not asked for any more", rels("1.2.0", "2.0.0"), ask("~> 2.0"), locked("1.2.0"), "2.0.0",
			[]string{"1.2.0 is locked; bulkhead.hcl:12 asks for ~> 2.0"}},
		{"locked and gone", rels("2.0.0"), ask(""), locked("1.2.0"), "2.0.0", []string{"1.2.0 is locked, and no registry has it any more"}},
		{"locked and yanked", rels("1.2.0 yanked=leaks", "1.1.0"), ask(""), locked("1.2.0"), "1.2.0", []string{"1.2.0 was yanked: leaks; it stays because it is locked, until a version constraint such as \"!= 1.2.0\" leaves it out"}},
		{"upgrade", rels("1.2.0", "1.3.0"), ask(""), upgrade("1.2.0"), "1.3.0", nil},
		{"upgrade of another", rels("1.2.0", "1.3.0"), ask(""), func(p *solve.Problem) {
			p.Locked, p.Upgrade = map[string]string{gpu: "1.2.0"}, map[string]bool{"acme/other": true}
		}, "1.2.0", []string{"1.3.0 is newer and would do; the lock file keeps 1.2.0 until an upgrade is asked for"}},
		{"upgrade of all", rels("1.2.0", "1.3.0"), ask(""), func(p *solve.Problem) {
			p.Locked, p.UpgradeAll = map[string]string{gpu: "1.2.0"}, true
		}, "1.3.0", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := problem(tt.known, tt.want)
			if tt.edit != nil {
				tt.edit(&p)
			}
			s, err := solve.Solve(p)
			if err != nil {
				t.Fatal(err)
			}
			c, _ := s.Of(gpu)
			if c.Release.Version != tt.chose || !slices.Equal(c.Why, tt.why) {
				t.Errorf("chose %s because %q, want %s because %q", c.Release.Version, c.Why, tt.chose, tt.why)
			}
		})
	}
}

func TestNewestAndUsable(t *testing.T) {
	p := problem(rels("1.2.0", "1.3.0", "1.4.0 protocol=2", "1.5.0 yanked=x", "2.0.0-rc.1"), ask(""))
	p.Locked = map[string]string{gpu: "1.2.0"}
	s, err := solve.Solve(p)
	if err != nil {
		t.Fatal(err)
	}
	if c := s.Choices[0]; c.Newest != "1.4.0" || c.Usable != "1.3.0" || c.Platform != "linux_amd64" {
		t.Errorf("newest %s, usable %s for %s; want 1.4.0 and 1.3.0 for linux_amd64", c.Newest, c.Usable, c.Platform)
	}
	if _, ok := s.Of("acme/none"); ok {
		t.Error("there is a choice for a plugin that nobody wants")
	}
}

func TestConflict(t *testing.T) {
	for _, tt := range []struct {
		name  string
		known []release.Known
		wants []solve.Want
		want  string // lines of the message after the first
	}{
		{"constraint and protocol", rels("1.3.2", "2.1.0 protocol=3"), []solve.Want{ask("~> 2.0")}, `
			2.1.0 needs protocol 3 and this host speaks 1; without that, 2.1.0 would do
			bulkhead.hcl:12 asks for ~> 2.0; without that, 1.3.2 would do
			What helps: change what is asked for, or use a version of Bulkhead that fits.`},
		{"two places", rels("1.3.2", "2.1.0"), []solve.Want{ask("~> 2.0"), ask("~> 1.2")}, `
			bulkhead.hcl:12 asks for ~> 2.0; without that, 1.3.2 would do
			bulkhead.hcl:13 asks for ~> 1.2; without that, 2.1.0 would do
			What helps: change what is asked for.`},
		{"a third place that does not matter", rels("1.3.2", "2.1.0"), []solve.Want{ask("~> 2.0"), ask(">= 1.0"), ask("~> 1.2")}, `
			bulkhead.hcl:12 asks for ~> 2.0; without that, 1.3.2 would do
			bulkhead.hcl:14 asks for ~> 1.2; without that, 2.1.0 would do
			What helps: change what is asked for.`},
		{"pin that there is not", rels("1.3.2"), []solve.Want{{Pin: "1.2.0"}}, `
			pinned to 1.2.0; without that, 1.3.2 would do
			What helps: change what is asked for.`},
		{"pin against constraint", rels("1.2.0", "2.0.0"), []solve.Want{{Pin: "1.2.0"}, ask(">= 2")}, `
			pinned to 1.2.0; without that, 2.0.0 would do
			bulkhead.hcl:13 asks for >= 2; without that, 1.2.0 would do
			What helps: change what is asked for.`},
		{"platform", rels("1.2.0 for=windows_amd64"), []solve.Want{ask("")}, `
			1.2.0 has nothing for linux_amd64, only for windows_amd64; without that, 1.2.0 would do
			What helps: ask its publisher for this platform.`},
		{"two things wrong with all", rels("1.2.0 for=windows_amd64"), []solve.Want{ask("~> 2.0")}, `
			1.2.0 has nothing for linux_amd64, only for windows_amd64
			What helps: ask its publisher for this platform.`},
		{"host and protocol", rels("1.2.0 host=0.9.0", "1.1.0 protocol=2,3"), []solve.Want{ask("")}, `
			1.1.0 needs protocol 2 or 3 and this host speaks 1; without that, 1.1.0 would do
			1.2.0 needs Bulkhead 0.9.0 and this is 0.6.0; without that, 1.2.0 would do
			What helps: use a version of Bulkhead that fits.`},
		{"only pre-releases", rels("1.2.0-rc.1"), []solve.Want{ask("")}, `
			1.2.0-rc.1 is a pre-release, and bulkhead.hcl:12 does not ask for those; without that, 1.2.0-rc.1 would do
			What helps: allow pre-releases.`},
		{"yanked", rels("1.2.0 yanked=leaks"), []solve.Want{ask("")}, `
			1.2.0 was yanked: leaks; without that, 1.2.0 would do
			What helps: ask its publisher for a release in place of the yanked one.`},
		{"unknown", nil, []solve.Want{ask("")}, `
			no registry has it, and bulkhead.hcl:12 asks for it
			What helps: check its name and that its registry is configured.`},
		{"two registries", rels("1.2.0", "9.0.0 in=evil"), []solve.Want{ask("")}, `
			the registries default, evil have it, and nothing says from which one to take it; without that, 9.0.0 would do
			What helps: name the registry to take it from.`},
		{"another registry", rels("1.2.0 in=other"), []solve.Want{{Registry: "default"}}, `
			bulkhead.hcl:12 takes it from registry "default"; without that, 1.2.0 would do
			What helps: name the registry to take it from.`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := solve.Solve(problem(tt.known, tt.wants...))
			if err == nil {
				t.Fatal("there is an answer")
			}
			want := "no version of acme/gpu will do:\n  " + strings.ReplaceAll(strings.TrimSpace(tt.want), "\n\t\t\t", "\n  ")
			if err.Error() != want {
				t.Errorf("error\n%s\nwant\n%s", err, want)
			}
		})
	}
}

func TestAllConflictsAtOnce(t *testing.T) {
	p := problem(rels("1.0.0"), ask("~> 2.0"), solve.Want{ID: "acme/a"}, solve.Want{ID: "acme/fine"})
	p.Available["acme/fine"] = rels("1.0.0")
	_, err := solve.Solve(p)
	conflict, ok := errors.AsType[*solve.Conflict](err)
	if !ok {
		t.Fatalf("error %T: %v", err, err)
	}
	var got []string
	for _, u := range conflict.Plugins {
		got = append(got, u.ID+" "+u.Core[0].Kind+" "+u.Core[0].From)
	}
	if want := []string{"acme/a unknown bulkhead.hcl:13", "acme/gpu constraint bulkhead.hcl:12"}; !slices.Equal(got, want) {
		t.Errorf("conflicts %q, want %q", got, want)
	}
}

func TestWantsThatMeanNothing(t *testing.T) {
	for _, tt := range []struct {
		want solve.Want
		says string
	}{
		{solve.Want{ID: gpu, Constraint: "new", From: "bulkhead.hcl:3"}, `bulkhead.hcl:3: plugin "acme/gpu": constraint "new": write a list`},
		{solve.Want{ID: gpu, Pin: "1.2"}, `a want: plugin "acme/gpu": pin: version "1.2"`},
		{solve.Want{ID: "gpu"}, "write it as NAMESPACE/NAME"},
		{solve.Want{ID: gpu, Constraint: strings.Repeat(">= 1,", 300)}, "more than 1000"},
		{solve.Want{ID: gpu, Constraint: "\x1b[2J"}, `"\x1b[2J"`},
	} {
		_, err := solve.Solve(solve.Problem{Wants: []solve.Want{tt.want}})
		if _, ok := errors.AsType[*solve.WantError](err); !ok || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%+v: error %v, want one with %q", tt.want, err, tt.says)
		}
	}
	if _, err := solve.Solve(solve.Problem{Host: "devel"}); err == nil {
		t.Error("a host without a version was taken")
	}
}

func TestNobodyWantsAnything(t *testing.T) {
	if s, err := solve.Solve(solve.Problem{}); err != nil || len(s.Choices) != 0 {
		t.Errorf("Solve = %v, %v", s, err)
	}
}
