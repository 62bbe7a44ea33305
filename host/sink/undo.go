// SPDX-License-Identifier: Apache-2.0

package sink

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// Undo ends a commit of which a part failed: what was put in place goes, and what was
// there before comes back. After an error some files are new, and the next Recover
// tries again.
func (t *Together) Undo() (err error) {
	// Whoever comes after a death of this process puts back as well. When that cannot
	// be noted, putting back is still the best that can be done.
	noted := t.write(phaseUndo)
	for _, m := range t.note.Files {
		err = errors.Join(err, t.journal.settle(phaseUndo, m, nil))
	}
	if err != nil {
		return errors.Join(err, noted, t.lock.Release())
	}
	return t.End()
}

// putBack makes the place of a file what it was before the commit.
func (m move) putBack(d *draft) error {
	if d.name != "" { // not in its place
		return os.Remove(d.name)
	}
	now, err := identify(m.Target)
	if err != nil || !now.is(m.New) {
		return err // it was never placed, or somebody has changed it since
	}
	if m.Old == nil {
		err = os.Remove(m.Target)
	} else {
		err = os.Rename(m.Backup, m.Target)
	}
	if err != nil {
		return fmt.Errorf("%s cannot be put back: %w", m.Target, err)
	}
	return d.syncDir()
}

// dropBackup removes the second name of the old file.
func (m move) dropBackup() error {
	if err := os.Remove(m.Backup); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
