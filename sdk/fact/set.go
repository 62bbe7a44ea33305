// SPDX-License-Identifier: Apache-2.0

package fact

import (
	"encoding/json"
	"slices"
	"strings"
)

// Set is the facts of one machine. The zero Set is empty. A Set is not changed
// after it was made and may be read by many goroutines.
type Set struct {
	byAddress map[string]Fact
	reads     *Reads
}

// NewSet makes a set; of two facts with one address the later stands.
func NewSet(facts []Fact) Set {
	s := Set{byAddress: make(map[string]Fact, len(facts))}
	for _, f := range facts {
		s.byAddress[f.Address] = f
	}
	return s
}

// Lookup returns the fact at an address, known or unknown.
func (s Set) Lookup(address string) (Fact, bool) {
	s.reads.address(address)
	f, ok := s.byAddress[address]
	return f, ok
}

// Known reports whether the fact is there with a value.
func (s Set) Known(address string) bool {
	f, ok := s.Lookup(address)
	return ok && f.Unknown == ""
}

// Get decodes the value at an address; false when it is absent, unknown, or of
// another type.
func Get[T any](s Set, address string) (T, bool) {
	var v T
	f, ok := s.Lookup(address)
	if !ok || f.Unknown != "" || json.Unmarshal(f.Value, &v) != nil {
		var zero T
		return zero, false
	}
	return v, true
}

// String returns a string fact, or "".
func (s Set) String(address string) string {
	v, _ := Get[string](s, address)
	return v
}

// Bool returns a boolean fact, or false.
func (s Set) Bool(address string) bool {
	v, _ := Get[bool](s, address)
	return v
}

// Int returns a whole number; false when it is absent, unknown or not one.
func (s Set) Int(address string) (int64, bool) {
	return Get[int64](s, address)
}

// Instances returns the keys K for which facts "group[K]..." are there, sorted.
func (s Set) Instances(group string) []string {
	s.reads.group(group)
	seen, prefix := map[string]bool{}, group+"["
	for address := range s.byAddress {
		rest, ok := strings.CutPrefix(address, prefix)
		if !ok {
			continue
		}
		if key, _, ok := strings.Cut(rest, "]"); ok {
			seen[keyUnescaper.Replace(key)] = true
		}
	}
	keys := make([]string, 0, len(seen))
	for key := range seen {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// Addresses returns every address, sorted.
func (s Set) Addresses() []string {
	s.reads.everything()
	out := make([]string, 0, len(s.byAddress))
	for address := range s.byAddress {
		out = append(out, address)
	}
	slices.Sort(out)
	return out
}

// All returns every fact in address order.
func (s Set) All() []Fact {
	out := make([]Fact, 0, len(s.byAddress))
	for _, address := range s.Addresses() {
		out = append(out, s.byAddress[address])
	}
	return out
}

// Evidence gathers the evidence of facts, each marked with its address, for
// use in a finding. A fact without evidence of its own gives its value.
func (s Set) Evidence(addresses ...string) []Evidence {
	var out []Evidence
	for _, address := range addresses {
		f, ok := s.Lookup(address)
		if !ok {
			continue
		}
		if len(f.Evidence) == 0 {
			out = append(out, Evidence{Fact: address, Value: oneLine(string(f.Value) + f.Unknown)})
		}
		for _, e := range f.Evidence {
			e.Fact = address
			out = append(out, e)
		}
	}
	return out
}
