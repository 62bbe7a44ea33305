// SPDX-License-Identifier: Apache-2.0

//go:build unix

package plugin

import "syscall"

// killStatus is no exit status at all: whoever is killed here ends by a signal.
const killStatus = -1 << 31

// signalName names the signal that ended a process, "" when none did.
func signalName(signal syscall.Signal) string {
	switch signal {
	case 0:
		return ""
	case syscall.SIGXCPU:
		return outOfCPU
	case syscall.SIGXFSZ:
		return fileTooLarge
	case syscall.SIGSYS:
		return badCall
	case syscall.SIGKILL:
		return killed
	}
	return signal.String()
}
