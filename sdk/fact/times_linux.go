// SPDX-License-Identifier: Apache-2.0

package fact

import (
	"os"

	"golang.org/x/sys/unix"
)

// timesByMagic tells file systems by f_type of statfs(2), see linux/magic.h.
// Those that are not here are of the network, whose times this machine remembers
// for a while, of FUSE, which may give any, of FAT, which has none of the inode,
// or images, whose times their maker chose.
var timesByMagic = map[int64]timesKind{
	0xef53: timesOfChanges, 0x58465342: timesOfChanges, 0x9123683e: timesOfChanges, // ext, XFS, Btrfs
	0xf2f52010: timesOfChanges, 0x2fc12fc1: timesOfChanges, 0xca451a4e: timesOfChanges, // F2FS, ZFS, bcachefs
	0x01021994: timesOfChanges, 0x858458f6: timesOfChanges, 0x794c7630: timesOfChanges, // tmpfs, ramfs, overlay

	0x9fa0: timesNone, 0x62656572: timesNone, 0x27e0eb: timesNone, 0x63677270: timesNone, // proc, sysfs, cgroup, cgroup2
	0x64626720: timesNone, 0x74726163: timesNone, 0x73636673: timesNone, 0x62656570: timesNone, // debugfs, tracefs, securityfs, configfs
	0xde5e81e4: timesNone, 0x6165676c: timesNone, 0x42494e4d: timesNone, 0xf97cff8c: timesNone, // efivarfs, pstore, binfmt_misc, selinuxfs
	0x7655821: timesNone, // resctrl
}

// timesAt tells of the file system that holds a path of the host.
func timesAt(path string) timesKind {
	var st unix.Statfs_t
	if unix.Statfs(path, &st) != nil {
		return timesUnknown
	}
	return timesByMagic[int64(uint32(st.Type))]
}

// readAtOnce reads what a file has now; where it would have to wait it fails.
func readAtOnce(name string) ([]byte, error) {
	fd, err := unix.Open(name, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: name, Err: err}
	}
	f := descriptor(fd)
	defer func() { _ = f.Close() }() // it was only read
	return readWhole(f, 0)
}
