// SPDX-License-Identifier: Apache-2.0

package artifact

import (
	"errors"
	"io/fs"
	"slices"
	"time"
)

// Swept says what a sweep removed.
type Swept struct {
	// Drafts of processes that died, and data files that belong to nothing.
	Drafts, Orphans int
	// Damaged artifacts; those that nobody used within the time to live; and
	// those that had to make room.
	Damaged, Expired, Evicted int
	// Pinned artifacts should have gone, but are in use.
	Pinned int
	// Freed is the number of bytes of all that was removed.
	Freed int64
	// Left and LeftBytes are the artifacts that remain.
	Left      int
	LeftBytes int64
}

// Sweep removes drafts of dead processes, what belongs to nothing, damaged
// artifacts, those not used within the time to live, and then those that were
// not used for longest, until the rest fits. What is in use stays.
func (s *Store) Sweep(now time.Time) (Swept, error) {
	unlock, err := s.lock()
	if err != nil {
		return Swept{}, s.failed("sweeping", err)
	}
	defer unlock()
	w := &sweep{store: s, now: now}
	err = w.run(s.options.MaxBytes)
	return w.out, s.failed("sweeping", err)
}

// spare is the part of the bound, one in so many, that is freed beyond need, so
// that the commits to a full store do not all have to look for room.
const spare = 10

// makeRoom makes a new artifact fit. The lock of the store is held.
func (s *Store) makeRoom(m *manifest) error {
	limit, need := s.options.MaxBytes, m.Info.Bytes+m.size
	if limit == 0 {
		return nil
	}
	if need > limit {
		return ErrNoRoom
	}
	if err := s.fail("making room"); err != nil {
		return err
	}
	if used, err := s.used(); err != nil || used <= limit-need {
		return err
	}
	w := &sweep{store: s, now: time.Now()}
	if err := w.run(max(0, limit-need-limit/spare)); err != nil {
		return err
	}
	if w.out.LeftBytes > limit-need {
		return ErrNoRoom
	}
	return nil
}

// used is what artifacts take, without a look into any of them: drafts do not
// count, what belongs to nothing does.
func (s *Store) used() (int64, error) {
	drafts, err := s.drafts()
	if err != nil {
		return 0, err
	}
	var total int64
	for _, dir := range []string{dataDir, entriesDir} {
		files, err := s.list(dir)
		if err != nil {
			return 0, err
		}
		for _, f := range files {
			if info, err := f.Info(); err == nil && !drafts[idOfData(f.Name())] {
				total += info.Size()
			}
		}
	}
	return total, nil
}

// drafts are the IDs of all drafts, of the living and of the dead.
func (s *Store) drafts() (map[string]bool, error) {
	files, err := s.list(draftsDir)
	out := make(map[string]bool, len(files))
	for _, f := range files {
		if isID(f.Name()) {
			out[f.Name()] = true
		}
	}
	return out, err
}

// sweep is one pass over the store, under its lock.
type sweep struct {
	store *Store
	now   time.Time
	// claimed are the IDs of data files that belong to something.
	claimed map[string]bool
	found   []found
	out     Swept
}

// found is an artifact on disk.
type found struct {
	*manifest
	lastUse time.Time
}

// size of an artifact with its manifest.
func (f found) size() int64 { return f.Info.Bytes + f.manifest.size }

// run leaves at most limit bytes, when limit is given or the store has one.
func (w *sweep) run(limit int64) error {
	w.claimed = map[string]bool{}
	for _, step := range []func() error{w.sweepDrafts, w.look, w.sweepOrphans, w.expire} {
		if err := step(); err != nil {
			return err
		}
	}
	if w.store.options.MaxBytes == 0 {
		return nil
	}
	return w.evict(limit)
}

// clean removes drafts of dead processes before the first draft of this one, so
// that hosts that are killed again and again do not fill the disk. What cannot be
// removed is for Sweep to complain about. The lock of the store is held.
func (s *Store) clean() {
	if s.cleaned {
		return
	}
	w := &sweep{store: s, claimed: map[string]bool{}}
	s.cleaned = w.sweepDrafts() == nil
}

// sweepDrafts removes the drafts that nobody holds.
func (w *sweep) sweepDrafts() error {
	ids, err := w.store.drafts()
	if err != nil {
		return err
	}
	for id := range ids {
		f, err := w.store.take(draftName(id), exclusive)
		switch {
		case errors.Is(err, errLocked):
			w.claimed[id] = true
		case errors.Is(err, fs.ErrNotExist): // it was aborted just now
		case err != nil:
			return err
		default:
			err = w.removeDraft(id)
			_ = f.Close() // it was only locked
			if err != nil {
				return err
			}
			w.out.Drafts++
		}
	}
	return nil
}

func (w *sweep) removeDraft(id string) error {
	for _, name := range []string{stateName(id), tableName(id), draftName(id)} {
		if err := w.removeFile(name); err != nil {
			return err
		}
	}
	return nil
}

// removeFile removes a file and counts its bytes.
func (w *sweep) removeFile(name string) error {
	info, err := w.store.root.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = w.store.remove(name)
	}
	if err == nil {
		w.out.Freed += info.Size()
	}
	return err
}

// look finds the artifacts and removes the damaged ones.
func (w *sweep) look() error {
	return w.store.walk(func(key Key, f found, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case isDamage(err):
			w.out.Damaged++
			return w.removeFile(entryName(key)) // its data belong to nothing then
		case err != nil:
			return err
		}
		w.claimed[f.ID] = true
		w.found = append(w.found, f)
		w.out.Left, w.out.LeftBytes = w.out.Left+1, w.out.LeftBytes+f.size()
		return nil
	})
}

func (w *sweep) sweepOrphans() error {
	files, err := w.store.list(dataDir)
	if err != nil {
		return err
	}
	for _, f := range files {
		id := idOfData(f.Name())
		if id == "" || w.claimed[id] {
			continue // what has no name of ours is not ours
		}
		if err := w.removeFile(dataDir + "/" + f.Name()); err != nil {
			return err
		}
		w.out.Orphans++
	}
	return nil
}

func (w *sweep) expire() error {
	ttl := w.store.options.TTL
	if ttl == 0 {
		return nil
	}
	return w.removeWhile(func(f found) bool { return w.now.Sub(f.lastUse) > ttl }, &w.out.Expired)
}

func (w *sweep) evict(limit int64) error {
	return w.removeWhile(func(found) bool { return w.out.LeftBytes > limit }, &w.out.Evicted)
}

// removeWhile removes artifacts in the order of their last use, unless they are
// in use.
func (w *sweep) removeWhile(due func(found) bool, count *int) error {
	slices.SortFunc(w.found, func(a, b found) int { return a.lastUse.Compare(b.lastUse) })
	var kept []found
	for _, f := range w.found {
		if !due(f) {
			kept = append(kept, f)
			continue
		}
		err := w.store.removeEntry(f.manifest)
		switch {
		case errors.Is(err, ErrPinned):
			w.out.Pinned++
			kept = append(kept, f)
		case err != nil:
			return err
		default:
			*count++
			w.out.Freed += f.size()
			w.out.Left, w.out.LeftBytes = w.out.Left-1, w.out.LeftBytes-f.size()
		}
	}
	w.found = kept
	return nil
}
