// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestCheckName(t *testing.T) {
	good := []string{
		"a", "manifest.json", "a b/c", "lib/libtorch.so.2.3", "größe", "データ/表.csv", "a-b_c+d@e=f,g;h!i#j$k%l&m'n(o)p[q]r{s}t~u^v`w",
		"console", "com", "com10", "lptx", "nul-1", "x~y", "a..b", strings.Repeat("x/", 31) + "y",
		strings.Repeat("d", 155) + "/" + strings.Repeat("n", 99),
	}
	for _, name := range good {
		if err := CheckName(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	bad := []string{
		"", "/a", "a/", "a//b", ".", "..", "./a", "a/../b", "a/.", ".hidden", "a/.hidden/b", "__pycache__/a", "a/__pycache__",
		`a\b`, "c:", "c:/a", "a*", "a?", `a"`, "a<", "a>", "a|b", "a.", "a ", " a", "a./b", "a /b",
		"a\x00b", "a\nb", "a\tb", "a\x7f", "a\u00a0b", "a\u200bb", "a\u202eb", "a\ufeff", "a\u2028b", "a\ue000", "a\xffb", "\u0378",
		"CON", "con", "Prn.txt", "aux", "a/NUL", "nul.tar.gz", "com1", "COM9.c", "com¹", "lpt³.x", "LPT0", "conin$", "CONOUT$.log", "con .txt",
		"PROGRA~1", "lib/a~12.txt", "cafe\u0301", "\u212b", strings.Repeat("n", 101), strings.Repeat("d", 156) + "/n",
		strings.Repeat("x/", 32) + "y", strings.Repeat("a/", 20) + strings.Repeat("n", 250),
	}
	for _, name := range bad {
		if CheckName(name) == nil {
			t.Errorf("%q is allowed", name)
		}
	}
}

func TestClashes(t *testing.T) {
	tests := []struct {
		names []string
		clash bool
	}{
		{[]string{"a", "b", "a/b"}, true},
		{[]string{"a/b", "a"}, true},
		{[]string{"a/b/c", "a/b"}, true},
		{[]string{"a", "A"}, true},
		{[]string{"lib/a", "Lib/b"}, true},
		{[]string{"straße", "STRASSE"}, true},
		{[]string{"ſ", "s"}, true},
		{[]string{"K", "\u212a"}, true}, // the sign for kelvin
		{[]string{"É", "é"}, true},
		{[]string{"ı", "i"}, true},
		{[]string{"a/b", "a/c", "ab", "a.b"}, false},
		{[]string{"a/b", "c/b", "d/a/b"}, false},
	}
	for _, test := range tests {
		n := newNames()
		var err error
		for _, name := range test.names {
			if err == nil {
				err = n.add(name)
			}
		}
		if (err != nil) != test.clash {
			t.Errorf("%q: %v", test.names, err)
		}
	}
}

func TestSplit(t *testing.T) {
	d, n := strings.Repeat("d", 155), strings.Repeat("n", 100)
	tests := []struct {
		name, prefix, rest string
		ok                 bool
	}{
		{"a/b", "", "a/b", true},
		{n, "", n, true},
		{"a/" + n, "a", n, true},
		{"x/y/" + n, "x/y", n, true},
		{d + "/" + n, d, n, true},
		{d + "d/" + n, "", "", false},
		{n + "n", "", "", false},
		{d + "/" + n + "n", "", "", false},
	}
	for _, test := range tests {
		prefix, rest, ok := split(test.name)
		if prefix != test.prefix || rest != test.rest || ok != test.ok {
			t.Errorf("%q: %q, %q, %v", test.name, prefix, rest, ok)
		}
	}
}

func FuzzCheckName(f *testing.F) {
	for _, seed := range []string{"a/b", "con", "é", `c:\x`, "../a", strings.Repeat("a/", 130)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if CheckName(name) != nil {
			return
		}
		if !utf8.ValidString(name) || len(name) > MaxName || strings.Contains("/"+name+"/", "/../") || strings.HasPrefix(name, "/") {
			t.Errorf("%q is allowed", name)
		}
		e := entry{name: name, size: 5, exec: true}
		if got, err := e.header().parse(); err != nil || got != e {
			t.Errorf("%q is read as %+v, %v", name, got, err)
		}
	})
}
