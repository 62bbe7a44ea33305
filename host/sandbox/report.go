// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"syscall"
	"time"
)

// Report says what was really built. Its JSON form is part of run reports.
type Report struct {
	// Level is the level reached.
	Level Level `json:"level"`
	// Profile says what kind of program the walls were built for: "check" (no
	// files), "collector" (files, read-only), "kernel" (a scratch and data),
	// "python" (an interpreter's files too), "gpu" (devices too), "tools"
	// (programs that it may start).
	Profile string `json:"profile,omitempty"`
	// Verified is false when the program was gone before it could be looked at,
	// and where the platform offers nothing to verify.
	Verified bool `json:"verified"`
	// Walls lists every wall, the ones that are off too, in a fixed order.
	Walls []Wall `json:"walls"`
	// Skipped lists the optional grants that could not be given.
	Skipped []Skipped `json:"skipped,omitempty"`
	// Fallen holds one entry for each higher level that was tried in vain.
	Fallen []string `json:"fallen,omitempty"`
}

// Wall is one isolation mechanism.
type Wall struct {
	Name   string `json:"name"`             // "network namespace"
	On     bool   `json:"on"`               // whether it stands
	Detail string `json:"detail,omitempty"` // its extent, or why it is off
}

// Skipped is an optional grant that was not given.
type Skipped struct {
	Source string `json:"source"`
	Target string `json:"target"`
	Reason string `json:"reason"` // "no such file or directory"
}

// Denial counts one thing that a program tried and was refused.
type Denial struct {
	// What was refused: the name of a system call, such as "socket".
	Call  string `json:"call"`
	Count int    `json:"count"`
	// Grant that would allow it, such as "net HOST:PORT"; "" when none would.
	Grant string `json:"grant,omitempty"`
}

// Exit is how a program ended and what it used.
type Exit struct {
	Code   int            // exit status; -1 after a signal
	Signal syscall.Signal // 0 without one
	// Call names the system call that the program was ended for; "" otherwise.
	Call string
	// OutOfMemory says that the kernel ended it at the limit of its control group.
	OutOfMemory bool
	// Exceeded names the limit for which the host ended the program, because the
	// kernel does not enforce it in full: "memory", "scratch" or "watches"
	// ([HeldPerFile]); "" otherwise.
	Exceeded string
	// PeakBytes is the largest resident memory, of the group where there is one.
	// Without a group Linux tells it exactly only of a program that grew larger
	// than its host; of others it is the last look, up to a second before the end.
	PeakBytes uint64
	CPU       time.Duration // processor time, user and system
}

// Wall returns the wall of that name and whether the report has it.
func (r Report) Wall(name string) (Wall, bool) {
	for _, w := range r.Walls {
		if w.Name == name {
			return w, true
		}
	}
	return Wall{}, false
}
