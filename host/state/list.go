// SPDX-License-Identifier: Apache-2.0

package state

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"
)

// Filter selects states; empty fields select all. One origin must match all
// fields about origins.
type Filter struct {
	Pipeline, Node, Use, Run string
	// Since is the earliest time of the origin.
	Since time.Time
	// Kernel of the header, Form, and Parent.
	Kernel string
	Form   Form
	Parent string
}

func (f Filter) matches(e Entry) bool {
	same := func(want, have string) bool { return want == "" || want == have }
	if !same(f.Kernel, e.Kernel) || !same(string(f.Form), string(e.Form)) || !same(f.Parent, e.Parent) {
		return false
	}
	if f.Pipeline+f.Node+f.Use+f.Run == "" && f.Since.IsZero() {
		return true
	}
	return slices.ContainsFunc(e.Origins, func(o Origin) bool {
		return same(f.Pipeline, o.Pipeline) && same(f.Node, o.Node) && same(f.Use, o.Use) && same(f.Run, o.Run) && !o.Time.Before(f.Since)
	})
}

// List returns the states that a filter selects, the latest first. A store that
// was never written to has none. Entries that cannot be read are in the error,
// beside the others.
func (s *Store) List(f Filter) ([]Entry, error) {
	digests, err := s.digests(entryExt)
	var out []Entry
	for _, d := range digests {
		e, readErr := s.entry(d)
		switch {
		case errors.Is(readErr, fs.ErrNotExist): // it was removed meanwhile
		case readErr != nil:
			err = errors.Join(err, readErr)
		case f.matches(e):
			out = append(out, e)
		}
	}
	slices.SortFunc(out, func(a, b Entry) int {
		return cmp.Or(b.latest().Compare(a.latest()), cmp.Compare(a.Digest, b.Digest))
	})
	return out, err
}

// latest is when the state was last made, or added.
func (e Entry) latest() time.Time {
	out := e.Added
	for _, o := range e.Origins {
		if o.Time.After(out) {
			out = o.Time
		}
	}
	return out
}

// digests lists the files of a kind in the order of their names.
func (s *Store) digests(ext string) ([]string, error) {
	entries, err := os.ReadDir(s.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var out []string
	for _, e := range entries {
		if digits, ok := strings.CutSuffix(e.Name(), ext); ok && len(digits) == 64 && isHex(digits) {
			out = append(out, digestPrefix+digits)
		}
	}
	return out, err
}

// Find returns the entry that a digest or the beginning of its digits names.
func (s *Store) Find(ref string) (Entry, error) {
	digits := hexOf(ref)
	if len(digits) < minRef || len(digits) > 64 || !isHex(digits) {
		return Entry{}, &RefError{Ref: ref}
	}
	digests, err := s.digests(entryExt)
	if err != nil {
		return Entry{}, err
	}
	matches := slices.DeleteFunc(digests, func(d string) bool { return !strings.HasPrefix(hexOf(d), digits) })
	switch len(matches) {
	case 0:
		return Entry{}, &NotFoundError{Ref: ref, Dir: s.dir}
	case 1:
		return s.entry(matches[0])
	}
	return Entry{}, &AmbiguousError{Ref: ref, Digests: matches[:min(len(matches), maxMatches)]}
}
