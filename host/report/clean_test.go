// SPDX-License-Identifier: Apache-2.0

package report

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestClean(t *testing.T) {
	for _, tt := range []struct{ what, in, want string }{
		{"plain", "plain text, Grüße, 漢字", "plain text, Grüße, 漢字"},
		{"line feeds stay", "a\nb", "a\nb"},
		{"tab", "a\tb", "a    b"},
		{"colour", "\x1b[1;31mred\x1b[0m", "red"},
		{"cursor", "a\x1b[2Jb\x1b[10;10Hc", "abc"},
		{"window title", "a\x1b]0;owned\x07b", "ab"},
		{"link", "\x1b]8;;https://example.org\x1b\\text\x1b]8;;\x1b\\", "text"},
		{"string that does not end keeps its text", "a\x1b]0;rest\nnext", "a0;rest\nnext"},
		{"sequence that does not end", "a\x1b[31", "a31"},
		{"lonely escape", "a\x1b", "a"},
		{"escape and a letter", "a\x1bcb", "acb"},
		{"C1 control sequence", "a\u009b31mb", "ab"},
		{"C1 string", "a\u009dtitle\u009cb", "ab"},
		{"bell, backspace, delete", "a\a\b\x7fb", "ab"},
		{"carriage return", "good\rbad\r\nend", "good\nbad\nend"},
		{"bidi", "user\u202e\u2066gnp.exe\u2069", "usergnp.exe"},
		{"hidden", "a\u200bb\ufeffc\u00add\U000e0041e", "abcde"},
		{"line separator", "a\u2028b", "a\nb"},
		{"not UTF-8", "a\xff\xfeb", "a\ufffd\ufffdb"},
		{"zero byte", "a\x00b", "ab"},
	} {
		t.Run(tt.what, func(t *testing.T) {
			if got := Clean(tt.in); got != tt.want {
				t.Errorf("Clean(%q) = %q, want %q", tt.in, got, tt.want)
			}
		})
	}
}

func TestCleanLine(t *testing.T) {
	if got, want := CleanLine(" a\n\tb \x1b[1m c\r"), "a b c"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func FuzzClean(f *testing.F) {
	for _, s := range []string{"plain", "\x1b[31mred", "\x1b]0;t\x07", "\u009b2J", "\xff\u202e", "\x1b\x1b[\x1b]x\x1b\\"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := Clean(s)
		if !utf8.ValidString(got) {
			t.Fatalf("%q is not UTF-8", got)
		}
		if i := strings.IndexFunc(got, func(r rune) bool { return r != '\n' && (unicode.IsControl(r) || hostile(r)) }); i >= 0 {
			t.Fatalf("%q still holds a hostile character at %d", got, i)
		}
		if again := Clean(got); again != got {
			t.Fatalf("Clean is not stable: %q, then %q", got, again)
		}
	})
}
