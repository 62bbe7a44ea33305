// SPDX-License-Identifier: Apache-2.0

package sink

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/bulkhead-ml/bulkhead/internal/durable"
)

// Recovered tells of a commit that a process did not bring to its end.
type Recovered struct {
	Run string
	// Placed are the files that were put in place now, and Left those that somebody
	// else has changed since, which stay as they are. Both are empty when the process
	// died before it had promised anything: then all files are the old ones.
	Placed, Left []string
}

// Recover brings the commits of processes that died to their end. It does nothing
// while another process commits, which recovers by itself. An error of one commit
// does not keep it from the others.
func (j *Journal) Recover() ([]Recovered, error) {
	if _, err := os.Stat(j.dir); errors.Is(err, fs.ErrNotExist) {
		return nil, nil // nobody has ever committed
	}
	lock, err := durable.TryAcquire(filepath.Join(j.dir, journalLock))
	if errors.Is(err, durable.ErrLocked) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	out, err := j.recoverAll()
	return out, errors.Join(err, lock.Release())
}

func (j *Journal) recoverAll() (out []Recovered, err error) {
	names, err := filepath.Glob(filepath.Join(j.dir, "*"+noteSuffix))
	for _, name := range names {
		one, fault := j.recover(name)
		if fault != nil {
			err = errors.Join(err, fmt.Errorf("the commit that %s tells of: %w", name, fault))
			continue
		}
		out = append(out, one)
	}
	return out, err
}

// recover ends one commit.
func (j *Journal) recover(name string) (Recovered, error) {
	data, err := durable.ReadFile(name, maxNote)
	if err != nil {
		return Recovered{}, err
	}
	n, err := decodeNote(data)
	if err != nil {
		return Recovered{}, fmt.Errorf("%w; look at the files beside those that the run writes, and remove the note", err)
	}
	out := Recovered{Run: strings.TrimSuffix(filepath.Base(name), noteSuffix)}
	for _, m := range n.Files {
		err = errors.Join(err, j.settle(n.Phase, m, &out))
	}
	if err == nil && n.Phase == phaseCommit && j.Committed != nil {
		err = j.Committed(n.Run)
	}
	if err != nil {
		return Recovered{}, err // the note stays, for the next time
	}
	return out, j.forget(name)
}

// settle puts one file in its place, or removes it.
func (j *Journal) settle(phase string, m move, out *Recovered) error {
	if j.fail != nil {
		if err := j.fail("settling " + filepath.Base(m.Target)); err != nil {
			return err
		}
	}
	d := &draft{target: m.Target, name: m.source()}
	defer d.sweep() // of what a plugin wrote
	if err := j.place(phase, m, d, out); err != nil {
		return err
	}
	return m.dropBackup()
}

func (j *Journal) place(phase string, m move, d *draft, out *Recovered) error {
	switch {
	case phase == phaseUndo:
		return m.putBack(d)
	case d.name == "":
		return nil // it is in its place
	case phase == phasePrepare:
		return os.Remove(d.name)
	}
	old, err := identify(m.Target)
	if err != nil {
		return err
	}
	if !old.is(m.Old) {
		out.Left = append(out.Left, m.Target)
		return os.Remove(d.name)
	}
	if err := d.move(m.Target); err != nil {
		return err
	}
	out.Placed = append(out.Placed, m.Target)
	return d.syncDir()
}

// source is the name that the draft has; empty when it is in its place. After a
// loss of power it may still have the first one.
func (m move) source() string {
	for _, name := range []string{m.Kept, m.Draft} {
		if _, err := os.Lstat(name); err == nil {
			return name
		}
	}
	return ""
}

func (i *identity) is(other *identity) bool {
	if i == nil || other == nil {
		return i == other
	}
	return *i == *other
}
