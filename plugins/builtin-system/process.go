// SPDX-License-Identifier: Apache-2.0

package main

import (
	"path"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-system/internal/procfs"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// processFile names a file of the examined process; "" leads to nothing when
// there is no process.
func processFile(t *fact.Target, name string) string {
	if t.ProcessDir == "" {
		return "/proc/no-process/" + name
	}
	return path.Join(t.ProcessDir, name)
}

// mountsOf reads the mounts that the examined process sees.
func mountsOf(t *fact.Target) []procfs.Mount {
	data, err := t.ReadFile(processFile(t, "mountinfo"))
	if err != nil {
		return nil
	}
	return procfs.Mounts(data)
}

// memoryOf returns the memory of the machine in bytes, 0 when not known.
func memoryOf(t *fact.Target) int64 {
	data, err := t.ReadFile("/proc/meminfo")
	if err != nil {
		return 0
	}
	total, _, _ := procfs.Memory(data, "MemTotal")
	return total
}
