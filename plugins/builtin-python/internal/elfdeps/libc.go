// SPDX-License-Identifier: Apache-2.0

package elfdeps

import (
	"debug/elf"
	"path"
	"strconv"
	"strings"

	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// Libc is the C library of a system.
type Libc struct {
	// Path of libc.so.6, "" where it is not seen.
	Path string
	// Version is that of glibc, "2.36", by the newest symbol version that it
	// defines; "" when it is not known.
	Version string
	// Musl tells that the system has musl and no glibc.
	Musl bool
}

// FindLibc looks for the C library where the loader does.
func FindLibc(t *fact.Target) Libc {
	for _, machine := range []elf.Machine{elf.EM_X86_64, elf.EM_AARCH64} {
		for _, dir := range defaultDirs(machine) {
			file := path.Join(dir, "libc.so.6")
			versions, err := Defines(t, file)
			if err == nil {
				return Libc{Path: file, Version: newestGlibc(versions)}
			}
		}
	}
	return Libc{Musl: len(t.Glob("/lib/ld-musl-*.so.1")) > 0}
}

// newestGlibc is "2.36" for GLIBC_2.36.
func newestGlibc(versions map[string]bool) string {
	best := 0
	for version := range versions {
		rest, _ := strings.CutPrefix(version, "GLIBC_2.")
		number, _, _ := strings.Cut(rest, ".")
		if n, err := strconv.Atoi(number); err == nil && n > best {
			best = n
		}
	}
	if best == 0 {
		return ""
	}
	return "2." + strconv.Itoa(best)
}
