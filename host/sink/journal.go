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
//  2. Every draft gets a name that no later sink sweeps, .NAME.commit-*, and every
//     file that is there a second one, .NAME.old-*, which is a hard link.
//  3. The note is replaced by one in phase "commit". From now on all files are new.
//  4. Each file is renamed to its place.
//  5. The second names and the note are removed.
//
// When one of the renames fails, Undo replaces the note by one in phase "undo", gives
// the old files their places back, and goes on with step 5. Where the system makes no
// hard links it cannot, and says so.
//
// Recover removes the drafts of a note in phase "prepare", goes on with step 4 for
// one in phase "commit", and with what Undo does for one in phase "undo". A target
// that somebody has changed since, which its size or its time of change tell, is left
// as it is.
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
	name    string // of the note's file
	note    note
	lock    *durable.Lock
}

// Begin promises that all of these sinks are put in place, which must be prepared:
// the caller then Commits each and calls End, or Undo when one of them fails. When
// there is an error nothing was promised, and the sinks can be committed all the
// same. The run names the note; it has the characters of a file's name.
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
	t := &Together{journal: j, name: j.noteOf(run), lock: lock, note: note{Version: noteVersion, Run: run, Phase: phasePrepare}}
	if err := t.promise(sinks); err != nil {
		return nil, errors.Join(fmt.Errorf("noting the commit in %s: %w", j.dir, err), t.End())
	}
	return t, nil
}

func (j *Journal) noteOf(run string) string { return filepath.Join(j.dir, run+noteSuffix) }

// promise makes the steps 1 to 3.
func (t *Together) promise(sinks []*Sink) error {
	for _, s := range sinks {
		if !s.ready {
			return fmt.Errorf("the sink of %s is not prepared", s.draft.target)
		}
		m, err := s.draft.planned()
		if err != nil {
			return err
		}
		t.note.Files = append(t.note.Files, m)
	}
	if err := t.write(phasePrepare); err != nil {
		return err
	}
	for i, s := range sinks {
		if err := t.keep(s.draft, &t.note.Files[i]); err != nil {
			return err
		}
	}
	return t.write(phaseCommit)
}

func (t *Together) write(phase string) error {
	t.note.Phase = phase
	data, err := t.note.encode()
	if err != nil {
		return err
	}
	return durable.Replace(t.name, data, t.journal.fail)
}

// keep gives a draft the name that nobody sweeps, and the file that it replaces
// another one.
func (t *Together) keep(d *draft, m *move) error {
	if t.journal.fail != nil {
		if err := t.journal.fail("keeping " + filepath.Base(d.target)); err != nil {
			return err
		}
	}
	if m.Old != nil {
		_ = os.Link(d.target, m.Backup) // without it everything works but Undo
	}
	if err := d.move(m.Kept); err != nil {
		return err
	}
	now, err := identify(m.Kept)
	m.New = now
	return err
}

// End removes the note, when every sink was committed or none.
func (t *Together) End() (err error) {
	for _, m := range t.note.Files {
		err = errors.Join(err, m.dropBackup())
	}
	return errors.Join(err, t.journal.forget(t.name), t.lock.Release())
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
