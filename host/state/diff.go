// SPDX-License-Identifier: Apache-2.0

package state

import (
	"encoding/json"

	"github.com/bulkhead-ml/bulkhead/host/state/leaves"
	container "github.com/bulkhead-ml/bulkhead/sdk/state"
)

// Difference of two states.
type Difference struct {
	A Entry `json:"a"`
	B Entry `json:"b"`
	// Equal says that all bytes are the same.
	Equal bool `json:"equal"`
	// Header lists the fields that differ, by their names in the header, such as
	// "metrics.rmse" or "input[2].name".
	Header []FieldChange `json:"header,omitempty"`
	// Added arrays are in B only, Removed ones in A only.
	Added   []ArrayStats `json:"added,omitempty"`
	Removed []ArrayStats `json:"removed,omitempty"`
	// Changed arrays are in both, in the order of A; those that are the same are
	// counted.
	Changed []ArrayChange `json:"changed,omitempty"`
	Same    int           `json:"same"`
	// FirstByte is where the bytes begin to differ when one state is opaque.
	FirstByte *int `json:"first_byte,omitempty"`
}

// FieldChange is a value that differs, as JSON; "" where there is none.
type FieldChange struct {
	Field string `json:"field"`
	A     string `json:"a,omitempty"`
	B     string `json:"b,omitempty"`
}

// ArrayChange is an array that differs. When its type or shape does, nothing is
// said of the elements.
type ArrayChange struct {
	Name string     `json:"name"`
	A    ArrayStats `json:"a"`
	B    ArrayStats `json:"b"`
	// Elements counts those that differ, First is the index of the first of them
	// row by row.
	Elements int `json:"elements,omitempty"`
	First    int `json:"first,omitempty"`
	// MaxAbs is the largest absolute difference of two finite numbers, exact for
	// integers, and At its index; left out when no numbers differ.
	MaxAbs json.Number `json:"max_abs,omitempty"`
	At     int         `json:"at,omitempty"`
	// NonFinite counts elements that differ and have no finite difference: one is
	// missing, or NaN, or infinite.
	NonFinite int `json:"non_finite,omitempty"`
	// Values lists what differs in a json value, at most MaxFields.
	Values []FieldChange `json:"values,omitempty"`
}

// MaxFields bounds ArrayChange.Values.
const MaxFields = 100

// Diff compares two states.
func (s *Store) Diff(a, b string) (*Difference, error) {
	first, entryA, err := s.Get(a)
	if err != nil {
		return nil, err
	}
	second, entryB, err := s.Get(b)
	if err != nil {
		return nil, err
	}
	d := Compare(first, second)
	d.A, d.B = entryA, entryB
	return d, nil
}

// Compare compares two states that need not be in a store.
func Compare(a, b []byte) *Difference {
	d := &Difference{A: describe(a), B: describe(b)}
	if d.Equal = d.A.Digest == d.B.Digest; d.Equal {
		return d
	}
	first, errA := container.Decode(a)
	second, errB := container.Decode(b)
	if errA != nil || errB != nil {
		at := firstByte(a, b)
		d.FirstByte = &at
		return d
	}
	d.Header = headerChanges(first.Header, second.Header)
	d.arrays(first, second)
	return d
}

func firstByte(a, b []byte) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}

func headerChanges(a, b container.Header) []FieldChange {
	before, errA := json.Marshal(a)
	after, errB := json.Marshal(b)
	if errA != nil || errB != nil {
		return nil // a decoded header is JSON
	}
	return fields(leaves.Diff(before, after))
}

func fields(changes []leaves.Change) []FieldChange {
	var out []FieldChange
	for _, c := range changes[:min(len(changes), MaxFields)] {
		out = append(out, FieldChange{Field: c.Path, A: c.Old, B: c.New})
	}
	return out
}

func (d *Difference) arrays(a, b *container.State) {
	for _, x := range a.Arrays() {
		y, ok := b.Array(x.Name)
		switch {
		case !ok:
			d.Removed = append(d.Removed, statsOf(a, x))
		case x.Equal(y):
			d.Same++
		default:
			d.Changed = append(d.Changed, changeOf(a, b, x, y))
		}
	}
	for _, y := range b.Arrays() {
		if _, ok := a.Array(y.Name); !ok {
			d.Added = append(d.Added, statsOf(b, y))
		}
	}
}
