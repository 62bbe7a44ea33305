// SPDX-License-Identifier: Apache-2.0

package artifact

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestKeyVectors are published: a key must stay what it is, or caches are lost.
// sha256sum makes the same of the bytes in the package doc.
func TestKeyVectors(t *testing.T) {
	for want, in := range map[string][]Ingredient{
		"e6f7783b67d8974fe9c823e7e34788633995d04bace9da46e580f7318811935f": nil,
		"ee21dd3295716fb3397b443637b8ea11700cc1eac932e998dca299a40543cf78": {{"config", "{}"}, {"input", "é"}},
	} {
		if got := KeyOf(in).String(); got != want {
			t.Errorf("KeyOf(%v) = %s, want %s", in, got, want)
		}
	}
}

func TestKeysTellIngredientsApart(t *testing.T) {
	seen := map[Key]int{}
	for i, in := range [][]Ingredient{
		{}, {{"", ""}}, {{"a", ""}}, {{"", "a"}}, {{"a", "bc"}}, {{"ab", "c"}}, {{"a", "b"}, {"c", ""}},
		{{"x", "1"}, {"x", "2"}}, {{"x", "2"}, {"x", "1"}}, {{"x", "1"}}, {{"x", "1"}, {"x", "1"}},
	} {
		if other, ok := seen[KeyOf(in)]; ok {
			t.Errorf("%d and %d have one key", i, other)
		}
		seen[KeyOf(in)] = i
	}
}

func TestKeysDoNotDependOnTheOrderOfNames(t *testing.T) {
	a := []Ingredient{{"b", "1"}, {"a", "2"}, {"b", "3"}}
	b := []Ingredient{{"b", "1"}, {"b", "3"}, {"a", "2"}}
	if KeyOf(a) != KeyOf(b) {
		t.Error("they do")
	}
	if a[0].Name != "b" {
		t.Error("KeyOf sorts its argument")
	}
}

func TestParseKey(t *testing.T) {
	k := KeyOf(nil)
	if got, err := ParseKey(k.String()); err != nil || got != k {
		t.Errorf("%v, %v", got, err)
	}
	for _, text := range []string{"", "00", strings.Repeat("g", 64), k.String() + "00", "../" + k.String()[3:]} {
		if _, err := ParseKey(text); err == nil {
			t.Errorf("%q is a key", text)
		}
	}
	var back struct{ K Key }
	text, err := json.Marshal(struct{ K Key }{k})
	must(t, err)
	if err := json.Unmarshal(text, &back); err != nil || back.K != k {
		t.Errorf("%s gives %v, %v", text, back.K, err)
	}
	if err := json.Unmarshal([]byte(`{"K":"1"}`), &back); err == nil {
		t.Error("a short key is read")
	}
}
