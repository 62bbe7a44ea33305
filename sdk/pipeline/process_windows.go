// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/windows"
)

// inGroup starts the host as the leader of a group of its own, which Ctrl-Break
// can be sent to.
func inGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: windows.CREATE_NEW_PROCESS_GROUP}
}

// interrupt asks the host to end; without a console it cannot be asked.
func interrupt(p *os.Process) error {
	if err := windows.GenerateConsoleCtrlEvent(windows.CTRL_BREAK_EVENT, uint32(p.Pid)); err != nil {
		return kill(p)
	}
	return nil
}

// kill ends the host, whose plugins end with it.
func kill(p *os.Process) error { return p.Kill() }
