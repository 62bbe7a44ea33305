// SPDX-License-Identifier: Apache-2.0

package artifact

import (
	"errors"
	"fmt"
	"io/fs"
	"time"
)

// Commit puts the artifact into the store: its files are on disk before its
// manifest is, and the manifest gets its name last, so that after a crash at any
// instant the artifact is there as a whole or not at all. When another host was
// first with the same key, its artifact stays and this one goes. What is not
// used for longest makes room; ErrNoRoom means that this is not enough. After an
// error the draft is aborted.
func (d *Draft) Commit(info Info) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.done {
		return errDone
	}
	if err := d.commit(info); err != nil {
		if !d.done {
			d.drop()
		}
		return d.store.failed("committing", err)
	}
	return nil
}

func (d *Draft) commit(info Info) error {
	if KeyOf(info.Ingredients) != d.manifest.Key {
		return errors.New("the ingredients do not make the key of the draft")
	}
	d.manifest.Info = info
	if err := d.finishTable(); err != nil {
		return err
	}
	if err := d.store.syncNames(dataDir, "syncing the names of the data"); err != nil {
		return err
	}
	if err := d.writeManifest(); err != nil {
		return err
	}
	return d.place()
}

// syncNames brings the names in a directory to disk.
func (s *Store) syncNames(dir, step string) error {
	if err := s.fail(step); err != nil {
		return err
	}
	return syncDir(s.root, dir)
}

// writeManifest fills the draft's own file.
func (d *Draft) writeManifest() error {
	if d.manifest.Info.CreatedAt.IsZero() {
		d.manifest.Info.CreatedAt = time.Now().UTC()
	}
	d.manifest.Info.Bytes = d.manifest.bytes()
	text, err := d.manifest.encode()
	if err != nil {
		return err
	}
	d.manifest.size = int64(len(text))
	if err := d.store.fail("writing the manifest"); err != nil {
		return err
	}
	if _, err := d.file.Write(text); err != nil {
		return err
	}
	return d.sync(d.file, "syncing the manifest")
}

// place gives the manifest its name.
func (d *Draft) place() error {
	unlock, err := d.store.lock()
	if err != nil {
		return err
	}
	defer unlock()
	there, err := d.store.present(d.manifest.Key)
	if err != nil {
		return err
	}
	if there {
		d.drop()
		return nil
	}
	if err := d.store.makeRoom(&d.manifest); err != nil {
		return err
	}
	return d.rename()
}

// present reports whether a key has a whole artifact, and removes one that is
// not.
func (s *Store) present(key Key) (bool, error) {
	m, err := s.load(key)
	if isDamage(err) {
		return false, s.removeDamaged(key, m)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err == nil {
		now := time.Now()
		_ = s.root.Chtimes(entryName(key), now, now) // it is only removed sooner
	}
	return err == nil, err
}

// rename is the step that makes the artifact. Its file is unlocked before, so
// that readers find it free; sweeps wait for the lock of the store.
func (d *Draft) rename() error {
	if err := d.store.fail("placing"); err != nil {
		return err
	}
	if err := unlock(d.file); err != nil {
		return err
	}
	if err := d.store.root.Rename(draftName(d.manifest.ID), entryName(d.manifest.Key)); err != nil {
		return err
	}
	d.done = true
	_ = d.file.Close() // it was synced
	if err := d.store.syncNames(entriesDir, "syncing the names of the entries"); err != nil {
		return fmt.Errorf("the artifact is there, but perhaps not after a crash of the machine: %w", err)
	}
	return nil
}
