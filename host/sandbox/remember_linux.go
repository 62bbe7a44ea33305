// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"errors"
	"slices"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-ml/bulkhead/host/sandbox/cgroup"
)

// lasting are the steps whose failure is a property of the machine and not of one
// launch: the next launch would fail in the same way.
var lasting = []string{
	"clone", "network", "kernel", "landlock-version", "landlock", "cgroup", "user-map", "private-mounts", "new-root", "pivot-root", "seccomp", "filter",
}

// refusals are the errors of such steps that do not go away by themselves.
var refusals = []error{unix.EPERM, unix.EACCES, unix.ENOSYS, unix.EOPNOTSUPP, unix.EINVAL}

// known are the levels that this process failed to reach, with the reason.
var known struct {
	mu     sync.Mutex
	levels map[Level]error
}

// knownFailure is why a level cannot be reached, if an earlier launch found out.
func knownFailure(spec *Spec, level Level) error {
	if len(spec.Without) > 0 || injected != nil {
		return nil
	}
	known.mu.Lock()
	defer known.mu.Unlock()
	return known.levels[level]
}

// learn remembers a failure that would come again.
func learn(spec *Spec, level Level, err error) {
	if len(spec.Without) > 0 || injected != nil || !comesAgain(err) {
		return
	}
	known.mu.Lock()
	defer known.mu.Unlock()
	if known.levels == nil {
		known.levels = make(map[Level]error)
	}
	known.levels[level] = err
}

func comesAgain(err error) bool {
	step, ok := errors.AsType[*StepError](err)
	if !ok || !slices.Contains(lasting, step.Step) {
		return false
	}
	if _, ok := errors.AsType[*cgroup.Unavailable](err); ok {
		return true
	}
	return slices.ContainsFunc(refusals, func(errno error) bool { return errors.Is(err, errno) })
}
