// SPDX-License-Identifier: Apache-2.0

package lock

import (
	"fmt"
	"strings"
)

// Problem is one thing that is wrong with a lock file.
type Problem struct {
	Line, Column int // from 1
	Text         string
}

// ParseError says what is wrong with a lock file.
type ParseError struct {
	File     string
	Problems []Problem // the first few, at least one
	More     int       // problems that are not listed
}

// maxProblems are listed of one file.
const maxProblems = 20

func (e *ParseError) add(line, column int, text string) {
	if len(e.Problems) == maxProblems {
		e.More++
		return
	}
	e.Problems = append(e.Problems, Problem{Line: line, Column: column, Text: plain(text)})
}

// plain keeps foreign text from spanning lines or commanding a terminal.
func plain(s string) string {
	const most = 500
	s = strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return ' '
		}
		if !printable(string(r)) {
			return '?'
		}
		return r
	}, s)
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "..."
	}
	return s
}

// Error lists the problems, each as FILE:LINE:COLUMN: TEXT.
func (e *ParseError) Error() string {
	var lines []string
	for _, p := range e.Problems {
		lines = append(lines, fmt.Sprintf("%s:%d:%d: %s", e.File, p.Line, p.Column, p.Text))
	}
	if e.More > 0 {
		lines = append(lines, fmt.Sprintf("%s: and %d more", e.File, e.More))
	}
	return strings.Join(lines, "\n")
}

// NewerError is a lock file that a newer Bulkhead wrote.
type NewerError struct {
	File    string
	Version string // of the format
}

// Error says what to do.
func (e *NewerError) Error() string {
	return fmt.Sprintf("%s has version %s of the format, and this Bulkhead knows up to %d; upgrade Bulkhead, or restore an older file", e.File, e.Version, Version)
}

// TamperedError is a release that is not the one that was locked, though it has
// its version. Releases never change, so one of the two is not what its
// publisher released.
type TamperedError struct {
	ID, Version, Platform string
	// What differs: "h1", "executable", "archive", or "platform" when the release
	// does not have a locked platform any more.
	What          string
	Locked, Found string // digests; Found is empty when there is none
}

// Error names both digests and what to do.
func (e *TamperedError) Error() string {
	subject := fmt.Sprintf("%s %s for %s", e.ID, e.Version, e.Platform)
	const remedy = "a release never changes, so do not use it: ask its publisher, and remove it from the lock file only when you know why it differs"
	if e.What == "platform" {
		return fmt.Sprintf("%s is locked as %s, and the release has no such platform any more; %s", subject, e.Locked, remedy)
	}
	return fmt.Sprintf("%s is not what was locked: its %s is %s and was %s; %s", subject, e.What, e.Found, e.Locked, remedy)
}
