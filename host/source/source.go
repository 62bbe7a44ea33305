// SPDX-License-Identifier: Apache-2.0

// Package source reads a CSV file as a typed table.
//
// # The file
//
// Text in UTF-8, with or without a byte order mark, lines ended by LF or CRLF,
// in the dialect of RFC 4180: fields apart by one delimiter, a field in double
// quotes may hold delimiters, line breaks and, doubled, quotes. The first line
// names the columns; a name is trimmed, not empty, and stands once. Every other
// record has as many fields as the header. A blank line is skipped and counted,
// except in a table of one column, where it is a missing value. A record takes
// at most MaxRecordBytes. The file must be a regular one: it is read twice.
//
// # Types
//
// Open reads the whole file once and gives each column the narrowest type that
// holds all of its values:
//
//	int64    decimal integers; a sign is fine, leading zeros are dropped
//	float64  integers and decimal fractions, with or without exponent; inf
//	bool     true and false, in any case
//	string   everything else, integers too large for int64 among it
//
// A column without any value is a float64 column of nulls. Spaces around a
// number or a bool do not count; in a string they stay. Types in the Spec are
// kept to, and a value that does not fit is an error at its line.
//
// # Missing values
//
// A field that is one of Spec.Nulls after trimming is null in every type; in
// quotes or not makes no difference, since many writers quote everything. The
// default list holds the empty field and NaN: a table read here has no NaN,
// because a missing number is what NaN means in CSV files. Who has a country
// code NA sets Nulls.
//
// # Roles
//
// Spec.Target and Spec.ID get the roles of package table in the metadata of
// their fields, and every kernel sees them.
//
// # Memory
//
// Both passes hold one record and one batch. Batches keep to table.MaxRows and
// table.MaxBytes, and the same file and Spec give the same batches.
package source

import (
	"context"
	"io/fs"

	"github.com/apache/arrow-go/v18/arrow"
)

// MaxRecordBytes bounds one record of a file, line breaks in quotes included.
const MaxRecordBytes = 4 << 20

// DefaultNulls are the fields that stand for a missing value, unless a Spec
// has a list of its own.
func DefaultNulls() []string {
	return []string{"", "NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "None", "none", "<NA>"}
}

// Spec says which file to read and how.
type Spec struct {
	// Path of the file.
	Path string
	// Target names the column to predict; empty for none.
	Target string
	// ID names the column that identifies a row; empty for none.
	ID string
	// Types fixes types of columns by name: int64, float64, bool or string.
	Types map[string]string
	// Nulls lists the fields that are missing values. Nil takes DefaultNulls;
	// an empty list means that none is, so empty numbers are errors.
	Nulls []string
	// Delimiter between fields. 0 is a comma.
	Delimiter rune
}

// Column is what Open found out about a column.
type Column struct {
	Name string `json:"name"`
	// Type is int64, float64, bool or string.
	Type string `json:"type"`
	Role string `json:"role,omitempty"`
	// Nulls counts missing values.
	Nulls int64 `json:"nulls"`
	// Declared tells that the type comes from the Spec.
	Declared bool `json:"declared,omitempty"`
}

// Table is a file whose header and types are known.
type Table struct {
	spec    Spec
	nulls   *nullSet
	info    fs.FileInfo
	schema  *arrow.Schema
	columns []Column
	rows    int64
	blank   int64
}

// Schema of every batch, with roles.
func (t *Table) Schema() *arrow.Schema { return t.schema }

// Columns in the order of the file.
func (t *Table) Columns() []Column { return t.columns }

// Rows of the whole file.
func (t *Table) Rows() int64 { return t.rows }

// BlankLines counts the lines that were skipped because nothing is on them.
func (t *Table) BlankLines() int64 { return t.blank }

// Bytes of the file.
func (t *Table) Bytes() int64 { return t.info.Size() }

// Open reads the file once, finds out types and checks every value. Errors are
// of type *Error, or the cause of ctx.
func Open(ctx context.Context, spec Spec) (*Table, error) {
	if err := spec.check(); err != nil {
		return nil, err
	}
	records, info, err := openFile(spec)
	if err != nil {
		return nil, err
	}
	defer func() { _ = records.close() }() // it was only read
	t := &Table{spec: spec, nulls: newNullSet(spec.Nulls), info: info}
	if err := t.scan(ctx, records); err != nil {
		return nil, err
	}
	return t, nil
}
