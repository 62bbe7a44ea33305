// SPDX-License-Identifier: Apache-2.0

package shell

import "strings"

// endOfNest returns the offset after the bracket that closes the one at start.
// Quotes and escapes inside are passed over.
func endOfNest(s string, start int, open, closing byte) int {
	depth := 0
	for i := start; i < len(s); {
		switch c := s[i]; {
		case c == '\\':
			i += 2
			continue
		case c == '\'' || c == '"':
			i = endOfQuote(s, i)
			continue
		case c == open:
			depth++
		case c == closing:
			if depth--; depth == 0 {
				return i + 1
			}
		}
		i++
	}
	return len(s)
}

// endOfQuote returns the offset after the mark that closes the one at start.
func endOfQuote(s string, start int) int {
	for i := start + 1; i < len(s); i++ {
		if s[i] == '\\' && s[start] == '"' {
			i++
			continue
		}
		if s[i] == s[start] {
			return i + 1
		}
	}
	return len(s)
}

func endOfBackquote(s string, start int) int {
	if end := strings.IndexByte(s[start+1:], '`'); end >= 0 {
		return start + end + 2
	}
	return len(s)
}
