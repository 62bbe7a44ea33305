// SPDX-License-Identifier: Apache-2.0

//go:build unix

package pipeline

import (
	"os"
	"os/exec"
	"syscall"
)

// inGroup starts the host as the leader of a group of its own, so that a Ctrl-C
// meant for this program reaches it through the context only, and once.
func inGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// interrupt asks the host and its plugins to end.
func interrupt(p *os.Process) error { return syscall.Kill(-p.Pid, syscall.SIGINT) }

// kill ends them.
func kill(p *os.Process) error { return syscall.Kill(-p.Pid, syscall.SIGKILL) }
