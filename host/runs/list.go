// SPDX-License-Identifier: Apache-2.0

package runs

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Filter selects runs; empty fields select all.
type Filter struct {
	Pipeline string
	Status   Status
	// Since is the earliest start.
	Since time.Time
	// Limit is how many of the latest are returned.
	Limit int
	// Effects leaves out runs that did nothing outside of their outputs, unread.
	Effects bool
}

func (f Filter) matches(r *Record) bool {
	return (f.Pipeline == "" || f.Pipeline == r.Pipeline) && (f.Status == "" || f.Status == r.Status) && !r.StartedAt.Before(f.Since)
}

// List returns the records that a filter selects without their nodes, the latest
// first. A store that was never written to has none. Records that cannot be read
// are in the error, beside the others.
func (s *Store) List(f Filter) ([]*Record, error) {
	ids, err := s.ids()
	var out []*Record
	for _, id := range ids {
		if f.Effects && !s.hasEffects(id) {
			continue
		}
		r, readErr := s.load(id)
		switch {
		case errors.Is(readErr, fs.ErrNotExist): // it is being begun, or was removed
		case readErr != nil:
			err = errors.Join(err, readErr)
		case f.matches(r):
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(a, b *Record) int {
		return cmp.Or(b.StartedAt.Compare(a.StartedAt), cmp.Compare(a.ID, b.ID))
	})
	if f.Limit > 0 && len(out) > f.Limit {
		out = out[:f.Limit]
	}
	return out, err
}

// hasEffects reports whether a run wrote down an effect, taken back or not.
func (s *Store) hasEffects(id string) bool {
	_, err := os.Lstat(filepath.Join(s.dir, id, effectsName))
	return err == nil
}

// States are the digests of the states that the kept runs made or used: what a
// sweep of the states must keep.
func (s *Store) States() (map[string]bool, error) {
	ids, err := s.ids()
	if err != nil {
		return nil, err
	}
	out := map[string]bool{}
	for _, id := range ids {
		r, err := s.Get(id)
		if _, gone := errors.AsType[*NotFoundError](err); gone {
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, d := range r.States() {
			out[d] = true
		}
	}
	return out, nil
}

// ids lists the directories of runs in the order of their names.
func (s *Store) ids() ([]string, error) {
	entries, err := os.ReadDir(s.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var out []string
	for _, e := range entries {
		if isID(e.Name()) && e.IsDir() {
			out = append(out, e.Name())
		}
	}
	return out, err
}

// find returns the id that a text begins.
func (s *Store) find(ref string) (string, error) {
	if ref == "" || len(ref) > idLength || !isHex(ref) {
		return "", &RefError{Ref: ref}
	}
	ids, err := s.ids()
	if err != nil {
		return "", err
	}
	matches := slices.DeleteFunc(ids, func(id string) bool { return !strings.HasPrefix(id, ref) })
	switch len(matches) {
	case 0:
		return "", &NotFoundError{Ref: ref, Dir: s.dir}
	case 1:
		return matches[0], nil
	}
	return "", &AmbiguousError{Ref: ref, IDs: matches[:min(len(matches), 8)]}
}
