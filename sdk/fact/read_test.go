// SPDX-License-Identifier: Apache-2.0

package fact

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func TestReadHead(t *testing.T) {
	long := strings.Repeat("0123456789", 1000)
	target := tree(t, map[string]string{"short": "name: x\n\nrest", "long": long, "empty": ""})
	header := func(data []byte) bool { return bytes.Contains(data, []byte("\n\n")) }
	for _, tt := range []struct {
		name   string
		enough func([]byte) bool
		want   string
	}{
		{"/short", header, "name: x\n\n"}, {"/short", nil, "name: x\n\nrest"}, {"/long", nil, long}, {"/long", header, long}, {"/empty", nil, ""},
	} {
		got, err := target.ReadHead(tt.name, make([]byte, 9), tt.enough)
		if err != nil || string(got) != tt.want {
			t.Errorf("%s: %q, %v; want %q", tt.name, got, err, tt.want)
		}
	}
	if got, err := target.ReadHead("/none", make([]byte, 9), nil); got != nil || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is not there: %q, %v", got, err)
	}
	if got, err := target.ReadHead("/", make([]byte, 9), nil); len(got) > 0 || err == nil {
		t.Errorf("a directory: %q, %v", got, err)
	}
}

// TestListedDirectories: what a listing told of a directory is not asked again,
// and a link in the listing is still followed inside of the target.
func TestListedDirectories(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("symbolic links need a privilege on Windows")
	}
	target := tree(t, map[string]string{"site/a/f": "a", "real/f": "r", "site/b": "-> /real", "site/file": ""})
	if entries, err := target.ReadDir("/site"); len(entries) != 3 || err != nil {
		t.Fatal(entries, err)
	}
	for name, want := range map[string]string{"/site/a/f": "a", "/site/b/f": "r", "/site/c/f": ""} {
		if got := target.ReadText(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if resolved, err := target.Resolve("/site/b/f"); resolved != "/real/f" || err != nil {
		t.Errorf("%s, %v", resolved, err)
	}
	if target.Exists("/site/file/below") {
		t.Error("something is below a file")
	}
}

// TestRegular: the size of files, and nothing of what else there is.
func TestRegular(t *testing.T) {
	target := tree(t, map[string]string{"dir/file": "12345"})
	if size, regular, err := target.Regular("/dir/file"); size != 5 || !regular || err != nil {
		t.Errorf("%d, %v, %v", size, regular, err)
	}
	if _, regular, err := target.Regular("/dir"); regular || err != nil {
		t.Errorf("a directory: %v, %v", regular, err)
	}
	if _, _, err := target.Regular("/dir/none"); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

// TestStatAsOsDoes: the answers are those of package os, which tells by them
// whether two names are of one file.
func TestStatAsOsDoes(t *testing.T) {
	target := tree(t, map[string]string{"dir/file": "12345"})
	if err := os.Link(filepath.Join(target.Root, "dir/file"), filepath.Join(target.Root, "twin")); err != nil {
		t.Skip(err)
	}
	a, err := target.Stat("/dir/file")
	b, errB := target.Lstat("/twin")
	if err != nil || errB != nil || !os.SameFile(a, b) {
		t.Errorf("%v, %v, %v, %v", a, err, b, errB)
	}
}
