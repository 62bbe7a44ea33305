// SPDX-License-Identifier: Apache-2.0

package installer

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/registry/lock"
	"github.com/bulkhead-ml/bulkhead/registry/release"
	"github.com/bulkhead-ml/bulkhead/registry/repo"
	"github.com/bulkhead-ml/bulkhead/registry/solve"
)

// plan is what a request comes to for a fresh host.
func (f *fixture) plan(r Request) *Plan {
	f.t.Helper()
	p, err := f.installer().Plan(f.t.Context(), r)
	if err != nil {
		f.t.Fatal(err)
	}
	return p
}

// words are the changes of a plan, one after the other.
func words(p *Plan) string {
	var out []string
	for _, c := range p.Changes {
		out = append(out, strings.Join(strings.Fields(string(c.Kind)+" "+c.ID+" "+c.From+" "+c.To), " "))
	}
	return strings.Join(out, ", ")
}

func TestLifeOfAPlugin(t *testing.T) {
	f := newFixture(t)
	f.publish("tool", "1.0.0", here, "read /data")
	first := f.apply(Request{Wants: want("~> 1.0")})
	if got := words(first); got != "install acme/tool 1.0.0" || first.Changes[0].Bytes == 0 || len(first.Changes[0].Asks) != 1 {
		t.Errorf("%s: %+v", got, first.Changes)
	}
	locked, ok := first.Next.Lookup("acme/tool")
	pl := locked.Platforms[release.Host()]
	if !ok || locked.Registry != "test" || locked.Constraints != "~> 1.0" || !slices.Equal(locked.Grants, []string{"read /data"}) ||
		!slices.Equal(pl.Known, []string{lock.Signed, lock.Logged, lock.Unpacked}) {
		t.Errorf("locked %+v", locked)
	}
	// The version stays when a newer one comes, until an upgrade is asked for.
	f.publish("tool", "1.1.0", here, "env HF_HOME")
	if p := f.plan(Request{Wants: want("~> 1.0")}); words(p) != "keep acme/tool 1.0.0 1.0.0" || !p.Empty() {
		t.Errorf("a newer one changed %s", words(p))
	}
	up := f.plan(Request{Wants: want("~> 1.0"), UpgradeAll: true})
	c := up.Changes[0]
	if words(up) != "upgrade acme/tool 1.0.0 1.1.0" || len(c.Asks) != 1 || c.Asks[0].String() != "env HF_HOME" || !slices.Equal(c.Drops, []string{"read /data"}) ||
		c.News != "what is new in 1.1.0" {
		t.Errorf("upgrade %s: %+v", words(up), c)
	}
	f.apply(Request{Wants: want("~> 1.0"), Upgrade: map[string]bool{"acme/tool": true}})
	if p := f.apply(Request{Wants: want("= 1.0.0")}); words(p) != "downgrade acme/tool 1.1.0 1.0.0" || p.Changes[0].Bytes != 0 {
		t.Errorf("back: %s, %d bytes", words(p), p.Changes[0].Bytes)
	}
	if p := f.apply(Request{}); words(p) != "remove acme/tool 1.0.0" {
		t.Errorf("gone: %s", words(p))
	}
}

// With a lock file and a store no registry is needed.
func TestOffline(t *testing.T) {
	f := newFixture(t)
	f.publish("tool", "1.0.0", here)
	f.apply(Request{Wants: want("")})
	if err := os.Rename(f.dir, f.dir+".gone"); err != nil {
		t.Fatal(err)
	}
	if p := f.plan(Request{Wants: want("")}); !p.Empty() {
		t.Errorf("changes %s", words(p))
	}
	if _, err := f.installer().Plan(t.Context(), Request{Wants: want(""), Online: true}); err == nil {
		t.Error("a registry that is gone was asked and nobody noticed")
	}
	// Another machine with the same lock file needs it.
	f.data = dataDir(t)
	if _, err := f.installer().Plan(t.Context(), Request{Wants: want("")}); err == nil {
		t.Error("a plugin that is nowhere is planned")
	}
	if err := os.Rename(f.dir+".gone", f.dir); err != nil {
		t.Fatal(err)
	}
	if p := f.apply(Request{Wants: want("")}); words(p) != "fetch acme/tool 1.0.0 1.0.0" || !p.Same() {
		t.Errorf("%s, same %t", words(p), p.Same())
	}
}

