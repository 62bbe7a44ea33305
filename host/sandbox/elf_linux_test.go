// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestLoader(t *testing.T) {
	exe, err := os.Open("/bin/true")
	if err != nil {
		t.Fatal(err)
	}
	defer exe.Close()
	loader, err := interpreter(exe)
	if err != nil || !strings.Contains(loader, "ld-") {
		t.Errorf("%q, %v", loader, err)
	}
}

func TestUnusualLoader(t *testing.T) {
	for name, ok := range map[string]bool{
		"/opt/ld.so": true, "/lib64/ld-linux-x86-64.so.2": true,
		"ld.so": false, "/lib/../target/x": false, "/target/x": false, "/tmp/x": false, "/proc/self/exe": false, "": false,
	} {
		if _, err := checkLoader(name); (err == nil) != ok {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// TestMissingLoader: a program for another C library is told by its loader, at any
// level, and not by an errno that seems to speak of the program.
func TestMissingLoader(t *testing.T) {
	text, err := os.ReadFile("/bin/true")
	if err != nil {
		t.Skip(err)
	}
	name := filepath.Join(t.TempDir(), "plugin")
	foreign := bytes.Replace(text, []byte("/ld-"), []byte("/no-"), 1)
	if err := os.WriteFile(name, foreign, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		program string
		missing bool
	}{{name, true}, {"/bin/true", false}} {
		exe, err := os.Open(c.program)
		if err != nil {
			t.Fatal(err)
		}
		defer exe.Close()
		err = (&attempt{spec: &Spec{Exe: exe}}).canLoad()
		found, ok := errors.AsType[*LoaderError](err)
		if ok != c.missing || ok && (!strings.Contains(found.Loader, "/no-") || found.Program != "plugin") {
			t.Errorf("%s: %v", c.program, err)
		}
	}
}

func TestNotAProgram(t *testing.T) {
	if _, err := interpreter(strings.NewReader("#!/bin/sh\n")); err == nil || !strings.Contains(err.Error(), "not a program") {
		t.Errorf("got %v", err)
	}
}

func TestAtLeast(t *testing.T) {
	for release, want := range map[string]bool{
		"6.18.44": true, "5.14.0-427.el9.x86_64": true, "5.13.9": false, "4.19.0": false, "6.1.0-9-amd64": true, "": false, "x": false,
	} {
		if atLeast(release, 5, 14) != want {
			t.Errorf("%q", release)
		}
	}
}

func FuzzInterpreter(f *testing.F) {
	if text, err := os.ReadFile("/bin/true"); err == nil {
		f.Add(text[:min(len(text), 4096)])
	}
	f.Add([]byte("\x7fELF"))
	f.Fuzz(func(t *testing.T, text []byte) {
		loader, err := interpreter(bytes.NewReader(text))
		if err == nil && loader != "" && (loader[0] != '/' || below(loader, TargetDir)) {
			t.Fatalf("loader %q", loader)
		}
	})
}
