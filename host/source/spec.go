// SPDX-License-Identifier: Apache-2.0

package source

import (
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// typeNames are the values of Spec.Types.
var typeNames = map[string]kind{"int64": kindInt, "float64": kindFloat, "bool": kindBool, "string": kindText}

// check refuses a Spec that no file could satisfy.
func (s Spec) check() error {
	path := absolute(s.Path)
	if s.Path == "" {
		return newError(path, "No file named", "The path of the source is empty. Name a CSV file.")
	}
	if s.Target != "" && s.Target == s.ID {
		return newError(path, "One column with two roles", "Target and id both name %q. Give one of them up.", s.Target).in(s.Target)
	}
	if d := s.delimiter(); d == '"' || d == '\r' || d == '\n' || d == 0 || d >= utf8.RuneSelf {
		return newError(path, "Delimiter that cannot be used", "%q cannot stand between fields. Use a comma, a semicolon, a tab or another ASCII character.", d)
	}
	for _, name := range slices.Sorted(maps.Keys(s.Types)) {
		if _, ok := typeNames[s.Types[name]]; !ok {
			return newError(path, "Unknown column type", "%q is no type of a column. Use int64, float64, bool or string.", s.Types[name]).in(name)
		}
	}
	return nil
}

func (s Spec) delimiter() rune {
	if s.Delimiter == 0 {
		return ','
	}
	return s.Delimiter
}

// nullSet answers whether a trimmed field is a missing value.
type nullSet struct {
	fields map[string]bool
	// first holds the bytes that a null begins with: most fields are no null,
	// and are told so without a look into the map.
	first [256]bool
	empty bool
}

func newNullSet(nulls []string) *nullSet {
	if nulls == nil {
		nulls = DefaultNulls()
	}
	s := &nullSet{fields: make(map[string]bool, len(nulls))}
	for _, n := range nulls {
		n = strings.Trim(n, " \t")
		s.fields[n] = true
		if n == "" {
			s.empty = true
		} else {
			s.first[n[0]] = true
		}
	}
	return s
}

func (s *nullSet) has(trimmed []byte) bool {
	if len(trimmed) == 0 {
		return s.empty
	}
	return s.first[trimmed[0]] && s.fields[string(trimmed)]
}
