// SPDX-License-Identifier: Apache-2.0

package regular_test

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/internal/regular"
)

// place is a directory with a file "a" of five bytes.
func place(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a"), []byte("12345"), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestReadFile(t *testing.T) {
	name := filepath.Join(place(t), "a")
	if got, err := regular.ReadFile(name, 5); err != nil || string(got) != "12345" {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := regular.ReadFile(name, 4); got != nil || err == nil || !strings.Contains(err.Error(), name+": larger than 4 bytes") {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := regular.ReadFile(name+"b", 5); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

func TestOpenIn(t *testing.T) {
	dir := place(t)
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	f, info, err := regular.OpenIn(root, "a")
	if err != nil || info.Size() != 5 {
		t.Fatal(info, err)
	}
	defer f.Close()
	if text, err := io.ReadAll(f); err != nil || string(text) != "12345" {
		t.Errorf("%q, %v", text, err)
	}
	if _, _, err := regular.OpenIn(root, "../"+filepath.Base(dir)+"/a"); err == nil {
		t.Error("it leaves its root")
	}
}

func TestADirectoryIsNoFile(t *testing.T) {
	dir := place(t)
	refused(t, filepath.Dir(dir), filepath.Base(dir))
}

// refused wants every way to open a name to say that it is no regular file.
func refused(t *testing.T, dir, name string) {
	t.Helper()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	_, _, open := regular.Open(filepath.Join(dir, name))
	_, _, in := regular.OpenIn(root, name)
	_, read := regular.ReadFile(filepath.Join(dir, name), 5)
	for _, err := range []error{open, in, read} {
		if !errors.Is(err, regular.Err) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
