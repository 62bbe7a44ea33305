// SPDX-License-Identifier: Apache-2.0

package source

import (
	"context"
	"errors"
	"io"
	"iter"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/bulkhead-ml/bulkhead/sdk/table"
)

// textTable is a CSV or JSON lines file whose columns are known.
type textTable struct {
	spec    Spec
	format  textFormat
	file    *file
	schema  *arrow.Schema
	columns []Column
	found   *findings
}

// textFormat reads the rows of a kind of text file.
type textFormat interface {
	// scan reads the start of the text into findings.
	scan(b *block, f *findings) error
	// rows puts every row of the text into the batcher. Columns are those of the
	// table.
	rows(b *block, t *textTable, into *batcher) error
}

func openText(ctx context.Context, spec Spec) (Table, error) {
	f, err := newFile(spec.Path)
	if err != nil {
		return nil, err
	}
	t := &textTable{spec: spec, file: f, format: newFormat(spec)}
	if err := t.scan(ctx); err != nil {
		return nil, err
	}
	return t, nil
}

func newFormat(spec Spec) textFormat {
	if spec.format() == JSONL {
		return &jsonLines{spec: spec, nulls: newNullSet(spec.Nulls)}
	}
	nulls := spec.Nulls
	if nulls == nil {
		nulls = DefaultNulls()
	}
	return &commaSeparated{spec: spec, nulls: newNullSet(nulls)}
}

// scan is the first pass: names, types, counts.
func (t *textTable) scan(ctx context.Context) error {
	in, err := t.file.text(ctx, t.spec)
	if err != nil {
		return err
	}
	defer in.close()
	t.found = &findings{file: t.file, spec: t.spec, sample: t.spec.sampleBytes()}
	if err := t.format.scan(newBlock(ctx, t.file.path, in), t.found); err != nil {
		return in.blame(err)
	}
	if err := t.file.unchanged(in.in); err != nil {
		return err
	}
	t.schema, t.columns, err = t.found.schema()
	return err
}

func (t *textTable) Schema() *arrow.Schema { return t.schema }
func (t *textTable) Columns() []Column     { return t.columns }
func (t *textTable) Bytes() int64          { return t.file.info.Size() }
func (t *textTable) BlankLines() int64     { return t.found.blank }
func (t *textTable) Exact() bool           { return t.found.exact }
func (t *textTable) Path() string          { return t.file.path }

func (t *textTable) Rows() int64 {
	if !t.found.exact {
		return -1
	}
	return t.found.rows
}

func (t *textTable) Digest(ctx context.Context) (string, error) { return t.file.digest(ctx) }

func (t *textTable) Batches(ctx context.Context) iter.Seq2[arrow.RecordBatch, error] {
	return func(yield func(arrow.RecordBatch, error) bool) {
		if err := t.read(ctx, yield); err != nil && !errors.Is(err, errStop) {
			yield(nil, err)
		}
	}
}

func (t *textTable) read(ctx context.Context, yield func(arrow.RecordBatch, error) bool) error {
	in, err := t.file.text(ctx, t.spec)
	if err != nil {
		return err
	}
	defer in.close()
	into := newBatcher(t.schema, yield)
	if err := t.format.rows(newBlock(ctx, t.file.path, in), t, into); err != nil && !errors.Is(err, io.EOF) {
		return in.blame(err)
	}
	if err := into.flush(); err != nil {
		return err
	}
	if t.found.exact && into.total != t.found.rows {
		return t.file.changed()
	}
	return t.file.unchanged(in.in)
}

// misfit is the error of a value that does not fit its column behind the first
// pass.
func (t *textTable) misfit(line, i int, value []byte, held kind) error {
	c := t.columns[i]
	switch {
	case c.Declared:
		return wrongType(t.file.path, c.Name, c.Type, value).at(line)
	case t.found.exact:
		return t.file.changed() // the first pass saw that it fits
	}
	wider := (kindOf(t.schema.Field(i).Type) | held).column()
	return newError(t.file.path, "Value of another type", "%s is no %s, which is what the first %d bytes of the text hold. Declare the column: types = { %s = %q }.",
		quoted(value), c.Type, t.found.sample, hclKey(c.Name), wider).at(line).in(c.Name)
}

// checkWire refuses a header that would not reach a kernel.
func checkWire(path string, schema *arrow.Schema) error {
	if err := table.CheckSchema(schema); err != nil {
		return newError(path, "Header that cannot travel", "%v. Read a file with fewer columns.", err).at(1)
	}
	return nil
}
