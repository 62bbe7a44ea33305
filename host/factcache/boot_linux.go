// SPDX-License-Identifier: Apache-2.0

package factcache

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// bootID names this run of this machine's kernel, see random(4).
func bootID() string {
	data, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		name, _ := os.Hostname() // "" where there is none
		return name
	}
	return string(data)
}

// uptime is the time since the start of the machine, which nobody can set.
func uptime() time.Duration {
	var t unix.Timespec
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &t) != nil {
		return 0
	}
	return time.Duration(t.Nano())
}
