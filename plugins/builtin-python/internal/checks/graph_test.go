// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"fmt"
	"testing"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/locate"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/observed"
	"github.com/bulkhead-ml/bulkhead/sdk/check"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// withPackages is a set of facts with one environment.
func withPackages(prefix string, list ...observed.Package) *environment {
	var r fact.Recorder
	r.Add(observed.Envs, []observed.Environment{{Prefix: prefix}})
	r.Add(observed.At(prefix, observed.Packages), list)
	set := fact.NewSet(r.Facts())
	return &environment{Environment: observed.Environments(set)[0], ctx: &check.Context{Facts: set}}
}

func TestConflictsOf(t *testing.T) {
	owner := observed.Package{Name: "Owner", Version: "1.0", Scope: locate.ScopeEnv, Path: "/e/owner"}
	dep := func(version string) observed.Package {
		return observed.Package{Name: "some.Dep", Version: version, Scope: locate.ScopeEnv}
	}
	for _, c := range []struct {
		name      string
		requires  string
		scope     string
		installed []observed.Package
		want      int
	}{
		{"met, names differ in spelling", "Some_dep>=1", "", []observed.Package{dep("1.5")}, 0},
		{"violated", "some-dep<1", "", []observed.Package{dep("1.5")}, 1},
		{"absent", "other", "", nil, 1},
		{"no version asked", "some-dep", "", []observed.Package{dep("not a version")}, 0},
		{"version that cannot be read", "some-dep<1", "", []observed.Package{dep("not a version")}, 0},
		{"requirement that cannot be read", "<<<", "", nil, 0},
		{"the first copy counts", "some-dep<1", "", []observed.Package{dep("0.5"), dep("1.5")}, 0},
		{"owner of the base is not judged", "absent", locate.ScopeBase, nil, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := owner
			o.Requires = []string{c.requires}
			if c.scope != "" {
				o.Scope = c.scope
			}
			e := withPackages("/e", append([]observed.Package{o}, c.installed...)...)
			if got := e.conflicts(); len(got) != c.want {
				t.Errorf("%v", got)
			}
		})
	}
}

// TestGraphsAreKeptApart: a list of packages that changed gets a graph of its
// own, however many lists were seen before.
func TestGraphsAreKeptApart(t *testing.T) {
	for i := range 3 * maxGraphs {
		name := fmt.Sprintf("dep%d", i)
		e := withPackages("/e", observed.Package{Name: "owner", Version: "1", Requires: []string{name}})
		for range 2 {
			if got := e.conflicts(); len(got) != 1 || got[0].requirement.Name != name {
				t.Fatalf("run %d: %v", i, got)
			}
		}
		if _, ok := e.installed("owner"); !ok {
			t.Fatal("owner is not installed")
		}
	}
}

func TestGraphOfNothing(t *testing.T) {
	e := withPackages("/e")
	if _, ok := e.installed("numpy"); ok || len(e.conflicts()) > 0 {
		t.Error("an empty environment has packages")
	}
}
