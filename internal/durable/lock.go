// SPDX-License-Identifier: Apache-2.0

package durable

import (
	"errors"
	"fmt"
	"os"
	"time"
)

// ErrLocked: another open file has the lock.
var ErrLocked = errors.New("the lock is taken")

// lockTime is how long a host waits for one holder; what is done under a lock takes
// milliseconds.
const lockTime = 10 * time.Second

// Lock is a lock that is held.
type Lock struct{ file *os.File }

// Acquire takes the lock of a file for itself, and makes the file. It waits as long as
// others take it in turns, and gives up on one that keeps it for ten seconds.
func Acquire(name string) (*Lock, error) { return acquire(name, lockTime, taken) }

func acquire(name string, limit time.Duration, taken func(name string) time.Time) (*Lock, error) {
	var last time.Time
	for begin, pause := time.Now(), time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		l, err := TryAcquire(name)
		if err == nil {
			now := time.Now()
			_ = os.Chtimes(name, now, now) // else others give up sooner
		}
		if !errors.Is(err, ErrLocked) {
			return l, err
		}
		switch at := taken(name); {
		case !at.Equal(last):
			last, begin = at, time.Now()
		case time.Since(begin) > limit:
			return nil, fmt.Errorf("another process has held %s for %s; see who with lsof or fuser, or try again: %w", name, limit, ErrLocked)
		}
		time.Sleep(pause)
	}
}

// taken is when somebody who waits for locks last took this one, and touched it.
func taken(name string) time.Time {
	info, err := os.Lstat(name)
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}

// TryAcquire takes the lock of a file for itself, and makes the file; ErrLocked
// when it is not free.
func TryAcquire(name string) (*Lock, error) {
	for {
		f, err := OpenRegular(name, os.O_RDWR|os.O_CREATE)
		if err != nil {
			return nil, err
		}
		if err := lockFile(f, true); err != nil {
			_ = f.Close() // nothing was written to it
			return nil, err
		}
		if sameFile(f, name) {
			return &Lock{file: f}, nil
		}
		_ = f.Close() // somebody removed it between the two calls
	}
}

// Held reports whether anybody has taken the lock of a file for itself. A file
// that is not there is not held.
func Held(name string) (bool, error) {
	f, err := OpenRegular(name, os.O_RDONLY)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	err = lockFile(f, false)
	if errors.Is(err, ErrLocked) {
		return true, nil
	}
	return false, err
}

// Release gives the lock back.
func (l *Lock) Release() error { return l.file.Close() }

// sameFile reports whether a name still is that of the open file.
func sameFile(f *os.File, name string) bool {
	now, err := os.Lstat(name)
	if err != nil {
		return false
	}
	was, err := f.Stat()
	return err == nil && os.SameFile(now, was)
}
