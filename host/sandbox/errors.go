// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"fmt"
	"strings"
)

// StepError is a step of a level that failed. It drops the level.
type StepError struct {
	Level Level
	Step  string // "pivot-root"
	Path  string // the path involved, if there is one
	Err   error  // a syscall.Errno on Linux
}

// Error names the level, the step and the reason.
func (e *StepError) Error() string {
	where := e.Step
	if e.Path != "" {
		where += " " + e.Path
	}
	return fmt.Sprintf("level %s: step %s: %v", e.Level, where, e.Err)
}

// Unwrap returns the reason, for errors.Is with an errno.
func (e *StepError) Unwrap() error { return e.Err }

// BindError is a required grant that cannot be given. No lower level would help,
// so a launch ends with it.
type BindError struct {
	Bind Bind
	Err  error
}

// Error names the grant and what to do about it.
func (e *BindError) Error() string {
	return fmt.Sprintf("sandbox: cannot grant %s: %v; check the path, or mark the grant optional", e.Bind.Source, e.Err)
}

// Unwrap returns the reason.
func (e *BindError) Unwrap() error { return e.Err }

// RefusedError means that no level at or above the floor could be reached, so
// nothing was started.
type RefusedError struct {
	Floor    Level
	Attempts []error // one for each level tried, highest first
}

// Error names each failing step and the setting that would accept less.
func (e *RefusedError) Error() string {
	tried := make([]string, len(e.Attempts))
	for i, err := range e.Attempts {
		tried[i] = err.Error()
	}
	text := fmt.Sprintf("sandbox level %s was required and cannot be reached: %s", e.Floor, strings.Join(tried, "; "))
	next := e.Floor - 1
	if next < None {
		return text
	}
	return fmt.Sprintf("%s; to run with less protection set `host { sandbox = %q }` or pass `--sandbox %s`", text, next, next)
}

// Unwrap returns the failed attempts.
func (e *RefusedError) Unwrap() []error { return e.Attempts }
