// SPDX-License-Identifier: Apache-2.0

package target

import (
	"bytes"
	"errors"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// readKernelLog reads the newest of the kernel's ring buffer with syslog(2),
// which takes nothing out of it, or says why it may not.
func readKernelLog() (log, reason string) {
	buf := make([]byte, fact.MaxKernelLog)
	n, err := unix.Klogctl(unix.SYSLOG_ACTION_READ_ALL, buf)
	switch {
	case errors.Is(err, unix.EPERM):
		return "", "kernel.dmesg_restrict keeps the kernel's log from this user"
	case err != nil:
		return "", "syslog(2): " + err.Error()
	case n == 0:
		return "", "the kernel's log is empty"
	}
	return string(bytes.TrimRight(buf[:n], "\x00")), ""
}
