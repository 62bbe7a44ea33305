// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"debug/elf"
	"fmt"
	"io"
	"path"
	"strings"
)

// libraryDirs are the places where a loader looks without configuration.
var libraryDirs = []string{"/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib"}

// libraryMounts returns what a dynamically linked program needs to start: its
// loader, the system's library directories and the loader's cache. A static
// program needs nothing.
func libraryMounts(exe io.ReaderAt) ([]mount, error) {
	loader, err := interpreter(exe)
	if err != nil || loader == "" {
		return nil, err
	}
	out := []mount{{Source: "/etc/ld.so.cache", Target: "/etc/ld.so.cache", Optional: true, Flags: grantFlags, Bind: -1}}
	covered := false
	for _, dir := range libraryDirs {
		out = append(out, mount{Source: dir, Target: dir, Optional: true, Flags: libraryFlags, Bind: -1})
		covered = covered || below(loader, dir)
	}
	if !covered {
		out = append(out, mount{Source: loader, Target: loader, Flags: libraryFlags, Bind: -1})
	}
	return out, nil
}

// interpreter returns the loader that an ELF program names, "" for a static one.
func interpreter(exe io.ReaderAt) (string, error) {
	file, err := elf.NewFile(exe)
	if err != nil {
		return "", fmt.Errorf("not a program for this system: %w", err)
	}
	for _, p := range file.Progs {
		if p.Type != elf.PT_INTERP || p.Filesz == 0 || p.Filesz > 4096 {
			continue
		}
		name, err := io.ReadAll(p.Open())
		if err != nil {
			return "", err
		}
		return checkLoader(strings.TrimRight(string(name), "\x00"))
	}
	return "", nil
}

// checkLoader refuses a loader path that could name a place of our own making.
func checkLoader(name string) (string, error) {
	if !path.IsAbs(name) || path.Clean(name) != name || strings.ContainsRune(name, 0) ||
		below(name, TargetDir) || below(name, ScratchDir) || below(name, "/dev") || below(name, "/proc") {
		return "", fmt.Errorf("the program asks for the loader %q, which is no loader path", name)
	}
	return name, nil
}
