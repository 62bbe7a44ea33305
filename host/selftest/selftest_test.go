// SPDX-License-Identifier: Apache-2.0

package selftest

import (
	"context"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/host/sandbox"
	"github.com/bulkhead-ml/bulkhead/internal/attack"
)

// elsewhere carries out what another test has started this binary for; nil where
// no test does.
var elsewhere func()

func TestMain(m *testing.M) {
	sandbox.MaybeInit()
	attack.MaybeRun()
	if elsewhere != nil {
		elsewhere()
	}
	os.Exit(m.Run())
}

// attackAt runs the catalogue with the test binary as attacker, and shows what
// came of it. ATTACKS names attacks to try alone.
func attackAt(t *testing.T, o Options) *Report {
	t.Helper()
	if only := strings.Fields(os.Getenv("ATTACKS")); o.Only == nil {
		o.Only = only
	}
	r := runHere(t, o)
	for _, a := range r.Attacks {
		t.Logf("%-24s %-5v %-18s %5d ms  %s", a.Name, a.Contained, a.Wall, a.Milliseconds, a.Detail)
	}
	return r
}

// runHere runs attacks with the test binary as attacker.
func runHere(t *testing.T, o Options) *Report {
	t.Helper()
	var err error
	if o.Executable, err = os.Executable(); err != nil {
		t.Fatal(err)
	}
	r, err := Run(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// hits are the names of the attacks that got through.
func (r *Report) hits() (names []string) {
	for _, a := range r.Attacks {
		if !a.Contained {
			names = append(names, a.Name)
		}
	}
	return names
}

// wantHits compares what got through with what is documented to. Whether those of
// maybe do depends on the speed of the machine.
func wantHits(t *testing.T, r *Report, want, maybe []string) {
	t.Helper()
	got := r.hits()
	for _, name := range got {
		if !slices.Contains(want, name) && !slices.Contains(maybe, name) {
			t.Errorf("level %s: %s got through", r.Level, name)
		}
	}
	for _, name := range want {
		if os.Getenv("ATTACKS") == "" && !slices.Contains(got, name) {
			t.Errorf("level %s: %s is documented to get through and did not", r.Level, name)
		}
	}
}

func TestTheBestLevelHoldsEverything(t *testing.T) {
	if sandbox.DefaultFloor != sandbox.WallsOnly {
		t.Skip("this system has no level that holds everything")
	}
	r := attackAt(t, Options{})
	if r.Level < sandbox.Full {
		t.Skipf("full cannot be reached here: %v", r.Sandbox.Fallen)
	}
	wantHits(t, r, nil, nil)
	for _, a := range r.Attacks {
		if a.Milliseconds > 60_000 { // the benchmark has the figures
			t.Errorf("%s took %d ms to contain", a.Name, a.Milliseconds)
		}
	}
}

func TestTheCatalogueIsWellFormed(t *testing.T) {
	seen := map[string]bool{}
	for _, a := range attack.Catalogue() {
		if seen[a.Name] || a.Aim == "" || !slices.Contains(attack.Areas, a.Area) {
			t.Errorf("%+v", a)
		}
		seen[a.Name] = true
	}
	if len(seen) < 20 {
		t.Errorf("%d attacks", len(seen))
	}
}

// An attacker that was gone before it was looked at does not speak for all.
func TestTells(t *testing.T) {
	for _, c := range []struct {
		one, other sandbox.Report
		want       bool
	}{
		{sandbox.Report{Level: sandbox.Full, Verified: true}, sandbox.Report{Level: sandbox.Full}, true},
		{sandbox.Report{Level: sandbox.Full}, sandbox.Report{Level: sandbox.Full, Verified: true}, false},
		{sandbox.Report{Level: sandbox.Weak}, sandbox.Report{Level: sandbox.Full, Verified: true}, true},
		{sandbox.Report{Level: sandbox.FullQuota, Verified: true}, sandbox.Report{Level: sandbox.Full}, false},
	} {
		if got := tells(c.one, c.other); got != c.want {
			t.Errorf("%+v before %+v: %v", c.one, c.other, got)
		}
	}
}

func TestUnknownAttack(t *testing.T) {
	if _, err := Run(context.Background(), Options{Only: []string{"tickle"}}); err == nil || !strings.Contains(err.Error(), `"tickle"`) {
		t.Errorf("got %v", err)
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	exe, _ := os.Executable()
	if _, err := Run(ctx, Options{Executable: exe, Only: []string{"stdin"}}); err == nil {
		t.Error("a cancelled run has a report")
	}
}
