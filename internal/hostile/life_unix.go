// SPDX-License-Identifier: Apache-2.0

//go:build unix

package main

import (
	"os"
	"syscall"
)

// stop stops the process as a debugger would.
func stop() { _ = syscall.Kill(os.Getpid(), syscall.SIGSTOP) }

// detached is a process in a session of its own.
func detached() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }
