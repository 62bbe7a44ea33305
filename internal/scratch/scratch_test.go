// SPDX-License-Identifier: Apache-2.0

package scratch

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestMain is also the process that dies with a directory in use.
func TestMain(m *testing.M) {
	if os.Getenv("BULKHEAD_TEST_SCRATCH") == "" {
		os.Exit(m.Run())
	}
	d, err := New("work")
	if err == nil {
		err = os.WriteFile(filepath.Join(d.Path, "file"), []byte("x"), 0o600)
	}
	if err != nil {
		os.Exit(1)
	}
	_, _ = os.Stdout.WriteString(d.root)
	self, _ := os.FindProcess(os.Getpid())
	_ = self.Kill()
	select {}
}

// place is the directory for temporary files of a test.
func place(t *testing.T) string {
	dir := t.TempDir()
	for _, name := range []string{"TMPDIR", "TMP", "TEMP"} {
		t.Setenv(name, dir)
	}
	return dir
}

// old makes a directory look as if it were made long ago.
func old(t *testing.T, dir string) {
	t.Helper()
	then := time.Now().Add(-2 * Age)
	must(t, os.Chtimes(dir, then, then))
}

func there(t *testing.T, name string) bool {
	t.Helper()
	_, err := os.Lstat(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return err == nil
}

func TestCloseRemovesAll(t *testing.T) {
	temp := place(t)
	d, err := New("work")
	must(t, err)
	inner := filepath.Join(d.Path, "a", "b")
	must(t, os.MkdirAll(inner, 0o700))
	must(t, os.WriteFile(filepath.Join(inner, "file"), nil, 0o400))
	must(t, os.Chmod(inner, 0o500)) // as what is unpacked from an archive
	if filepath.Base(d.Path) != "work" || filepath.Dir(filepath.Dir(d.Path)) != temp {
		t.Error(d.Path)
	}
	must(t, d.Close())
	left, err := os.ReadDir(temp)
	if len(left) != 0 || err != nil {
		t.Error(left, err)
	}
	must(t, (*Dir)(nil).Close())
}

// TestSweep: what a killed process left goes when it is old, what is used or new
// stays, and so does what is not ours.
func TestSweep(t *testing.T) {
	temp := place(t)
	kill := exec.Command(os.Args[0])
	kill.Env = append(os.Environ(), "BULKHEAD_TEST_SCRATCH=1")
	out, _ := kill.Output() // it was killed
	dead := string(out)
	if !there(t, filepath.Join(dead, "work", "file")) {
		t.Fatalf("%q was left", dead)
	}
	used, err := New("work")
	must(t, err)
	old(t, used.root)
	foreign := filepath.Join(temp, "other-program")
	must(t, os.Mkdir(foreign, 0o700))
	old(t, foreign)
	unlocked := filepath.Join(temp, prefix+"killed-before-its-lock")
	must(t, os.Mkdir(unlocked, 0o700))

	sweep(temp, time.Now())
	if !there(t, dead) || !there(t, unlocked) {
		t.Error("what is new was removed")
	}
	old(t, dead)
	old(t, unlocked)
	next, err := New("work")
	must(t, err)
	if there(t, dead) || there(t, unlocked) {
		t.Error("what was left is still there")
	}
	if !there(t, used.Path) || !there(t, foreign) || !there(t, next.Path) {
		t.Error("what is used was removed")
	}
	must(t, errors.Join(used.Close(), next.Close()))
}

// TestSweepBelievesNobody: a link with the name, and a directory that others can
// write to, are not followed.
func TestSweepBelievesNobody(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("links need a privilege there")
	}
	temp, victim := place(t), t.TempDir()
	must(t, os.WriteFile(filepath.Join(victim, "file"), nil, 0o600))
	old(t, victim)
	must(t, os.Symlink(victim, filepath.Join(temp, prefix+"link")))
	open := filepath.Join(temp, prefix+"open")
	must(t, os.Mkdir(open, 0o700))
	must(t, os.Chmod(open, 0o777))
	old(t, open)
	sweep(temp, time.Now().Add(10*Age))
	if !there(t, filepath.Join(victim, "file")) || !there(t, open) {
		t.Error("it went through a link or removed what others made")
	}
}
