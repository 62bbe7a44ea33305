// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"errors"
	"fmt"
	"syscall"
)

// Steps of [Unavailable].
const (
	StepFind        = "find"        // no usable hierarchy is mounted or in view
	StepControllers = "controllers" // the kernel or a manager keeps pids from us
	StepDelegate    = "delegate"    // the group may not be changed by this user
	StepPopulated   = "populated"   // the group holds other processes
	StepBounded     = "bounded"     // leaving the group would dodge its limits
	StepMake        = "make"        // a directory or file could not be made or opened
	StepLimit       = "limit"       // a limit was not accepted
)

// Unavailable means that this machine or this user cannot have a leaf.
type Unavailable struct {
	Step string // one of the Step constants
	Path string // the file or directory involved; may be empty
	Err  error  // the reason, often a syscall.Errno
}

// Error says what failed, where, why, and what would help.
func (e *Unavailable) Error() string {
	where := e.Step
	if e.Path != "" {
		where += " " + e.Path
	}
	return fmt.Sprintf("no control group for plugins: step %s: %v; %s", where, e.Err, e.advice())
}

// Unwrap returns the reason.
func (e *Unavailable) Unwrap() error { return e.Err }

const (
	scope    = "start bulkhead in a scope of its own: systemd-run --user --scope -p Delegate=yes bulkhead ... (as root, without --user)"
	delegate = "run as root, or " + scope
)

// advice is what to do about a step.
func (e *Unavailable) advice() string {
	switch e.Step {
	case StepFind:
		return "mount cgroup2 on /sys/fs/cgroup, or start bulkhead where it is in view"
	case StepControllers:
		return "the parent group must list pids in cgroup.subtree_control: " + delegate
	case StepPopulated, StepBounded:
		return scope
	case StepLimit:
		return "ask for a limit that the kernel accepts here"
	}
	if errors.Is(e.Err, syscall.EROFS) {
		return "the control groups are mounted read-only, as in a container: mount them writable"
	}
	return delegate
}
