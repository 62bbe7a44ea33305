// SPDX-License-Identifier: Apache-2.0

// Zigcc is the C compiler of a release, for go build.
//
//	zigcc ZIG TARGET ARGUMENT...
//
// It runs "ZIG cc -target TARGET" with the arguments of a C compiler. Zig carries
// the headers and the start code of every glibc, so that one compiler, named by its
// hash, builds for both processors and for Linux of ten years ago; a compiler of
// the building machine would bring that machine's glibc into the executable. Three
// things are between it and a plain call of Zig:
//
//   - go-nvml leaves NVML's functions to be found in the library that it loads when
//     it runs, and asks for that with an option that Zig refuses as unknown
//     (--unresolved-symbols). The option is dropped; weak.h makes the functions
//     weak instead, so that the linker leaves them alone.
//   - Zig would bind all functions when the program starts (-z now), before any
//     library was loaded. They are bound when they are called.
//   - Of the environment only what [passed] names gets through: variables such as
//     CPATH or LIBRARY_PATH would bring files of the building machine in.
package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// passed are the variables that Zig gets to see.
var passed = []string{"PATH", "HOME", "TMPDIR", "ZIG_GLOBAL_CACHE_DIR", "ZIG_LOCAL_CACHE_DIR", "SOURCE_DATE_EPOCH"}

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: zigcc ZIG TARGET ARGUMENT...")
		os.Exit(2)
	}
	cmd := exec.Command(os.Args[1], arguments(os.Args[2], os.Args[3:])...)
	cmd.Env = environment(os.Environ())
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	os.Exit(status(cmd.Run()))
}

// arguments are those of Zig for those of a C compiler.
func arguments(target string, args []string) []string {
	out := []string{"cc", "-target", target}
	links := len(args) > 0
	for _, a := range args {
		if a == "-c" || a == "-E" || a == "-S" {
			links = false
		}
		if !strings.HasPrefix(a, "-Wl,--unresolved-symbols=") {
			out = append(out, a)
		}
	}
	if links {
		out = append(out, "-Wl,-z,lazy")
	}
	return out
}

// environment keeps the variables that are passed.
func environment(env []string) []string {
	return slices.DeleteFunc(slices.Clone(env), func(pair string) bool {
		name, _, _ := strings.Cut(pair, "=")
		return !slices.Contains(passed, name)
	})
}

// status is the exit status that tells how Zig ended.
func status(err error) int {
	if err == nil {
		return 0
	}
	if ended, ok := errors.AsType[*exec.ExitError](err); ok && ended.ExitCode() > 0 {
		return ended.ExitCode()
	}
	fmt.Fprintln(os.Stderr, "zigcc:", err)
	return 1
}
