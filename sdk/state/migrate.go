// SPDX-License-Identifier: Apache-2.0

package state

import (
	"errors"
	"fmt"
	"slices"
)

// Migrations bring older states up: the function at N makes a state of version
// N+1 from one of version N. It must not depend on anything but the state. A
// function usually begins with State.Edit and returns Writer.State.
type Migrations map[int]func(*State) (*State, error)

// Want says which state a kernel can use.
type Want struct {
	// Kernel that must have made it; "" for any.
	Kernel string
	// Version that the kernel reads.
	Version int
	// Migrations from older versions.
	Migrations Migrations
}

// Load decodes a state and brings it to the wanted version. It returns
// ErrNotState, a *FormatError, a *KernelError, a *VersionError, or the error of a
// migration.
func Load(data []byte, want Want) (*State, error) {
	s, err := Decode(data)
	if err != nil {
		return nil, err
	}
	if want.Kernel != "" && s.Header.Kernel != want.Kernel {
		return nil, &KernelError{Have: s.Header.Kernel, Want: want.Kernel}
	}
	return want.Migrations.To(want.Version, s)
}

// Oldest is the oldest version from which the migrations lead to a version.
func (m Migrations) Oldest(version int) int {
	for m[version-1] != nil {
		version--
	}
	return version
}

// To brings a state to a version, step by step, and leaves s as it is. The result
// names s as its parent; a state that has the version already is returned as it
// is.
func (m Migrations) To(version int, s *State) (*State, error) {
	have := s.Header.Version
	if have > version {
		return nil, &VersionError{Kernel: s.Header.Kernel, Have: have, Want: version}
	}
	out := s
	for v := have; v < version; v++ {
		if m[v] == nil {
			return nil, &VersionError{Kernel: s.Header.Kernel, Have: have, Want: version, Stuck: v}
		}
		next, err := step(m[v], out, s.Digest())
		if err != nil {
			return nil, fmt.Errorf("migrating the state of %s from version %d to %d: %w", s.Header.Kernel, v, v+1, err)
		}
		out = next
	}
	return out, nil
}

// step runs one migration and writes its version and the parent into the result.
func step(migrate func(*State) (*State, error), from *State, parent string) (*State, error) {
	next, err := migrate(from)
	if err != nil {
		return nil, err
	}
	if next == nil {
		return nil, errors.New("the migration made no state")
	}
	if next.Header.Kernel != from.Header.Kernel {
		return nil, fmt.Errorf("the migration made a state of %s", next.Header.Kernel)
	}
	w := next.Edit()
	w.Header.Version, w.Header.Parent = from.Header.Version+1, parent
	return w.State()
}

// Edit returns a writer that already has the header and all arrays of s.
func (s *State) Edit() *Writer {
	w := New(s.Header)
	for _, a := range s.arrays {
		w.Add(a)
	}
	return w
}

// Add adds an array of another state, bit for bit.
func (w *Writer) Add(a Array) {
	p := &part{name: a.Name, dtype: a.DType, count: a.Len, size: len(a.values), put: func(b []byte) { copy(b, a.values) }}
	if a.DType == UTF8 {
		p.texts = make([]string, a.Len)
		for i := range p.texts {
			p.texts[i] = string(a.element(i))
		}
	}
	w.add(p, append([]int{}, a.Shape...))
	if a.Nulls && w.err == nil {
		for i := range a.Len {
			p.valid = append(p.valid, a.there(i))
		}
	}
}

// Drop removes arrays that were added, such as those that a new version does not
// have.
func (w *Writer) Drop(names ...string) {
	for _, name := range names {
		if w.index[name] == nil {
			w.fail(&ArrayError{Array: name, Err: ErrMissing})
			return
		}
		delete(w.index, name)
		w.parts = slices.DeleteFunc(w.parts, func(p *part) bool { return p.name == name })
	}
}

// Rename gives an array that was added another name, in its place.
func (w *Writer) Rename(from, to string) {
	p := w.index[from]
	switch {
	case p == nil:
		w.fail(&ArrayError{Array: from, Err: ErrMissing})
	case badName(to) != "":
		w.fail(arrayError(to, ErrValue, "its name %s", badName(to)))
	case w.index[to] != nil:
		w.fail(arrayError(to, ErrValue, "it was added before"))
	default:
		delete(w.index, from)
		p.name, w.index[to] = to, p
	}
}
