// SPDX-License-Identifier: Apache-2.0

package fact

import "strings"

// timesKind says what the times of files on a file system tell.
type timesKind int

const (
	// timesUnknown: too little to rely on.
	timesUnknown timesKind = iota
	// timesOfChanges: the time of the inode moves with every change.
	timesOfChanges
	// timesNone: nothing; a file is made when it is read, as in /proc.
	timesNone
)

// timesOn tells of the device that holds a path of the machine.
func (t *Target) timesOn(device uint64, name string) timesKind {
	if t.Live && (strings.HasPrefix(name+"/", "/proc/") || strings.HasPrefix(name+"/", "/sys/")) {
		return timesNone
	}
	if known, ok := t.times.Load(device); ok {
		return known.(timesKind)
	}
	kind := timesAt(t.host(name))
	t.times.Store(device, kind)
	return kind
}
