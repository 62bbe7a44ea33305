// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"os/exec"
	"syscall"

	"github.com/bulkhead-ml/bulkhead/host/sandbox/watchdog"
)

// startTree starts a program at level none: in a session of its own, guarded.
func startTree(cmd *exec.Cmd) (release func(), err error) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	if err := watchdog.Guard(cmd.Process.Pid); err != nil {
		killTree(cmd)
		_ = cmd.Wait()
		return nil, err
	}
	return func() {}, nil
}

// killTree kills the process and its group, which then need no guard any more.
func killTree(cmd *exec.Cmd) {
	_ = cmd.Process.Kill()
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	watchdog.Forget(cmd.Process.Pid)
}

// platformEnv holds variables that programs of this system cannot do without. It
// is not nil, since a command without an environment gets that of the host.
func platformEnv() []string { return []string{} }
