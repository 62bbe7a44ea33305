// SPDX-License-Identifier: Apache-2.0

package source

import (
	"strconv"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/bulkhead-ml/bulkhead/sdk/table"
)

// findings collect what the first pass sees.
type findings struct {
	file    *file
	spec    Spec
	sample  int64 // bytes of text that are looked at
	columns []finding
	rows    int64
	blank   int64
	exact   bool
}

// finding is what one column holds.
type finding struct {
	name     string
	declared arrow.DataType // nil where the type is to be found out
	fits     func(value []byte) bool
	seen     kind
	nulls    int64
}

// add begins a column.
func (f *findings) add(name string) {
	c := finding{name: name}
	if declared, ok := f.spec.Types[name]; ok {
		c.declared, _ = ParseType(declared) // the Spec was checked
		c.fits = fitter(c.declared)
	}
	f.columns = append(f.columns, c)
}

// enough reports whether the sample is full.
func (f *findings) enough(b *block) bool { return b.consumed >= f.sample }

// value notes a trimmed value that is not null.
func (f *findings) value(i, line int, value []byte) error {
	c := &f.columns[i]
	switch {
	case c.declared == nil && c.seen&kindText == 0:
		c.seen |= classify(value)
	case c.fits != nil && !c.fits(value):
		return wrongType(f.file.path, c.name, typeName(c.declared), value).at(line)
	}
	return nil
}

// fitter returns the function that tells whether a value fits a type; nil when
// every value does.
func fitter(t arrow.DataType) func([]byte) bool {
	if t.ID() == arrow.STRING || t.ID() == arrow.DICTIONARY {
		return nil
	}
	c := newColumn(t, 1, newRecycler())
	return func(value []byte) bool { return c.add(0, value, value) }
}

func wrongType(path, column, typ string, value []byte) *Error {
	return newError(path, "Value of another type", "%s is no %s. Mend the value, list it among the nulls, or declare the column as string.", quoted(value), typ).in(column)
}

// schema turns what was seen into columns.
func (f *findings) schema() (*arrow.Schema, []Column, error) {
	if f.rows == 0 {
		return nil, nil, newError(f.file.path, "No rows", "The file has a header and no rows. Add at least one row.")
	}
	fields, columns := make([]arrow.Field, len(f.columns)), make([]Column, len(f.columns))
	for i, c := range f.columns {
		t := c.declared
		if t == nil {
			t = c.seen.column().arrow()
		}
		fields[i] = f.spec.field(arrow.Field{Name: c.name, Type: t, Nullable: true})
		columns[i] = Column{Name: c.name, Type: typeName(t), Role: f.spec.role(c.name), Nulls: c.nulls, Declared: c.declared != nil}
	}
	schema := arrow.NewSchema(fields, nil)
	return schema, columns, checkWire(f.file.path, schema)
}

// field gives a field its role.
func (s Spec) field(f arrow.Field) arrow.Field {
	if role := s.role(f.Name); role != table.RoleFeature {
		return table.WithRole(f, role)
	}
	return f
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

// hclKey is a column's name as it stands on the left in the configuration.
func hclKey(name string) string {
	for i, c := range name {
		letter := c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return strconv.Quote(name)
		}
	}
	return name
}
