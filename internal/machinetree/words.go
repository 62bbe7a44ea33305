// SPDX-License-Identifier: Apache-2.0

package machinetree

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Error is a wrong line of an archive.
type Error struct {
	File string // the archive, as the caller named it
	Line int    // from 1; 0 when it is about the whole file
	Err  error
}

// Error gives file, line and reason.
func (e *Error) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%s: %v", e.File, e.Err)
	}
	return fmt.Sprintf("%s:%d: %v", e.File, e.Line, e.Err)
}

// Unwrap gives the reason.
func (e *Error) Unwrap() error { return e.Err }

// line is one line of a recipe.
type line struct {
	number int // in its archive
	depth  int // of its indentation: spaces, a tab counts as two
	text   string
}

// lines splits a recipe, without comments and empty lines.
func lines(first int, data []byte) []line {
	var out []line
	for i, text := range strings.Split(string(data), "\n") {
		text = strings.TrimRight(text, " \t\r")
		body := strings.TrimLeft(text, " \t")
		if body == "" || body[0] == '#' {
			continue
		}
		indent := text[:len(text)-len(body)]
		out = append(out, line{number: first + i, depth: len(strings.ReplaceAll(indent, "\t", "  ")), text: body})
	}
	return out
}

// words splits a text at spaces; quotes hold words together.
func words(text string) ([]string, error) {
	var out []string
	var b strings.Builder
	inWord, quoted := false, false
	for _, c := range text {
		switch {
		case c == '"':
			quoted, inWord = !quoted, true
		case !quoted && (c == ' ' || c == '\t'):
			if inWord {
				out = append(out, b.String())
			}
			inWord = false
			b.Reset()
		default:
			inWord = true
			b.WriteRune(c)
		}
	}
	if quoted {
		return nil, errors.New("a quotation mark is not closed")
	}
	if inWord {
		out = append(out, b.String())
	}
	return out, nil
}

// options reads words of the form key=value; only known keys are allowed.
func options(words []string, known ...string) (map[string]string, error) {
	out := map[string]string{}
	for _, w := range words {
		key, value, ok := strings.Cut(w, "=")
		if !ok || !slices.Contains(known, key) {
			return nil, fmt.Errorf("%.80q is none of the options %s=", w, strings.Join(known, "=, "))
		}
		out[key] = value
	}
	return out, nil
}

// or gives a default for an option that is not there.
func or(value, fallback string) string {
	if value == "" {
		return fallback
	}
	return value
}

// block is a line with those indented below it.
type block struct {
	line
	props []block
}

// blocks makes a tree out of indented lines.
func blocks(ls []line) []block {
	var out []block
	for i := 0; i < len(ls); {
		end := i + 1
		for end < len(ls) && ls[end].depth > ls[i].depth {
			end++
		}
		out = append(out, block{line: ls[i], props: blocks(ls[i+1 : end])})
		i = end
	}
	return out
}

// cut splits the first word off.
func (l line) cut() (key, rest string) {
	key, rest, _ = strings.Cut(l.text, " ")
	return key, strings.TrimSpace(rest)
}

// at gives an error its line, unless it has one.
func (l line) at(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*Error](err); ok {
		return err
	}
	return &Error{Line: l.number, Err: err}
}
