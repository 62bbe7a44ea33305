// SPDX-License-Identifier: Apache-2.0

package report

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Clean makes text from outside safe to print: terminal sequences (colours,
// cursor movements, window titles) are removed whole, then every other control
// character, and the invisible characters that reorder or hide text. Bytes
// that are not UTF-8 become U+FFFD. Line feeds stay, a tab becomes spaces, a
// carriage return and a Unicode line separator become a line feed.
func Clean(s string) string {
	if utf8.ValidString(s) && strings.IndexFunc(s, func(r rune) bool { return r != '\n' && hostile(r) }) < 0 {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		if n := sequence(s[i:], r, size); n > 0 {
			i += n
			continue
		}
		writeClean(&b, r, s[i+size:])
		i += size
	}
	return b.String()
}

// CleanLine is Clean on one line: every run of white space is one space.
func CleanLine(s string) string {
	return strings.Join(strings.Fields(Clean(s)), " ")
}

func writeClean(b *strings.Builder, r rune, rest string) {
	switch {
	case r == '\t':
		b.WriteString("    ")
	case r == '\r' && strings.HasPrefix(rest, "\n"):
	case r == '\r', r == '\n', r == '\u2028', r == '\u2029':
		b.WriteByte('\n')
	case !hostile(r):
		b.WriteRune(r)
	}
}

// hostile reports whether a terminal obeys r, or a reader is deceived by it.
func hostile(r rune) bool {
	switch {
	case unicode.IsControl(r), unicode.Is(unicode.Bidi_Control, r):
		return true
	case r >= 0x200b && r <= 0x200f, r == 0x2028, r == 0x2029, r >= 0x2060 && r <= 0x206f:
		return true
	case r == 0x00ad, r == 0x061c, r == 0xfeff, r >= 0xfff9 && r <= 0xfffb, r >= 0xe0000 && r <= 0xe007f:
		return true
	}
	return false
}

// sequence returns the length of the terminal sequence that s begins with, 0
// when it begins with none. The first rune of s is r and has size bytes. A
// sequence that does not end is not one: only its introducer is dropped.
func sequence(s string, r rune, size int) int {
	kind := r
	if r == 0x1b && len(s) > 1 {
		kind, size = 0x40+rune(s[1]), 2
		if s[1] < 0x40 || s[1] > 0x5f {
			return 0
		}
	}
	switch kind {
	case 0x9b:
		return controlSequence(s, size)
	case 0x90, 0x98, 0x9d, 0x9e, 0x9f:
		return stringSequence(s, size)
	}
	return 0
}

// controlSequence measures ESC [ parameters, intermediates, final byte.
func controlSequence(s string, from int) int {
	for i := from; i < len(s); i++ {
		switch c := s[i]; {
		case c >= 0x40 && c <= 0x7e:
			return i + 1
		case c < 0x20 || c > 0x3f:
			return from
		}
	}
	return from
}

// stringSequence measures ESC ] ... up to BEL or the string terminator, on one
// line.
func stringSequence(s string, from int) int {
	for i := from; i < len(s) && s[i] != '\n'; i++ {
		switch {
		case s[i] == 0x07:
			return i + 1
		case strings.HasPrefix(s[i:], "\x1b\\"), strings.HasPrefix(s[i:], "\u009c"):
			return i + 2
		}
	}
	return from
}
