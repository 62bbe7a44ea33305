// SPDX-License-Identifier: Apache-2.0

package factcache

import (
	"syscall"
	"time"
)

// timesOf are the times of the last change of the content and of the inode.
func timesOf(st *syscall.Stat_t) (modified, changed time.Time) {
	return time.Unix(0, st.Mtim.Nano()), time.Unix(0, st.Ctim.Nano())
}
