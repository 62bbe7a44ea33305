// SPDX-License-Identifier: Apache-2.0

//go:build unix

package fact

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func TestOpenOfAFileAndADirectory(t *testing.T) {
	target := tree(t, map[string]string{"etc/hosts": "127.0.0.1"})
	f, err := target.Open("/etc/hosts")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if data, err := io.ReadAll(f); string(data) != "127.0.0.1" || err != nil {
		t.Errorf("read %q, %v", data, err)
	}
	if _, err := f.Seek(4, io.SeekStart); err != nil || f.Name() != filepath.Join(target.Root, "etc/hosts") {
		t.Errorf("%s does not seek: %v", f.Name(), err)
	}
	dir, err := target.Open("/etc")
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	if names, err := dir.Readdirnames(-1); len(names) != 1 || err != nil {
		t.Errorf("names %q, %v", names, err)
	}
}

func TestOpenedFilesStayInTheProcess(t *testing.T) {
	f, err := openFile(filepath.Join(tree(t, map[string]string{"f": ""}).Root, "f"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	flags, err := unix.FcntlInt(f.Fd(), unix.F_GETFD, 0)
	if err != nil || flags&unix.FD_CLOEXEC == 0 {
		t.Errorf("flags %#x, %v: programs that are started inherit the file", flags, err)
	}
}

func TestOpenTellsWhyAsOsDoes(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "f")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{filepath.Join(dir, "none"), filepath.Join(file, "below"), "nul\x00"} {
		_, want := os.Open(name)
		_, err := openFile(name)
		if _, ok := errors.AsType[*fs.PathError](err); !ok || err.Error() != want.Error() {
			t.Errorf("error %v, os.Open says %v", err, want)
		}
	}
}

func TestOpenRefusesAPipeWithoutWaiting(t *testing.T) {
	target := tree(t, map[string]string{"f": ""})
	if err := unix.Mkfifo(filepath.Join(target.Root, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	if f, err := target.Open("/pipe"); err == nil { // would wait for a writer
		_ = f.Close()
		t.Error("a pipe was opened")
	}
}
