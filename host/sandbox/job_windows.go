// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"errors"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"unsafe"

	"golang.org/x/sys/windows"
)

const parentDeath = "a job object kills the program and its descendants with the host"

// ownedJob is the job object of a running program. The program ends with the
// last handle to it, also when the host is killed.
type ownedJob struct {
	handle windows.Handle
	memory uint64 // the limit of one process; 0 is none
}

// jobs holds the job of each running program.
var jobs sync.Map // int, the pid -> *ownedJob

// startTree starts a program at level none, in a job without limits. A
// descendant born before the assignment is not in the job.
func startTree(cmd *exec.Cmd) (release func(), err error) {
	job, err := newJob(nil, true)
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		closeHandle(job)
		return nil, err
	}
	if err := assign(job, cmd.Process.Pid); err != nil {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		closeHandle(job)
		return nil, err
	}
	return keepJob(cmd.Process.Pid, job, 0), nil
}

// keepJob remembers a job until release.
func keepJob(pid int, job windows.Handle, memory uint64) (release func()) {
	owned := &ownedJob{handle: job, memory: memory}
	jobs.Store(pid, owned)
	return func() {
		jobs.CompareAndDelete(pid, owned)
		closeHandle(job)
	}
}

// newJob makes a job that ends with its last handle. nil limits nothing else.
func newJob(limits *Limits, children bool) (windows.Handle, error) {
	job, err := windows.CreateJobObject(nil, nil)
	if err != nil {
		return 0, os.NewSyscallError("CreateJobObject", err)
	}
	if err := limitJob(job, limits, children); err != nil {
		closeHandle(job)
		return 0, err
	}
	return job, nil
}

func limitJob(job windows.Handle, limits *Limits, children bool) error {
	info := extendedLimits(limits, children)
	err := setJob(job, windows.JobObjectExtendedLimitInformation, unsafe.Pointer(&info), unsafe.Sizeof(info))
	if err != nil || limits == nil {
		return err
	}
	ui := windows.JOBOBJECT_BASIC_UI_RESTRICTIONS{UIRestrictionsClass: windows.JOB_OBJECT_UILIMIT_DESKTOP |
		windows.JOB_OBJECT_UILIMIT_DISPLAYSETTINGS | windows.JOB_OBJECT_UILIMIT_EXITWINDOWS | windows.JOB_OBJECT_UILIMIT_GLOBALATOMS |
		windows.JOB_OBJECT_UILIMIT_HANDLES | windows.JOB_OBJECT_UILIMIT_READCLIPBOARD |
		windows.JOB_OBJECT_UILIMIT_SYSTEMPARAMETERS | windows.JOB_OBJECT_UILIMIT_WRITECLIPBOARD}
	if err := setJob(job, windows.JobObjectBasicUIRestrictions, unsafe.Pointer(&ui), unsafe.Sizeof(ui)); err != nil {
		return err
	}
	rate := cpuRate(limits.CPUs, runtime.NumCPU())
	if rate == 0 {
		return nil
	}
	cpu := cpuRateControl{Flags: cpuRateEnable | cpuRateHardCap, Rate: rate}
	return setJob(job, windows.JobObjectCpuRateControlInformation, unsafe.Pointer(&cpu), unsafe.Sizeof(cpu))
}

// cpuRateControl is JOBOBJECT_CPU_RATE_CONTROL_INFORMATION (winnt.h).
type cpuRateControl struct{ Flags, Rate uint32 }

const (
	cpuRateEnable  = 0x1
	cpuRateHardCap = 0x4
)

// extendedLimits turns the limits into those of a job. nil limits nothing.
func extendedLimits(limits *Limits, children bool) (info windows.JOBOBJECT_EXTENDED_LIMIT_INFORMATION) {
	basic := &info.BasicLimitInformation
	basic.LimitFlags = windows.JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE | windows.JOB_OBJECT_LIMIT_DIE_ON_UNHANDLED_EXCEPTION
	if limits == nil {
		return info
	}
	basic.LimitFlags |= windows.JOB_OBJECT_LIMIT_ACTIVE_PROCESS
	basic.ActiveProcessLimit = processLimit(limits.Processes, children)
	if limits.DataBytes != Unlimited {
		basic.LimitFlags |= windows.JOB_OBJECT_LIMIT_PROCESS_MEMORY
		info.ProcessMemoryLimit = uintptr(limits.DataBytes)
	}
	if limits.GroupMemoryBytes != Unlimited {
		basic.LimitFlags |= windows.JOB_OBJECT_LIMIT_JOB_MEMORY
		info.JobMemoryLimit = uintptr(limits.GroupMemoryBytes)
	}
	if ticks := cpuTicks(limits.CPUSeconds); ticks > 0 {
		basic.LimitFlags |= windows.JOB_OBJECT_LIMIT_PROCESS_TIME
		basic.PerProcessUserTimeLimit = ticks
	}
	return info
}

func setJob(job windows.Handle, class uint32, info unsafe.Pointer, size uintptr) error {
	_, err := windows.SetInformationJobObject(job, class, uintptr(info), uint32(size))
	return os.NewSyscallError("SetInformationJobObject", err)
}

func assign(job windows.Handle, pid int) error {
	process, err := windows.OpenProcess(windows.PROCESS_SET_QUOTA|windows.PROCESS_TERMINATE, false, uint32(pid))
	if err != nil {
		return os.NewSyscallError("OpenProcess", err)
	}
	defer closeHandle(process)
	return os.NewSyscallError("AssignProcessToJobObject", windows.AssignProcessToJobObject(job, process))
}

// resume lets a process run that was created suspended: it has one thread.
func resume(pid int) error {
	snapshot, err := windows.CreateToolhelp32Snapshot(windows.TH32CS_SNAPTHREAD, 0)
	if err != nil {
		return os.NewSyscallError("CreateToolhelp32Snapshot", err)
	}
	defer closeHandle(snapshot)
	entry := windows.ThreadEntry32{Size: uint32(unsafe.Sizeof(windows.ThreadEntry32{}))}
	for err = windows.Thread32First(snapshot, &entry); err == nil; err = windows.Thread32Next(snapshot, &entry) {
		if entry.OwnerProcessID == uint32(pid) {
			return resumeThread(entry.ThreadID)
		}
	}
	return errors.New("the suspended process has no thread")
}

func resumeThread(id uint32) error {
	thread, err := windows.OpenThread(windows.THREAD_SUSPEND_RESUME, false, id)
	if err != nil {
		return os.NewSyscallError("OpenThread", err)
	}
	defer closeHandle(thread)
	_, err = windows.ResumeThread(thread)
	return os.NewSyscallError("ResumeThread", err)
}

// closeHandle lets go of a handle. There is nothing to do about a failure.
func closeHandle(h windows.Handle) { _ = windows.CloseHandle(h) }

// killTree kills every process of the job.
func killTree(cmd *exec.Cmd) {
	if job, ok := jobs.Load(cmd.Process.Pid); ok {
		_ = windows.TerminateJobObject(job.(*ownedJob).handle, 1)
	}
	_ = cmd.Process.Kill()
}

// awaitExit returns when the process has ended.
func awaitExit(pid int) {
	process, err := windows.OpenProcess(windows.SYNCHRONIZE, false, uint32(pid))
	if err != nil {
		return
	}
	defer closeHandle(process)
	_, _ = windows.WaitForSingleObject(process, windows.INFINITE)
}

// platformEnv holds variables that programs of this system cannot do without.
func platformEnv() []string {
	return []string{"SystemRoot=" + os.Getenv("SystemRoot")}
}
