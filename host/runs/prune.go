// SPDX-License-Identifier: Apache-2.0

package runs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-ml/bulkhead/internal/durable"
)

// Remove forgets a run that has ended and returns its record without the nodes. Of
// one whose record is damaged only the id is known.
func (s *Store) Remove(ref string) (*Record, error) {
	id, err := s.find(ref)
	if err != nil {
		return nil, err
	}
	var r *Record
	err = s.locked(func() error {
		r, err = s.load(id)
		if _, damaged := errors.AsType[*DamageError](err); damaged {
			r, err = s.damaged(id)
		}
		if err != nil {
			return err
		}
		if r.Status == Running {
			return &RunningError{ID: id}
		}
		return s.remove(id)
	})
	if err != nil {
		return nil, fmt.Errorf("removing run %s: %w", id, err)
	}
	return r, nil
}

// damaged is what is known of a run without a record: whether it goes on.
func (s *Store) damaged(id string) (*Record, error) {
	r := &Record{ID: id, Status: Interrupted}
	held, err := durable.Held(filepath.Join(s.dir, id, liveName))
	if held {
		r.Status = Running
	}
	return r, err
}

// remove renames the directory first, so that no half of a run is seen.
func (s *Store) remove(id string) error {
	gone := filepath.Join(s.dir, gonePrefix+id)
	if err := os.Rename(filepath.Join(s.dir, id), gone); err != nil {
		return err
	}
	return os.RemoveAll(gone)
}

// Prune removes the oldest runs that have ended until no more than Options.Keep
// are left, and what hosts that died left behind. It returns the ids of the runs
// that it removed. A record that cannot be read is left alone, because somebody
// may want to look.
func (s *Store) Prune() (removed []string, err error) {
	if _, err := os.Stat(s.dir); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	err = s.locked(func() error { removed, err = s.prune(); return err })
	if err != nil {
		return removed, fmt.Errorf("removing old runs from %s: %w", s.dir, err)
	}
	return removed, nil
}

// tidy prunes unless another host is at it. Runs that stay too long harm nobody,
// and the next Begin tries again.
func (s *Store) tidy() {
	l, err := durable.TryAcquire(filepath.Join(s.dir, lockName))
	if err != nil {
		return
	}
	_, _ = s.prune()
	_ = l.Release() // nothing was written to it
}

// prune does the work of Prune under the lock.
func (s *Store) prune() (removed []string, err error) {
	ids, err := s.oldest()
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		if !s.ended(id) || s.owes(id) {
			continue
		}
		if err := s.remove(id); err != nil {
			return removed, err
		}
		removed = append(removed, id)
	}
	return removed, s.sweepLeftovers()
}

// oldest lists the runs beyond those that stay, the oldest first, by the time at
// which their directories were made.
func (s *Store) oldest() ([]string, error) {
	ids, err := s.ids()
	if err != nil || len(ids) <= s.keep {
		return nil, err
	}
	made := make(map[string]time.Time, len(ids))
	for _, id := range ids {
		if info, err := os.Lstat(filepath.Join(s.dir, id, liveName)); err == nil {
			made[id] = info.ModTime()
		}
	}
	slices.SortStableFunc(ids, func(a, b string) int { return made[a].Compare(made[b]) })
	return ids[:len(ids)-s.keep], nil
}

// ended reports whether a run has a record and is not running.
func (s *Store) ended(id string) bool {
	r, err := s.load(id)
	return err == nil && r.Status != Running
}

// owes reports whether side effects of a run are still to be taken back, so that its
// record must stay.
func (s *Store) owes(id string) bool {
	r, err := s.load(id)
	if err != nil {
		return false
	}
	owed, err := s.owed(id, r.Status)
	return err != nil || len(owed) > 0
}

// sweepLeftovers removes runs that were half removed, and those whose host died
// before the record was there.
func (s *Store) sweepLeftovers() error {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		name := filepath.Join(s.dir, e.Name())
		if strings.HasPrefix(e.Name(), gonePrefix) || isID(e.Name()) && s.stillborn(name) {
			err = errors.Join(err, os.RemoveAll(name))
		}
	}
	return err
}

// stillborn reports whether a directory never became a run: an hour old, no
// record, nobody at work.
func (s *Store) stillborn(dir string) bool {
	if _, err := os.Lstat(filepath.Join(dir, recordName)); !errors.Is(err, fs.ErrNotExist) {
		return false
	}
	info, err := os.Lstat(dir)
	if err != nil || s.now().Sub(info.ModTime()) < time.Hour {
		return false
	}
	held, err := durable.Held(filepath.Join(dir, liveName))
	return err == nil && !held
}
