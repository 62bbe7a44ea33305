// SPDX-License-Identifier: Apache-2.0

package pep440

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"

	peer "github.com/aquasecurity/go-pep440-version"
)

// randomVersion makes a version of small numbers, so that equal and neighbouring
// ones are frequent.
func randomVersion(r *rand.Rand, local bool) string {
	var b strings.Builder
	if r.IntN(12) == 0 {
		fmt.Fprintf(&b, "%d!", r.IntN(2))
	}
	fmt.Fprint(&b, r.IntN(3))
	for range r.IntN(3) {
		fmt.Fprintf(&b, ".%d", r.IntN(3))
	}
	if r.IntN(3) == 0 {
		fmt.Fprintf(&b, "%s%d", []string{"a", "b", "rc"}[r.IntN(3)], r.IntN(3))
	}
	if r.IntN(4) == 0 {
		fmt.Fprintf(&b, ".post%d", r.IntN(3))
	}
	if r.IntN(6) == 0 {
		fmt.Fprintf(&b, ".dev%d", r.IntN(3))
	}
	if local && r.IntN(4) == 0 {
		fmt.Fprintf(&b, "+%s", []string{"cu124", "cu121", "cpu", "1", "cu124.1"}[r.IntN(5)])
	}
	return b.String()
}

func randomClause(r *rand.Rand) string {
	op := operators[1+r.IntN(len(operators)-1)] // "===" compares texts
	equality := op == "==" || op == "!="
	version := randomVersion(r, equality)
	if equality && r.IntN(3) == 0 {
		version, _, _ = strings.Cut(version, "+")
		version, _, _ = strings.Cut(version, ".dev")
		return op + version + ".*"
	}
	return op + version
}

type pair struct{ Spec, Version string }

func randomPairs(n int) []pair {
	r := rand.New(rand.NewPCG(1, 2))
	out := make([]pair, 0, n)
	for len(out) < n {
		spec := randomClause(r)
		if r.IntN(3) == 0 {
			spec += ", " + randomClause(r)
		}
		if _, err := ParseSpecifiers(spec); err == nil { // "~=1" is none
			out = append(out, pair{spec, randomVersion(r, true)})
		}
	}
	return out
}

const pairsScript = `
import json, sys
from packaging.specifiers import SpecifierSet
print(json.dumps([SpecifierSet(p["Spec"]).contains(p["Version"], prereleases=True) for p in json.load(sys.stdin)]))
`

// TestRandomPairsAgainstPackaging: the library inside pip is the one to agree with.
func TestRandomPairsAgainstPackaging(t *testing.T) {
	if testing.Short() {
		t.Skip("starts Python")
	}
	pairs := randomPairs(20_000)
	input, err := json.Marshal(pairs)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("python3", "-c", pairsScript)
	cmd.Stdin = strings.NewReader(string(input))
	out, err := cmd.Output()
	if err != nil {
		t.Skip("no python3 with packaging: ", err)
	}
	var want []bool
	if err := json.Unmarshal(out, &want); err != nil {
		t.Fatal(err)
	}
	for i, p := range pairs {
		if got := contains(t, p); got != want[i] {
			t.Errorf("%q contains %s = %v, packaging says %v", p.Spec, p.Version, got, want[i])
		}
	}
}

func contains(t testing.TB, p pair) bool {
	t.Helper()
	set, err := ParseSpecifiers(p.Spec)
	if err != nil {
		t.Fatal(err)
	}
	return set.Contains(mustParse(t, p.Version))
}

// peerContains asks the Go library; false for what it is known to get wrong or
// to panic on.
func peerContains(p pair) (verdict, known bool) {
	defer func() {
		if recover() != nil {
			known = false
		}
	}()
	if strings.Contains(p.Spec, "*") || strings.Contains(p.Spec, "~=") || strings.TrimSpace(p.Spec) == "" {
		return false, false
	}
	set, err := peer.NewSpecifiers(p.Spec)
	if err != nil {
		return false, false
	}
	return set.Check(peer.MustParse(p.Version)), true
}

// TestRandomPairsAgainstLibrary compares with the Go library outside of "*" and
// "~=", where it strays from packaging (see TestLibraryDiffers).
func TestRandomPairsAgainstLibrary(t *testing.T) {
	compared := 0
	for _, p := range randomPairs(5000) {
		want, known := peerContains(p)
		if !known {
			continue
		}
		compared++
		if got := contains(t, p); got != want {
			t.Errorf("%q contains %s = %v, the library says %v", p.Spec, p.Version, got, want)
		}
	}
	if compared < 1000 {
		t.Errorf("compared %d pairs only", compared)
	}
}

// TestLibraryDiffers keeps the reasons why the library does not do: when it
// agrees here, it can replace this package.
func TestLibraryDiffers(t *testing.T) {
	for _, c := range []struct {
		pair
		packaging bool
	}{
		{pair{"~=2.2rc1", "2.3"}, true}, {pair{"==2.0.0.*", "2.0rc1"}, true}, {pair{"", "1.0"}, true},
	} {
		if got := contains(t, c.pair); got != c.packaging {
			t.Errorf("%q contains %s = %v", c.Spec, c.Version, got)
		}
		set, err := peer.NewSpecifiers(c.Spec)
		if err == nil && set.Check(peer.MustParse(c.Version)) == c.packaging {
			t.Errorf("the library agrees with packaging on %q and %s", c.Spec, c.Version)
		}
	}
}

func FuzzAgainstLibrary(f *testing.F) {
	for _, p := range randomPairs(50) {
		f.Add(p.Spec, p.Version)
	}
	f.Fuzz(func(t *testing.T, spec, version string) {
		set, err := ParseSpecifiers(spec)
		v, errV := Parse(version)
		if err != nil || errV != nil || strings.Contains(spec, "===") {
			return
		}
		if want, known := peerContains(pair{spec, version}); known && set.Contains(v) != want {
			t.Errorf("%q contains %s = %v, the library says %v", spec, version, !want, want)
		}
	})
}

// BenchmarkLibrary does with the Go library what BenchmarkSpecifiers does.
func BenchmarkLibrary(b *testing.B) {
	v := peer.MustParse("2.5.0")
	for b.Loop() {
		set, _ := peer.NewSpecifiers(">=2.4.1,<3")
		set.Check(v)
	}
}
