// SPDX-License-Identifier: Apache-2.0

//go:build unix

package corpus

import (
	"os/exec"
	"syscall"
)

// isolate gives a tool a process group, so that its children end with it.
func isolate(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
