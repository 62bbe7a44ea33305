// SPDX-License-Identifier: Apache-2.0

package artifact

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/bulkhead-ml/bulkhead/host/tablefile"
)

// Draft is an artifact that is being made. It ends with Commit or Abort; when
// the process dies before, the next sweep removes it.
type Draft struct {
	store    *Store
	manifest manifest
	file     *os.File // the manifest to be, locked while the draft lives

	mu     sync.Mutex
	data   *os.File // of the table
	writer *tablefile.Writer
	done   bool
}

// Create begins the artifact of a key. Several drafts may be made of one key at
// a time: the first that is committed stays.
func (s *Store) Create(key Key) (*Draft, error) {
	id := rand.Text()
	d := &Draft{store: s, manifest: manifest{Key: key, ID: id}}
	if err := d.begin(); err != nil {
		return nil, s.failed("beginning an artifact", err)
	}
	return d, nil
}

// begin makes and locks the draft's file, under the lock of the store, so that
// no sweep finds it unlocked.
func (d *Draft) begin() error {
	unlock, err := d.store.lock()
	if err != nil {
		return err
	}
	defer unlock()
	d.store.clean()
	if err := d.store.fail("making a draft"); err != nil {
		return err
	}
	if d.file, err = d.store.create(draftName(d.manifest.ID)); err != nil {
		return err
	}
	if err := tryLock(d.file, exclusive); err != nil {
		return errors.Join(err, d.file.Close(), d.store.root.Remove(draftName(d.manifest.ID)))
	}
	return nil
}

func (s *Store) create(name string) (*os.File, error) {
	return s.root.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
}

// Key of the artifact to be.
func (d *Draft) Key() Key { return d.manifest.Key }

// State writes the state, once, and brings it to disk.
func (d *Draft) State(state []byte) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.done {
		return errDone
	}
	if d.manifest.State != nil {
		return errors.New("the draft has a state already")
	}
	if err := d.writeState(state); err != nil {
		return d.store.failed("writing a state", err)
	}
	sum := sha256.Sum256(state)
	d.manifest.State = &statePart{Bytes: int64(len(state)), SHA256: hex.EncodeToString(sum[:])}
	return nil
}

func (d *Draft) writeState(state []byte) error {
	if err := d.store.fail("writing the state"); err != nil {
		return err
	}
	name := stateName(d.manifest.ID)
	f, err := d.store.create(name)
	if err != nil {
		return err
	}
	_, err = f.Write(state)
	if err == nil {
		err = d.sync(f, "syncing the state")
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, d.store.root.Remove(name)) // so that it can be tried again
	}
	return nil
}

// sync brings a file to disk.
func (d *Draft) sync(f *os.File, step string) error {
	if err := d.store.fail(step); err != nil {
		return err
	}
	return f.Sync()
}

// Table begins the output table, once. Commit finishes it, unless the caller
// did. The writer gives its batches back until Close, also after Commit and
// Abort.
func (d *Draft) Table(schema *arrow.Schema) (*tablefile.Writer, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.done {
		return nil, errDone
	}
	if d.writer != nil {
		return nil, errors.New("the draft has a table already")
	}
	if err := d.createTable(schema); err != nil {
		return nil, d.store.failed("beginning a table", err)
	}
	return d.writer, nil
}

func (d *Draft) createTable(schema *arrow.Schema) error {
	if err := d.store.fail("making the table"); err != nil {
		return err
	}
	name := tableName(d.manifest.ID)
	f, err := d.store.create(name)
	if err != nil {
		return err
	}
	w, err := tablefile.Create(f, schema)
	if err != nil {
		return errors.Join(err, f.Close(), d.store.root.Remove(name))
	}
	d.data, d.writer = f, w
	return nil
}

// Abort removes what was written. After Commit or Abort it does nothing.
func (d *Draft) Abort() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.done {
		d.drop()
	}
}

// drop removes the files, the draft's own last: while it is there, a sweep knows
// whose the others are.
func (d *Draft) drop() {
	d.done = true
	err := errors.Join(d.store.remove(stateName(d.manifest.ID)), d.store.remove(tableName(d.manifest.ID)))
	if err == nil {
		err = d.store.remove(draftName(d.manifest.ID))
	}
	// What could not be removed goes with the next sweep, now that nobody holds it.
	_ = errors.Join(err, d.file.Close())
}

// Close ends the draft, as Abort does, and the reading of its writer. It may be
// forgotten after Commit or Abort: then the file of the table is closed when
// nobody refers to the writer any more.
func (d *Draft) Close() {
	d.Abort()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.data != nil {
		_ = d.data.Close() // Commit synced what matters
		d.data = nil
	}
}

// finishTable closes the table and brings it to disk.
func (d *Draft) finishTable() error {
	if d.writer == nil {
		return nil
	}
	s, err := d.writer.Close()
	if err != nil {
		return fmt.Errorf("finishing the table: %w", err)
	}
	d.manifest.Table = &tablePart{Bytes: s.Bytes, Rows: s.Rows, Batches: s.Batches, Digest: s.Digest}
	d.manifest.Info.Rows = s.Rows
	return d.sync(d.data, "syncing the table")
}
