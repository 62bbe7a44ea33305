// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"errors"
	"os"
	"strconv"
	"sync"
)

// errProc is a /proc in which no pid of ours is what it is here: the host would
// verify and measure strangers.
var errProc = errors.New("it does not show this process; mount that of its pid namespace: mount -t proc proc /proc")

// ownProc looks once whether /proc is that of the host's pid namespace. After
// `unshare --pid --fork` it is another's, and in a bare chroot there is none.
var ownProc = sync.OnceValue(func() error {
	self, err := os.Readlink("/proc/self")
	if err != nil || self != strconv.Itoa(os.Getpid()) {
		return errProc
	}
	return nil
})

// seesPrograms wants a /proc in which a level can be verified. None has nothing to
// verify.
func seesPrograms(level Level) error {
	if err := ownProc(); err != nil && level > None {
		return &StepError{Level: level, Step: stepProc, Path: "/proc", Err: err}
	}
	return nil
}
