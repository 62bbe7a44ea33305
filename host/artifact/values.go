// SPDX-License-Identifier: Apache-2.0

package artifact

import (
	"maps"
	"slices"
)

// values are those of each name, in order.
type values map[string][]string

func valuesOf(ingredients []Ingredient) values {
	out := values{}
	for _, i := range ingredients {
		out[i.Name] = append(out[i.Name], i.Value)
	}
	return out
}

// distance is the number of names whose values are not the same, and how many of
// them only one side has.
type distance struct{ differ, alone int }

func (d distance) less(than distance) bool {
	return d.differ < than.differ || d.differ == than.differ && d.alone < than.alone
}

// distance is false when nothing is the same.
func (v values) distance(other values) (d distance, ok bool) {
	for name, mine := range v {
		theirs, there := other[name]
		switch {
		case !there:
			d.alone++
			d.differ++
		case slices.Equal(mine, theirs):
			ok = true
		default:
			d.differ++
		}
	}
	for name := range other {
		if _, there := v[name]; !there {
			d.alone++
			d.differ++
		}
	}
	return d, ok
}

// differences are the names whose values are not the same.
func (v values) differences(other values) []Difference {
	names := maps.Clone(v)
	maps.Copy(names, other)
	var out []Difference
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if !slices.Equal(v[name], other[name]) {
			out = append(out, Difference{Name: name, Want: v[name], Have: other[name]})
		}
	}
	return out
}
