// SPDX-License-Identifier: Apache-2.0

package source

import (
	"context"
	"errors"
	"io"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/bulkhead-ml/bulkhead/sdk/table"
)

// checkEvery is how many rows pass between two looks at the context.
const checkEvery = 4096

// scan is the first pass: names, types, counts.
func (t *Table) scan(ctx context.Context, r *records) error {
	names, err := readHeader(r)
	if err != nil {
		return err
	}
	if err := t.spec.checkColumns(r.path, names); err != nil {
		return err
	}
	s := newScanner(t, r, names)
	if err := eachRow(ctx, r, len(names), &t.blank, s.row); err != nil {
		return err
	}
	if t.rows == 0 {
		return newError(r.path, "No rows", "The file has a header and no rows. Add at least one row.")
	}
	return t.finish(r.path, s)
}

// eachRow calls f with the fields of every row that is left.
func eachRow(ctx context.Context, r *records, width int, blank *int64, f func([][]byte) error) error {
	for n := 0; ; n++ {
		if n%checkEvery == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		fields, err := r.read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if len(fields) == 0 && width > 1 {
			*blank++
			continue
		}
		if len(fields) == 0 {
			fields = [][]byte{nil}
		}
		if len(fields) != width {
			return ragged(r, len(fields), width)
		}
		if err := f(fields); err != nil {
			return err
		}
	}
}

func ragged(r *records, got, want int) error {
	if got > want {
		return newError(r.path, "Ragged row", "The row has %d fields, and the header names %d columns. Put fields that hold the delimiter in double quotes, or name the extra columns.", got, want).at(r.line)
	}
	return newError(r.path, "Ragged row", "The row has %d fields, and the header names %d columns. Add the missing fields, empty ones if their values are unknown.", got, want).at(r.line)
}

// scanner collects what the columns hold.
type scanner struct {
	table    *Table
	records  *records
	names    []string
	declared []kind // 0 where the type is to be found out
	seen     []kind
	nulls    []int64
}

func newScanner(t *Table, r *records, names []string) *scanner {
	s := &scanner{
		table: t, records: r, names: names,
		declared: make([]kind, len(names)), seen: make([]kind, len(names)), nulls: make([]int64, len(names)),
	}
	for i, n := range names {
		s.declared[i] = typeNames[t.spec.Types[n]]
	}
	return s
}

func (s *scanner) row(fields [][]byte) error {
	s.table.rows++
	for i, f := range fields {
		value := trim(f)
		if s.table.nulls.has(value) {
			s.nulls[i]++
			continue
		}
		switch {
		case s.declared[i] == kindText || s.seen[i]&kindText != 0:
		case s.declared[i] == 0:
			s.seen[i] |= classify(value)
		case !fits(s.declared[i], value):
			return misfit(s.records, s.names[i], s.declared[i], value)
		}
	}
	return nil
}

// fits reports whether a trimmed value can be had as k.
func fits(k kind, value []byte) (ok bool) {
	switch k {
	case kindInt:
		_, ok = parseInt(value)
	case kindFloat:
		_, ok = parseFloat(value)
	case kindBool:
		_, ok = parseBool(value)
	default:
		ok = true
	}
	return ok
}

func misfit(r *records, column string, k kind, value []byte) error {
	return newError(r.path, "Value of another type", "%s is no %s. Mend the value, list it among the nulls, or declare the column as string.", quoted(value), k).at(r.line).in(column)
}

// finish turns what was seen into a schema.
func (t *Table) finish(path string, s *scanner) error {
	fields := make([]arrow.Field, len(s.names))
	for i, name := range s.names {
		k := s.declared[i]
		if k == 0 {
			k = s.seen[i].column()
		}
		fields[i] = arrow.Field{Name: name, Type: k.arrow(), Nullable: true}
		if role := t.spec.role(name); role != table.RoleFeature {
			fields[i] = table.WithRole(fields[i], role)
		}
		t.columns = append(t.columns, Column{
			Name: name, Type: k.String(), Role: t.spec.role(name), Nulls: s.nulls[i], Declared: s.declared[i] != 0,
		})
	}
	t.schema = arrow.NewSchema(fields, nil)
	return checkWire(path, t.schema)
}

func (s Spec) role(name string) string {
	switch name {
	case s.Target:
		return table.RoleTarget
	case s.ID:
		return table.RoleID
	}
	return table.RoleFeature
}

// checkWire refuses a header that would not reach a kernel.
func checkWire(path string, schema *arrow.Schema) error {
	if err := table.CheckSchema(schema); err != nil {
		return newError(path, "Header that cannot travel", "%v. Read a file with fewer columns.", err).at(1)
	}
	return nil
}
