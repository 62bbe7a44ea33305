// SPDX-License-Identifier: Apache-2.0

package source

import (
	"fmt"
	"strings"
)

// Error says what is wrong with a file, where, and what to do.
type Error struct {
	// Path is absolute; of a URL the address, without its query.
	Path string
	// Line counts from 1; 0 when the error is about no line. It is the line
	// that a record begins on.
	Line int
	// Column is the name of a column; empty when the error is about none.
	Column string
	// Summary is a noun phrase; Detail says why and what to do next.
	Summary, Detail string
	// Err is the error of the system, if that is the reason.
	Err error
}

// Where gives the place: path, line and column, as far as they are known.
func (e *Error) Where() string {
	var b strings.Builder
	b.WriteString(e.Path)
	if e.Line > 0 {
		fmt.Fprintf(&b, ":%d", e.Line)
	}
	if e.Column != "" {
		fmt.Fprintf(&b, ": column %q", e.Column)
	}
	return b.String()
}

// Error gives all of it on one line.
func (e *Error) Error() string {
	return fmt.Sprintf("%s: %s: %s", e.Where(), e.Summary, e.Detail)
}

// Unwrap returns the error of the system.
func (e *Error) Unwrap() error { return e.Err }

func newError(path, summary, format string, args ...any) *Error {
	return &Error{Path: path, Summary: summary, Detail: fmt.Sprintf(format, args...)}
}

func (e *Error) at(line int) *Error {
	e.Line = line
	return e
}

func (e *Error) in(column string) *Error {
	e.Column = column
	return e
}

func (e *Error) because(err error) *Error {
	e.Err = err
	return e
}

// quoted shows a value from a file: short and without control characters.
func quoted(value []byte) string {
	const limit = 60
	if len(value) > limit {
		return fmt.Sprintf("%q... (%d bytes)", value[:limit], len(value))
	}
	return fmt.Sprintf("%q", value)
}
