// SPDX-License-Identifier: Apache-2.0

// Package shell finds the words and redirections of a POSIX shell script, and
// in them the version constraints that the shell took for redirections.
//
// It is a tokenizer for the token rules of the shell (POSIX.1-2024, Shell
// Command Language, 2.2 Quoting, 2.3 Token Recognition, 2.7 Redirection), with
// bash's &>, <<<, <() and >(). It does not expand, build a syntax tree or run
// anything. Substitutions are part of the word in which they stand; here
// documents are skipped. A full grammar would say no more about where a
// redirection stands, and it would reject the scripts with variables and
// half-written lines that are found in real files.
package shell

import (
	"strings"
)

// Kind of a token.
type Kind int

// The kinds: a word, a redirection operator, or a control operator (which ends
// a command; a line end is one).
const (
	Word Kind = iota + 1
	Redirect
	Control
)

// Token is one token of a script.
type Token struct {
	Kind Kind
	// Start and End are byte offsets into the script.
	Start, End int
	// Text is the operator, or the word without its quotation marks.
	// Substitutions stay as they are written.
	Text string
	// Numbered is true for a redirection with a file descriptor before it: 2>.
	Numbered bool
	// Quoted is true for a word with any part in quotes.
	Quoted bool
}

// Tokenize cuts a script into tokens. An unfinished quotation or substitution
// reaches to the end of the script.
func Tokenize(script string) []Token {
	l := &lexer{s: script}
	for l.next() {
	}
	return l.tokens
}

type lexer struct {
	s      string
	i      int
	tokens []Token
	// heredocs are the delimiters whose bodies follow the next line end.
	heredocs []heredoc
}

type heredoc struct {
	delimiter string
	tabs      bool
}

func (l *lexer) rest() string { return l.s[l.i:] }

func (l *lexer) peek(offset int) byte {
	if l.i+offset < len(l.s) {
		return l.s[l.i+offset]
	}
	return 0
}

// next takes one token, or the space or comment before it; false at the end.
func (l *lexer) next() bool {
	if l.i >= len(l.s) {
		return false
	}
	switch c := l.s[l.i]; {
	case c == ' ' || c == '\t' || c == '\r':
		l.i++
	case strings.HasPrefix(l.rest(), "\\\n"):
		l.i += 2
	case c == '#':
		l.skipComment()
	case c == '\n':
		l.control("\n")
		l.skipHeredocs()
	case l.redirect():
	case strings.IndexByte(";&|()", c) >= 0:
		l.control(longest(l.rest(), controls))
	default:
		l.word()
	}
	return true
}

func (l *lexer) skipComment() {
	if end := strings.IndexByte(l.rest(), '\n'); end >= 0 {
		l.i += end
		return
	}
	l.i = len(l.s)
}

func (l *lexer) control(op string) {
	l.tokens = append(l.tokens, Token{Kind: Control, Start: l.i, End: l.i + len(op), Text: op})
	l.i += len(op)
}

var (
	controls  = []string{";;", "&&", "||", "|&", ";", "&", "|", "(", ")"}
	redirects = []string{"&>>", "<<<", "<<-", "&>", "<<", ">>", "<&", ">&", "<>", ">|", "<", ">"}
)

// longest returns the first of the operators, which stand longest first, that
// begins the text.
func longest(text string, operators []string) string {
	for _, op := range operators {
		if strings.HasPrefix(text, op) {
			return op
		}
	}
	return ""
}

// redirect takes a redirection operator with the digits before it.
func (l *lexer) redirect() bool {
	digits := 0
	for l.peek(digits) >= '0' && l.peek(digits) <= '9' {
		digits++
	}
	op := longest(l.s[l.i+digits:], redirects)
	substitution := len(op) == 1 && l.peek(digits+1) == '('
	if op == "" || digits > 0 && op[0] == '&' || digits == 0 && substitution {
		return false
	}
	l.tokens = append(l.tokens, Token{
		Kind: Redirect, Start: l.i, End: l.i + digits + len(op), Text: op, Numbered: digits > 0,
	})
	l.i += digits + len(op)
	return true
}

