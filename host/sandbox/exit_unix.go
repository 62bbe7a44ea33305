// SPDX-License-Identifier: Apache-2.0

//go:build unix && !linux

package sandbox

import (
	"os"
	"runtime"
	"syscall"
)

// exitOf reads the state of a process that was waited for.
func exitOf(state *os.ProcessState) *Exit {
	e := &Exit{Code: state.ExitCode(), CPU: state.UserTime() + state.SystemTime()}
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		e.Signal = status.Signal()
	}
	if usage, ok := state.SysUsage().(*syscall.Rusage); ok && usage.Maxrss > 0 {
		e.PeakBytes = uint64(usage.Maxrss) * rssUnit()
	}
	return e
}

// rssUnit is the unit of ru_maxrss: bytes on macOS, KiB elsewhere.
func rssUnit() uint64 {
	if runtime.GOOS == "darwin" {
		return 1
	}
	return 1 << 10
}
