// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"io"
	"os"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"github.com/bulkhead-ml/bulkhead/sdk/diag"
	"github.com/bulkhead-ml/bulkhead/sdk/kernel"
	"github.com/bulkhead-ml/bulkhead/sdk/table"
)

// parquetConfig are the settings of write_parquet.
type parquetConfig struct {
	Compression string `json:"compression" default:"snappy" one_of:"none|snappy|gzip|zstd" doc:"Compression of the pages."`
}

var codecs = map[string]compress.Compression{
	"none": compress.Codecs.Uncompressed, "snappy": compress.Codecs.Snappy, "gzip": compress.Codecs.Gzip, "zstd": compress.Codecs.Zstd,
}

// Bounds of what is held in memory at once.
const (
	// readBytes of a batch, by what the file tells.
	readBytes = 4 << 20
	// pageBytes of one page of a column.
	pageBytes = 64 << 20
	// groupBytes of a row group that is written.
	groupBytes = 32 << 20
)

// readParquet streams the row groups of a file, one batch at a time.
func readParquet(ctx context.Context, c *call[readConfig], out *kernel.Writer) error {
	props := parquet.NewReaderProperties(memory.DefaultAllocator)
	props.BufferedStreamEnabled = true // pages, not whole column chunks
	props.MaxCompressedPageSize, props.MaxUncompressedPageSize = pageBytes, pageBytes
	reader, err := contained(func() (*pqarrow.FileReader, error) {
		pf, err := file.NewParquetReader(io.NewSectionReader(c.file, 0, sizeOf(c.file)), file.WithReadProps(props))
		if err != nil {
			return nil, err
		}
		return pqarrow.NewFileReader(pf, pqarrow.ArrowReadProperties{BatchSize: batchRows(pf)}, memory.DefaultAllocator)
	})
	if err != nil {
		return broken("Parquet", err)
	}
	schema, err := contained(reader.Schema)
	if err != nil {
		return broken("Parquet", err)
	}
	f, err := declare(c.setup, out, schema, reader.ParquetReader().NumRows())
	if err != nil || c.config.SchemaOnly {
		return err
	}
	return copyParquet(ctx, reader, f)
}

func copyParquet(ctx context.Context, reader *pqarrow.FileReader, f *foreign) error {
	records, err := contained(func() (pqarrow.RecordReader, error) { return reader.GetRecordReader(ctx, nil, nil) })
	if err != nil {
		return broken("Parquet", err)
	}
	defer records.Release()
	for {
		batch, err := contained(records.Read)
		switch {
		case errors.Is(err, io.EOF):
			return complete("Parquet", f)
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil:
			return broken("Parquet", err)
		}
		if err := f.write(batch); err != nil {
			return err
		}
	}
}

// complete insists on the rows that the file told.
func complete(format string, f *foreign) error {
	if f.total >= 0 && f.out.Rows() != f.total {
		return diag.Errorf("Broken "+format+" file", "%d rows came, and the file tells of %d.", f.out.Rows(), f.total)
	}
	return nil
}

func sizeOf(f *os.File) int64 {
	info, err := f.Stat()
	if err != nil {
		return 0 // the reader will find no bytes and say so
	}
	return info.Size()
}

// batchRows is how many rows fit into readBytes, by the largest row group.
func batchRows(pf *file.Reader) int64 {
	perRow := int64(1)
	for i := range pf.NumRowGroups() {
		g := pf.MetaData().RowGroup(i)
		if rows := g.NumRows(); rows > 0 {
			perRow = max(perRow, g.TotalByteSize()/rows)
		}
	}
	return min(max(readBytes/perRow, 64), table.MaxRows)
}

// writeParquet writes row groups of about groupBytes. Parquet has no lists of a
// fixed size: they are written as lists, and the report names their columns.
func writeParquet(c *call[parquetConfig], in *kernel.Reader) (kernel.Report, error) {
	schema, lists := replaced(in.Schema(), arrow.FIXED_SIZE_LIST)
	props := parquet.NewWriterProperties(
		parquet.WithCompression(codecs[c.config.Compression]), parquet.WithVersion(parquet.V2_LATEST),
		parquet.WithCreatedBy("bulkhead"), parquet.WithMaxRowGroupLength(1<<40),
	)
	// Without Close of its own the file stays open: it is the host's.
	w, err := pqarrow.NewFileWriter(schema, struct{ io.Writer }{c.file}, props, pqarrow.NewArrowWriterProperties(pqarrow.WithStoreSchema()))
	if err != nil {
		return nil, diag.Errorf("Table that Parquet cannot hold", "%v.", err)
	}
	var held int64
	err = in.Each(func(batch arrow.RecordBatch) error {
		if size := table.Size(batch); held == 0 || held+size > groupBytes {
			w.NewBufferedRowGroup()
			held = 0
		}
		held += max(table.Size(batch), 1)
		plain, err := simplify(batch, schema)
		if err != nil {
			return err
		}
		defer plain.Release()
		return w.WriteBuffered(plain)
	})
	if closeErr := w.Close(); err == nil {
		err = closeErr
	}
	return kernel.Report{"lists": lists}, err
}
