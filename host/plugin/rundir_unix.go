// SPDX-License-Identifier: Apache-2.0

//go:build unix

package plugin

import (
	"os"
	"syscall"
)

// held keeps lock files open for the life of this process.
var held []*os.File

// holdLock locks a new lock file for the life of this process. It fails when the
// file was swept before it was locked.
func holdLock(lock *os.File) bool {
	if syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		return false
	}
	open, err := lock.Stat()
	if err != nil {
		return false
	}
	named, err := os.Lstat(lock.Name())
	if err != nil || !os.SameFile(open, named) {
		return false
	}
	held = append(held, lock)
	return true
}

// takeDead takes the lock of a host that is gone.
func takeDead(name string) (release func(), ok bool) {
	lock, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, false
	}
	if syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		_ = lock.Close()
		return nil, false
	}
	return func() { _ = lock.Close() }, true
}
