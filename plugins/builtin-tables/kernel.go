// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-tables/internal/convert"
	"github.com/bulkhead-ml/bulkhead/sdk/diag"
	"github.com/bulkhead-ml/bulkhead/sdk/kernel"
)

// rowsKey is the key of the output schema's metadata that tells how many rows
// the file has.
const rowsKey = "bulkhead.rows"

// readConfig are the settings of every reading kernel.
type readConfig struct {
	SchemaOnly bool `json:"schema_only" default:"false" doc:"Tell the columns of the file and read no row."`
}

// transform is one call of a kernel.
type transform func(ctx context.Context, in *kernel.Reader, out *kernel.Writer) (kernel.Report, error)

// Transform runs it.
func (f transform) Transform(ctx context.Context, in *kernel.Reader, out *kernel.Writer) (kernel.Report, error) {
	return f(ctx, in, out)
}

// call is what a kernel works with: settings of type C and the host's file.
type call[C any] struct {
	setup  *kernel.Setup
	config C
	file   *os.File
}

// newCall decodes the settings; the file comes later, when data moves.
func newCall[C any](s *kernel.Setup) (*call[C], error) {
	c := &call[C]{setup: s}
	return c, s.Config(&c.config)
}

// reading makes a kernel that is a source.
func reading[C any](name, summary string, read func(context.Context, *call[C], *kernel.Writer) error) kernel.Kernel {
	var zero C
	return kernel.Kernel{
		Name: name, Summary: summary, Compartment: kernel.Data, Config: zero, Transforms: true, ReadsFile: true,
		New: func(s *kernel.Setup) (kernel.Instance, error) {
			c, err := newCall[C](s)
			if err != nil {
				return nil, err
			}
			return transform(func(ctx context.Context, in *kernel.Reader, out *kernel.Writer) (_ kernel.Report, err error) {
				if c.file, err = s.File("input"); err != nil {
					return nil, err
				}
				if err := in.Each(func(arrow.RecordBatch) error { return nil }); err != nil {
					return nil, err
				}
				err = read(ctx, c, out)
				return kernel.Report{"rows": out.Rows()}, err
			}), nil
		},
	}
}

// writing makes a kernel that is a sink.
func writing[C any](name, summary string, write func(*call[C], *kernel.Reader) (kernel.Report, error)) kernel.Kernel {
	var zero C
	return kernel.Kernel{
		Name: name, Summary: summary, Compartment: kernel.Data, Config: zero, Transforms: true, WritesFile: true,
		New: func(s *kernel.Setup) (kernel.Instance, error) {
			c, err := newCall[C](s)
			if err != nil {
				return nil, err
			}
			return transform(func(_ context.Context, in *kernel.Reader, _ *kernel.Writer) (_ kernel.Report, err error) {
				if c.file, err = s.File("output"); err != nil {
					return nil, err
				}
				report, err := write(c, in)
				if report == nil {
					report = kernel.Report{}
				}
				report["rows"] = in.Rows()
				return report, unwritten(err)
			}), nil
		},
	}
}

// unwritten names an error of the system, whose own words are about a file that
// the user never sees.
func unwritten(err error) error {
	path, ok := errors.AsType[*fs.PathError](err)
	switch {
	case !ok:
		return err
	case isNoSpace(err):
		return diag.Errorf("No room for the file", "The disk is full: %v. Free some space or choose another disk.", path.Err)
	}
	return diag.Errorf("File that cannot be written", "The system says: %v.", path.Err)
}

// contained turns a panic into an error about the file: the readers of other
// people's formats panic on bytes that they did not expect.
func contained[T any](read func() (T, error)) (value T, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("its reader gave up at bytes that it did not expect: %v", r)
		}
	}()
	return read()
}

// broken is the message about a file that its reader refuses.
func broken(format string, err error) error {
	return diag.Errorf("Broken "+format+" file", "%v. Check that it is a complete %s file, and write or copy it again.", err, format)
}

// foreign is a file whose columns are being converted.
type foreign struct {
	columns *convert.Columns
	schema  *arrow.Schema
	out     *kernel.Writer
	setup   *kernel.Setup
	total   int64 // rows, -1 when the file does not tell
}

// declare tells the columns of the output.
func declare(setup *kernel.Setup, out *kernel.Writer, schema *arrow.Schema, rows int64) (*foreign, error) {
	columns, err := convert.New(schema)
	if err != nil {
		return nil, diag.Errorf("Column that a table cannot hold", "%v.", err)
	}
	f := &foreign{columns: columns, schema: withRows(columns.Schema(), rows), out: out, setup: setup, total: rows}
	return f, out.Declare(f.schema)
}

// withRows tells the number of rows in a schema's metadata.
func withRows(schema *arrow.Schema, rows int64) *arrow.Schema {
	if rows < 0 {
		return schema
	}
	meta := arrow.NewMetadata([]string{rowsKey}, []string{strconv.FormatInt(rows, 10)})
	return arrow.NewSchema(schema.Fields(), &meta)
}

// write converts a batch and sends it.
func (f *foreign) write(batch arrow.RecordBatch) error {
	converted, err := contained(func() (arrow.RecordBatch, error) { return f.columns.Convert(batch, f.out.Rows()) })
	if err != nil {
		return diag.Errorf("Value that a table cannot hold", "%v.", err)
	}
	defer converted.Release()
	named := withSchema(converted, f.schema)
	defer named.Release()
	if err := f.out.Write(named); err != nil {
		return err
	}
	if f.total > 0 {
		f.setup.Progress(float64(f.out.Rows())/float64(f.total), "reading")
	}
	return nil
}
