// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// lockTime is how long a host waits for one holder; a batch takes milliseconds.
const lockTime = 10 * time.Second

// lock is the lock of a log among processes, and among the logs of one process.
// It is not for several goroutines.
type lock struct {
	path string
	file *os.File
	// waiting receives the outcome of a lock that was asked for and did not come
	// in time; the next attempt goes on waiting for the same.
	waiting chan error
}

// acquire takes the lock. It waits as long as others take it in turns, and no longer
// than limit for one of them; a limit of 0 is errLocked for a lock that is taken.
func (l *lock) acquire(limit time.Duration) error { return l.acquireWhile(limit, l.taken) }

func (l *lock) acquireWhile(limit time.Duration, taken func() time.Time) error {
	if l.waiting == nil {
		if err := l.try(); limit == 0 || !errors.Is(err, errLocked) {
			return err
		}
		l.wait()
	}
	for last := taken(); ; {
		select {
		case err := <-l.waiting:
			l.waiting = nil
			return err
		case <-time.After(limit):
		}
		now := taken()
		switch {
		case limit == 0:
			return errLocked
		case now.Equal(last):
			return fmt.Errorf("another process has held %s for %s; see who with lsof or fuser: %w", l.path, limit, context.DeadlineExceeded)
		}
		last = now
	}
}

// taken is when a host last took the lock.
func (l *lock) taken() time.Time {
	info, err := os.Lstat(l.path)
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}

// touch tells others that somebody has taken the lock just now.
func (l *lock) touch() {
	now := time.Now()
	_ = os.Chtimes(l.path, now, now) // else others give up sooner
}

// drop gives back a lock that came after nobody waited for it any more.
func (l *lock) drop() error {
	select {
	case err := <-l.waiting: // never ready when nothing is asked for
		l.waiting = nil
		return errors.Join(err, l.release())
	default:
		return nil
	}
}

// try opens the file, anew if somebody removed it, and takes the lock if it is
// free.
func (l *lock) try() error {
	if l.file != nil && !sameFile(l.file, l.path) {
		_ = l.file.Close() // nothing was written to it
		l.file = nil
	}
	if l.file == nil {
		f, err := openRegular(l.path, os.O_RDWR|os.O_CREATE)
		if err != nil {
			return err
		}
		l.file = f
	}
	return lockFile(l.file, lockOptions{})
}

// wait asks for the lock in a goroutine, because the system call cannot be
// told to stop.
func (l *lock) wait() {
	l.waiting = make(chan error, 1)
	go func(f *os.File, out chan<- error) { out <- lockFile(f, lockOptions{wait: true}) }(l.file, l.waiting)
}

func (l *lock) release() error { return unlockFile(l.file) }

// close gives the file back; a lock that is still being waited for keeps it
// until the process ends.
func (l *lock) close() error {
	if l.file == nil || l.waiting != nil {
		return nil
	}
	return l.file.Close()
}

// lockOptions say which lock, and whether to wait for it.
type lockOptions struct{ shared, wait bool }

var errLocked = errors.New("the lock is taken")

// sameFile reports whether path still names the open file.
func sameFile(f *os.File, path string) bool {
	now, err := os.Lstat(path)
	if err != nil {
		return false
	}
	was, err := f.Stat()
	return err == nil && os.SameFile(now, was)
}

// reading runs fn while no host writes. A log without a lock file, such as a
// copy, is read without.
func reading(dir string, fn func() error) error {
	f, err := openRegular(filepath.Join(dir, lockName), os.O_RDONLY)
	if err != nil {
		return fn()
	}
	l := &lock{path: f.Name(), file: f}
	if err := l.share(); err != nil {
		return err
	}
	return errors.Join(fn(), l.release(), l.close())
}

// share takes a lock that other readers may hold, too.
func (l *lock) share() error {
	l.waiting = make(chan error, 1)
	go func(f *os.File, out chan<- error) { out <- lockFile(f, lockOptions{shared: true, wait: true}) }(l.file, l.waiting)
	return l.acquire(lockTime)
}
