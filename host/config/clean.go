// SPDX-License-Identifier: Apache-2.0

package config

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Clean replaces what could drive or deceive a terminal: control characters
// other than line feed and tab, bytes that are not UTF-8, and the invisible
// characters that reorder text.
func Clean(s string) string {
	if strings.IndexFunc(s, hostile) < 0 && utf8.ValidString(s) {
		return s
	}
	return strings.Map(cleanRune, s)
}

// cleanRune maps ASCII controls to their visible pictures.
func cleanRune(r rune) rune {
	switch {
	case !hostile(r):
		return r
	case r < 0x20:
		return 0x2400 + r
	case r == 0x7f:
		return 0x2421
	default:
		return utf8.RuneError
	}
}

func hostile(r rune) bool {
	if r == '\n' || r == '\t' {
		return false
	}
	return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)
}
