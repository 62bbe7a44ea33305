// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"fmt"
	"time"

	"github.com/bulkhead-ml/bulkhead/host/sandbox"
)

// Cause classifies a death.
type Cause string

// The causes of death.
const (
	Exited        Cause = "exited"         // returned from main or called exit
	Crashed       Cause = "crashed"        // its language's runtime gave up: a panic, an exception that nobody caught
	Signalled     Cause = "signalled"      // ended by a signal that was not ours
	OutOfMemory   Cause = "out-of-memory"  // met its memory limit
	CPULimit      Cause = "cpu-limit"      // used up its processor time
	FileLimit     Cause = "file-limit"     // wrote a file larger than its limit
	ScratchLimit  Cause = "scratch-limit"  // filled its scratch directory where no file system bounds it
	WatchLimit    Cause = "watch-limit"    // kept too many watches of descriptors and locks of files in the kernel
	ForbiddenCall Cause = "forbidden-call" // killed by its sandbox for a system call
	Deadline      Cause = "deadline"       // killed by us: a call over its deadline
	LifeTime      Cause = "life-time"      // killed by us: it lived as long as it may
	Refused       Cause = "refused"        // killed by us: what it said at its start cannot be used
	KilledByUser  Cause = "killed-by-user" // killed by us: the user said so
	Closed        Cause = "closed"         // ended by us: the host was done with it
	Cancelled     Cause = "cancelled"      // killed by us: the context of Launch ended
	Parted        Cause = "parted"         // a process that the host was attached to has ended
)

// wanted reports whether the end was the host's or the user's own will, and so
// no failure of the plugin.
func (c Cause) wanted() bool { return c == Closed || c == KilledByUser }

// Death says how a plugin ended. It is an error so that it can be returned where
// the plugin was still needed.
type Death struct {
	Plugin   string
	Cause    Cause
	ExitCode int       // the exit status; -1 after a signal
	Signal   string    // the signal's name; "" without one
	Headline string    // what a crash was, in one line, sanitised; "" without one
	Panic    string    // the first 16 KiB of a crash's text, sanitised; "" without one
	Detail   string    // what was over its deadline, who killed it, which call was forbidden
	Limit    uint64    // the limit that was met, in bytes or seconds; 0 when none was
	Hint     string    // what may help, as the end of a sentence; "" when nothing is known
	Stderr   []string  // the last lines of log, sanitised, at most 20
	At       time.Time // when the host noticed

	PeakBytes uint64           // the largest memory that it used; 0 when not known
	CPU       time.Duration    // the processor time that it used
	Denials   []sandbox.Denial // what it was refused in its life
}

// Error tells the cause in words, and what to do about it.
func (d *Death) Error() string {
	text := fmt.Sprintf("plugin %q %s", d.Plugin, d.words())
	if d.Hint != "" {
		text += "; " + d.Hint
	}
	if len(d.Stderr) == 0 || d.Cause != Exited && d.Cause != Signalled {
		return text
	}
	return text + "; its last words: " + lastWords(d.Stderr)
}

func (d *Death) words() string {
	switch d.Cause {
	case Crashed:
		return fmt.Sprintf("crashed: %s (%s)", d.Headline, d.status())
	case Signalled:
		return "was ended by " + d.status()
	case OutOfMemory:
		return "ran out of memory" + d.memory()
	case CPULimit:
		return fmt.Sprintf("used up its processor time of %v", time.Duration(d.Limit)*time.Second)
	case FileLimit:
		return "wrote a file larger than its limit of " + size(d.Limit)
	case ScratchLimit:
		return "was killed: it filled its scratch directory of " + size(d.Limit)
	case WatchLimit:
		return fmt.Sprintf("was killed: it kept more than %d watches of descriptors and locks of files", d.Limit)
	case ForbiddenCall:
		return "was killed: it called " + d.Detail
	case Deadline, LifeTime:
		return "was killed: " + d.Detail
	case KilledByUser:
		return "was killed by the user" + reason(d.Detail)
	case Parted:
		return "has ended: " + d.Detail + ", which was started by hand"
	case Refused:
		return "was turned away: " + d.Detail
	case Closed:
		return "was closed by the host" + reason(d.Detail)
	case Cancelled:
		return "was killed because the work was cancelled" + reason(d.Detail)
	}
	return "ended with " + d.status()
}

// memory tells the limit, and how much there was at most, as far as known.
func (d *Death) memory() string {
	text := ""
	if d.Limit > 0 && d.Limit != sandbox.Unlimited {
		text = ": its limit is " + size(d.Limit)
	}
	if d.PeakBytes == 0 {
		return text
	}
	if text == "" {
		return ": its peak was " + size(d.PeakBytes)
	}
	return text + ", and its peak was " + size(d.PeakBytes)
}

func (d *Death) status() string {
	if d.Signal != "" {
		return "signal " + d.Signal
	}
	return fmt.Sprintf("exit status %d", d.ExitCode)
}

func reason(detail string) string {
	if detail == "" {
		return ""
	}
	return ": " + detail
}

// size renders a number of bytes for people: "512 MiB".
func size(n uint64) string {
	units := []string{"bytes", "KiB", "MiB", "GiB", "TiB"}
	value, unit := float64(n), 0
	for value >= 1024 && unit < len(units)-1 {
		value, unit = value/1024, unit+1
	}
	if value >= 100 || value == float64(uint64(value)) {
		return fmt.Sprintf("%.0f %s", value, units[unit])
	}
	return fmt.Sprintf("%.1f %s", value, units[unit])
}

// The signals that tell a cause by themselves.
const (
	killed       = "killed"
	outOfCPU     = "cpu limit exceeded"
	fileTooLarge = "file size limit exceeded"
	badCall      = "bad system call"
)
