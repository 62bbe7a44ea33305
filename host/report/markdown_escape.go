// SPDX-License-Identifier: Apache-2.0

package report

import "strings"

// breaker is an empty comment. It parts what Markdown processors make links of
// without being asked (addresses, mail, mentions, issue numbers), where a
// backslash does not help, and is not seen.
const breaker = "<!-- -->"

// prose writes text on one line so that Markdown shows it as it is: no markup,
// no HTML, no links.
func prose(s string) string {
	s = CleanLine(s)
	var b strings.Builder
	for i, r := range s {
		switch {
		case r == '&':
			b.WriteString("&amp;")
		case r == '<':
			b.WriteString("&lt;")
		case r == '>':
			b.WriteString("&gt;")
		case strings.ContainsRune("\\`*_{}[]()#!|~$", r), i == 0 && strings.ContainsRune("+-=", r):
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '.' && leadingNumber(s[:i]) && (i+1 == len(s) || s[i+1] == ' '):
			b.WriteString(`\.`)
		default:
			b.WriteRune(r)
		}
		if linking(s, i, r) {
			b.WriteString(breaker)
		}
	}
	return b.String()
}

// leadingNumber reports whether a full stop after s, at the end of a word, would
// begin a list.
func leadingNumber(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// linking reports whether the character at i could be what makes a link.
func linking(s string, i int, r rune) bool {
	switch r {
	case '@', '#':
		return true
	case ':':
		return strings.HasPrefix(s[i+1:], "/") || strings.HasSuffix(strings.ToLower(s[:i]), "mailto") || strings.HasSuffix(strings.ToLower(s[:i]), "xmpp")
	case 'w', 'W':
		return strings.HasPrefix(s[i+1:], ".")
	case '-':
		return strings.HasSuffix(strings.ToLower(s[:i]), "gh")
	}
	return false
}

// codeSpan writes text as inline code, between more backquotes than it holds.
func codeSpan(s string) string {
	s = CleanLine(s)
	if s == "" {
		return ""
	}
	fence := strings.Repeat("`", longestRun(s, '`')+1)
	if strings.HasPrefix(s, "`") || strings.HasSuffix(s, "`") {
		s = " " + s + " "
	}
	return fence + s + fence
}

// codeCell is codeSpan in a table, where a bar ends the cell even in code.
func codeCell(s string) string { return strings.ReplaceAll(codeSpan(s), "|", `\|`) }

// longestRun is the length of the longest run of one character.
func longestRun(s string, of rune) (longest int) {
	run := 0
	for _, r := range s {
		if run++; r != of {
			run = 0
		}
		longest = max(longest, run)
	}
	return longest
}
