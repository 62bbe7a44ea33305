// SPDX-License-Identifier: Apache-2.0

// Package linkage holds the one dynamic executable of a release, the GPU plugin of
// Linux, to what lets it start on old and new machines and find NVML there:
//
//   - it is for the processor that it says, and asks for the loader that the ABI of
//     glibc names for that processor
//   - it needs glibc and nothing else, in no version newer than [Baseline]: that is
//     RHEL 7, Ubuntu 14.04 and everything after them
//   - NVML's functions are weak and bound when they are called: a machine without
//     NVIDIA's library starts it too, and one that has it is asked through the
//     library that was loaded
//   - it has no search path of its own
//
// All other executables of a release are static.
package linkage

import (
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// Baseline is the newest version of glibc that an executable may need.
const Baseline = "2.17"

// target is what the ABI of a processor says.
type target struct {
	machine elf.Machine
	loader  string
	zig     string
}

var targets = map[string]target{
	"amd64": {elf.EM_X86_64, "/lib64/ld-linux-x86-64.so.2", "x86_64-linux-gnu." + Baseline},
	"arm64": {elf.EM_AARCH64, "/lib/ld-linux-aarch64.so.1", "aarch64-linux-gnu." + Baseline},
}

// Target is the name by which Zig knows a GOARCH with the glibc of [Baseline].
func Target(goarch string) (string, error) {
	t, ok := targets[goarch]
	if !ok {
		return "", fmt.Errorf("no glibc is known for the processor %q", goarch)
	}
	return t.zig, nil
}

// Loader is the program that starts dynamic executables of a GOARCH on Linux; ""
// for a processor that no release is for.
func Loader(goarch string) string { return targets[goarch].loader }

// libraries are the parts of glibc that an executable may need. Newer ones have
// all of them in libc.so.6, and still come with the other names.
var libraries = []string{"libc.so.6", "libdl.so.2", "libpthread.so.0"}

// Check tells everything that is wrong with an executable for a GOARCH.
func Check(executable, goarch string) error {
	t, ok := targets[goarch]
	if !ok {
		return fmt.Errorf("no glibc is known for the processor %q", goarch)
	}
	f, err := elf.Open(executable)
	if err != nil {
		return fmt.Errorf("%s: %w", executable, err)
	}
	defer func() { _ = f.Close() }()
	err = errors.Join(checkKind(f, t), checkLibraries(f), checkVersions(f), checkBinding(f), checkNVML(f))
	if err != nil {
		return fmt.Errorf("%s: %w", executable, err)
	}
	return nil
}

func checkKind(f *elf.File, t target) error {
	var errs []error
	if f.Machine != t.machine || f.Class != elf.ELFCLASS64 {
		errs = append(errs, fmt.Errorf("it is for %v and not for %v", f.Machine, t.machine))
	}
	loader, err := loaderOf(f)
	if err != nil {
		errs = append(errs, err)
	} else if loader != t.loader {
		errs = append(errs, fmt.Errorf("it asks for the loader %q and not for %q", loader, t.loader))
	}
	return errors.Join(errs...)
}

// loaderOf is the loader that an executable names, "" when it is static.
func loaderOf(f *elf.File) (string, error) {
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			name, err := io.ReadAll(io.LimitReader(p.Open(), 4096))
			return strings.TrimRight(string(name), "\x00"), err
		}
	}
	return "", nil
}

func checkLibraries(f *elf.File) error {
	needed, err := f.ImportedLibraries()
	if err != nil {
		return err
	}
	var errs []error
	for _, name := range needed {
		if !slices.Contains(libraries, name) {
			errs = append(errs, fmt.Errorf("it needs %s, which is no part of every glibc", name))
		}
	}
	for _, tag := range []elf.DynTag{elf.DT_RPATH, elf.DT_RUNPATH} {
		if found, err := f.DynString(tag); err != nil || len(found) > 0 {
			errs = append(errs, fmt.Errorf("it has a search path of its own, %v %q", tag, found))
		}
	}
	return errors.Join(errs...)
}

// checkVersions refuses functions of a glibc that is newer than the baseline.
func checkVersions(f *elf.File) error {
	needs, err := f.DynamicVersionNeeds()
	if err != nil && !errors.Is(err, elf.ErrNoSymbols) {
		return err
	}
	var errs []error
	for _, library := range needs {
		for _, need := range library.Needs {
			version, ok := strings.CutPrefix(need.Dep, "GLIBC_")
			if !ok || newer(version, Baseline) {
				errs = append(errs, fmt.Errorf("it needs %s of %s; the newest allowed is GLIBC_%s", need.Dep, library.Name, Baseline))
			}
		}
	}
	return errors.Join(errs...)
}

// newer compares versions such as 2.2.5. What is no version counts as newer.
func newer(a, b string) bool {
	left, right := numbers(a), numbers(b)
	return left == nil || slices.Compare(left, right) > 0
}

func numbers(version string) (out []int) {
	for part := range strings.SplitSeq(version, ".") {
		n, err := strconv.Atoi(part)
		if err != nil {
			return nil
		}
		out = append(out, n)
	}
	return out
}

// checkBinding refuses an executable whose functions are all found at its start,
// when NVML's library is not loaded yet.
func checkBinding(f *elf.File) error {
	for _, c := range []struct {
		tag  elf.DynTag
		flag uint64
	}{{elf.DT_BIND_NOW, 0}, {elf.DT_FLAGS, uint64(elf.DF_BIND_NOW)}, {elf.DT_FLAGS_1, uint64(elf.DF_1_NOW)}} {
		values, err := f.DynValue(c.tag)
		if err != nil {
			return err
		}
		for _, v := range values {
			if c.flag == 0 || v&c.flag != 0 {
				return fmt.Errorf("it binds every function when it starts (%v), before NVML's library is loaded", c.tag)
			}
		}
	}
	return nil
}

// checkNVML asks for NVML's functions as they must be: not there, and weak.
func checkNVML(f *elf.File) error {
	symbols, err := f.DynamicSymbols()
	if err != nil && !errors.Is(err, elf.ErrNoSymbols) {
		return err
	}
	var errs []error
	found := 0
	for _, s := range symbols {
		if !strings.HasPrefix(s.Name, "nvml") {
			continue
		}
		found++
		if s.Section != elf.SHN_UNDEF || elf.ST_BIND(s.Info) != elf.STB_WEAK {
			errs = append(errs, fmt.Errorf("%s is %v in section %v, and must be weak and undefined", s.Name, elf.ST_BIND(s.Info), s.Section))
		}
	}
	if found == 0 {
		errs = append(errs, errors.New("it knows no function of NVML: it was built without"))
	}
	return errors.Join(errs...)
}
