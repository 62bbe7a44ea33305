// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"syscall"
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
	return fmt.Sprintf("level %s: %s", e.Level, e.reason())
}

// reason is the step with what went wrong.
func (e *StepError) reason() string {
	where := e.Step
	if e.Path != "" {
		where += " " + e.Path
	}
	return fmt.Sprintf("step %s: %v%s", where, e.Err, e.Hint())
}

// Hint tells in words what an errno of a step stands for where the errno alone
// would mislead; "" otherwise.
func (e *StepError) Hint() string {
	if e.Step == "clone" && errors.Is(e.Err, syscall.ENOSPC) {
		return " (no more namespaces can be made: see /proc/sys/user/max_user_namespaces)"
	}
	return ""
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

// LoaderError means that a program is dynamically linked, and that this machine
// does not have the loader which it asks for. No lower level would help, so a launch
// ends with it.
type LoaderError struct {
	Program string
	Loader  string // "/lib64/ld-linux-x86-64.so.2"
}

// Error names the loader and what would help.
func (e *LoaderError) Error() string {
	return fmt.Sprintf("sandbox: %s needs the loader %s, which is not on this machine: it was linked for another C library (glibc or musl); use a static build of it",
		e.Program, e.Loader)
}

// ModeError means that only its owner may execute a program, which is to run under
// a uid of its own. A launch ends with it.
type ModeError struct {
	Program string
	Mode    fs.FileMode
}

// Error names the mode and the command that would help.
func (e *ModeError) Error() string {
	return fmt.Sprintf("sandbox: %s has the mode %#o, and a root host starts it under a uid of its own, which may not execute it: chmod 755 %[1]s", e.Program, e.Mode)
}

// RefusedError means that no level at or above the floor could be reached, so
// nothing was started.
type RefusedError struct {
	Floor    Level
	Attempts []error // one for each level tried, highest first
}

// Error names each failing step and the setting that would accept less.
func (e *RefusedError) Error() string {
	text := fmt.Sprintf("sandbox level %s was required and cannot be reached: %s", e.Floor, strings.Join(folded(e.Attempts), "; "))
	if failedAt(e.Attempts, "exec-grant") {
		return text + "; remove the exec grant, since no weaker level can give it"
	}
	if failedAt(e.Attempts, stepProc) {
		return text // and weaker levels fail at it, too
	}
	next := nextLower(e.Floor)
	if next == 0 {
		return text
	}
	return fmt.Sprintf("%s; to run with less protection set `sandbox { require = %q }` or pass `--sandbox %s`", text, next, next)
}

// folded tells attempts that failed for the same reason together.
func folded(attempts []error) (out []string) {
	last := ""
	for _, err := range attempts {
		step, ok := errors.AsType[*StepError](err)
		switch {
		case !ok:
			out, last = append(out, err.Error()), ""
		case step.reason() == last:
			out[len(out)-1] = fmt.Sprintf("level %s and %s", step.Level, strings.TrimPrefix(out[len(out)-1], "level "))
		default:
			out, last = append(out, step.Error()), step.reason()
		}
	}
	return out
}

// stepProc is the look for a /proc in which programs can be verified.
const stepProc = "host-proc"

// failedAt reports whether an attempt failed at a step.
func failedAt(attempts []error, name string) bool {
	return slices.ContainsFunc(attempts, func(err error) bool {
		step, ok := errors.AsType[*StepError](err)
		return ok && step.Step == name
	})
}

// nextLower is the next lower level of this system, 0 when there is none.
func nextLower(level Level) Level {
	for _, l := range ladder {
		if l < level {
			return l
		}
	}
	return 0
}

// Unwrap returns the failed attempts.
func (e *RefusedError) Unwrap() []error { return e.Attempts }
