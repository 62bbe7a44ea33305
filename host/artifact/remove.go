// SPDX-License-Identifier: Apache-2.0

package artifact

import (
	"errors"
	"io/fs"
)

// Remove removes the artifact of a key. The error is ErrMissing when there is
// none, and ErrPinned when it is in use.
func (s *Store) Remove(key Key) error {
	unlock, err := s.lock()
	if err != nil {
		return s.failed("removing an artifact", err)
	}
	defer unlock()
	m, err := s.load(key)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &MissingError{Key: key}
	case isDamage(err):
		err = s.removeDamaged(key, m)
	case err == nil:
		err = s.removeEntry(m)
	}
	return s.failed("removing an artifact", err)
}

// removeEntry removes an artifact, unless it is in use: the manifest first, so
// that nobody finds half of it. The lock of the store is held.
func (s *Store) removeEntry(m *manifest) error {
	f, err := s.take(entryName(m.Key), exclusive)
	switch {
	case errors.Is(err, errLocked):
		return ErrPinned
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	}
	defer f.Close()
	return s.removeFiles(m)
}

func (s *Store) removeFiles(m *manifest) error {
	if err := s.remove(entryName(m.Key)); err != nil {
		return err
	}
	for name := range m.parts() {
		if err := s.remove(name); err != nil {
			return err
		}
	}
	return nil
}

// remove removes a file that may be gone already.
func (s *Store) remove(name string) error {
	if err := s.fail("removing " + kindOf(name)); err != nil {
		return err
	}
	if err := s.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// removeDamaged removes what is no artifact, also when somebody reads it. The
// lock of the store is held. Of a manifest that cannot be read the data files
// are not known; a sweep finds them.
func (s *Store) removeDamaged(key Key, m *manifest) error {
	if m == nil {
		return s.remove(entryName(key))
	}
	return s.removeFiles(m)
}

// discard removes a damaged artifact, if it still is the one with this ID. Nobody
// waits for it: what cannot be removed is found damaged again.
func (s *Store) discard(key Key, id string) {
	unlock, err := s.lock()
	if err != nil {
		return
	}
	defer unlock()
	m, err := s.load(key)
	if err != nil && !isDamage(err) || m != nil && m.ID != id {
		return
	}
	_ = s.removeDamaged(key, m)
}
