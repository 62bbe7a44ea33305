// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/bulkhead-ml/bulkhead/sdk/diag"
	"github.com/bulkhead-ml/bulkhead/sdk/kernel"
)

// sqliteConfig are the settings of read_sqlite.
type sqliteConfig struct {
	SchemaOnly bool   `json:"schema_only" default:"false" doc:"Tell the columns and read no row."`
	Table      string `json:"table" default:"" doc:"Name of a table or a view. The only one when there is neither a table nor a query."`
	Query      string `json:"query" default:"" doc:"A SELECT, instead of a table."`
}

// sampleRows are looked at to find out the types of columns that have no
// declared one.
const sampleRows = 10000

// readSQLite streams the rows of a table or a query.
//
// A column that is declared with a type of SQL has the type of a table that
// belongs to it, and so has every value: SQLite stores what it is given, and a
// text in an INTEGER column is refused at its row. Columns without a type, which
// those of expressions are, have the type of the values among the first rows.
func readSQLite(ctx context.Context, c *call[sqliteConfig], out *kernel.Writer) error {
	db, err := openDatabase(ctx, c.file)
	if err != nil {
		return broken("SQLite", err)
	}
	defer db.close()
	query, err := c.config.query(ctx, db)
	if err != nil {
		return err
	}
	columns, err := db.columns(ctx, query)
	if err != nil {
		return err
	}
	s := &sqliteRows{columns: columns, schema: schemaOf(columns), out: out}
	if err := out.Declare(s.schema); err != nil {
		return diag.Errorf("Columns that a table cannot hold", "%v. Name the columns in a query: SELECT a AS first, b AS second.", err)
	}
	if c.config.SchemaOnly {
		return nil
	}
	return s.read(ctx, db, query)
}

// query is what to select.
func (c sqliteConfig) query(ctx context.Context, db *database) (string, error) {
	if c.Query != "" && c.Table != "" {
		return "", diag.Errorf("Query and table", "Give one of them up.").At("query")
	}
	if c.Query != "" {
		return c.Query, nil
	}
	names, err := db.tables(ctx)
	if err != nil {
		return "", broken("SQLite", err)
	}
	name := c.Table
	switch {
	case name == "" && len(names) == 1:
		name = names[0]
	case name == "":
		return "", diag.Errorf("Table that is not named", "The database has %d tables and views: %s. Name one with table, or select with query.", len(names), list(names)).At("table")
	case !slices.Contains(names, name):
		return "", diag.Errorf("Unknown table", "The database has no table %q. It has %s.", name, list(names)).At("table")
	}
	return `SELECT * FROM "` + strings.ReplaceAll(name, `"`, `""`) + `"`, nil
}

// list shows up to ten names.
func list(names []string) string {
	if len(names) > 10 {
		return strings.Join(names[:10], ", ") + " and more"
	}
	return strings.Join(names, ", ")
}

// columns finds out names and types.
func (d *database) columns(ctx context.Context, query string) ([]*sqliteColumn, error) {
	var columns []*sqliteColumn
	err := d.each(ctx, query, func(rows *sql.Rows) error {
		types, err := rows.ColumnTypes()
		if err != nil {
			return err
		}
		for _, t := range types {
			columns = append(columns, newSQLiteColumn(t.Name(), t.DatabaseTypeName()))
		}
		return nil
	}, func(n int64, values []any) (bool, error) {
		open := false
		for i, v := range values {
			columns[i].look(v)
			open = open || columns[i].isOpen()
		}
		return open && n < sampleRows, nil
	})
	for _, c := range columns {
		c.settle()
	}
	return columns, err
}

// each runs a query and hands its rows on until row says that it has enough.
func (d *database) each(ctx context.Context, query string, begin func(*sql.Rows) error, row func(n int64, values []any) (bool, error)) error {
	rows, err := d.conn.QueryContext(ctx, query)
	if err != nil {
		return refusedQuery(ctx, err)
	}
	defer func() { _ = rows.Close() }() // its error is that of Err
	if err := begin(rows); err != nil {
		return refusedQuery(ctx, err)
	}
	names, err := rows.Columns()
	if err != nil {
		return refusedQuery(ctx, err)
	}
	values, places := make([]any, len(names)), make([]any, len(names))
	for i := range values {
		places[i] = &values[i]
	}
	for n := int64(1); rows.Next(); n++ {
		if err := rows.Scan(places...); err != nil {
			return refusedQuery(ctx, err)
		}
		if more, err := row(n, values); err != nil || !more {
			return err
		}
	}
	return refusedQuery(ctx, rows.Err())
}

func refusedQuery(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return diag.Errorf("Database that cannot be read", "SQLite says: %v. Check the query, and that the file is a complete database.", err)
}

// sqliteRows builds batches.
type sqliteRows struct {
	columns []*sqliteColumn
	schema  *arrow.Schema
	out     *kernel.Writer
	bytes   int
}

// Bounds of a batch that is built.
const (
	batchRowCount = 8192
	batchBytes    = 4 << 20
)

func (s *sqliteRows) read(ctx context.Context, db *database, query string) error {
	b := array.NewRecordBuilder(memory.DefaultAllocator, s.schema)
	defer b.Release()
	rows := 0
	flush := func() error {
		batch := b.NewRecordBatch()
		defer batch.Release()
		rows, s.bytes = 0, 0
		return s.out.Write(batch)
	}
	err := db.each(ctx, query, func(*sql.Rows) error { return nil }, func(n int64, values []any) (bool, error) {
		for i, v := range values {
			size, err := s.columns[i].put(b.Field(i), v)
			if err != nil {
				return false, misfit(s.columns[i].name, n, err)
			}
			s.bytes += size
		}
		if rows++; rows < batchRowCount && s.bytes < batchBytes {
			return true, nil
		}
		return true, flush()
	})
	if err == nil && rows > 0 {
		err = flush()
	}
	return err
}

// misfit is the error of a value that its column does not hold.
func misfit(column string, row int64, err error) error {
	name, as := `"`+strings.ReplaceAll(column, `"`, `""`)+`"`, "TEXT"
	if errors.Is(err, errNotText) {
		as = "BLOB"
	}
	return diag.Errorf("Value of another type", "Column %q, row %d: %v. Convert it in a query: CAST(%s AS %s).", column, row, err, name, as)
}
