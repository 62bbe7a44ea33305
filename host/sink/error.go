// SPDX-License-Identifier: Apache-2.0

package sink

import "fmt"

// Error says which file could not be written, why, and what to do. The target is
// as it was, unless the Error says otherwise.
type Error struct {
	// Path of the target.
	Path string
	// Summary is a noun phrase; Detail says why and what to do next.
	Summary, Detail string
	// Err is the error of the system, if that is the reason.
	Err error
}

// Error gives all of it on one line.
func (e *Error) Error() string {
	return fmt.Sprintf("%s: %s: %s", e.Path, e.Summary, e.Detail)
}

// Unwrap returns the error of the system.
func (e *Error) Unwrap() error { return e.Err }

func newError(path, summary, format string, args ...any) *Error {
	return &Error{Path: path, Summary: summary, Detail: fmt.Sprintf(format, args...)}
}

func (e *Error) because(err error) *Error {
	e.Err = err
	return e
}
