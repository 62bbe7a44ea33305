// SPDX-License-Identifier: Apache-2.0

// Package scratch makes directories for what is only needed for a moment, and
// removes those whose process was killed.
//
// A directory is NAME-RANDOM below the system's directory for temporary files:
//
//	bulkhead-scratch-RANDOM/
//	  lock   held as long as the directory is used
//	  KIND/  what its user sees
//
// New removes the directories of others first: those with that name that belong to
// the same user, whose lock nobody holds and that are older than Age. The age
// covers the moment between the making of a directory and of its lock, so that a
// sweep never takes what somebody has just made. What cannot be removed is left
// for the next time: a sweep never fails the work that it comes before.
package scratch

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/bulkhead-ml/bulkhead/internal/durable"
)

const (
	prefix   = "bulkhead-scratch-"
	lockName = "lock"
)

// Age is how old a directory is at least before it counts as left behind.
const Age = time.Hour

// Dir is a directory that is in use.
type Dir struct {
	Path string // an empty directory
	root string
	lock *durable.Lock
}

// New makes a directory whose last part is kind, which only this user can read.
func New(kind string) (*Dir, error) {
	sweep(os.TempDir(), time.Now())
	root, err := os.MkdirTemp("", prefix)
	if err != nil {
		return nil, err
	}
	d := &Dir{Path: filepath.Join(root, kind), root: root}
	if d.lock, err = durable.TryAcquire(filepath.Join(root, lockName)); err != nil {
		return nil, errors.Join(err, remove(root))
	}
	if err := os.Mkdir(d.Path, 0o700); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// Close removes the directory with all that is in it. A nil Dir has nothing.
func (d *Dir) Close() error {
	if d == nil {
		return nil
	}
	return errors.Join(d.lock.Release(), remove(d.root))
}

// sweep removes what processes left that are no more.
func sweep(temp string, now time.Time) {
	entries, err := os.ReadDir(temp)
	if err != nil {
		return
	}
	for _, e := range entries {
		root := filepath.Join(temp, e.Name())
		if strings.HasPrefix(e.Name(), prefix) && abandoned(root, e, now) {
			_ = remove(root) // the next sweep tries again
		}
	}
}

// abandoned reports whether a directory is ours and nobody uses it any more.
func abandoned(root string, e fs.DirEntry, now time.Time) bool {
	info, err := e.Info()
	if err != nil || !info.IsDir() || !own(info) || now.Sub(info.ModTime()) < Age {
		return false
	}
	held, err := durable.Held(filepath.Join(root, lockName))
	return err == nil && !held
}

// remove deletes a tree, read-only directories in it, too.
func remove(root string) error {
	err := os.RemoveAll(root)
	if err == nil {
		return nil
	}
	_ = filepath.WalkDir(root, func(name string, e fs.DirEntry, _ error) error { // what does not open up fails below
		if e != nil && e.IsDir() {
			_ = os.Chmod(name, 0o700)
		}
		return nil
	})
	return os.RemoveAll(root)
}
