// SPDX-License-Identifier: Apache-2.0

package artifact

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Options bound a store. Every host that uses it has its own.
type Options struct {
	// MaxBytes is what all artifacts together may take on disk; 0 for no bound.
	MaxBytes int64
	// TTL is how long an artifact stays that nobody uses; 0 for ever.
	TTL time.Duration
}

// Store keeps artifacts in a directory. All methods may be called from many
// goroutines, and many processes may use one directory.
type Store struct {
	dir     string // absolute
	root    *os.Root
	options Options
	mu      sync.Mutex // held with the lock of the store
	cleaned bool       // of drafts that others left, under mu

	// fail stands before every step that changes the disk, and tests fail or end
	// the process there.
	fail func(step string) error
}

// Open opens the store in a directory, and makes it if it is not there. The
// directory must be the user's alone, since whoever can write to it decides what
// pipelines answer.
func Open(dir string, o Options) (*Store, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	s := &Store{dir: dir, options: o, fail: func(string) error { return nil }}
	if o.MaxBytes < 0 || o.TTL < 0 {
		return nil, s.failed("its options", fmt.Errorf("%d bytes and %s are no bounds", o.MaxBytes, o.TTL))
	}
	if err := s.open(); err != nil {
		return nil, s.failed("opening", err)
	}
	return s, nil
}

func (s *Store) open() (err error) {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return err
	}
	if s.root, err = os.OpenRoot(s.dir); err != nil {
		return err
	}
	if err := s.prepare(); err != nil {
		return errors.Join(err, s.root.Close())
	}
	return nil
}

// prepare makes the directories and looks at whose they are.
func (s *Store) prepare() error {
	for _, name := range []string{".", entriesDir, dataDir, draftsDir} {
		if err := s.root.MkdirAll(name, 0o700); err != nil {
			return err
		}
		info, err := s.root.Lstat(name)
		if err != nil {
			return err
		}
		if !info.IsDir() || !ownedAlone(info) {
			return fmt.Errorf("%s is not a directory of this user alone: %w", filepath.Join(s.dir, name), fs.ErrPermission)
		}
	}
	return syncDir(s.root, ".")
}

// Dir of the store, absolute.
func (s *Store) Dir() string { return s.dir }

// Close gives the directory back. Artifacts and drafts are closed before.
func (s *Store) Close() error { return s.root.Close() }

// list gives the names in a directory of the store.
func (s *Store) list(dir string) ([]fs.DirEntry, error) {
	d, err := s.root.Open(dir)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	return d.ReadDir(-1)
}

// openRegular opens a file to read it, and refuses all but regular files.
func (s *Store) openRegular(name string) (*os.File, error) {
	f, err := s.root.OpenFile(name, os.O_RDONLY|openFlags, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = &fs.PathError{Op: "open", Path: f.Name(), Err: errors.New("it is no regular file")}
	}
	if err != nil {
		_ = f.Close() // it was only looked at
		return nil, err
	}
	return f, nil
}

// readManifest reads the manifest of a key from its open file.
func readManifest(f *os.File, key Key) (*manifest, error) {
	data, err := io.ReadAll(io.LimitReader(f, maxManifest+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxManifest {
		return nil, &DamageError{Key: key, File: entryName(key), Err: fmt.Errorf("it has more than %d bytes", maxManifest)}
	}
	m, err := decodeManifest(data, key)
	if err != nil {
		return nil, &DamageError{Key: key, File: entryName(key), Err: err}
	}
	return m, nil
}

// whole compares the data files of an artifact with the sizes in its manifest.
func (s *Store) whole(m *manifest) error {
	for name, size := range m.parts() {
		info, err := s.root.Lstat(name)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return &DamageError{Key: m.Key, File: name, Err: errors.New("it is gone")}
		case err != nil:
			return err
		case !info.Mode().IsRegular() || info.Size() != size:
			return &DamageError{Key: m.Key, File: name, Err: fmt.Errorf("it has %d bytes, and had %d", info.Size(), size)}
		}
	}
	return nil
}

// isDamage reports whether an error is of the data, not of the system.
func isDamage(err error) bool {
	_, ok := errors.AsType[*DamageError](err)
	return ok
}
