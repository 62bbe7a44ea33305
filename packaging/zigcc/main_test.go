// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"os"
	"os/exec"
	"slices"
	"testing"
)

// TestMain stands in for Zig where a test asks for it: it prints nothing and ends
// with the status that its last argument names.
func TestMain(m *testing.M) {
	if os.Getenv("HOME") == "zigcc-test" {
		os.Exit(len(os.Args[len(os.Args)-1]))
	}
	os.Exit(m.Run())
}

func TestArguments(t *testing.T) {
	for _, c := range []struct {
		name       string
		args, want []string
	}{
		{"a file is compiled", []string{"-I", ".", "-c", "a.c"}, []string{"-I", ".", "-c", "a.c"}},
		{"the preprocessor alone", []string{"-E", "a.c"}, []string{"-E", "a.c"}},
		{"a program is linked", []string{"-o", "a", "a.o", "-ldl"}, []string{"-o", "a", "a.o", "-ldl", "-Wl,-z,lazy"}},
		{"what Zig does not know", []string{"a.o", "-Wl,--export-dynamic", "-Wl,--unresolved-symbols=ignore-in-object-files"}, []string{"a.o", "-Wl,--export-dynamic", "-Wl,-z,lazy"}},
		{"nothing", nil, nil},
	} {
		want := append([]string{"cc", "-target", "x86_64-linux-gnu.2.17"}, c.want...)
		if got := arguments("x86_64-linux-gnu.2.17", c.args); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", c.name, got, want)
		}
	}
}

// TestEnvironment: no variable of the building machine steers the compiler.
func TestEnvironment(t *testing.T) {
	got := environment([]string{"CPATH=/usr/include", "PATH=/bin", "LIBRARY_PATH=/lib", "C_INCLUDE_PATH=/x", "ZIG_LOCAL_CACHE_DIR=/c", "PATHS=1", "ZIG_LIB_DIR=/z"})
	if want := []string{"PATH=/bin", "ZIG_LOCAL_CACHE_DIR=/c"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestStatus: go build sees how the compiler ended.
func TestStatus(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for argument, want := range map[string]int{"": 0, "three": 5} {
		cmd := exec.Command(self, argument)
		cmd.Env = append(os.Environ(), "HOME=zigcc-test")
		if got := status(cmd.Run()); got != want {
			t.Errorf("a compiler that ends with %d: status %d", want, got)
		}
	}
	if got := status(errors.New("no such file")); got != 1 {
		t.Errorf("no compiler: status %d", got)
	}
}
