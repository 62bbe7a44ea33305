// SPDX-License-Identifier: Apache-2.0

package artifact

// Explanation says whether there is an artifact for some ingredients, and
// otherwise why not.
type Explanation struct {
	Key Key `json:"key"`
	// Found is the artifact of the key; nil when there is none.
	Found *Entry `json:"found,omitempty"`
	// Nearest has the fewest differences, of several the one with the same names,
	// and of those the one used last; nil when Found is not, or when no artifact
	// has an ingredient in common.
	Nearest *Entry `json:"nearest,omitempty"`
	// Differences of Nearest, in the order of their names.
	Differences []Difference `json:"differences,omitempty"`
}

// Difference is an ingredient that is not the same.
type Difference struct {
	Name string `json:"name"`
	// Want are the values that were asked for, Have those of the entry.
	Want []string `json:"want"`
	Have []string `json:"have"`
}

// Explain looks for the artifact of some ingredients, and for the nearest one
// when there is none.
func (s *Store) Explain(ingredients []Ingredient) (Explanation, error) {
	out := Explanation{Key: KeyOf(ingredients)}
	list, err := s.entries()
	if err != nil {
		return out, s.failed("explaining", err)
	}
	want, best := valuesOf(ingredients), distance{}
	for _, e := range list {
		if e.Damage != "" {
			continue
		}
		if e.Key == out.Key {
			return Explanation{Key: out.Key, Found: &e}, nil
		}
		d, ok := want.distance(valuesOf(e.Info.Ingredients))
		if ok && (out.Nearest == nil || d.less(best)) {
			best, out.Nearest = d, &e
		}
	}
	if out.Nearest != nil {
		out.Differences = want.differences(valuesOf(out.Nearest.Info.Ingredients))
	}
	return out, nil
}
