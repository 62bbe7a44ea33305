// SPDX-License-Identifier: Apache-2.0

package artifact

import (
	"fmt"
	"os"
	"testing"
	"time"
)

// keep puts an artifact without parts into the store.
func keep(t *testing.T, s *Store, ago time.Duration, ingredients ...Ingredient) {
	t.Helper()
	d, err := s.Create(KeyOf(ingredients))
	must(t, err)
	must(t, d.Commit(Info{Ingredients: ingredients}))
	then := time.Now().Add(-ago)
	must(t, s.root.Chtimes(entryName(KeyOf(ingredients)), then, then))
}

func TestExplain(t *testing.T) {
	s := opened(t, t.TempDir(), Options{})
	keep(t, s, time.Hour, Ingredient{"kernel", "k1"}, Ingredient{"config", "c1"}, Ingredient{"input", "i1"})
	keep(t, s, 2*time.Hour, Ingredient{"kernel", "k1"}, Ingredient{"config", "c1"}, Ingredient{"input", "i2"})
	keep(t, s, 0, Ingredient{"kernel", "k2"}, Ingredient{"config", "c1"}, Ingredient{"input", "i1"}, Ingredient{"input", "i2"})
	for name, c := range map[string]struct {
		in   []Ingredient
		want string
	}{
		"found":         {[]Ingredient{{"config", "c1"}, {"input", "i2"}, {"kernel", "k1"}}, "found i2"},
		"one differs":   {[]Ingredient{{"kernel", "k1"}, {"config", "c2"}, {"input", "i2"}}, "nearest i2 config [c2] [c1]"},
		"used last":     {[]Ingredient{{"kernel", "k1"}, {"config", "c1"}, {"input", "i3"}}, "nearest i1 input [i3] [i1]"},
		"one more":      {[]Ingredient{{"kernel", "k1"}, {"config", "c1"}, {"input", "i1"}, {"seed", "7"}}, "nearest i1 seed [7] []"},
		"one less":      {[]Ingredient{{"kernel", "k1"}, {"input", "i2"}}, "nearest i2 config [] [c1]"},
		"several of it": {[]Ingredient{{"kernel", "k2"}, {"config", "c1"}, {"input", "i2"}, {"input", "i1"}}, "nearest i1 input [i2 i1] [i1 i2]"},
		"none":          {[]Ingredient{{"kernel", "k9"}}, "nothing"},
		"no input":      {nil, "nothing"},
	} {
		e, err := s.Explain(c.in)
		must(t, err)
		if got := told(e); got != c.want || e.Key != KeyOf(c.in) {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func told(e Explanation) string {
	input := func(in *Entry) string {
		for _, i := range in.Info.Ingredients {
			if i.Name == "input" {
				return i.Value
			}
		}
		return ""
	}
	switch {
	case e.Found != nil:
		return "found " + input(e.Found)
	case e.Nearest == nil:
		return "nothing"
	}
	out := "nearest " + input(e.Nearest)
	for _, d := range e.Differences {
		out += fmt.Sprintf(" %s %v %v", d.Name, d.Want, d.Have)
	}
	return out
}

// TestExplainPrefersTheSameNames although another artifact has more in common:
// part of an outcome is not what people look for.
func TestExplainPrefersTheSameNames(t *testing.T) {
	s := opened(t, t.TempDir(), Options{})
	keep(t, s, time.Hour, Ingredient{"kernel", "k"}, Ingredient{"config", "old"}, Ingredient{"input", "whole"})
	keep(t, s, 0, Ingredient{"kernel", "k"}, Ingredient{"config", "new"}, Ingredient{"input", "whole"}, Ingredient{"part", "fit"})
	e, err := s.Explain([]Ingredient{{"kernel", "k"}, {"config", "new"}, {"input", "whole"}})
	must(t, err)
	if got := told(e); got != "nearest whole config [new] [old]" {
		t.Errorf("%s", got)
	}
}

// TestExplainSkipsDamage does not promise what Get will not give.
func TestExplainSkipsDamage(t *testing.T) {
	s := opened(t, t.TempDir(), Options{})
	must(t, put(s, "a", 1))
	must(t, os.Remove(dataOf(t, s, "a", stateSuffix)))
	e, err := s.Explain(named("a"))
	must(t, err)
	if e.Found != nil || e.Nearest != nil {
		t.Errorf("%+v", e)
	}
}
