// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"os"
	"os/exec"
	"sync"
	"unsafe"

	"golang.org/x/sys/windows"
)

const (
	diesWithHost = true
	parentDeath  = "a job object kills the program and its descendants with the host"
)

// jobs holds the job object of each running command.
var jobs sync.Map // *exec.Cmd -> windows.Handle

// startTree starts the program and puts it into a job object that ends with the
// last handle to it. A descendant born before the assignment is not in the job.
func startTree(cmd *exec.Cmd) (release func(), err error) {
	job, err := newJob()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		_ = windows.CloseHandle(job)
		return nil, err
	}
	if err := assign(job, cmd.Process.Pid); err != nil {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = windows.CloseHandle(job)
		return nil, err
	}
	jobs.Store(cmd, job)
	return func() {
		jobs.Delete(cmd)
		_ = windows.CloseHandle(job)
	}, nil
}

func newJob() (windows.Handle, error) {
	job, err := windows.CreateJobObject(nil, nil)
	if err != nil {
		return 0, os.NewSyscallError("CreateJobObject", err)
	}
	var info windows.JOBOBJECT_EXTENDED_LIMIT_INFORMATION
	info.BasicLimitInformation.LimitFlags = windows.JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE
	_, err = windows.SetInformationJobObject(job, windows.JobObjectExtendedLimitInformation, uintptr(unsafe.Pointer(&info)), uint32(unsafe.Sizeof(info)))
	if err != nil {
		_ = windows.CloseHandle(job)
		return 0, os.NewSyscallError("SetInformationJobObject", err)
	}
	return job, nil
}

func assign(job windows.Handle, pid int) error {
	process, err := windows.OpenProcess(windows.PROCESS_SET_QUOTA|windows.PROCESS_TERMINATE, false, uint32(pid))
	if err != nil {
		return os.NewSyscallError("OpenProcess", err)
	}
	defer windows.CloseHandle(process)
	return os.NewSyscallError("AssignProcessToJobObject", windows.AssignProcessToJobObject(job, process))
}

// killTree kills every process of the job.
func killTree(cmd *exec.Cmd) {
	if job, ok := jobs.Load(cmd); ok {
		_ = windows.TerminateJobObject(job.(windows.Handle), 1)
	}
	_ = cmd.Process.Kill()
}

// awaitExit returns when the process has ended.
func awaitExit(pid int) {
	process, err := windows.OpenProcess(windows.SYNCHRONIZE, false, uint32(pid))
	if err != nil {
		return
	}
	defer windows.CloseHandle(process)
	_, _ = windows.WaitForSingleObject(process, windows.INFINITE)
}

// platformEnv holds variables that programs of this system cannot do without.
func platformEnv() []string {
	return []string{"SystemRoot=" + os.Getenv("SystemRoot")}
}
