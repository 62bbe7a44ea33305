// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"os/exec"
	"syscall"
)

const (
	diesWithHost = false
	parentDeath  = "this system has no parent-death signal: a killed host leaves its plugins running"
)

// startTree starts the program in a session of its own.
func startTree(cmd *exec.Cmd) (release func(), err error) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return func() {}, cmd.Start()
}

// killTree kills the process and its group.
func killTree(cmd *exec.Cmd) {
	_ = cmd.Process.Kill()
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
}

// platformEnv holds variables that programs of this system cannot do without.
func platformEnv() []string { return nil }
