// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"os"
	"testing"
)

// FuzzMeets holds the quick comparison of simple names to the slow one.
func FuzzMeets(f *testing.F) {
	for _, pair := range [][2]string{
		{"etc", "ETC"}, {"etc", "etc."}, {"etc", "etc "}, {"etc", "etc:stream"}, {"e*", "etc"}, {"[Z-f]tc", "etc"},
		{"\u017fys", "sys"}, {"\u212aernel", "kernel"}, {"", ""}, {"a\\b", "ab"},
	} {
		f.Add(pair[0], pair[1])
	}
	f.Fuzz(func(t *testing.T, x, y string) {
		if got, want := meets(x, y), meetsInSomeSpelling(x, y); got != want {
			t.Errorf("meets(%q, %q) = %t, want %t", x, y, got, want)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	data, err := os.ReadFile("../../plugins/builtin-gpu/manifest.json")
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := Parse(data); err != nil {
			b.Fatal(err)
		}
	}
}
