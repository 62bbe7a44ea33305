// SPDX-License-Identifier: Apache-2.0

package config

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/hashicorp/hcl/v2"
)

// A project from anybody brings no program that the host runs outside of a
// sandbox.
func TestRuntimesAreInstalled(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("paths of this test are those of Unix")
	}
	dir := t.TempDir()
	evil := filepath.Join(dir, "evil")
	if err := os.WriteFile(evil, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	at := hcl.Range{Filename: "bulkhead.hcl"}
	for name, want := range map[string]bool{
		"/usr/local/bin/runsc-absent": true, "/opt/gvisor/bin/runsc": true, "/bin/sh": true,
		evil: false, "/proc/self/cwd/evil": false, "/usr/bin/../../proc/self/cwd/evil": false, "/home/ada/evil": false,
		"/tmp/evil": false, "/usr/bin": false, "/usr/src/app/evil": false, "/opt": false, "/dev/fd/3": false,
	} {
		if got := installed(name, at); got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	if got := projects(hcl.Range{Filename: "/usr/bulkhead.hcl"}); len(got) != 1 {
		t.Errorf("%q", got)
	}
	before := programTrees
	programTrees = []string{filepath.Dir(dir)}
	defer func() { programTrees = before }()
	if installed(evil, at) {
		t.Error("a program of the project that lies where programs are")
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink("/etc/passwd", link); err != nil {
		t.Fatal(err)
	}
	programTrees = []string{filepath.Dir(link)}
	if installed(link, at) {
		t.Error("a link out of where programs are")
	}
}
