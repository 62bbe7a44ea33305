// SPDX-License-Identifier: Apache-2.0

package fact

import (
	"errors"

	"golang.org/x/sys/unix"
)

// timesAt tells of the file system that holds a path of the host.
func timesAt(path string) timesKind {
	var st unix.Statfs_t
	if unix.Statfs(path, &st) != nil {
		return timesUnknown
	}
	switch unix.ByteSliceToString(st.Fstypename[:]) {
	case "apfs", "hfs":
		return timesOfChanges
	}
	return timesUnknown
}

// readAtOnce is for files without times, of which there are none here.
func readAtOnce(string) ([]byte, error) { return nil, errors.ErrUnsupported }
