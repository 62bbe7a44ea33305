// SPDX-License-Identifier: Apache-2.0

package selftest

import (
	"fmt"
	"strings"

	"github.com/bulkhead-ml/bulkhead/internal/attack"
)

// wall names what held an attack up, from how it ended.
func (t *trial) wall(o attack.Outcome, answered bool) (wall, detail string) {
	switch {
	case t.exit.Call != "":
		return "seccomp", "ended at its call of " + t.exit.Call
	case answered:
		return t.wallOf(o.Detail), o.Detail
	case t.exit.OutOfMemory:
		return "cgroup", fmt.Sprintf("out of memory: ended at the limit of its group, with a peak of %d MiB", t.exit.PeakBytes>>20)
	case t.exit.Exceeded != "":
		return "host's watch", "ended at its limit of " + t.exit.Exceeded
	case t.killed:
		return "deadline", fmt.Sprintf("killed after %v", t.limit)
	case t.exit.Signal != 0 && t.exit.CPU.Seconds() >= 0.9:
		return "rlimits", fmt.Sprintf("ended after %.1f s of processor time", t.exit.CPU.Seconds())
	case t.exit.Signal != 0:
		return "rlimits", "ended by signal " + t.exit.Signal.String()
	}
	return "rlimits", fmt.Sprintf("gave up with exit status %d", t.exit.Code)
}

// reasons tell walls by the words of a refusal, the first that matches.
var reasons = []struct{ words, wall string }{
	{"alone in its network", "network namespace"},
	{"no victim in sight", "pid namespace"},
	{"only its own", "pid namespace"},
	{"no such process", "pid namespace"},
	{"network is unreachable", "network namespace"},
	{"connection refused", "network namespace"},
	{"the bit does not count", "mount namespace"},
	{"no power here", "capabilities"},
	{"nothing changed", "capabilities"},
	{"not there", "environment"},
	{"what it wanted", "log limit"},
	{"read-only file system", "mount namespace"},
	{"no space left", "scratch limit"},
	{"too many open files", "rlimits"},
	{"file too large", "rlimits"},
	{"processes, then", "rlimits"},
	{"temporarily unavailable", "rlimits"},
	{"core files are off", "rlimits"},
	{"cannot allocate memory", "rlimits"},
	{"of tables", "rlimits"},
	{"in messages, then", "rlimits"},
	{"as nice as before", "rlimits"},
	{"in buffers", "rlimits"},
	{"EOF", "environment"},
}

// wallOf guesses the wall from the reason that the kernel gave.
func (t *trial) wallOf(detail string) string {
	if len(t.denials) > 0 {
		return "seccomp"
	}
	for _, r := range reasons {
		if strings.Contains(detail, r.words) {
			return r.wall
		}
	}
	spaces := t.sandbox.Level.Spaces()
	switch {
	case strings.Contains(detail, "no such") && spaces:
		return "mount namespace"
	case strings.Contains(detail, "permission denied") && t.sandbox.Level.Confined():
		return "landlock"
	case strings.Contains(detail, "permission denied"):
		return "identity"
	case strings.Contains(detail, "not permitted"), strings.Contains(detail, "not implemented"):
		return t.refuser()
	}
	return "kernel"
}

// refuser is the wall that says no to a system call.
func (t *trial) refuser() string {
	if w, _ := t.sandbox.Wall("seccomp"); w.On {
		return "seccomp"
	}
	return "capabilities"
}
