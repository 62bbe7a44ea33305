// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-tables/internal/sqlitefile"
	"github.com/bulkhead-ml/bulkhead/sdk/diag"
	"github.com/bulkhead-ml/bulkhead/sdk/kernel"
)

// databaseConfig are the settings of write_sqlite.
type databaseConfig struct {
	Table string `json:"table" default:"rows" doc:"Name of the table."`
}

// cell puts a valid value into a row; false when SQLite cannot hold it and it
// became a null.
type cell func(r *sqlitefile.Row, row int) (bool, error)

// writeSQLite writes a database with one table. Dates and timestamps are text
// in ISO 8601, which SQLite's own functions read; a NaN becomes NULL, which is
// what SQLite itself makes of it, and is counted in the report as "replaced".
func writeSQLite(c *call[databaseConfig], in *kernel.Reader) (kernel.Report, error) {
	name := c.config.Table
	if name == "" {
		name = "rows"
	}
	columns, err := sqlColumns(in.Schema())
	if err != nil {
		return nil, err
	}
	pages := &sequential{out: c.file}
	w, err := sqlitefile.New(pages, name, columns)
	if err != nil {
		return nil, diag.Errorf("Table that SQLite cannot hold", "%v.", err)
	}
	replaced, row := 0, &sqlitefile.Row{}
	err = in.Each(func(batch arrow.RecordBatch) error {
		n, err := appendRows(w, row, batch, in.Row())
		replaced += n
		return err
	})
	if err == nil {
		err = w.Close()
	}
	if err == nil {
		err = pages.flush()
	}
	return kernel.Report{"replaced": replaced}, err
}

// appendRows writes a batch whose first row has a number.
func appendRows(w *sqlitefile.Writer, r *sqlitefile.Row, batch arrow.RecordBatch, first int64) (replaced int, err error) {
	cells := make([]cell, batch.NumCols())
	for i, c := range batch.Columns() {
		cells[i] = cellOf(c)
	}
	for row := range int(batch.NumRows()) {
		r.Reset()
		for i, c := range batch.Columns() {
			if c.IsNull(row) {
				r.Null()
				continue
			}
			kept, err := cells[i](r, row)
			if err != nil {
				return replaced, diag.Errorf("Value that SQLite cannot hold", "Column %q, row %d: %v.", batch.ColumnName(i), first+int64(row)+1, err)
			}
			if !kept {
				replaced++
			}
		}
		if err := w.Append(r); err != nil {
			return replaced, err
		}
	}
	return replaced, nil
}

// sqlColumns names the types of SQL.
func sqlColumns(schema *arrow.Schema) ([]sqlitefile.Column, error) {
	columns := make([]sqlitefile.Column, schema.NumFields())
	for i, f := range schema.Fields() {
		t, ok := sqlType(f.Type)
		if !ok {
			return nil, diag.Errorf("Column that SQLite cannot hold", "Column %q has type %s. Write jsonl, parquet or arrow instead, or drop the column.", f.Name, f.Type)
		}
		columns[i] = sqlitefile.Column{Name: f.Name, Type: t}
	}
	return columns, nil
}

func sqlType(t arrow.DataType) (string, bool) {
	switch t.ID() {
	case arrow.INT8, arrow.INT16, arrow.INT32, arrow.INT64, arrow.UINT8, arrow.UINT16, arrow.UINT32, arrow.UINT64:
		return "INTEGER", true
	case arrow.FLOAT32, arrow.FLOAT64:
		return "REAL", true
	case arrow.BOOL:
		return "BOOLEAN", true
	case arrow.STRING, arrow.DICTIONARY:
		return "TEXT", true
	case arrow.BINARY:
		return "BLOB", true
	case arrow.DATE32:
		return "DATE", true
	case arrow.TIMESTAMP:
		return "TIMESTAMP", true
	}
	return "", false
}

// cellOf reads a column; its type was checked by sqlType.
func cellOf(column arrow.Array) cell {
	if c := integerCell(column); c != nil {
		return c
	}
	switch c := column.(type) {
	case *array.Uint64:
		return func(r *sqlitefile.Row, i int) (bool, error) { return putUnsigned(r, c.Value(i)) }
	case *array.Float32:
		return func(r *sqlitefile.Row, i int) (bool, error) { return r.Float(float64(c.Value(i))), nil }
	case *array.Float64:
		return func(r *sqlitefile.Row, i int) (bool, error) { return r.Float(c.Value(i)), nil }
	case *array.String:
		return textCell(c.Value)
	case *array.Dictionary:
		words := c.Dictionary().(*array.String)
		return textCell(func(i int) string { return words.Value(c.GetValueIndex(i)) })
	case *array.Binary:
		return func(r *sqlitefile.Row, i int) (bool, error) {
			r.Blob(c.Value(i))
			return true, nil
		}
	case *array.Date32:
		return textCell(func(i int) string { return c.Value(i).ToTime().Format(time.DateOnly) })
	case *array.Timestamp:
		return textCell(timestampText(c))
	}
	return func(*sqlitefile.Row, int) (bool, error) {
		return false, fmt.Errorf("type %s", column.DataType())
	}
}

func putUnsigned(r *sqlitefile.Row, v uint64) (bool, error) {
	if v > math.MaxInt64 {
		return false, fmt.Errorf("%d is larger than an INTEGER", v)
	}
	r.Int(int64(v))
	return true, nil
}

func textCell(value func(int) string) cell {
	return func(r *sqlitefile.Row, i int) (bool, error) {
		r.Text(value(i))
		return true, nil
	}
}

// timestampText writes times as SQLite's functions want them, in UTC.
func timestampText(c *array.Timestamp) func(int) string {
	t := c.DataType().(*arrow.TimestampType)
	layout := "2006-01-02 15:04:05.999999999"
	if t.TimeZone != "" {
		layout += "Z07:00"
	}
	return func(i int) string { return c.Value(i).ToTime(t.Unit).UTC().Format(layout) }
}

func integerCell(column arrow.Array) cell {
	switch c := column.(type) {
	case *array.Int8:
		return integers(c.Value)
	case *array.Int16:
		return integers(c.Value)
	case *array.Int32:
		return integers(c.Value)
	case *array.Int64:
		return integers(c.Value)
	case *array.Uint8:
		return integers(c.Value)
	case *array.Uint16:
		return integers(c.Value)
	case *array.Uint32:
		return integers(c.Value)
	case *array.Boolean:
		return integers(func(i int) int8 {
			if c.Value(i) {
				return 1
			}
			return 0
		})
	}
	return nil
}

func integers[T int8 | int16 | int32 | int64 | uint8 | uint16 | uint32](value func(int) T) cell {
	return func(r *sqlitefile.Row, i int) (bool, error) {
		r.Int(int64(value(i)))
		return true, nil
	}
}

// sequential joins pages that follow one another into larger writes.
type sequential struct {
	out io.WriterAt
	buf bytes.Buffer
	at  int64 // where buf belongs
}

// sequentialBytes are joined at most.
const sequentialBytes = 1 << 20

// WriteAt takes a page.
func (s *sequential) WriteAt(p []byte, off int64) (int, error) {
	if off != s.at+int64(s.buf.Len()) || s.buf.Len() >= sequentialBytes {
		if err := s.flush(); err != nil {
			return 0, err
		}
		s.at = off
	}
	return s.buf.Write(p)
}

func (s *sequential) flush() error {
	_, err := s.out.WriteAt(s.buf.Bytes(), s.at)
	s.buf.Reset()
	return err
}
