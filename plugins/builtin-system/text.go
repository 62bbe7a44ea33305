// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strconv"

	"github.com/bulkhead-ml/bulkhead/sdk/check"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// size writes bytes in the largest binary unit that keeps at most one decimal
// true: 64 MiB, 1.5 GiB.
func size(bytes int64) string {
	units := []string{"bytes", "KiB", "MiB", "GiB", "TiB", "PiB"}
	value, unit := float64(bytes), 0
	for value >= 1024 && unit < len(units)-1 {
		value, unit = value/1024, unit+1
	}
	return strconv.FormatFloat(float64(int64(value*10))/10, 'f', -1, 64) + " " + units[unit]
}

// gibibytes rounds down to whole GiB, at least one, as options of tools want it.
func gibibytes(bytes int64) int64 { return max(bytes>>30, 1) }

// container returns the kind of container that the process is in, "" for none.
func container(c *check.Context) string { return c.Facts.String("os.container") }

// softLimit returns a limits.* fact; false when it is absent or unlimited.
func softLimit(c *check.Context, address string) (limit, bool) {
	l, ok := fact.Get[limit](c.Facts, address)
	return l, ok && l.Soft >= 0
}

// exempt reports whether a capability lifts the limit for the process.
func exempt(c *check.Context, name string) bool {
	names, _ := fact.Get[[]string](c.Facts, "process.exempt")
	for _, n := range names {
		if n == name {
			return true
		}
	}
	return false
}

// raised writes the ulimit command that a hard limit allows, "unlimited" for -1.
func raised(flag string, value int64) string {
	if value < 0 {
		return "ulimit " + flag + " unlimited"
	}
	return fmt.Sprintf("ulimit %s %d", flag, value)
}
