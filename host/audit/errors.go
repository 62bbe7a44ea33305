// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"errors"
	"fmt"
	"io/fs"
)

// ErrClosed is the failure of records that were appended after Close.
var ErrClosed = errors.New("the audit log is closed")

// ErrBusy is the failure of records that came faster than the disk takes them,
// when 16 MiB of them waited already.
var ErrBusy = errors.New("the audit log has 16 MiB of records waiting for the disk")

// errFull means that somebody forged the end of the log.
var errFull = errors.New("it has no more numbers for records or files; move the directory away, and the next run begins a new log")

// Error means that the log cannot be written.
type Error struct {
	// Dir is the directory of the log.
	Dir string
	// Step is what was being done.
	Step string
	Err  error
}

// Error says what happened, where, why, and what to do.
func (e *Error) Error() string {
	return fmt.Sprintf("the audit log in %s cannot be written (%s): %v; %s", e.Dir, e.Step, e.Err, e.advice())
}

// Unwrap returns the error of the system.
func (e *Error) Unwrap() error { return e.Err }

func (e *Error) advice() string {
	elsewhere := "set " + DirVariable + " to a directory that you may write to"
	switch {
	case isFull(e.Err):
		return "free space there, or set " + DirVariable + " to a directory on another disk"
	case errors.Is(e.Err, fs.ErrPermission):
		return "make the directory and its files yours (chown), or " + elsewhere
	}
	return "mend that, or " + elsewhere
}

func (c *chain) failed(step string, err error) error { return &Error{Dir: c.dir, Step: step, Err: err} }
