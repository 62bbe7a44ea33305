// SPDX-License-Identifier: Apache-2.0

package source

import (
	"maps"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

// place names the file of a Spec in messages.
func (s Spec) place() string {
	if s.URL == "" {
		return absolute(s.Path)
	}
	if u, err := url.Parse(s.URL); err == nil {
		return shownURL(u)
	}
	return "the address of the source"
}

func (s Spec) format() string {
	if s.Format == "" {
		return CSV
	}
	return s.Format
}

// isText reports whether the file is read in this process.
func (s Spec) isText() bool { return s.format() == CSV || s.format() == JSONL }

// check refuses a Spec that no file could satisfy.
func (s Spec) check() error {
	for _, f := range []func() error{s.checkPlace, s.checkFormat, s.checkRoles, s.checkTypes} {
		if err := f(); err != nil {
			return err
		}
	}
	return nil
}

func (s Spec) checkPlace() error {
	switch {
	case s.Path == "" && s.URL == "":
		return newError(s.place(), "No file named", "The path of the source is empty. Name a file, or a URL.")
	case s.Path != "" && s.URL != "":
		return newError(s.place(), "A file and an address", "The source names a file and a URL. Give one of them up.")
	}
	return nil
}

func (s Spec) checkFormat() error {
	place := s.place()
	if !slices.Contains([]string{CSV, JSONL, Parquet, Arrow, SQLite}, s.format()) {
		return newError(place, "Unknown format", "%q is no format of a source. Use csv, jsonl, parquet, arrow or sqlite.", s.Format)
	}
	if !slices.Contains([]string{"", "none", "gzip", "zstd"}, s.Compression) {
		return newError(place, "Unknown compression", "%q is no compression. Use gzip, zstd or none, or leave it out.", s.Compression)
	}
	if !s.isText() && s.Compression != "" && s.Compression != "none" {
		return newError(place, "Compression that cannot be read", "A %s file cannot be read through %s. Decompress it first.", s.format(), s.Compression)
	}
	if s.format() != SQLite && (s.Query != "" || s.Table != "") {
		return newError(place, "Query without a database", "Query and table are for a sqlite source; this one is %s.", s.format())
	}
	if s.Query != "" && s.Table != "" {
		return newError(place, "Query and table", "The source has a query and a table. Give one of them up.")
	}
	if d := s.delimiter(); d == '"' || d == '\r' || d == '\n' || d == 0 || d >= utf8.RuneSelf {
		return newError(place, "Delimiter that cannot be used", "%q cannot stand between fields. Use a comma, a semicolon, a tab or another ASCII character.", d)
	}
	return nil
}

func (s Spec) checkRoles() error {
	if s.Target != "" && s.Target == s.ID {
		return newError(s.place(), "One column with two roles", "Target and id both name %q. Give one of them up.", s.Target).in(s.Target)
	}
	return nil
}

func (s Spec) checkTypes() error {
	for _, name := range slices.Sorted(maps.Keys(s.Types)) {
		if !s.isText() {
			return newError(s.place(), "Type that cannot be declared", "A %s file has types of its own. Leave types out.", s.format()).in(name)
		}
		if _, err := ParseType(s.Types[name]); err != nil {
			return newError(s.place(), "Unknown column type", "%v.", err).in(name)
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

func (s Spec) sampleBytes() int64 {
	if s.sample > 0 {
		return s.sample
	}
	return SampleBytes
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
