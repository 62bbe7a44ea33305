// SPDX-License-Identifier: Apache-2.0

//go:build unix

package plugin

import (
	"os"
	"syscall"
)

// signalOf names the signal that ended a process, "" when none did.
func signalOf(state *os.ProcessState) string {
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		switch status.Signal() {
		case syscall.SIGXCPU:
			return "cpu limit exceeded"
		case syscall.SIGXFSZ:
			return "file size limit exceeded"
		}
		return status.Signal().String()
	}
	return ""
}
