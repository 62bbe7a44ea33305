// SPDX-License-Identifier: Apache-2.0

package source

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"os"
	"strconv"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/bulkhead-ml/bulkhead/host/dataplane"
	"github.com/bulkhead-ml/bulkhead/sdk/diag"
	"github.com/bulkhead-ml/bulkhead/sdk/table"
)

// Decoder calls the kernels of the plugin that reads and writes formats which
// are not read in this process.
type Decoder interface {
	// Read runs a kernel that reads a file, its input, and hands what comes to
	// out. The file stays the caller's.
	Read(ctx context.Context, kernel string, config []byte, file *os.File, out dataplane.Output) error
	// Write runs a kernel that writes a file, its output, from batches of a
	// schema. The file stays the caller's.
	Write(ctx context.Context, kernel string, config []byte, file *os.File, schema *arrow.Schema, in dataplane.Batches) error
}

// RowsKey is the key of a schema's metadata under which a reading kernel tells
// how many rows the file has, where it knows before it reads them.
const RowsKey = "bulkhead.rows"

// ReadConfig are the settings of a reading kernel.
type ReadConfig struct {
	// SchemaOnly asks for the columns, and for no row.
	SchemaOnly bool `json:"schema_only,omitempty"`
	// Query or Table of a SQLite database.
	Query string `json:"query,omitempty"`
	Table string `json:"table,omitempty"`
}

// decodedTable is a file that a plugin reads.
type decodedTable struct {
	spec    Spec
	file    *file
	decoder Decoder
	schema  *arrow.Schema
	columns []Column
	rows    int64
}

func openDecoded(ctx context.Context, spec Spec, decoder Decoder) (Table, error) {
	f, err := newFile(spec.Path)
	if err != nil {
		return nil, err
	}
	if decoder == nil {
		return nil, newError(f.path, "Format that needs a plugin", "A %s file is read by the plugin tables, and there is none here. Install it, or give the source a CSV file.", spec.format())
	}
	t := &decodedTable{spec: spec, file: f, decoder: decoder, rows: -1}
	var told *arrow.Schema
	err = t.call(ctx, true, dataplane.Output{Schema: func(s *arrow.Schema) error {
		told = s
		return nil
	}})
	if err != nil {
		return nil, err
	}
	return t, t.learn(told)
}

// atRest refuses a database that has changes beside it: they lie in other files,
// which the plugin does not get, so that rows would be missing.
func (f *file) atRest(spec Spec) error {
	if spec.format() != SQLite {
		return nil
	}
	for _, suffix := range []string{"-wal", "-journal"} {
		if info, err := os.Stat(f.path + suffix); err == nil && info.Size() > 0 {
			return newError(f.path, "Database in use", "Changes to it lie in %s. Close the program that writes it, or bring them in: sqlite3 %s \"PRAGMA wal_checkpoint(TRUNCATE)\".", f.path+suffix, f.path)
		}
	}
	return nil
}

// call runs the reading kernel once.
func (t *decodedTable) call(ctx context.Context, schemaOnly bool, out dataplane.Output) error {
	if err := t.file.atRest(t.spec); err != nil {
		return err
	}
	in, err := t.file.open()
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }() // it was only read
	config, err := json.Marshal(ReadConfig{SchemaOnly: schemaOnly, Query: t.spec.Query, Table: t.spec.Table})
	if err != nil {
		return err
	}
	if err := t.decoder.Read(ctx, "read_"+t.spec.format(), config, in, out); err != nil {
		return t.failed(ctx, in, err)
	}
	return t.file.unchanged(in)
}

