// SPDX-License-Identifier: Apache-2.0

//go:build !unix && !windows

package pipeline

import (
	"os"
	"os/exec"
)

// inGroup does nothing where there are no process groups.
func inGroup(*exec.Cmd) {}

// interrupt asks the host to end.
func interrupt(p *os.Process) error { return p.Signal(os.Interrupt) }

// kill ends the host, whose plugins end with it.
func kill(p *os.Process) error { return p.Kill() }
