// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"os"
	"syscall"
)

// exitOf reads the state of a process that was waited for.
func exitOf(state *os.ProcessState) *Exit {
	e := &Exit{Code: state.ExitCode(), CPU: state.UserTime() + state.SystemTime()}
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		e.Signal = status.Signal()
	}
	if usage, ok := state.SysUsage().(*syscall.Rusage); ok && usage.Maxrss > 0 {
		e.PeakBytes = uint64(usage.Maxrss) // in bytes on macOS
	}
	return e
}
