// SPDX-License-Identifier: Apache-2.0

package sink

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/bulkhead-ml/bulkhead/internal/durable"
)

// JournalVariable is the environment variable that names another directory for the
// journal, by an absolute path.
const JournalVariable = "BULKHEAD_COMMITS_DIR"

// A Journal is a directory of notes about commits of several sinks that are under
// way. It has these files:
//
//	lock       locked by whoever commits or recovers
//	RUN.json   a note: which files are to be put in which places
//
// A commit goes through these steps, and a process may die before or after each:
//
//  1. The note is written, in phase "prepare".
//  2. Every draft gets a name that no later sink sweeps, .NAME.commit-*.
//  3. The note is replaced by one in phase "commit". From now on all files are new.
//  4. Each file is renamed to its place.
//  5. The note is removed.
//
// Recover removes the drafts of a note in phase "prepare", and goes on with step 4
// for one in phase "commit". A target that somebody has changed since, which its
// size or its time of change tell, is left as it is.
//
// The lock is held for all steps, so commits of one user come one after the other.
type Journal struct {
	dir string
	// Committed, when it is not nil, is called with each run that was recovered and
	// whose files are all new, before its note is removed.
	Committed func(run string) error
	fail      durable.Fail
}

// OpenJournal returns the journal in a directory, which is made by the first Begin.
func OpenJournal(dir string) *Journal { return &Journal{dir: dir} }

// DefaultJournal is where the journal of this user is; see package durable.
func DefaultJournal() (string, error) { return durable.StateDir("commits", JournalVariable) }

const journalLock = "lock"

// Together is a commit of several sinks that is under way.
type Together struct {
	journal *Journal
	note    string // its file
	lock    *durable.Lock
}

// Begin promises that all of these sinks are put in place, which must be prepared:
// the caller then Commits each and calls End. When there is an error nothing was
// promised, and the sinks can be committed all the same. The run names the note; it
// has the characters of a file's name.
func (j *Journal) Begin(run string, sinks ...*Sink) (*Together, error) {
	if err := checkRun(run); err != nil {
		return nil, err
	}
	if err := durable.MakeDir(j.dir); err != nil {
		return nil, err
	}
	lock, err := durable.Acquire(filepath.Join(j.dir, journalLock))
	if err != nil {
		return nil, err
	}
	if _, err := j.recoverAll(); err != nil { // of processes that died since
		return nil, errors.Join(err, lock.Release())
	}
	t := &Together{journal: j, note: j.noteOf(run), lock: lock}
	if err := t.promise(run, sinks); err != nil {
		return nil, errors.Join(fmt.Errorf("noting the commit in %s: %w", j.dir, err), t.End())
	}
	return t, nil
}

func (j *Journal) noteOf(run string) string { return filepath.Join(j.dir, run+noteSuffix) }

// promise makes the steps 1 to 3.
func (t *Together) promise(run string, sinks []*Sink) error {
	n := note{Version: noteVersion, Run: run, Phase: phasePrepare}
	for _, s := range sinks {
		if !s.ready {
			return fmt.Errorf("the sink of %s is not prepared", s.draft.target)
		}
		m, err := s.draft.planned()
		if err != nil {
			return err
		}
		n.Files = append(n.Files, m)
	}
	if err := t.write(n); err != nil {
		return err
	}
	for i, s := range sinks {
		if err := t.keep(s.draft, n.Files[i]); err != nil {
			return err
		}
	}
	n.Phase = phaseCommit
	return t.write(n)
}

func (t *Together) write(n note) error {
	data, err := n.encode()
	if err != nil {
		return err
	}
	return durable.Replace(t.note, data, t.journal.fail)
}

// keep gives a draft the name that nobody sweeps.
func (t *Together) keep(d *draft, m move) error {
	if t.journal.fail != nil {
		if err := t.journal.fail("keeping " + filepath.Base(d.target)); err != nil {
			return err
		}
	}
	return d.move(m.Kept)
}

// End removes the note, when every sink was committed or given up.
func (t *Together) End() error {
	return errors.Join(t.journal.forget(t.note), t.lock.Release())
}

func (j *Journal) forget(note string) error {
	if j.fail != nil {
		if err := j.fail("removing the note"); err != nil {
			return err
		}
	}
	if err := os.Remove(note); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return durable.SyncDir(j.dir)
}
