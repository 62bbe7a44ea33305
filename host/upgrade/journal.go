// SPDX-License-Identifier: Apache-2.0

package upgrade

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/bulkhead-ml/bulkhead/host/audit"
	"github.com/bulkhead-ml/bulkhead/internal/durable"
	"github.com/bulkhead-ml/bulkhead/registry/install"
	"github.com/bulkhead-ml/bulkhead/registry/lock"
)

// Steps at which Machine.Fail stands when a change edits the configuration.
const (
	FailJournal = "writing the journal"
	FailEdit    = "editing the configuration"
	FailForget  = "removing the journal"
)

// Edit changes one file of the configuration in the same change as the lock file.
type Edit struct {
	File          string // absolute
	Before, After []byte // all of it
}

// EditError: the lock file was switched, and the configuration could not be edited.
type EditError struct{ Err error }

// Error says what is to be done by hand.
func (e *EditError) Error() string {
	return fmt.Sprintf("the plugins are changed, and the configuration could not be: %v; change its plugin blocks by hand", e.Err)
}

// Unwrap returns the reason.
func (e *EditError) Unwrap() error { return e.Err }

const (
	journalFile = "upgrade.json"
	journalLock = "upgrade.lock"
	maxJournal  = 64 << 20 // bytes
)

// journal is what a host writes down before it switches a lock file. Whoever finds it
// when its host is gone makes the edits and tells the audit log if the switch came,
// and there is nothing to undo if it did not.
type journal struct {
	Version int     `json:"version"` // 1
	Lock    string  `json:"lock"`    // SHA-256 of the lock file that is switched to
	Edits   []edit  `json:"edits"`
	Events  []event `json:"events"`
}

// edit is an Edit on disk. A file that is neither what it was nor what it is to be
// was changed by somebody else, who is right.
type edit struct {
	File   string `json:"file"`
	Before string `json:"before"` // SHA-256
	After  []byte `json:"after"`
}

// editing is a change under way that is in the journal.
type editing struct {
	journal
	scope *install.Scope
	log   func() *audit.Log
	fail  durable.Fail
	held  *durable.Lock
	// untold is why the audit log does not have it, of which the user hears when that
	// is closed.
	untold error
}

// begin writes the journal, after finishing what another host has left. It holds
// the lock of the journal until end.
func begin(on record, log func() *audit.Log, next *lock.File, edits []Edit, events []event) (e *editing, err error) {
	e = &editing{journal: journal{Version: 1, Events: events}, scope: on.scope, log: log, fail: on.fail}
	if _, err := e.scope.Dir(); err != nil {
		return nil, err
	}
	if e.held, err = durable.Acquire(e.scope.File(journalLock)); err != nil {
		return nil, err
	}
	if _, err := finish(e.scope, log); err != nil {
		return nil, errors.Join(err, e.held.Release())
	}
	for _, x := range edits {
		e.Edits = append(e.Edits, edit{x.File, sum(x.Before), x.After})
	}
	if err := e.write(next); err != nil {
		return nil, errors.Join(err, e.held.Release())
	}
	return e, nil
}

func (e *editing) write(next *lock.File) error {
	text, err := next.Encode()
	if err != nil {
		return err
	}
	e.Lock = sum(text)
	data, err := json.Marshal(e.journal)
	if err != nil {
		return err
	}
	if err := e.at(FailJournal); err != nil {
		return err
	}
	return durable.Replace(e.scope.File(journalFile), data, e.fail)
}

// apply edits the files, once the lock file is switched.
func (e *editing) apply() error {
	for _, x := range e.Edits {
		if err := e.at(FailEdit); err != nil {
			return &EditError{err}
		}
		if _, err := x.apply(e.fail); err != nil {
			return &EditError{err}
		}
	}
	return nil
}

// end removes the journal, unless the next command has to tell the audit log. One that
// stays otherwise has nothing to do, and is removed by that.
func (e *editing) end() {
	if e.untold == nil && e.at(FailForget) == nil {
		_ = forget(e.scope)
	}
	_ = e.held.Release()
}

func (e *editing) at(step string) error {
	if e.fail == nil {
		return nil
	}
	return e.fail(step)
}

// apply edits one file; changed says whether there was something to do.
func (x edit) apply(fail durable.Fail) (changed bool, err error) {
	now, err := os.ReadFile(x.File)
	switch {
	case err != nil:
		return false, err
	case bytes.Equal(now, x.After):
		return false, nil
	case sum(now) != x.Before:
		return false, fmt.Errorf("%s was changed meanwhile, by an editor or git", x.File)
	}
	return true, rewrite(x.File, x.After, fail)
}

// rewrite replaces a file of the configuration, which stays readable for whom it
// was and where a link leads to.
func rewrite(name string, text []byte, fail durable.Fail) error {
	name, err := filepath.EvalSymlinks(name)
	if err != nil {
		return err
	}
	info, err := os.Stat(name)
	if err != nil {
		return err
	}
	temp, err := durable.Temp(filepath.Dir(name), text, fail)
	if err != nil {
		return err
	}
	if err := os.Chmod(temp, info.Mode().Perm()); err != nil {
		_ = os.Remove(temp) // what was written is of no use
		return err
	}
	return durable.Rename(temp, name, fail)
}

// Recover finishes the change of a scope whose host died behind the switch of the
// lock file: it edits the configuration, tells the audit log, and returns the files
// that it edited. It costs one look when there is nothing to do, and leaves a change
// alone whose host lives.
func Recover(scope *install.Scope, log func() *audit.Log) (edited []string, err error) {
	if _, err := os.Lstat(scope.File(journalFile)); err != nil {
		return nil, nil
	}
	held, err := durable.TryAcquire(scope.File(journalLock))
	if errors.Is(err, durable.ErrLocked) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	edited, err = finish(scope, log)
	return edited, errors.Join(err, held.Release())
}

// finish does what a journal asks for, and removes it. The lock is held.
func finish(scope *install.Scope, log func() *audit.Log) (edited []string, err error) {
	data, err := durable.ReadFile(scope.File(journalFile), maxJournal)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var j journal
	if err == nil {
		err = json.Unmarshal(data, &j)
	}
	if err == nil && j.Version != 1 {
		err = fmt.Errorf("it has version %d", j.Version)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s is not from this version of Bulkhead, and was removed: %w", scope.File(journalFile), err), forget(scope))
	}
	now, generation, err := scope.Current()
	if err != nil {
		return nil, err
	}
	text, err := now.Encode()
	if err != nil {
		return nil, err
	}
	var errs []error
	var untold error
	if sum(text) == j.Lock {
		for _, x := range j.Edits {
			changed, err := x.apply(nil)
			if changed && err == nil {
				edited = append(edited, x.File)
			}
			errs = append(errs, err)
		}
		untold = tell(log, j.Events, generation, "; told late, since its host died or had no room")
	}
	if untold == nil {
		errs = append(errs, forget(scope))
	}
	return edited, errors.Join(errs...)
}

func forget(scope *install.Scope) error {
	err := os.Remove(scope.File(journalFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func sum(data []byte) string { return fmt.Sprintf("%x", sha256.Sum256(data)) }
