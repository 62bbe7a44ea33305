// SPDX-License-Identifier: Apache-2.0

package durable

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// holdVariable makes the test binary a process that takes a lock and waits.
const holdVariable = "BULKHEAD_TEST_HOLD_LOCK"

func TestMain(m *testing.M) {
	if name := os.Getenv(holdVariable); name != "" {
		if _, err := Acquire(name); err != nil {
			panic(err)
		}
		_, _ = os.Stdout.WriteString("held\n")
		time.Sleep(time.Hour) // select would be a deadlock, which ends a process without cgo
	}
	os.Exit(m.Run())
}

func TestReplace(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "a")
	for _, text := range []string{"one", "a longer text", ""} {
		must(t, Replace(name, []byte(text), nil))
		got, err := ReadFile(name, 100)
		if err != nil || string(got) != text {
			t.Errorf("%q, %v", got, err)
		}
	}
	if info, err := os.Stat(name); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Error(info.Mode(), err)
	}
	alone(t, dir, "a")
}

// alone wants certain files in a directory and no others.
func alone(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if strings.Join(names, " ") != strings.Join(want, " ") {
		t.Errorf("the directory holds %q, want %q", names, want)
	}
}

// TestAFailedReplaceChangesNothing fails before every step. Only after the
// rename is the new text there.
func TestAFailedReplaceChangesNothing(t *testing.T) {
	stop := errors.New("stop")
	for _, step := range []string{StepCreate, StepWrite, StepSync, StepRename, StepDir} {
		dir := t.TempDir()
		name := filepath.Join(dir, "a")
		must(t, Replace(name, []byte("old"), nil))
		err := Replace(name, []byte("new"), func(s string) error {
			if s == step {
				return stop
			}
			return nil
		})
		if !errors.Is(err, stop) {
			t.Errorf("%s: %v", step, err)
		}
		want := "old"
		if step == StepDir {
			want = "new"
		}
		if got, err := ReadFile(name, 100); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", step, got, err)
		}
		alone(t, dir, "a")
	}
	if err := Replace(filepath.Join(t.TempDir(), "none", "a"), nil, nil); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

func TestReadFileIsCareful(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "a")
	must(t, os.WriteFile(name, []byte("12345"), 0o600))
	if _, err := ReadFile(name, 4); err == nil || !strings.Contains(err.Error(), "5 bytes") {
		t.Error(err)
	}
	if _, err := ReadFile(dir, 4); err == nil {
		t.Error("a directory is read")
	}
	if runtime.GOOS == "windows" {
		return
	}
	must(t, os.Symlink(name, filepath.Join(dir, "link")))
	if _, err := ReadFile(filepath.Join(dir, "link"), 100); err == nil {
		t.Error("a link is followed")
	}
}

func TestLocks(t *testing.T) {
	name := filepath.Join(t.TempDir(), "lock")
	if held, err := Held(name); held || err != nil {
		t.Error("a lock without a file is held", err)
	}
	l, err := TryAcquire(name)
	must(t, err)
	if held, err := Held(name); !held || err != nil {
		t.Error("the lock is not held", err)
	}
	if _, err := TryAcquire(name); !errors.Is(err, ErrLocked) {
		t.Error(err)
	}
	time.AfterFunc(20*time.Millisecond, func() { _ = l.Release() })
	again, err := Acquire(name)
	must(t, err)
	must(t, again.Release())
	if held, err := Held(name); held || err != nil {
		t.Error("the lock is held after its release", err)
	}
}

// TestALockIsWaitedForInTurns: who waits gives up on one holder, and not on many that
// follow each other.
func TestALockIsWaitedForInTurns(t *testing.T) {
	name := filepath.Join(t.TempDir(), "lock")
	first, err := Acquire(name)
	must(t, err)
	if info, err := os.Stat(name); err != nil || !taken(name).Equal(info.ModTime()) || time.Since(taken(name)) > time.Hour {
		t.Errorf("the lock is not touched: %v, %v", info, err)
	}
	if _, err := acquire(name, 0, taken); !errors.Is(err, ErrLocked) {
		t.Errorf("one holder is waited for: %v", err)
	}
	turns := 0
	l, err := acquire(name, 0, func(string) time.Time {
		if turns++; turns == 5 {
			must(t, first.Release())
		}
		return time.Unix(int64(turns), 0)
	})
	if err != nil || turns != 5 {
		t.Fatalf("gave up after %d holders: %v", turns, err)
	}
	must(t, l.Release())
}

func TestLocksKeepGoroutinesApart(t *testing.T) {
	name := filepath.Join(t.TempDir(), "lock")
	inside, n := 0, 0
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 20 {
				l, err := Acquire(name)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				inside++
				n++
				if inside != 1 {
					t.Errorf("%d are inside", inside)
				}
				mu.Unlock()
				mu.Lock()
				inside--
				mu.Unlock()
				_ = l.Release()
			}
		})
	}
	wg.Wait()
	if n != 160 {
		t.Error(n)
	}
}

// TestALockEndsWithItsProcess kills the holder.
func TestALockEndsWithItsProcess(t *testing.T) {
	name := filepath.Join(t.TempDir(), "lock")
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), holdVariable+"="+name)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	if _, err := out.Read(make([]byte, 5)); err != nil {
		t.Fatal(err)
	}
	if held, err := Held(name); !held || err != nil {
		t.Error("the other process does not hold it", err)
	}
	must(t, cmd.Process.Kill())
	_ = cmd.Wait() // it was killed
	if held, err := Held(name); held || err != nil {
		t.Error("the dead process holds it", err)
	}
}

func TestAbandoned(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{TempPrefix + "a", "b"} {
		must(t, os.WriteFile(filepath.Join(dir, name), nil, 0o600))
	}
	entries, err := os.ReadDir(dir)
	must(t, err)
	for _, e := range entries {
		old := Abandoned(e, time.Now().Add(2*time.Hour))
		if Abandoned(e, time.Now()) || old != (e.Name() != "b") {
			t.Errorf("%s: %v", e.Name(), old)
		}
	}
}

func TestPlaces(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("BULKHEAD_X", dir)
	if got, err := DataDir("x", "BULKHEAD_X"); got != dir || err != nil {
		t.Error(got, err)
	}
	t.Setenv("BULKHEAD_X", "relative")
	if got, err := DataDir("x", "BULKHEAD_X"); err == nil {
		t.Error(got)
	}
	t.Setenv("BULKHEAD_X", "")
	if runtime.GOOS == "windows" {
		return
	}
	t.Setenv("XDG_DATA_HOME", dir)
	t.Setenv("XDG_STATE_HOME", "relative")
	t.Setenv("HOME", "/home/a")
	if got, err := DataDir("x", "BULKHEAD_X"); got != filepath.Join(dir, "bulkhead", "x") || err != nil {
		t.Error(got, err)
	}
	if got, err := StateDir("x", "BULKHEAD_X"); got != "/home/a/.local/state/bulkhead/x" || err != nil {
		t.Error(got, err)
	}
	open := filepath.Join(dir, "shared")
	must(t, os.Mkdir(open, 0o777))
	must(t, MakeDir(open))
	if info, err := os.Stat(open); err != nil || info.Mode().Perm() != 0o700 {
		t.Error(info.Mode(), err)
	}
}
