// SPDX-License-Identifier: Apache-2.0

package artifact

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
	"time"

	"github.com/bulkhead-ml/bulkhead/host/tablefile"
)

// Artifact is an outcome in the store. Until Close no host takes it away. All
// methods may be called from many goroutines.
type Artifact struct {
	store    *Store
	manifest *manifest
	pin      *os.File // its manifest, locked with others who use it
	data     *os.File // of the table, nil when there is none
	table    *tablefile.File

	mu      sync.Mutex
	damaged bool
	closed  bool
}

// Get returns the artifact of a key and notes that it was used; the caller
// closes it. Without one the error is a *MissingError, which is ErrMissing. So it
// is when the artifact is found damaged, which removes it. What is compared is
// the manifest with its digest, the sizes of the files, and all of the table but
// its batches; the state and the batches are checked when they are read.
func (s *Store) Get(key Key) (*Artifact, error) {
	pin, err := s.take(entryName(key), shared)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, errLocked) { // locked: it is being removed
		return nil, &MissingError{Key: key}
	}
	if err != nil {
		return nil, s.failed("opening an artifact", err)
	}
	a := &Artifact{store: s, pin: pin}
	if err := a.open(key); err != nil {
		a.closeFiles()
		if !isDamage(err) {
			return nil, s.failed("opening an artifact", err)
		}
		s.discard(key, a.id())
		return nil, &MissingError{Key: key, Note: err.Error()}
	}
	now := time.Now()
	_ = s.root.Chtimes(entryName(key), now, now) // it is only removed sooner
	return a, nil
}

func (a *Artifact) open(key Key) (err error) {
	if a.manifest, err = readManifest(a.pin, key); err != nil {
		return err
	}
	if err := a.store.whole(a.manifest); err != nil || a.manifest.Table == nil {
		return err
	}
	return a.openTable()
}

func (a *Artifact) openTable() (err error) {
	name := tableName(a.manifest.ID)
	if a.data, err = a.store.root.OpenFile(name, os.O_RDONLY|openFlags, 0); err != nil {
		return err
	}
	a.table, err = tablefile.Open(a.data)
	if _, ok := errors.AsType[*tablefile.DamageError](err); ok {
		return a.damage(name, err)
	}
	if err != nil {
		return err
	}
	if s := a.table.Summary(); !a.manifest.Table.is(s) {
		return a.damage(name, fmt.Errorf("it is another table: %+v instead of %+v", s, *a.manifest.Table))
	}
	a.table.NotifyDamage(func(error) { a.spoilt() })
	return nil
}

// id of the data files, when that is known.
func (a *Artifact) id() string {
	if a.manifest == nil {
		return ""
	}
	return a.manifest.ID
}

func (a *Artifact) damage(name string, err error) error {
	a.spoilt()
	return &DamageError{Key: a.manifest.Key, File: name, Err: err}
}

// spoilt has Close remove the artifact.
func (a *Artifact) spoilt() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.damaged = true
}

// Key of the artifact.
func (a *Artifact) Key() Key { return a.manifest.Key }

// Info as it was committed.
func (a *Artifact) Info() Info { return a.manifest.Info }

// State reads the state, nil when there is none. One that is not as it was
// committed is a *DamageError.
func (a *Artifact) State() ([]byte, error) {
	part := a.manifest.State
	if part == nil {
		return nil, nil
	}
	name := stateName(a.manifest.ID)
	data, err := a.store.read(name, part.Bytes)
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, fs.ErrNotExist) {
		return nil, a.damage(name, errors.New("it is cut short"))
	}
	if err != nil {
		return nil, a.store.failed("reading a state", err)
	}
	if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != part.SHA256 {
		return nil, a.damage(name, fmt.Errorf("its digest is %x, and was %s", sum, part.SHA256))
	}
	return data, nil
}

// read reads a data file that has a size, of which Get made sure.
func (s *Store) read(name string, size int64) ([]byte, error) {
	f, err := s.root.OpenFile(name, os.O_RDONLY|openFlags, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || info.Size() < size {
		return nil, errors.Join(err, io.ErrUnexpectedEOF)
	}
	data := make([]byte, size)
	_, err = io.ReadFull(f, data)
	return data, err
}

// Table is the output table, nil when there is none. It can be read until
// Close; batches that were read before stay. When a batch turns out damaged,
// Close removes the artifact.
func (a *Artifact) Table() (*tablefile.File, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return nil, fs.ErrClosed
	}
	return a.table, nil
}

// Close lets others remove the artifact. It may be called again.
func (a *Artifact) Close() {
	a.mu.Lock()
	done, damaged := a.closed, a.damaged
	a.closed = true
	a.mu.Unlock()
	if done {
		return
	}
	a.closeFiles()
	if damaged {
		a.store.discard(a.manifest.Key, a.manifest.ID)
	}
}

func (a *Artifact) closeFiles() {
	for _, f := range []*os.File{a.data, a.pin} {
		if f != nil {
			_ = f.Close() // it was only read
		}
	}
}
