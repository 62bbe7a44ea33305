// SPDX-License-Identifier: Apache-2.0

package artifact

import (
	"errors"
	"io/fs"
	"slices"
	"time"
)

// Entry is an artifact in the store, as a list has it.
type Entry struct {
	Key  Key  `json:"key"`
	Info Info `json:"info"`
	// LastUse is when it was committed or last asked for.
	LastUse time.Time `json:"last_use"`
	// Bytes on disk, with the manifest.
	Bytes int64 `json:"bytes"`
	// Damage says what is wrong with it; it goes with the next Get or Sweep. Of
	// one whose manifest cannot be read there is no Info. Empty when it is whole.
	Damage string `json:"damage,omitempty"`
}

// List gives all artifacts, those used last first. A store whose directory cannot
// be read has none.
func (s *Store) List() []Entry {
	out, err := s.entries()
	if err != nil {
		return nil
	}
	return out
}

func (s *Store) entries() ([]Entry, error) {
	var out []Entry
	err := s.walk(func(key Key, f found, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil // it was removed just now
		case err != nil && !isDamage(err):
			return err
		}
		e := Entry{Key: key, LastUse: f.lastUse}
		if f.manifest != nil {
			e.Info, e.Bytes = f.Info, f.size()
		}
		if err != nil {
			e.Damage = err.Error()
		}
		out = append(out, e)
		return nil
	})
	slices.SortFunc(out, func(a, b Entry) int { return b.LastUse.Compare(a.LastUse) })
	return out, err
}

// walk looks at every artifact. An error of one goes to visit.
func (s *Store) walk(visit func(Key, found, error) error) error {
	files, err := s.list(entriesDir)
	if err != nil {
		return err
	}
	for _, file := range files {
		key, ok := keyOfEntry(file.Name())
		if !ok {
			continue // not ours
		}
		info, err := file.Info()
		if err != nil {
			continue // it was removed just now
		}
		m, err := s.load(key)
		if err := visit(key, found{m, info.ModTime()}, err); err != nil {
			return err
		}
	}
	return nil
}

// load reads the manifest of a key and compares it with the data files. Where
// those are damaged there is both a manifest and an error. It is fs.ErrNotExist
// when the artifact is removed meanwhile.
func (s *Store) load(key Key) (*manifest, error) {
	f, err := s.openRegular(entryName(key))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	m, err := readManifest(f, key)
	if err != nil {
		return nil, err
	}
	if err = s.whole(m); isDamage(err) && !s.names(entryName(key), f) {
		return nil, fs.ErrNotExist
	}
	return m, err
}
