// SPDX-License-Identifier: Apache-2.0

//go:build unix

package upgrade

import (
	"errors"
	"syscall"
)

// alive reports whether a process is there. Another one that got its number since
// lets a dead host pass for a living one, which costs a probation one count.
func alive(pid int) bool {
	err := syscall.Kill(pid, 0)
	return err == nil || errors.Is(err, syscall.EPERM)
}