// failed says of which file an error of the plugin is.
func (t *decodedTable) failed(ctx context.Context, in *os.File, err error) error {
	if ctx.Err() != nil || errors.Is(err, errStop) || isOurs(err) {
		return err
	}
	if changed := t.file.unchanged(in); changed != nil {
		return changed
	}
	if d, ok := errors.AsType[*diag.Diagnostic](err); ok {
		return newError(t.file.path, d.Summary, "%s", d.Detail).because(err)
	}
	if lost, ok := errors.AsType[*dataplane.TransportError](err); ok {
		return newError(t.file.path, "Reader that was lost", "The process that reads the file ended: %s. Check that the file is complete, and how much memory the plugin tables may use.", lost.Message).because(err)
	}
	return err
}

// learn takes the schema that the plugin told.
func (t *decodedTable) learn(told *arrow.Schema) error {
	if told == nil || told.NumFields() == 0 {
		return newError(t.file.path, "No columns", "The file has no columns. Check that it is the file that was meant.")
	}
	names := make([]string, told.NumFields())
	fields := make([]arrow.Field, told.NumFields())
	for i, f := range told.Fields() {
		names[i] = f.Name
		fields[i] = t.spec.field(arrow.Field{Name: f.Name, Type: f.Type, Nullable: true})
		t.columns = append(t.columns, Column{Name: f.Name, Type: typeName(f.Type), Role: t.spec.role(f.Name), Nulls: -1})
	}
	if err := t.spec.checkColumns(t.file.path, names); err != nil {
		return err
	}
	if text, ok := told.Metadata().GetValue(RowsKey); ok {
		if n, err := strconv.ParseInt(text, 10, 64); err == nil && n >= 0 {
			t.rows = n
		}
	}
	if t.rows == 0 {
		return newError(t.file.path, "No rows", "The file has columns and no rows. Add at least one row.")
	}
	t.schema = arrow.NewSchema(fields, nil)
	return table.CheckSchema(t.schema)
}

func (t *decodedTable) Schema() *arrow.Schema { return t.schema }
func (t *decodedTable) Columns() []Column     { return t.columns }
func (t *decodedTable) Rows() int64           { return t.rows }
func (t *decodedTable) Bytes() int64          { return t.file.info.Size() }
func (t *decodedTable) BlankLines() int64     { return 0 }
func (t *decodedTable) Exact() bool           { return false }
func (t *decodedTable) Path() string          { return t.file.path }

func (t *decodedTable) Digest(ctx context.Context) (string, error) { return t.file.digest(ctx) }

func (t *decodedTable) Batches(ctx context.Context) iter.Seq2[arrow.RecordBatch, error] {
	return func(yield func(arrow.RecordBatch, error) bool) {
		var rows int64
		err := t.call(ctx, false, dataplane.Output{Batch: func(p dataplane.Part) error {
			rows += p.Batch.NumRows()
			return t.give(p.Batch, yield)
		}})
		switch {
		case errors.Is(err, errStop):
			return
		case err == nil && t.rows >= 0 && rows != t.rows:
			err = newError(t.file.path, "Rows that are missing", "%d rows came, and the file tells of %d. It is damaged, or the plugin that reads it is at fault.", rows, t.rows)
		}
		if err != nil {
			yield(nil, err)
		}
	}
}

// give hands a batch on under the schema of the table, which has the roles.
func (t *decodedTable) give(batch arrow.RecordBatch, yield func(arrow.RecordBatch, error) bool) error {
	if err := t.alike(batch.Schema()); err != nil {
		return err
	}
	out := array.NewRecordBatch(t.schema, batch.Columns(), batch.NumRows())
	defer out.Release()
	if !yield(out, nil) {
		return errStop
	}
	return nil
}

// alike insists on the columns of the first look.
func (t *decodedTable) alike(s *arrow.Schema) error {
	if s.NumFields() == t.schema.NumFields() {
		same := true
		for i, f := range s.Fields() {
			same = same && f.Name == t.schema.Field(i).Name && arrow.TypeEqual(f.Type, t.schema.Field(i).Type)
		}
		if same {
			return nil
		}
	}
	return newError(t.file.path, "Columns that changed", "The file had the columns %s, and now has %s.", t.schema, s)
}
