// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"fmt"
	"strings"
	"time"
)

// Cause classifies a death.
type Cause string

// The causes of death.
const (
	Exited    Cause = "exited"    // returned from main or called exit
	Crashed   Cause = "crashed"   // panicked, or a fatal error of the Go runtime
	Signalled Cause = "signalled" // killed by a signal that was not ours
	Deadline  Cause = "deadline"  // killed by us: a call over its deadline
	Closed    Cause = "closed"    // killed by us: the host was done with it
	Cancelled Cause = "cancelled" // killed by us: the context of Launch ended
)

// Death says how a plugin ended. It is an error so that it can be returned where
// the plugin was still needed.
type Death struct {
	Plugin   string
	Cause    Cause
	ExitCode int       // the exit status; -1 after a signal
	Signal   string    // the signal's name; "" without one
	Panic    string    // the first 16 KiB of a panic, sanitised; "" without one
	Detail   string    // what was over its deadline
	Stderr   []string  // the last lines of log, sanitised, at most 20
	At       time.Time // when the host noticed
}

// Error tells the cause in words.
func (d *Death) Error() string {
	text := fmt.Sprintf("plugin %q %s", d.Plugin, d.words())
	if d.Cause == Crashed || d.Cause == Closed || len(d.Stderr) == 0 {
		return text
	}
	return text + "; its last words: " + lastWords(d.Stderr)
}

func (d *Death) words() string {
	switch d.Cause {
	case Crashed:
		headline, _, _ := strings.Cut(d.Panic, "\n")
		return fmt.Sprintf("crashed: %s (%s)", headline, d.status())
	case Signalled:
		return "was ended by " + d.status() + d.hint()
	case Deadline:
		return "was killed: " + d.Detail
	case Closed:
		return "was closed by the host"
	case Cancelled:
		return "was killed because the work was cancelled"
	}
	return "ended with " + d.status()
}

func (d *Death) status() string {
	if d.Signal != "" {
		return "signal " + d.Signal
	}
	return fmt.Sprintf("exit status %d", d.ExitCode)
}

// hint names the usual reason of a signal.
func (d *Death) hint() string {
	switch d.Signal {
	case "killed":
		return ", which the kernel sends when memory runs out"
	case "cpu limit exceeded":
		return ": it used up its processor time"
	case "file size limit exceeded":
		return ": it wrote a file larger than its limit"
	}
	return ""
}