// word takes characters up to the next blank or operator outside of quotes.
func (l *lexer) word() {
	start, quoted := l.i, false
	var text strings.Builder
	for l.i < len(l.s) && (!l.metacharacter() || l.i == start) {
		part, isQuoted := l.part()
		text.WriteString(part)
		quoted = quoted || isQuoted
	}
	l.tokens = append(l.tokens, Token{Kind: Word, Start: start, End: l.i, Text: text.String(), Quoted: quoted})
	l.noteHeredoc()
}

// metacharacter reports whether a word ends here.
func (l *lexer) metacharacter() bool {
	return strings.IndexByte(" \t\r\n;&|()<>", l.s[l.i]) >= 0
}

// part takes one quotation, substitution, escape or plain character of a word.
func (l *lexer) part() (text string, quoted bool) {
	switch c := l.s[l.i]; {
	case c == '\'':
		return l.single(), true
	case c == '"':
		return l.double(), true
	case c == '\\':
		return l.escape(), true
	case c == '`':
		return l.take(endOfBackquote(l.s, l.i)), false
	case strings.HasPrefix(l.rest(), "$("), strings.HasPrefix(l.rest(), "<("), strings.HasPrefix(l.rest(), ">("):
		return l.take(endOfNest(l.s, l.i+1, '(', ')')), false
	case strings.HasPrefix(l.rest(), "${"):
		return l.take(endOfNest(l.s, l.i+1, '{', '}')), false
	}
	return l.take(l.i + 1), false
}

func (l *lexer) take(end int) string {
	text := l.s[l.i:end]
	l.i = end
	return text
}

func (l *lexer) single() string {
	end := strings.IndexByte(l.s[l.i+1:], '\'')
	if end < 0 {
		return l.take(len(l.s))[1:]
	}
	return strings.Trim(l.take(l.i+end+2), "'")
}

func (l *lexer) escape() string {
	text := l.take(min(l.i+2, len(l.s)))[1:]
	if text == "\n" {
		return ""
	}
	return text
}

// double takes a double-quoted part and undoes the escapes that it knows.
func (l *lexer) double() string {
	var b strings.Builder
	for l.i++; l.i < len(l.s) && l.s[l.i] != '"'; {
		switch {
		case l.s[l.i] == '\\' && strings.IndexByte("$`\"\\", l.peek(1)) >= 0 && l.i+1 < len(l.s):
			b.WriteString(l.take(l.i + 2)[1:])
		case strings.HasPrefix(l.rest(), "\\\n"):
			l.i += 2
		case strings.HasPrefix(l.rest(), "$("):
			b.WriteString(l.take(endOfNest(l.s, l.i+1, '(', ')')))
		default:
			b.WriteString(l.take(l.i + 1))
		}
	}
	l.i = min(l.i+1, len(l.s))
	return b.String()
}

// noteHeredoc remembers the delimiter when the word follows << or <<-.
func (l *lexer) noteHeredoc() {
	n := len(l.tokens)
	if n < 2 || l.tokens[n-2].Kind != Redirect {
		return
	}
	if op := l.tokens[n-2].Text; op == "<<" || op == "<<-" {
		l.heredocs = append(l.heredocs, heredoc{l.tokens[n-1].Text, op == "<<-"})
	}
}

// skipHeredocs passes over the bodies of the here documents of the line.
func (l *lexer) skipHeredocs() {
	for _, h := range l.heredocs {
		for l.i < len(l.s) {
			line, _, _ := strings.Cut(l.rest(), "\n")
			l.i = min(l.i+len(line)+1, len(l.s))
			if h.tabs {
				line = strings.TrimLeft(line, "\t")
			}
			if line == h.delimiter {
				break
			}
		}
	}
	l.heredocs = nil
}
