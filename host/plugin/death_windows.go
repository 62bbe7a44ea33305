// SPDX-License-Identifier: Apache-2.0

package plugin

import "syscall"

// killStatus is the exit status of a process that the host has killed.
const killStatus = 1

// signalName is always "": there are no signals here.
func signalName(syscall.Signal) string { return "" }
