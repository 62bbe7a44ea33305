// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
)

// libraryDirs are the places where a loader looks without configuration.
var libraryDirs = []string{"/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/usr/local/nvidia/lib", "/usr/local/nvidia/lib64"}

// loaders lists the loaders that the program, and the programs that it may start,
// ask for. A static program asks for none.
func (a *attempt) loaders() ([]string, error) {
	loader, err := interpreter(a.spec.Exe)
	if err != nil {
		return nil, err
	}
	found := map[string]bool{loader: true}
	for _, o := range a.objects {
		if o.bind >= 0 && a.spec.Binds[o.bind].Access == Exec {
			found[loaderAt(o.source)] = true
		}
	}
	delete(found, "")
	return slices.Sorted(maps.Keys(found)), nil
}

// canLoad refuses a program whose loader this machine does not have. To start it
// would fail with an errno that reads as if the program itself were missing.
func (a *attempt) canLoad() error {
	loader, err := interpreter(a.spec.Exe)
	if err != nil || loader == "" {
		return nil // what is no program is told where it is read
	}
	if _, err := os.Stat(loader); errors.Is(err, fs.ErrNotExist) {
		return &LoaderError{Program: path.Base(a.spec.Exe.Name()), Loader: loader}
	}
	return nil
}

// loaderAt is the loader of a granted program, or for a directory of programs the
// machine's usual one; "" when there is none.
func loaderAt(s source) string {
	name := s.path
	if s.dir {
		name = "/bin/sh"
	}
	file, err := os.Open(name)
	if err != nil {
		return ""
	}
	defer file.Close()
	loader, _ := interpreter(file)
	return loader
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
