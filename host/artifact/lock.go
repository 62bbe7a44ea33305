// SPDX-License-Identifier: Apache-2.0

package artifact

import (
	"errors"
	"io/fs"
	"os"
	"time"
)

type lockKind int

const (
	shared lockKind = iota
	exclusive
)

// errLocked means that somebody else has a lock.
var errLocked = errors.New("the lock is taken")

// lockTime is how long a host waits for others, who hold the lock for
// milliseconds, or for as long as removing many artifacts takes.
const lockTime = 30 * time.Second

// lock keeps all others, in this process and in others, from changing what is
// in the store, until unlock is called.
func (s *Store) lock() (unlock func(), err error) {
	if err := s.fail("locking"); err != nil {
		return nil, err
	}
	s.mu.Lock()
	f, err := s.lockFile(time.Now().Add(lockTime))
	if err != nil {
		s.mu.Unlock()
		return nil, err
	}
	return func() {
		_ = f.Close() // nothing was written to it
		s.mu.Unlock()
	}, nil
}

// lockFile asks again and again, because a system call that waits cannot be told
// to stop.
func (s *Store) lockFile(until time.Time) (*os.File, error) {
	for pause := 100 * time.Microsecond; ; pause = min(2*pause, 10*time.Millisecond) {
		f, err := s.root.OpenFile(lockName, os.O_RDWR|os.O_CREATE|openFlags, 0o600)
		if err != nil {
			return nil, err
		}
		err = tryLock(f, exclusive)
		if err == nil && s.names(lockName, f) {
			return f, nil
		}
		_ = f.Close() // it was only tried
		switch {
		case err != nil && !errors.Is(err, errLocked):
			return nil, err
		case time.Now().After(until):
			return nil, ErrBusy
		}
		time.Sleep(pause)
	}
}

// names reports whether a name still is that of an open regular file.
func (s *Store) names(name string, f *os.File) bool {
	now, err := s.root.Lstat(name)
	if err != nil || !now.Mode().IsRegular() {
		return false
	}
	was, err := f.Stat()
	return err == nil && os.SameFile(now, was)
}

// take opens a file and locks it. It is errLocked when others hold it, and
// fs.ErrNotExist when it is, or has just gone, away.
func (s *Store) take(name string, kind lockKind) (*os.File, error) {
	f, err := s.root.OpenFile(name, os.O_RDONLY|openFlags, 0)
	if err != nil {
		return nil, err
	}
	err = tryLock(f, kind)
	if err == nil && !s.names(name, f) {
		err = fs.ErrNotExist
	}
	if err != nil {
		_ = f.Close() // it was only looked at
		return nil, err
	}
	return f, nil
}
