// SPDX-License-Identifier: Apache-2.0

package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/bulkhead-ml/bulkhead/internal/durable"
	container "github.com/bulkhead-ml/bulkhead/sdk/state"
)

// DirVariable is the environment variable that names another directory for the
// states, by an absolute path.
const DirVariable = "BULKHEAD_STATES_DIR"

const (
	lockName   = "lock"
	stateExt   = ".state"
	entryExt   = ".json"
	maxState   = 16 << 30 // bytes of a state that is read
	minRef     = 4        // digits of a name that people type
	maxMatches = 8
)

// DefaultDir is where the states of this user are; see package durable.
func DefaultDir() (string, error) { return durable.DataDir("states", DirVariable) }

// Store is a directory of states. It may be used by several goroutines, and by
// several hosts at once.
type Store struct {
	dir  string
	now  func() time.Time
	fail durable.Fail
}

// Open returns the store in a directory, which is made when the first state is
// put.
func Open(dir string) *Store { return &Store{dir: dir, now: time.Now} }

// Dir is the directory of the store.
func (s *Store) Dir() string { return s.dir }

// Put keeps a state and where it came from, and returns when both are on disk. A
// state that is there already gets one more origin. The time of an origin without
// one is now.
func (s *Store) Put(data []byte, from Origin) (Entry, error) {
	if from.Time.IsZero() {
		from.Time = s.now()
	}
	from.Time = from.Time.UTC().Round(0)
	e := describe(data)
	e.add(from)
	return s.put(data, e)
}

// put merges an entry with the one that is there.
func (s *Store) put(data []byte, e Entry) (Entry, error) {
	if err := durable.MakeDir(s.dir); err != nil {
		return Entry{}, fmt.Errorf("keeping a state: %w", err)
	}
	temp, err := s.stage(data, e.Digest)
	if err == nil {
		err = s.locked(func() error { e, err = s.commit(temp, e); return err })
	}
	if err != nil {
		if temp != "" {
			_ = os.Remove(temp) // it has its other name by then, or is of no use
		}
		return Entry{}, fmt.Errorf("keeping state %s in %s: %w", e.Digest, s.dir, err)
	}
	return e, nil
}

// stage writes the bytes beside their place, without the lock; "" when they are
// in their place already.
func (s *Store) stage(data []byte, digest string) (string, error) {
	if _, err := s.read(digest); err == nil {
		return "", nil
	}
	return durable.Temp(s.dir, data, s.fail)
}

// commit gives the state its name, then writes its entry.
func (s *Store) commit(temp string, e Entry) (Entry, error) {
	if temp != "" {
		if err := durable.Rename(temp, s.path(e.Digest, stateExt), s.fail); err != nil {
			return e, err
		}
	} else if _, err := os.Lstat(s.path(e.Digest, stateExt)); err != nil {
		return e, fmt.Errorf("another host removed it at the same time; try again: %w", err)
	}
	was, err := s.entry(e.Digest)
	if err == nil {
		was.Form, was.Kernel, was.Version, was.Parent = e.Form, e.Kernel, e.Version, e.Parent
		was.Brought = was.Brought || e.Brought
		for _, o := range e.Origins {
			was.add(o)
		}
		e = was
	}
	if e.Added.IsZero() {
		e.Added = s.now().UTC().Round(0)
	}
	return e, s.writeEntry(e)
}

func (s *Store) writeEntry(e Entry) error {
	data, err := json.MarshalIndent(e, "", "  ")
	if err != nil {
		return err
	}
	return durable.Replace(s.path(e.Digest, entryExt), append(data, '\n'), s.fail)
}

// Get returns a state whose bytes are verified, by its digest or the beginning of
// its digits. Errors are *NotFoundError, *AmbiguousError, *RefError, *DigestError
// and those of the disk.
func (s *Store) Get(ref string) ([]byte, Entry, error) {
	e, err := s.Find(ref)
	if err != nil {
		return nil, Entry{}, err
	}
	data, err := s.read(e.Digest)
	if errors.Is(err, fs.ErrNotExist) {
		err = &NotFoundError{Ref: ref, Dir: s.dir} // it was removed meanwhile
	}
	if err != nil {
		return nil, Entry{}, err
	}
	return data, e, nil
}

// read returns the bytes that have a digest.
func (s *Store) read(digest string) ([]byte, error) {
	name := s.path(digest, stateExt)
	data, err := durable.ReadFile(name, maxState)
	if err != nil {
		return nil, err
	}
	if have := container.DigestOf(data); have != digest {
		return nil, &DigestError{What: name, Want: digest, Have: have}
	}
	return data, nil
}

// entry reads the entry of a digest.
func (s *Store) entry(digest string) (Entry, error) {
	name := s.path(digest, entryExt)
	data, err := durable.ReadFile(name, maxEntry)
	if err != nil {
		return Entry{}, err
	}
	e, err := parseEntry(data)
	if err == nil && e.Digest != digest {
		err = errors.New("it is that of another state")
	}
	if err != nil {
		return Entry{}, fmt.Errorf("%s: %w", name, err)
	}
	return e, nil
}

func (s *Store) path(digest, ext string) string {
	return filepath.Join(s.dir, hexOf(digest)+ext)
}

// locked runs fn while no other host changes the store.
func (s *Store) locked(fn func() error) error {
	l, err := durable.Acquire(filepath.Join(s.dir, lockName))
	if err != nil {
		return err
	}
	return errors.Join(fn(), l.Release())
}
