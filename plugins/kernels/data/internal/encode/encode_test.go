// SPDX-License-Identifier: Apache-2.0

package encode_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/bulkhead-ml/bulkhead/plugins/kernels/data/internal/encode"
	"github.com/bulkhead-ml/bulkhead/plugins/kernels/data/internal/fixture"
)

func TestReproducesReference(t *testing.T) {
	ref := fixture.Encoder(t)
	v, missing := make([]string, len(ref.Input)), make([]bool, len(ref.Input))
	for i, s := range ref.Input {
		if missing[i] = s == nil; s != nil {
			v[i] = *s
		}
	}
	e := encode.Fit(v, missing, encode.Options{MinFrequency: 2, NullCategory: true})
	if e.Null != encode.NullInfrequent || !slices.Equal(append(e.Infrequent, "None"), ref.Infrequent) {
		t.Errorf("encoding %+v, reference infrequent %v", e, ref.Infrequent)
	}
	for i, want := range ref.Out {
		got := make([]int, e.Width())
		if k, known := e.Position(v[i], missing[i]); known && k >= 0 {
			got[k] = 1
		}
		if !slices.Equal(got, want) {
			t.Errorf("row %d encodes as %v, reference %v", i, got, want)
		}
	}
	if want := []string{"c=a", "c=b", "c=<infrequent>"}; !slices.Equal(e.Names("c"), want) {
		t.Errorf("names %v, want %v", e.Names("c"), want)
	}
}

func TestNullRoles(t *testing.T) {
	v, missing := []string{"a", "", "a", ""}, []bool{false, true, false, true}
	kept := encode.Fit(v, missing, encode.Options{MinFrequency: 2, NullCategory: true})
	if k, ok := kept.Position("", true); k != 1 || !ok || !slices.Equal(kept.Names("c"), []string{"c=a", "c=<null>"}) {
		t.Errorf("kept: %d %v %v", k, ok, kept.Names("c"))
	}
	ignored := encode.Fit(v, missing, encode.Options{MinFrequency: 1})
	if k, ok := ignored.Position("", true); k != -1 || ok || ignored.Width() != 1 {
		t.Errorf("ignored: %d %v", k, ok)
	}
}

// Every value of the fit has exactly one indicator, and no other value has any.
func TestEveryValueHasOneIndicator(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.SliceOf(rapid.StringMatching(`[a-e]{0,2}`)).Draw(t, "values")
		e := encode.Fit(v, make([]bool, len(v)), encode.Options{MinFrequency: rapid.IntRange(1, 4).Draw(t, "min")})
		if err := e.Check(); err != nil {
			t.Fatal(err)
		}
		for _, s := range v {
			if k, known := e.Position(s, false); !known || k < 0 || k >= e.Width() {
				t.Fatalf("%q has indicator %d of %d", s, k, e.Width())
			}
		}
		if k, known := e.Position("z", false); known || k != -1 {
			t.Fatalf("an unseen value has indicator %d", k)
		}
	})
}

func TestCheck(t *testing.T) {
	for name, e := range map[string]encode.OneHot{
		"order": {Kept: []string{"b", "a"}},
		"twice": {Kept: []string{"a", "a"}},
		"both":  {Kept: []string{"a"}, Infrequent: []string{"a"}},
		"null":  {Null: "sometimes"},
	} {
		if e.Check() == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
