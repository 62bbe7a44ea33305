// SPDX-License-Identifier: Apache-2.0

package leaves

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestOf(t *testing.T) {
	for document, want := range map[string][]Leaf{
		`7`:                             {{"", "7"}},
		`{}`:                            {{"", "{}"}},
		`[]`:                            {{"", "[]"}},
		`not JSON`:                      {{"", `"not JSON"`}},
		`1 }`:                           {{"", `"1 }"`}},
		`1 2`:                           {{"", `"1 2"`}},
		`{"b":1,"a":{"c":null}}`:        {{"a.c", "null"}, {"b", "1"}},
		`{"a":[1,{"b":[]}]}`:            {{"a[0]", "1"}, {"a[1].b", "[]"}},
		`{"a.b":{"":"<ö>"}}`:            {{`["a.b"][""]`, `"<ö>"`}},
		`{"n":12345678901234567890.10}`: {{"n", "12345678901234567890.10"}},
	} {
		if diff := cmp.Diff(want, Of([]byte(document))); diff != "" {
			t.Errorf("%s: %s", document, diff)
		}
	}
}

func TestDiff(t *testing.T) {
	got := Diff([]byte(`{"a":1,"b":[1,2],"c":"x"}`), []byte(`{"a":1,"b":[1,3,4],"d":true}`))
	want := []Change{{"b[1]", "2", "3"}, {"c", `"x"`, ""}, {"b[2]", "", "4"}, {"d", "", "true"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got := Diff([]byte(`{"a":1,"b":2}`), []byte(`{ "b": 2, "a": 1 }`)); got != nil {
		t.Errorf("the order of keys counts: %v", got)
	}
}

// FuzzOf: paths are unique, values are JSON, and a document does not differ from
// itself.
func FuzzOf(f *testing.F) {
	for _, s := range []string{`{"a":[1,{"b":[]}],"a.b":2,"a[0]":3}`, `[[[]]]`, `{"":{"":1}}`, `nonsense`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, document []byte) {
		seen := map[string]bool{}
		for _, l := range Of(document) {
			if seen[l.Path] {
				t.Errorf("%q stands twice", l.Path)
			}
			seen[l.Path] = true
			if !json.Valid([]byte(l.Value)) || bytes.ContainsRune([]byte(l.Value), '\n') {
				t.Errorf("%q is no compact JSON", l.Value)
			}
		}
		if d := Diff(document, document); d != nil {
			t.Errorf("it differs from itself: %v", d)
		}
	})
}
