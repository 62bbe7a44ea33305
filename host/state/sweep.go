// SPDX-License-Identifier: Apache-2.0

package state

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/bulkhead-ml/bulkhead/internal/durable"
)

// Remove forgets a state and returns what it was.
func (s *Store) Remove(ref string) (Entry, error) {
	e, err := s.Find(ref)
	if err != nil {
		return Entry{}, err
	}
	if err := s.locked(func() error { return s.remove(e.Digest) }); err != nil {
		return Entry{}, fmt.Errorf("removing state %s from %s: %w", e.Digest, s.dir, err)
	}
	return e, nil
}

// remove takes the entry first, so that no entry is without its state.
func (s *Store) remove(digest string) error {
	for _, ext := range []string{entryExt, stateExt} {
		if err := s.failing("removing " + ext); err != nil {
			return err
		}
		if err := os.Remove(s.path(digest, ext)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return durable.SyncDir(s.dir)
}

func (s *Store) failing(step string) error {
	if s.fail == nil {
		return nil
	}
	return s.fail(step)
}

// SweepOptions say what a sweep may remove.
type SweepOptions struct {
	// Referenced are the digests that something still needs: those of the runs
	// that are kept, see host/runs.Store.States, and those that a saved result
	// or a pipeline names.
	Referenced map[string]bool
	// OlderThan keeps states that were made less than so long ago.
	OlderThan time.Duration
	// DryRun removes nothing and tells what would be removed.
	DryRun bool
}

// Swept is what a sweep removed.
type Swept struct {
	// Removed states, the latest first.
	Removed []Entry `json:"removed"`
	// Leftovers are names of files that a host did not finish.
	Leftovers []string `json:"leftovers"`
	// Bytes of all of them.
	Bytes int64 `json:"bytes"`
	// Kept counts the states that stay.
	Kept int `json:"kept"`
}

// Sweep removes the states that nothing references, and what hosts that died left
// behind. A state that a user brought stays; see Entry.Brought.
func (s *Store) Sweep(o SweepOptions) (Swept, error) {
	out := Swept{Removed: []Entry{}, Leftovers: []string{}}
	if _, err := os.Stat(s.dir); errors.Is(err, fs.ErrNotExist) {
		return out, nil
	}
	err := s.locked(func() error {
		entries, err := s.List(Filter{})
		if err != nil {
			return err
		}
		for _, e := range entries {
			if !o.sweeps(e, s.now()) {
				out.Kept++
				continue
			}
			if !o.DryRun {
				if err := s.remove(e.Digest); err != nil {
					return err
				}
			}
			out.Removed, out.Bytes = append(out.Removed, e), out.Bytes+e.Bytes
		}
		return s.sweepLeftovers(&out, o.DryRun)
	})
	if err != nil {
		return out, fmt.Errorf("sweeping the states in %s: %w", s.dir, err)
	}
	return out, nil
}

func (o SweepOptions) sweeps(e Entry, now time.Time) bool {
	return !e.Brought && !o.Referenced[e.Digest] && now.Sub(e.latest()) >= o.OlderThan
}

// sweepLeftovers removes states without an entry and files that were never
// renamed, when they are so old that no host works on them.
func (s *Store) sweepLeftovers(out *Swept, dry bool) error {
	list, err := os.ReadDir(s.dir)
	if err != nil {
		return err
	}
	for _, e := range list {
		if !s.leftover(e) {
			continue
		}
		if info, err := e.Info(); err == nil {
			out.Bytes += info.Size()
		}
		out.Leftovers = append(out.Leftovers, e.Name())
		if !dry {
			if err := os.Remove(filepath.Join(s.dir, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	return nil
}

func (s *Store) leftover(e fs.DirEntry) bool {
	if durable.Abandoned(e, s.now()) {
		return true
	}
	digits, ok := stateName(e.Name())
	if !ok {
		return false
	}
	info, err := e.Info()
	if err != nil || s.now().Sub(info.ModTime()) < time.Hour {
		return false
	}
	_, err = os.Lstat(s.path(digits, entryExt))
	return errors.Is(err, fs.ErrNotExist)
}

// stateName returns the digits in the name of a state's file.
func stateName(name string) (string, bool) {
	digits := name[:max(0, len(name)-len(stateExt))]
	return digits, len(digits) == 64 && isHex(digits) && name == digits+stateExt
}
