// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

var errDisk = errors.New("the disk failed")

// TestEveryStepFailsOnce makes each step of a commit fail: the record is lost,
// or it is there; the next one is there, and tells what was lost.
func TestEveryStepFailsOnce(t *testing.T) {
	for _, step := range steps {
		t.Run(step, func(t *testing.T) {
			var broken atomic.Bool
			dir := t.TempDir()
			l := opened(t, dir, func(c *chain) {
				c.fail = func(s string) error {
					if s == step && broken.Load() {
						return errDisk
					}
					return nil
				}
			})
			broken.Store(true)
			first := l.Append("p", numbered(0, 0)).Wait(context.Background())
			if strings.Contains(step, "head") || step == "syncing the directory" {
				waitFor(t, func() bool { return l.Err() != nil }) // the head follows later
			}
			must(t, reading(dir, func() error { return nil }))
			broken.Store(false)
			must(t, l.Append("p", numbered(0, 1)).Wait(context.Background()))
			err := l.Close()
			wrong, ok := errors.AsType[*Error](err)
			passed := step == "reading the end" // the log knew the end from Open
			if !passed && (!ok || !errors.Is(err, errDisk) || wrong.Dir != dir) {
				t.Errorf("error %v", err)
			}
			verdict(t, dir)
			lost, there := len(records(t, dir, Query{Kind: KindLost})), len(records(t, dir, Query{Kind: KindDenial}))
			if first == nil && (there != 2 || lost != 0) || first != nil && (there != 1 || lost != 1) {
				t.Errorf("Wait said %v; %d records and %d of lost ones", first, there, lost)
			}
			if v := verdict(t, dir); !v.Intact {
				t.Errorf("problems %+v", v.Problems)
			}
		})
	}
}

// TestHalfAWriteIsTakenBack: what a full disk leaves of a batch goes away.
func TestHalfAWriteIsTakenBack(t *testing.T) {
	var full atomic.Bool
	dir := t.TempDir()
	l := opened(t, dir, func(c *chain) {
		c.write = func(f *os.File, b []byte) (int, error) {
			if !full.Load() {
				return f.Write(b)
			}
			n, _ := f.Write(b[:len(b)/2])
			return n, errDisk
		}
	})
	must(t, l.Append("p", numbered(0, 0)).Wait(context.Background()))
	full.Store(true)
	for i := range 3 {
		if err := l.Append("p", numbered(0, i+1)).Wait(context.Background()); !errors.Is(err, errDisk) {
			t.Errorf("error %v", err)
		}
	}
	waitFor(t, func() bool { return len(verdict(t, dir).Notes) == 0 }) // the head follows later
	if v := verdict(t, dir); !v.Intact {
		t.Errorf("verdict %+v", v)
	}
	full.Store(false)
	must(t, l.Append("p", numbered(0, 4)).Wait(context.Background()))
	e, err := records(t, dir, Query{Kind: KindLost})[0].Event()
	if lost, ok := e.(Lost); !ok || lost.Count != 3 || !strings.Contains(lost.Reason, "the disk failed") {
		t.Errorf("lost %+v, %v", e, err)
	}
	waitFor(t, func() bool { return len(verdict(t, dir).Notes) == 1 })
	if v := verdict(t, dir); !v.Intact {
		t.Errorf("verdict %+v", v)
	}
}

// TestCloseTellsOfLostRecords even when nothing else is written.
func TestCloseTellsOfLostRecords(t *testing.T) {
	dir := t.TempDir()
	l := opened(t, dir, nil)
	bad := Call{DurationMS: nan()}
	if err := l.Append("p", bad).Wait(context.Background()); err == nil || !strings.Contains(err.Error(), "cannot be encoded") {
		t.Errorf("error %v", err)
	}
	if err := l.Close(); err == nil {
		t.Error("Close says nothing")
	}
	if got := records(t, dir, Query{Kind: KindLost}); len(got) != 1 {
		t.Errorf("%d records of lost ones", len(got))
	}
}

func nan() float64 {
	zero := 0.0
	return zero / zero
}

// TestRequired: only a required log refuses a launch that it cannot record.
func TestRequired(t *testing.T) {
	for _, required := range []bool{false, true} {
		l := opened(t, t.TempDir(), func(c *chain) { c.write = func(*os.File, []byte) (int, error) { return 0, errDisk } })
		l.Required = required
		if err := l.Append("gpu", Launch{}).Admit(context.Background()); (err != nil) != required {
			t.Errorf("required %t: error %v", required, err)
		}
	}
}

func TestOpenSaysWhatToDo(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(file, nil, 0o600))
	_, err := Open(filepath.Join(file, "audit"), Host{})
	wrong, ok := errors.AsType[*Error](err)
	if !ok || wrong.Step != "making the directory" || !strings.Contains(err.Error(), DirVariable) {
		t.Errorf("error %v", err)
	}
	if runtime.GOOS == "windows" {
		return
	}
	dir := t.TempDir()
	must(t, os.Symlink(file, filepath.Join(dir, lockName)))
	if _, err := Open(dir, Host{}); err == nil {
		t.Error("a link in the place of the lock is followed")
	}
}

