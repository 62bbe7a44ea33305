// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package sandbox

import "os/exec"

// cmdProcess is a process of package os/exec.
type cmdProcess struct{ cmd *exec.Cmd }

func (c cmdProcess) kill()  { killTree(c.cmd) }
func (c cmdProcess) await() { awaitExit(c.cmd.Process.Pid) }

func (c cmdProcess) reap() *Exit {
	_ = c.cmd.Wait()
	return exitOf(c.cmd.ProcessState)
}

// newProcess takes over a started command and begins to wait for it.
func newProcess(cmd *exec.Cmd, report Report, dir directory, release func()) *Process {
	p := &Process{started: cmdProcess{cmd}, pid: cmd.Process.Pid, report: report, dir: dir, release: release, done: make(chan struct{})}
	p.begin()
	return p
}
