// SPDX-License-Identifier: Apache-2.0

//go:build linux || darwin

package factcache

import (
	"fmt"
	"os"
	"syscall"
	"time"
)

// Executable names the state of a plugin's file: as long as it is the same, the
// file is the one that was measured when the plugin ran. "" when that cannot be
// told.
func Executable(name string) string {
	info, err := os.Stat(name)
	if err != nil {
		return ""
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return ""
	}
	modified, changed := timesOf(st)
	if time.Since(changed) < Settled {
		return ""
	}
	return fmt.Sprint(st.Dev, st.Ino, st.Size, st.Mode, modified.UnixNano(), changed.UnixNano())
}