func TestAdvice(t *testing.T) {
	for err, want := range map[error]string{os.ErrPermission: "chown", errDisk: "mend that"} {
		if got := (&Error{Dir: "d", Step: "s", Err: err}).Error(); !strings.Contains(got, want) || !strings.Contains(got, DirVariable) {
			t.Errorf("%v: %q", err, got)
		}
	}
}

// TestALockThatIsHeld is waited for, and not for ever.
func TestALockThatIsHeld(t *testing.T) {
	dir := t.TempDir()
	holder, waiter := &lock{path: filepath.Join(dir, lockName)}, &lock{path: filepath.Join(dir, lockName)}
	must(t, holder.acquire(lockTime))
	if err := waiter.acquire(1); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), lockName) {
		t.Errorf("error %v", err)
	}
	must(t, holder.release())
	must(t, waiter.acquire(lockTime))
	if err := holder.acquire(1); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("two hold the lock: %v", err)
	}
	must(t, waiter.release())
	must(t, holder.acquire(lockTime))
	must(t, errors.Join(holder.release(), holder.close(), waiter.close()))
}

// TestALockTakenInTurns is waited for as long as its holders change.
func TestALockTakenInTurns(t *testing.T) {
	dir := t.TempDir()
	holder, waiter := &lock{path: filepath.Join(dir, lockName)}, &lock{path: filepath.Join(dir, lockName)}
	must(t, holder.acquire(lockTime))
	turns := 0
	err := waiter.acquireWhile(1, func() time.Time {
		if turns++; turns == 5 {
			must(t, holder.release())
			waitFor(t, func() bool { return len(waiter.waiting) == 1 })
		}
		return time.Unix(int64(turns), 0)
	})
	if err != nil || turns < 5 {
		t.Fatalf("gave up after %d holders: %v", turns, err)
	}
	must(t, waiter.release())
	must(t, errors.Join(holder.close(), waiter.close()))
}

// TestALateLockIsGivenBack: a lock that comes after nobody waited for it any more does
// not stay with the host.
func TestALateLockIsGivenBack(t *testing.T) {
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, lockName), nil, 0o600))
	holder := &lock{path: filepath.Join(dir, lockName)}
	must(t, holder.acquire(lockTime))
	l := opened(t, dir, nil) // it does not wait
	must(t, holder.release())
	c := newChain(dir, testHost)
	must(t, holder.acquire(lockTime))
	if err := c.lock.acquire(1); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("error %v", err)
	}
	must(t, holder.release())
	waitFor(t, func() bool { must(t, c.headUp(0)); return c.lock.waiting == nil })
	must(t, l.Append("p", numbered(0, 0)).Wait(context.Background()))
	must(t, l.Close())
	intact(t, dir, 1)
	must(t, errors.Join(c.close(), holder.close()))
}

// TestWhatCannotBeSyncedIsTakenBack, unless another host wrote behind it.
func TestWhatCannotBeSyncedIsTakenBack(t *testing.T) {
	for _, behind := range []bool{false, true} {
		dir := t.TempDir()
		other := opened(t, dir, nil)
		must(t, other.Append("p", numbered(1, 0)).Wait(context.Background()))
		failed := false
		l := opened(t, dir, func(c *chain) {
			c.fail = func(step string) error {
				if step != "syncing records" || failed {
					return nil
				}
				failed = true
				if behind {
					must(t, other.Append("p", numbered(1, 1)).Wait(context.Background()))
				}
				return errDisk
			}
		})
		if err := l.Append("p", numbered(0, 0)).Wait(context.Background()); !errors.Is(err, errDisk) {
			t.Errorf("error %v", err)
		}
		must(t, other.Close())
		want := map[bool]int{false: 1, true: 3}[behind]
		if v := verdict(t, dir); !v.Intact || v.Records != uint64(want) {
			t.Errorf("behind %t: %d records, want %d; %+v", behind, v.Records, want, v.Problems)
		}
	}
}

func TestDefaultDir(t *testing.T) {
	dir := t.TempDir()
	t.Setenv(DirVariable, dir)
	if got, err := DefaultDir(); err != nil || got != dir {
		t.Errorf("%q, %v", got, err)
	}
	t.Setenv(DirVariable, "relative")
	if got, err := DefaultDir(); err == nil {
		t.Errorf("a relative directory is taken: %q", got)
	}
	if runtime.GOOS == "windows" {
		return
	}
	t.Setenv(DirVariable, "")
	t.Setenv("XDG_STATE_HOME", dir)
	if got, err := DefaultDir(); err != nil || got != filepath.Join(dir, "bulkhead", "audit") {
		t.Errorf("%q, %v", got, err)
	}
	t.Setenv("XDG_STATE_HOME", "relative")
	t.Setenv("HOME", dir)
	if got, err := DefaultDir(); err != nil || got != filepath.Join(dir, ".local", "state", "bulkhead", "audit") {
		t.Errorf("%q, %v", got, err)
	}
}
