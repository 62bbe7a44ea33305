// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"unsafe"

	"golang.org/x/sys/windows"
)

var (
	advapi32              = windows.NewLazySystemDLL("advapi32.dll")
	createRestrictedToken = advapi32.NewProc("CreateRestrictedToken")
	kernel32              = windows.NewLazySystemDLL("kernel32.dll")
	isProcessInJob        = kernel32.NewProc("IsProcessInJob")
)

// Constants of winnt.h that the windows package lacks.
const (
	disableMaxPrivilege = 0x1
	seGroupIntegrity    = 0x20
)

// powerful are groups whose rights the program must not have. They stay in the
// token, but only to deny.
var powerful = []windows.WELL_KNOWN_SID_TYPE{
	windows.WinBuiltinAdministratorsSid, windows.WinBuiltinPowerUsersSid,
	windows.WinBuiltinAccountOperatorsSid, windows.WinBuiltinSystemOperatorsSid,
	windows.WinBuiltinBackupOperatorsSid, windows.WinBuiltinNetworkConfigurationOperatorsSid,
}

// restrictedToken is the host's own token without privileges, without the
// powerful groups, and at the low integrity level, which may not write to what
// the user owns.
func restrictedToken() (windows.Token, error) {
	var own windows.Token
	const access = windows.TOKEN_DUPLICATE | windows.TOKEN_ASSIGN_PRIMARY | windows.TOKEN_QUERY | windows.TOKEN_ADJUST_DEFAULT
	if err := windows.OpenProcessToken(windows.CurrentProcess(), access, &own); err != nil {
		return 0, os.NewSyscallError("OpenProcessToken", err)
	}
	defer closeHandle(windows.Handle(own))
	var disable []windows.SIDAndAttributes
	for _, kind := range powerful {
		sid, err := windows.CreateWellKnownSid(kind)
		if err != nil {
			return 0, os.NewSyscallError("CreateWellKnownSid", err)
		}
		disable = append(disable, windows.SIDAndAttributes{Sid: sid})
	}
	var token windows.Token
	ok, _, err := createRestrictedToken.Call(uintptr(own), disableMaxPrivilege,
		uintptr(len(disable)), uintptr(unsafe.Pointer(&disable[0])), 0, 0, 0, 0, uintptr(unsafe.Pointer(&token)))
	if ok == 0 {
		return 0, os.NewSyscallError("CreateRestrictedToken", err)
	}
	if err := lowerIntegrity(token); err != nil {
		_ = token.Close()
		return 0, err
	}
	return token, nil
}

func lowerIntegrity(token windows.Token) error {
	sid, err := windows.CreateWellKnownSid(windows.WinLowLabelSid)
	if err != nil {
		return os.NewSyscallError("CreateWellKnownSid", err)
	}
	label := windows.Tokenmandatorylabel{Label: windows.SIDAndAttributes{Sid: sid, Attributes: seGroupIntegrity}}
	err = windows.SetTokenInformation(token, windows.TokenIntegrityLevel, (*byte)(unsafe.Pointer(&label)), label.Size())
	return os.NewSyscallError("SetTokenInformation", err)
}

// labelLow makes a directory, and what comes into it, writable at the low
// integrity level.
func labelLow(dir string) error {
	sd, err := windows.SecurityDescriptorFromString("S:(ML;OICI;NW;;;LW)")
	if err != nil {
		return err
	}
	sacl, _, err := sd.SACL()
	if err != nil {
		return err
	}
	err = windows.SetNamedSecurityInfo(dir, windows.SE_FILE_OBJECT, windows.LABEL_SECURITY_INFORMATION, nil, nil, nil, sacl)
	return os.NewSyscallError("SetNamedSecurityInfo", err)
}

// lowLabelled reports whether a file may be written at the low integrity level.
func lowLabelled(name string) (bool, error) {
	sd, err := windows.GetNamedSecurityInfo(name, windows.SE_FILE_OBJECT, windows.LABEL_SECURITY_INFORMATION)
	if err != nil {
		return false, os.NewSyscallError("GetNamedSecurityInfo", err)
	}
	return strings.Contains(sd.String(), ";;;LW)"), nil
}

// verify looks at a process from outside: it is in the job, and its token is at
// the low integrity level.
func verify(job windows.Handle, pid int) error {
	process, err := windows.OpenProcess(windows.PROCESS_QUERY_INFORMATION, false, uint32(pid))
	if err != nil {
		return os.NewSyscallError("OpenProcess", err)
	}
	defer closeHandle(process)
	var member int32
	if ok, _, err := isProcessInJob.Call(uintptr(process), uintptr(job), uintptr(unsafe.Pointer(&member))); ok == 0 {
		return os.NewSyscallError("IsProcessInJob", err)
	}
	if member == 0 {
		return errors.New("the program is not in its job")
	}
	var token windows.Token
	if err := windows.OpenProcessToken(process, windows.TOKEN_QUERY, &token); err != nil {
		return os.NewSyscallError("OpenProcessToken", err)
	}
	defer closeHandle(windows.Handle(token))
	return verifyIntegrity(token)
}

func verifyIntegrity(token windows.Token) error {
	var size uint32
	_ = windows.GetTokenInformation(token, windows.TokenIntegrityLevel, nil, 0, &size)
	if size < uint32(unsafe.Sizeof(windows.Tokenmandatorylabel{})) {
		return errors.New("the program's integrity level cannot be read")
	}
	buffer := make([]uintptr, (uintptr(size)+unsafe.Sizeof(uintptr(0))-1)/unsafe.Sizeof(uintptr(0)))
	if err := windows.GetTokenInformation(token, windows.TokenIntegrityLevel, (*byte)(unsafe.Pointer(&buffer[0])), size, &size); err != nil {
		return os.NewSyscallError("GetTokenInformation", err)
	}
	sid := (*windows.Tokenmandatorylabel)(unsafe.Pointer(&buffer[0])).Label.Sid
	if !sid.IsWellKnown(windows.WinLowLabelSid) {
		return fmt.Errorf("the program runs at the integrity level %s, not at the low one", sid)
	}
	return nil
}
