// SPDX-License-Identifier: Apache-2.0

package install

import (
	"io/fs"
	"unsafe"

	"golang.org/x/sys/windows"
)

// basicInfo is FILE_BASIC_INFO; times count 100 ns.
type basicInfo struct {
	creation, access, write, change int64
	attributes                      uint32
	_                               uint32
}

// stampOf looks at a file without following a link.
func stampOf(path string) (stamp, fs.FileMode, error) {
	out, mode, err := stampOfName(path)
	if err != nil {
		err = &fs.PathError{Op: "GetFileInformationByHandle", Path: path, Err: err}
	}
	return out, mode, err
}

func stampOfName(path string) (stamp, fs.FileMode, error) {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return stamp{}, 0, err
	}
	h, err := windows.CreateFile(name, windows.FILE_READ_ATTRIBUTES, windows.FILE_SHARE_READ|windows.FILE_SHARE_WRITE|windows.FILE_SHARE_DELETE,
		nil, windows.OPEN_EXISTING, windows.FILE_FLAG_BACKUP_SEMANTICS|windows.FILE_FLAG_OPEN_REPARSE_POINT, 0)
	if err != nil {
		return stamp{}, 0, err
	}
	defer func() { _ = windows.CloseHandle(h) }()
	var id windows.ByHandleFileInformation
	if err := windows.GetFileInformationByHandle(h, &id); err != nil {
		return stamp{}, 0, err
	}
	var times basicInfo
	if err := windows.GetFileInformationByHandleEx(h, windows.FileBasicInfo, (*byte)(unsafe.Pointer(&times)), uint32(unsafe.Sizeof(times))); err != nil {
		return stamp{}, 0, err
	}
	out := stamp{
		size: int64(id.FileSizeHigh)<<32 | int64(id.FileSizeLow), dev: uint64(id.VolumeSerialNumber),
		inode: uint64(id.FileIndexHigh)<<32 | uint64(id.FileIndexLow), mtime: unixNano(times.write), ctime: unixNano(times.change),
	}
	mode := modeOf(id.FileAttributes)
	if mode.IsDir() {
		out.size = 0
	}
	return out, mode, nil
}

// unixNano brings a count of 100 ns since 1601 to one of ns since 1970.
func unixNano(ticks int64) int64 { return (ticks - 116444736000000000) * 100 }

func modeOf(attributes uint32) fs.FileMode {
	switch {
	case attributes&windows.FILE_ATTRIBUTE_REPARSE_POINT != 0:
		return fs.ModeSymlink
	case attributes&windows.FILE_ATTRIBUTE_DIRECTORY != 0:
		return fs.ModeDir | 0o777
	}
	return 0o777
}

// wrongMode is empty: access lists are inherited from the user's own folder.
func wrongMode(fs.FileMode, bool) string { return "" }
