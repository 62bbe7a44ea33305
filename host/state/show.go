// SPDX-License-Identifier: Apache-2.0

package state

import (
	"encoding/json"

	container "github.com/bulkhead-ml/bulkhead/sdk/state"
)

// Description is what a state holds.
type Description struct {
	Entry Entry `json:"entry"`
	// Header and Arrays are those of a container.
	Header *container.Header `json:"header,omitempty"`
	Arrays []ArrayStats      `json:"arrays,omitempty"`
	// Problem says why a state that begins as a container is opaque all the same.
	Problem string `json:"problem,omitempty"`
}

// ArrayStats sums up an array. Minimum, maximum and mean are over the elements
// that are there and finite; a truth value counts as 0 or 1, and the extremes of a
// text are its lengths in bytes. What an array does not have is left out.
type ArrayStats struct {
	Name  string          `json:"name"`
	DType container.DType `json:"dtype"`
	Shape []int           `json:"shape"`
	// Elements counts all, Nulls those that are missing, NonFinite the NaN and
	// infinities among the rest.
	Elements  int `json:"elements"`
	Nulls     int `json:"nulls"`
	NonFinite int `json:"non_finite"`
	// Bytes of the elements as they are stored.
	Bytes int `json:"bytes"`
	// Min and Max are exact, also for 64-bit integers.
	Min json.Number `json:"min,omitempty"`
	Max json.Number `json:"max,omitempty"`
	// Mean is rounded to float64.
	Mean json.Number `json:"mean,omitempty"`
	// Value of a json value whose text is at most 1 KiB.
	Value json.RawMessage `json:"value,omitempty"`
}

// Show describes a state.
func (s *Store) Show(ref string) (*Description, error) {
	data, e, err := s.Get(ref)
	if err != nil {
		return nil, err
	}
	d := Describe(data)
	d.Entry = e
	return d, nil
}

// Describe describes a state that need not be in a store.
func Describe(data []byte) *Description {
	d := &Description{Entry: describe(data)}
	s, err := container.Decode(data)
	if err != nil {
		if container.Is(data) {
			d.Problem = err.Error()
		}
		return d
	}
	d.Header = &s.Header
	for _, a := range s.Arrays() {
		d.Arrays = append(d.Arrays, statsOf(s, a))
	}
	return d
}
