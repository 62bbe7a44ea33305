// SPDX-License-Identifier: Apache-2.0

package release

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxQuoted bounds what an error repeats of foreign text, in bytes.
const maxQuoted = 80

// quote repeats foreign text in an error: short, and nothing that a terminal
// obeys.
func quote(s string) string {
	if len(s) > maxQuoted {
		return fmt.Sprintf("%+q...", strings.ToValidUTF8(s[:maxQuoted], ""))
	}
	return fmt.Sprintf("%+q", s)
}

// within says in which field an error is; nil stays nil.
func within(field string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", field, err)
}

// checkText checks text that people read on a terminal.
func checkText(s string, most int, lines bool) error {
	switch {
	case len(s) > most:
		return fmt.Errorf("it has %d bytes, more than %d", len(s), most)
	case !utf8.ValidString(s):
		return errors.New("it is not UTF-8")
	case strings.ContainsFunc(s, func(r rune) bool { return hidden(r) && (!lines || r != '\n') }):
		return fmt.Errorf("%s holds characters that cannot be seen or that a terminal obeys", quote(s))
	}
	return nil
}

func hidden(r rune) bool {
	return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || r == utf8.RuneError ||
		unicode.In(r, unicode.Cf, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point)
}

// needText is checkText of one line that must say something.
func needText(field, s string, most int) error {
	if strings.TrimSpace(s) == "" {
		return fmt.Errorf("%s is empty", field)
	}
	return within(field, checkText(s, most, false))
}
