// SPDX-License-Identifier: Apache-2.0

package artifact

import (
	"errors"
	"fmt"
	"io/fs"
)

var (
	// ErrMissing means that the store has no outcome for a key: make it.
	ErrMissing = errors.New("the artifact is not in the store")
	// ErrPinned means that an artifact is in use and cannot be removed now.
	ErrPinned = errors.New("the artifact is in use")
	// ErrNoRoom means that an artifact does not fit in the store, even without
	// all those that are not in use.
	ErrNoRoom = errors.New("the artifact does not fit in the store")
	// ErrBusy means that other processes held the lock of the store for too long.
	ErrBusy = errors.New("other processes keep the store locked")

	errDone = errors.New("the draft was committed or aborted before")
)

// MissingError is the ErrMissing of Get.
type MissingError struct {
	Key Key
	// Note says why an artifact that was there is not given: it was damaged, and
	// is removed. Otherwise it is empty.
	Note string
}

// Error has the note, if there is one.
func (e *MissingError) Error() string {
	if e.Note == "" {
		return fmt.Sprintf("artifact %s: %v", e.Key, ErrMissing)
	}
	return fmt.Sprintf("artifact %s was removed because it was damaged: %s", e.Key, e.Note)
}

// Is reports true for ErrMissing.
func (e *MissingError) Is(target error) bool { return target == ErrMissing }

// DamageError means that an artifact is not what was committed. It is removed
// when it is closed; make its outcome anew.
type DamageError struct {
	Key Key
	// File is relative to the directory of the store.
	File string
	Err  error
}

// Error names the file and what is wrong with it.
func (e *DamageError) Error() string {
	return fmt.Sprintf("artifact %s is damaged: %s: %v; it is removed, run the step again", e.Key, e.File, e.Err)
}

// Unwrap returns what is wrong.
func (e *DamageError) Unwrap() error { return e.Err }

// Error means that the store cannot do something. What was in it is still there.
type Error struct {
	// Dir of the store.
	Dir string
	// Step is what was being done.
	Step string
	Err  error
}

// Error says what happened, where, why, and what to do.
func (e *Error) Error() string {
	return fmt.Sprintf("the artifact store in %s failed at %s: %v; %s", e.Dir, e.Step, e.Err, e.advice())
}

// Unwrap returns the error of the system.
func (e *Error) Unwrap() error { return e.Err }

func (e *Error) advice() string {
	switch {
	case isFull(e.Err):
		return "free space there, or give the store another directory"
	case errors.Is(e.Err, ErrNoRoom):
		return "allow it more bytes, or run without it"
	case errors.Is(e.Err, ErrPinned):
		return "wait until the run that uses it has ended"
	case errors.Is(e.Err, ErrBusy):
		return "see who has its lock open with lsof or fuser"
	case errors.Is(e.Err, fs.ErrPermission):
		return "make the directory and what is in it yours (chown)"
	}
	return "mend that, or run without it"
}

func (s *Store) failed(step string, err error) error {
	if err == nil {
		return nil
	}
	return &Error{Dir: s.dir, Step: step, Err: err}
}
