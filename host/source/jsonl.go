// SPDX-License-Identifier: Apache-2.0

package source

import (
	"errors"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/bulkhead-ml/bulkhead/sdk/table"
)

// jsonLines reads JSON lines.
type jsonLines struct {
	spec  Spec
	nulls *nullSet
}

// jsonReader gives the objects of a text.
type jsonReader struct {
	*block
	parser jsonParser
	blank  int64
}

// read returns the members of the next object, or io.EOF.
func (r *jsonReader) read() ([]jsonMember, error) {
	for {
		line, err := r.record(false)
		if err != nil {
			return nil, err
		}
		if len(trim(line)) == 0 {
			r.blank++
			continue
		}
		members, err := r.parser.parse(line)
		switch {
		case errors.Is(err, errNested):
			name := string(members[len(members)-1].key)
			return nil, newError(r.path, "Nested value", "The value is an object or an array, and a column holds single values. Flatten it first, for example with jq, or leave the key out.").at(r.line).in(name)
		case err != nil:
			return nil, newError(r.path, "Line that is no JSON object", "%v. Each line must hold one JSON object.", err).at(r.line)
		}
		return members, nil
	}
}

func (j *jsonLines) scan(b *block, f *findings) error {
	r := &jsonReader{block: b}
	seen := newSeats(nil)
	for !f.enough(b) {
		members, err := r.read()
		f.blank = r.blank
		if errors.Is(err, io.EOF) {
			f.exact = true
			break
		}
		if err != nil {
			return err
		}
		if err := j.note(r, members, f, seen); err != nil {
			return err
		}
	}
	return j.named(b.path, f)
}

// note adds one object to the findings.
func (j *jsonLines) note(r *jsonReader, members []jsonMember, f *findings, seen *seats) error {
	f.rows++
	seen.line++
	for i, m := range members {
		at, known := seen.find(i, m.key)
		if !known {
			var err error
			if at, err = j.add(r, m.key, f, seen); err != nil {
				return err
			}
		}
		if seen.take(at) {
			return keyTwice(r, m.key)
		}
		if err := j.value(r, f, at, m); err != nil {
			return err
		}
	}
	for at := range f.columns {
		if !seen.take(at) {
			f.columns[at].nulls++
		}
	}
	return nil
}

// add begins a column. Lines before it had no such key.
func (j *jsonLines) add(r *jsonReader, key []byte, f *findings, seen *seats) (int, error) {
	name := string(key)
	if name == "" || strings.ContainsFunc(name, unicode.IsControl) {
		return 0, newError(r.path, "Key that names no column", "The key is %q. Rename it.", name).at(r.line)
	}
	if len(f.columns) == table.MaxColumns {
		return 0, newError(r.path, "Too many columns", "The file has more than %d keys. Read a file with fewer.", table.MaxColumns).at(r.line).in(name)
	}
	f.add(name)
	at := len(f.columns) - 1
	f.columns[at].nulls = f.rows - 1
	seen.add(name)
	return at, nil
}

func keyTwice(r *jsonReader, key []byte) error {
	return newError(r.path, "Key that stands twice", "The object has the key more than once. Keep one.").at(r.line).in(string(key))
}

// value notes a value of a column.
func (j *jsonLines) value(r *jsonReader, f *findings, at int, m jsonMember) error {
	c := &f.columns[at]
	if j.isNull(m) {
		c.nulls++
		return nil
	}
	if c.declared == nil {
		c.seen |= m.look()
		return nil
	}
	if !m.suits(c.declared) || c.fits != nil && !c.fits(m.text) {
		return wrongType(r.path, c.name, typeName(c.declared), m.text).at(r.line)
	}
	return nil
}

func (j *jsonLines) isNull(m jsonMember) bool {
	return m.kind == jsonNull || m.kind == jsonString && j.nulls.has(trim(m.text))
}

// look is the kind of a value: strings are text whatever stands in them.
func (m jsonMember) look() kind {
	switch m.kind {
	case jsonNumber:
		return classify(m.text)
	case jsonBool:
		return kindBool
	}
	return kindText
}

// suits reports whether a value may be put into a column: numbers into numbers,
// strings into dates and times, and every value as text into strings.
func (m jsonMember) suits(t arrow.DataType) bool {
	switch t.ID() {
	case arrow.STRING, arrow.DICTIONARY:
		return true
	case arrow.DATE32, arrow.TIMESTAMP:
		return m.kind == jsonString
	case arrow.BOOL:
		return m.kind == jsonBool
	}
	return m.kind == jsonNumber
}

// named checks the columns that the Spec names. One that is declared may come
// behind the sample.
func (j *jsonLines) named(path string, f *findings) error {
	for _, name := range slices.Sorted(maps.Keys(j.spec.Types)) {
		known := slices.ContainsFunc(f.columns, func(c finding) bool { return c.name == name })
		if !known && !f.exact {
			f.add(name)
			f.columns[len(f.columns)-1].nulls = f.rows
		}
	}
	names := make([]string, len(f.columns))
	for i, c := range f.columns {
		names[i] = c.name
	}
	if f.rows > 0 && len(names) == 0 {
		return newError(path, "No columns", "The objects in the file have no keys.").at(1)
	}
	if err := j.spec.checkColumns(path, names); err != nil && f.rows > 0 {
		return err
	}
	return nil
}

func (j *jsonLines) rows(b *block, t *textTable, into *batcher) error {
	r := &jsonReader{block: b}
	names := make([]string, len(t.columns))
	for i, c := range t.columns {
		names[i] = c.Name
	}
	known := newSeats(names)
	for {
		members, err := r.read()
		if err != nil {
			return err
		}
		known.line++
		for i, m := range members {
			if err := j.put(r, t, into, known, i, m); err != nil {
				return err
			}
		}
		for at, c := range into.columns {
			if !known.take(at) {
				c.null(into.rows)
			}
		}
		if err := into.end(); err != nil {
			return err
		}
	}
}

// put puts the i-th member of an object into the batch.
func (j *jsonLines) put(r *jsonReader, t *textTable, into *batcher, known *seats, i int, m jsonMember) error {
	at, ok := known.find(i, m.key)
	switch {
	case !ok && t.found.exact:
		return t.file.changed()
	case !ok:
		return newError(r.path, "Unknown key", "The key is not among those of the first %d bytes of the text, so that there is no column for it. Put it into the first line too, as null, or declare it: types = { %s = %q }.",
			t.found.sample, hclKey(string(m.key)), m.look().column()).at(r.line).in(string(m.key))
	case known.take(at):
		return keyTwice(r, m.key)
	case j.isNull(m):
		into.columns[at].null(into.rows)
	case !m.suits(t.schema.Field(at).Type) || !into.columns[at].add(into.rows, m.text, m.text):
		return t.misfit(r.line, at, m.text, m.look())
	}
	return nil
}
