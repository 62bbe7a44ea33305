// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"os"
	"unsafe"

	"golang.org/x/sys/windows"
)

// exitOf reads the state of a process that was waited for, and what its job saw.
func exitOf(state *os.ProcessState) *Exit {
	e := &Exit{Code: state.ExitCode(), CPU: state.UserTime() + state.SystemTime()}
	job, ok := jobs.Load(state.Pid())
	if !ok {
		return e
	}
	owned := job.(*ownedJob)
	var info windows.JOBOBJECT_EXTENDED_LIMIT_INFORMATION
	err := windows.QueryInformationJobObject(owned.handle, windows.JobObjectExtendedLimitInformation,
		uintptr(unsafe.Pointer(&info)), uint32(unsafe.Sizeof(info)), nil)
	if err == nil {
		e.PeakBytes = uint64(info.PeakProcessMemoryUsed)
		e.OutOfMemory = exhausted(e.Code, e.PeakBytes, owned.memory)
	}
	return e
}
