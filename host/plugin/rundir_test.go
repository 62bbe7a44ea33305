// SPDX-License-Identifier: Apache-2.0

//go:build unix

package plugin

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRunDirIsPerHost(t *testing.T) {
	base := t.TempDir()
	a, err := runDir(base)
	if err != nil {
		t.Fatal(err)
	}
	b, err := runDir(base)
	if err != nil || a != b || filepath.Dir(a) != base {
		t.Errorf("%q, %q, %v", a, b, err)
	}
	if info, _ := os.Stat(a); info.Mode().Perm() != 0o711 {
		t.Errorf("mode %v", info.Mode())
	}
}

func TestRunDirsAreRemoved(t *testing.T) {
	base := t.TempDir()
	first, err := runDir(base)
	if err != nil {
		t.Fatal(err)
	}
	RemoveRunDirs()
	if left, _ := os.ReadDir(base); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
	if second, err := runDir(base); err != nil || second == first {
		t.Errorf("%q after %q, %v", second, first, err)
	}
}

// What a killed host left is removed; what a living one uses stays.
func TestSweep(t *testing.T) {
	base := t.TempDir()
	mine, err := runDir(base)
	if err != nil {
		t.Fatal(err)
	}
	dead := filepath.Join(base, "host-1")
	if err := os.MkdirAll(filepath.Join(dead, "plugin-dir1"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dead+".lock", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/etc", filepath.Join(base, "host-2")); err != nil {
		t.Fatal(err)
	}
	sweep(base)
	if _, err := os.Stat(dead); !os.IsNotExist(err) {
		t.Errorf("%s is still there: %v", dead, err)
	}
	if _, err := os.Stat(mine); err != nil {
		t.Errorf("the directory of a living host was removed: %v", err)
	}
}

// A directory of somebody else under the predictable name is not used.
func TestRunParentIsNotStolen(t *testing.T) {
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	t.Setenv("XDG_RUNTIME_DIR", "")
	first, err := runParent("")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(first, 0o777); err != nil {
		t.Fatal(err)
	}
	second, err := runParent("")
	if err != nil || second == first {
		t.Errorf("%q after %q, %v", second, first, err)
	}
}

func TestNoPlaceForSocketsSaysWhatToDo(t *testing.T) {
	t.Setenv("XDG_RUNTIME_DIR", "")
	t.Setenv("TMPDIR", filepath.Join(t.TempDir(), "absent"))
	if _, err := runDir(""); err == nil || !strings.Contains(err.Error(), "set TMPDIR or XDG_RUNTIME_DIR") {
		t.Errorf("got %v", err)
	}
}