func TestPinnedAndYanked(t *testing.T) {
	f := newFixture(t)
	f.publish("tool", "1.0.0", here)
	f.apply(Request{Wants: want("")})
	f.publish("tool", "1.1.0", here)
	i := f.installer()
	base, _, err := i.Scope.Current()
	if err != nil {
		t.Fatal(err)
	}
	next := base.Clone()
	p, _ := next.Lookup("acme/tool")
	p.Pinned = true
	next.Set(p)
	if _, err := i.Scope.Switch(t.Context(), base, next, "pin"); err != nil {
		t.Fatal(err)
	}
	if p := f.plan(Request{Wants: want(""), UpgradeAll: true}); words(p) != "keep acme/tool 1.0.0 1.0.0" || !strings.Contains(p.Changes[0].Why, "pin") {
		t.Errorf("%s: %s", words(p), p.Changes[0].Why)
	}
	if _, err := i.Plan(t.Context(), Request{Wants: want("~> 1.1")}); err == nil || !strings.Contains(err.Error(), "pinned") {
		t.Errorf("a constraint against a pin: %v", err)
	}
	f.sign(repo.Signing{Yanks: []repo.Yank{{ID: release.ID{Namespace: "acme", Name: "tool"}, Version: "1.0.0", Reason: "it burns"}}})
	kept := f.plan(Request{Wants: want(""), Online: true})
	if words(kept) != "keep acme/tool 1.0.0 1.0.0" || len(kept.Changes[0].Warnings) != 1 || !strings.Contains(kept.Changes[0].Warnings[0], "it burns") {
		t.Errorf("%s: %q", words(kept), kept.Changes[0].Warnings)
	}
	// Nobody new gets it.
	f.project = t.TempDir()
	if p := f.plan(Request{Wants: want("")}); words(p) != "install acme/tool 1.1.0" {
		t.Errorf("new project: %s", words(p))
	}
}

func TestNoAnswer(t *testing.T) {
	f := newFixture(t)
	f.publish("tool", "1.0.0", here)
	i := f.installer()
	for name, tt := range map[string]struct {
		wants []Want
		want  string
	}{
		"no such version":  {want("~> 2.0"), "bulkhead.hcl:1 asks for ~> 2.0"},
		"no such plugin":   {[]Want{{ID: "acme/other", From: "bulkhead.hcl:1"}}, "has no plugin acme/other"},
		"no such registry": {[]Want{{ID: "acme/tool", Registry: "far", From: "x"}}, `no registry "far"`},
		"no such name":     {[]Want{{ID: "tool", From: "x"}}, "tool"},
	} {
		if _, err := i.Plan(t.Context(), Request{Wants: tt.wants}); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
	}
	_, err := i.Plan(t.Context(), Request{Wants: want("~> 2.0")})
	if _, ok := errors.AsType[*solve.Conflict](err); !ok {
		t.Errorf("%T", err)
	}
	if _, err := (&Registries{}).Name(""); err == nil || !strings.Contains(err.Error(), "registry trust") {
		t.Errorf("no registry at all: %v", err)
	}
}

// A version that is locked is never taken with other digests, whoever signs them.
func TestOtherDigests(t *testing.T) {
	f := newFixture(t)
	f.publish("tool", "1.0.0", here)
	f.apply(Request{Wants: want("")})
	other := newFixture(t) // the same name and version, honestly signed
	other.publish("tool", "1.0.0", here, "read /data")
	other.project, other.data = f.project, dataDir(t)
	_, err := other.installer().Plan(t.Context(), Request{Wants: want(""), Online: true})
	if _, ok := errors.AsType[*lock.TamperedError](err); !ok {
		t.Errorf("error %v", err)
	}
	if err := other.installer().Repair(t.Context(), func() lock.Plugin { p, _ := current(t, f).Lookup("acme/tool"); return p }()); err == nil {
		t.Error("repaired with other files")
	}
}

