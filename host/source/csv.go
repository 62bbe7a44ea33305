// SPDX-License-Identifier: Apache-2.0

package source

import (
	"errors"
	"fmt"
	"io"
)

// commaSeparated reads CSV.
type commaSeparated struct {
	spec  Spec
	nulls *nullSet
}

func (c *commaSeparated) records(b *block) *records {
	return newRecords(b, byte(c.spec.delimiter()))
}

func (c *commaSeparated) scan(b *block, f *findings) error {
	r := c.records(b)
	names, err := readHeader(r)
	if err != nil {
		return err
	}
	if err := c.spec.checkColumns(b.path, names); err != nil {
		return err
	}
	for _, n := range names {
		f.add(n)
	}
	for !f.enough(b) {
		fields, err := c.row(r, len(names), &f.blank)
		if errors.Is(err, io.EOF) {
			f.exact = true
			return nil
		}
		if err != nil {
			return err
		}
		if err := c.note(r, fields, f); err != nil {
			return err
		}
	}
	return nil
}

// note adds one row to the findings.
func (c *commaSeparated) note(r *records, fields [][]byte, f *findings) error {
	f.rows++
	for i, raw := range fields {
		value := trim(raw)
		if c.nulls.has(value) {
			f.columns[i].nulls++
			continue
		}
		if err := f.value(i, r.line, value); err != nil {
			return err
		}
	}
	return nil
}

// row returns the fields of the next row that is not blank.
func (c *commaSeparated) row(r *records, width int, blank *int64) ([][]byte, error) {
	for {
		fields, err := r.read()
		switch {
		case err != nil:
			return nil, err
		case len(fields) == width:
			return fields, nil
		case len(fields) == 0 && width > 1:
			*blank++
			continue
		case len(fields) == 0:
			return [][]byte{nil}, nil
		}
		return nil, ragged(r, len(fields), width)
	}
}

func ragged(r *records, got, want int) error {
	advice := "Add the missing fields, empty ones if their values are unknown."
	if got > want {
		advice = "Put fields that hold the delimiter in double quotes, or name the extra columns."
	}
	return newError(r.path, "Ragged row", "The row has %s, and the header names %s. %s", count(got, "field"), count(want, "column"), advice).at(r.line)
}

func count(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %ss", n, one)
}

func (c *commaSeparated) rows(b *block, t *textTable, into *batcher) error {
	r := c.records(b)
	if _, err := readHeader(r); err != nil {
		return err
	}
	var blank int64
	for {
		fields, err := c.row(r, len(t.columns), &blank)
		if err != nil {
			return err
		}
		for i, raw := range fields {
			trimmed := trim(raw)
			if c.nulls.has(trimmed) {
				into.columns[i].null(into.rows)
			} else if !into.columns[i].add(into.rows, raw, trimmed) {
				return t.misfit(b.line, i, trimmed, classify(trimmed))
			}
		}
		if err := into.end(); err != nil {
			return err
		}
	}
}
