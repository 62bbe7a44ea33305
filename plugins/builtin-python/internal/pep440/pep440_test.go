// SPDX-License-Identifier: Apache-2.0

package pep440

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	peer "github.com/aquasecurity/go-pep440-version"
)

// ordered is PEP 440's own example of an order, with more spellings.
var ordered = []string{
	"1.dev0", "1.0.dev456", "1.0a1", "1.0a2.dev456", "1.0a12.dev456", "1.0a12", "1.0b1.dev456", "1.0b2",
	"1.0b2.post345.dev456", "1.0b2.post345", "1.0rc1.dev456", "1.0rc1", "1.0", "1.0+abc.5", "1.0+abc.7", "1.0+5",
	"1.0.post456.dev34", "1.0.post456", "1.0.15", "1.1.dev1", "2.5.1", "2.5.1+cu124", "1!0.1",
}

func mustParse(t testing.TB, s string) Version {
	t.Helper()
	v, err := Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestOrder(t *testing.T) {
	for i, a := range ordered {
		for j, b := range ordered {
			got, want := mustParse(t, a).Compare(mustParse(t, b)), 0
			if i < j {
				want = -1
			} else if i > j {
				want = 1
			}
			if got != want {
				t.Errorf("Compare(%s, %s) = %d, want %d", a, b, got, want)
			}
		}
	}
}

func TestEqualSpellings(t *testing.T) {
	for _, pair := range [][2]string{
		{"1.0", "1"}, {"v1.0", "1.0.0"}, {"1.0ALPHA1", "1.0a1"}, {"1.0-preview-2", "1.0rc2"}, {"1.0-1", "1.0.post1"},
		{"1.0.r4", "1.0post4"}, {"1.0_dev", "1.0.dev0"}, {"1.0+ubuntu-1", "1.0+ubuntu.1"}, {"0!1", "1"}, {" 1.2 ", "1.2"},
	} {
		if mustParse(t, pair[0]).Compare(mustParse(t, pair[1])) != 0 {
			t.Errorf("%q and %q should be equal", pair[0], pair[1])
		}
	}
}

// TestManySpecifiers: what is remembered of specifiers is bounded, and the answer is
// the same when it was forgotten.
func TestManySpecifiers(t *testing.T) {
	for range 2 {
		for i := range maxParsed + 10 {
			set, err := ParseSpecifiers(fmt.Sprintf(">=%d,<%d", i, i+1))
			if err != nil || !set.Contains(mustParse(t, fmt.Sprintf("%d.5", i))) || set.Contains(mustParse(t, fmt.Sprint(i+1))) {
				t.Fatalf("specifier %d: %v, %v", i, set, err)
			}
		}
	}
	if len(parsed.of) > maxParsed {
		t.Errorf("%d specifiers are remembered", len(parsed.of))
	}
	for range 2 {
		if _, err := ParseSpecifiers(">=x"); err == nil {
			t.Error("an error is remembered as none")
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, s := range []string{"", "x", "1..2", "1.0+", "1.0+a..b", "1.0junk", "99999999999999999999", "1!", strings.Repeat("1", 300)} {
		if v, err := Parse(s); err == nil {
			t.Errorf("Parse(%q) = %+v, want an error", s, v)
		}
	}
}

// containsCases are verdicts of packaging 26 with prereleases=True.
var containsCases = []struct {
	spec, version string
	want          bool
}{
	{"", "1.0", true},
	{">=2.0", "2.1.0a1", true},
	{"==2.5.1", "2.5.1+cu124", true},
	{"==2.5.1+cu121", "2.5.1+cu124", false},
	{"==2.5.1+cu124", "2.5.1+cu124", true},
	{"<=2.5.1", "2.5.1+cu124", true},
	{">2.5.1", "2.5.1+cu124", false},
	{">2.5.1", "2.5.1.post1", false},
	{"<2.0", "2.0rc1", false},
	{"<2.0rc2", "2.0rc1", true},
	{"!=1.24.*", "1.24.3", false},
	{"==2.*", "2.0rc1", true},
	{"==2.0.0.*", "2.0rc1", true},
	{"==1.0a1.*", "1.0b1", false},
	{"~=2.2", "2.9", true},
	{"~=2.2", "3.0", false},
	{"~=2.2.0", "2.3", false},
	{"~=2.2rc1", "2.3", true},
	{"~=1.4.5a4", "1.5", false},
	{">=1.17.3,<2.0", "1.26.4", true},
	{">=1.17.3,<2.0", "2.0.2", false},
	{"===1.0.0", "1.0", false},
	{"== 12.1.105", "12.1.105", true},
	{">=1!0", "2.0", false},
}

func TestContains(t *testing.T) {
	for _, c := range containsCases {
		specs, err := ParseSpecifiers(c.spec)
		if err != nil {
			t.Errorf("ParseSpecifiers(%q): %v", c.spec, err)
			continue
		}
		if got := specs.Contains(mustParse(t, c.version)); got != c.want {
			t.Errorf("%q contains %s = %v, want %v", c.spec, c.version, got, c.want)
		}
	}
}

func TestSpecifiersRefuses(t *testing.T) {
	for _, s := range []string{"1.0", ">=", ">=2.*", "~=2", ">=1+local", "==1.dev1.*", "=>2", "== 1 2"} {
		if got, err := ParseSpecifiers(s); err == nil {
			t.Errorf("ParseSpecifiers(%q) = %v, want an error", s, got)
		}
	}
}

func TestPin(t *testing.T) {
	for text, want := range map[string]string{"==12.1": "12.1", ">=1": "", "==1.*": "", ">=1,==1.5": "1.5"} {
		specs, err := ParseSpecifiers(text)
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := specs.Pin(); got != want {
			t.Errorf("Pin(%q) = %q, want %q", text, got, want)
		}
	}
}

// TestAgainstLibrary compares orders with an independent implementation.
func TestAgainstLibrary(t *testing.T) {
	for _, a := range ordered {
		for _, b := range ordered {
			want := peer.MustParse(a).Compare(peer.MustParse(b))
			if got := mustParse(t, a).Compare(mustParse(t, b)); got != want {
				t.Errorf("Compare(%s, %s) = %d, the library says %d", a, b, got, want)
			}
		}
	}
}

const packagingScript = `
import json, sys
from packaging.specifiers import SpecifierSet
out = []
for spec in sys.argv[1].split("|"):
    for version in sys.argv[2].split("|"):
        out.append(SpecifierSet(spec).contains(version, prereleases=True))
print(json.dumps(out))
`

// TestAgainstPackaging asks the library inside pip, where it is installed.
func TestAgainstPackaging(t *testing.T) {
	if testing.Short() {
		t.Skip("starts Python")
	}
	specs := []string{
		"==1.0", "!=1.0", ">1.0", "<1.0", ">=1.0", "<=1.0", "~=1.0", "==1.*", "==1.0.*", "!=1.0.*", "~=1.0b2", "<1.0rc1",
		">1.0.post1", "==1.0+abc.5", "==1.0b2.*", "<1.1", ">1!0", "==1.0.0.0.*", "~=1.0.15",
	}
	out, err := exec.Command("python3", "-c", packagingScript, strings.Join(specs, "|"), strings.Join(ordered, "|")).Output()
	if err != nil {
		t.Skip("no python3 with packaging: ", err, os.Getenv("PATH"))
	}
	var want []bool
	if err := json.Unmarshal(out, &want); err != nil {
		t.Fatal(err)
	}
	for i, text := range specs {
		set, err := ParseSpecifiers(text)
		if err != nil {
			t.Fatal(err)
		}
		for j, version := range ordered {
			if got := set.Contains(mustParse(t, version)); got != want[i*len(ordered)+j] {
				t.Errorf("%q contains %s = %v, packaging says %v", text, version, got, !got)
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range append(slices.Clone(ordered), "1.0-", "1.0.post", "+", "1.0a.-1") {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		v, err := Parse(s)
		if err != nil {
			return
		}
		if v.Compare(v) != 0 {
			t.Errorf("%q does not equal itself", s)
		}
		if p, err := peer.Parse(s); err == nil && p.Compare(peer.MustParse(v.original)) != 0 {
			t.Errorf("%q reads otherwise in the library", s)
		}
	})
}

func FuzzParseSpecifiers(f *testing.F) {
	for _, c := range containsCases {
		f.Add(c.spec)
	}
	f.Fuzz(func(t *testing.T, s string) {
		set, err := ParseSpecifiers(s)
		if err != nil {
			return
		}
		for _, v := range ordered {
			set.Contains(mustParse(t, v))
		}
	})
}

func BenchmarkSpecifiers(b *testing.B) {
	v := mustParse(b, "2.5.0")
	for b.Loop() {
		set, _ := ParseSpecifiers(">=2.4.1,<3")
		set.Contains(v)
	}
}