func current(t *testing.T, f *fixture) *lock.File {
	t.Helper()
	file, _, err := f.installer().Scope.Current()
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func TestRepairAndConfirm(t *testing.T) {
	f := newFixture(t)
	f.publish("tool", "1.0.0", []string{release.Host(), "linux_riscv64"})
	f.apply(Request{Wants: want("")})
	i := f.installer()
	before := current(t, f)
	p, _ := before.Lookup("acme/tool")
	if got := p.Platforms["linux_riscv64"].Known; !slices.Equal(got, []string{lock.Signed, lock.Logged}) {
		t.Errorf("another platform is known by %v", got)
	}
	after, err := i.For("linux_riscv64").Confirm(t.Context(), before)
	if err != nil {
		t.Fatal(err)
	}
	q, _ := after.Lookup("acme/tool")
	if got := q.Platforms["linux_riscv64"].Known; !slices.Equal(got, []string{lock.Signed, lock.Logged, lock.Unpacked}) {
		t.Errorf("after it was unpacked it is known by %v", got)
	}
	if _, err := i.For("windows_arm64").Confirm(t.Context(), before); err == nil || !strings.Contains(err.Error(), "nothing for windows_arm64") {
		t.Errorf("a platform that is not there: %v", err)
	}
	dir, err := i.Directory(p)
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "run")
	if err := errors.Join(os.Chmod(dir, 0o755), os.Chmod(name, 0o755), os.WriteFile(name, []byte("evil"), 0o755)); err != nil {
		t.Fatal(err)
	}
	pl, _ := i.Here(p)
	if err := i.Store.Verify(t.Context(), pl.H1); err == nil {
		t.Fatal("a changed file was not seen")
	}
	if err := i.Repair(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(name); err != nil || !strings.HasPrefix(string(data), "tool 1.0.0") {
		t.Errorf("%q, %v", data, err)
	}
}

// Nothing is committed that was not consented to and fetched.
func TestCommitInOrder(t *testing.T) {
	f := newFixture(t)
	f.publish("tool", "1.0.0", here, "read /data")
	i := f.installer()
	p, err := i.Plan(t.Context(), Request{Wants: want("")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := i.Commit(t.Context(), p, "x"); err == nil {
		t.Error("committed without consent")
	}
	if err := p.Consent(t.Context(), nil, agree); err != nil {
		t.Fatal(err)
	}
	if _, err := i.Commit(t.Context(), p, "x"); err == nil {
		t.Error("committed without the files")
	}
	if _, err := os.Stat(filepath.Join(f.project, lock.FileName)); err == nil {
		t.Error("a lock file came of it")
	}
}

// Consent that was taken out of the lock file is asked for again.
func TestConsentIsAskedAgain(t *testing.T) {
	f := newFixture(t)
	f.publish("tool", "1.0.0", here, "read /data")
	f.apply(Request{Wants: want("")})
	i := f.installer()
	base := current(t, f)
	next := base.Clone()
	p, _ := next.Lookup("acme/tool")
	p.Grants = nil
	next.Set(p)
	if _, err := i.Scope.Switch(t.Context(), base, next, "edited"); err != nil {
		t.Fatal(err)
	}
	again := f.plan(Request{Wants: want("")})
	if again.Empty() || len(again.Changes[0].Asks) != 1 {
		t.Errorf("%s asks for %v", words(again), again.Changes[0].Asks)
	}
}

// TestAsksForMoreOnly: nobody is asked for a part of what was agreed to.
func TestAsksForMoreOnly(t *testing.T) {
	f := newFixture(t)
	f.publish("tool", "1.0.0", here, "read /data", "env HF_*")
	f.apply(Request{Wants: want("")})
	f.publish("tool", "1.1.0", here, "read /data/sets", "env HF_HOME", "read /database")
	c := f.plan(Request{Wants: want(""), UpgradeAll: true}).Changes[0]
	if len(c.Asks) != 1 || c.Asks[0].String() != "read /database" || !slices.Equal(c.Drops, []string{"env HF_*", "read /data"}) {
		t.Errorf("asks for %v, drops %v", c.Asks, c.Drops)
	}
}

// A lease is taken when a plugin is found, once, and let go of; what is not here has
// none.
func TestLeases(t *testing.T) {
	f := newFixture(t)
	f.publish("tool", "1.0.0", here)
	f.apply(Request{Wants: want("")})
	i, leases := f.installer(), &Leases{}
	one, err := Locks{Store: i.Store, OfProject: i.Scope, Leases: leases}.Project("acme/tool")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if len(leases.held) != 1 {
			t.Errorf("%d leases", len(leases.held))
		}
		if err := one.Verify(); err != nil {
			t.Fatal(err)
		}
	}
	if err := leases.take(i.Store, "h1:"+strings.Repeat("A", 43)+"="); err == nil {
		t.Error("a lease on what is not here")
	}
	if err := leases.Release(); err != nil || len(leases.held) != 0 {
		t.Errorf("%v, %d leases are left", err, len(leases.held))
	}
}
