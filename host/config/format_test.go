// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFormat(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"a.hcl", "sandbox {\nrequire=\"weak\"\n   strict   =   true\n}\n", "sandbox {\n  require = \"weak\"\n  strict  = true\n}\n"},
		{"a.hcl", "# kept\nlocals { a=1 }\n", "# kept\nlocals { a = 1 }\n"},
		{"a.json", `{"sandbox":{"require":"weak"}}`, "{\n  \"sandbox\": {\n    \"require\": \"weak\"\n  }\n}\n"},
	}
	for _, tt := range tests {
		got, diags := Format(tt.name, []byte(tt.in))
		if diags.HasErrors() || string(got) != tt.want {
			t.Errorf("Format(%q) = %q, %v", tt.in, got, diags.Err())
		}
	}
	got, diags := Format("a.hcl", []byte("host {"))
	if !diags.HasErrors() || string(got) != "host {" || diags[0].Range == nil {
		t.Errorf("broken file: %q, %v", got, diags.Err())
	}
}

func TestDiff(t *testing.T) {
	tests := map[string]struct{ before, after, want string }{
		"equal":   {"a\n", "a\n", ""},
		"change":  {"a\nb\nc\n", "a\nB\nc\n", "--- old\n+++ new\n@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n"},
		"add":     {"", "a\n", "--- old\n+++ new\n@@ -0,0 +1,1 @@\n+a\n"},
		"remove":  {"a\n", "", "--- old\n+++ new\n@@ -1,1 +0,0 @@\n-a\n"},
		"no end":  {"a", "a\n", "--- old\n+++ new\n@@ -1,1 +1,1 @@\n-a\n\\ No newline at end of file\n+a\n"},
		"control": {"\x1b\n", "b\n", "--- old\n+++ new\n@@ -1,1 +1,1 @@\n-␛\n+b\n"},
		"two hunks": {"a\n1\n2\n3\n4\n5\n6\n7\nb\n", "A\n1\n2\n3\n4\n5\n6\n7\nB\n",
			"--- old\n+++ new\n@@ -1,4 +1,4 @@\n-a\n+A\n 1\n 2\n 3\n@@ -6,4 +6,4 @@\n 5\n 6\n 7\n-b\n+B\n"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, Diff("old", "new", []byte(tt.before), []byte(tt.after))); diff != "" {
				t.Errorf("diff (-want +got):\n%s", diff)
			}
		})
	}
}

// TestDiffApplies checks scripts of many texts by applying them.
func TestDiffApplies(t *testing.T) {
	var texts [][]string
	for i := range 64 {
		var text []string
		for j := range 6 {
			if i>>j&1 == 1 {
				text = append(text, fmt.Sprintf("%d\n", j%3))
			}
		}
		texts = append(texts, text)
	}
	for _, a := range texts {
		for _, b := range texts {
			var olds, news []string
			for _, e := range script(a, b) {
				if e.op != '+' {
					olds = append(olds, e.text)
				}
				if e.op != '-' {
					news = append(news, e.text)
				}
			}
			if !cmp.Equal(olds, a) || !cmp.Equal(news, b) {
				t.Fatalf("script of %q and %q makes %q and %q", a, b, olds, news)
			}
		}
	}
}

func TestDiffOfFarTexts(t *testing.T) {
	a := []byte(strings.Repeat("a\n", 3*maxDiffEdits))
	b := []byte(strings.Repeat("b\n", 3*maxDiffEdits))
	if got := Diff("a", "b", a, b); strings.Count(got, "\n") != 6*maxDiffEdits+3 {
		t.Errorf("%d lines", strings.Count(got, "\n"))
	}
}
