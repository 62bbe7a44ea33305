// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"

	"github.com/bulkhead-ml/bulkhead/sdk/diag"
	"github.com/bulkhead-ml/bulkhead/sdk/kernel"
)

// arrowConfig are the settings of write_arrow.
type arrowConfig struct {
	Compression string `json:"compression" default:"none" one_of:"none|lz4|zstd" doc:"Compression of the buffers."`
}

// Bounds of one message of a file. No message has more bytes than its file.
const (
	messageBytes  = 1 << 30
	metadataBytes = 64 << 20
)

func messageLimits(size int64) []ipc.Option {
	return []ipc.Option{ipc.WithBodySizeLimit(min(size, messageBytes)), ipc.WithMetadataSizeLimit(min(size, metadataBytes))}
}

// batches gives the batches of a file or a stream, io.EOF after the last one.
type batches interface {
	Schema() *arrow.Schema
	Read() (arrow.RecordBatch, error)
}

// readArrow reads a file or a stream, one batch at a time.
func readArrow(ctx context.Context, c *call[readConfig], out *kernel.Writer) error {
	from, err := contained(func() (batches, error) { return openArrow(c.file) })
	if err != nil {
		return broken("Arrow", err)
	}
	f, err := declare(c.setup, out, from.Schema(), -1)
	if err != nil || c.config.SchemaOnly {
		return err
	}
	for {
		batch, err := contained(func() (arrow.RecordBatch, error) { return readValid(from) })
		switch {
		case errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
			return nil
		case err != nil:
			return broken("Arrow", err)
		case ctx.Err() != nil:
			return context.Cause(ctx)
		}
		err = f.write(batch)
		batch.Release()
		if err != nil {
			return err
		}
	}
}

// readValid reads a batch whose offsets and indices stay within its buffers: the
// reader takes them as they are.
func readValid(from batches) (arrow.RecordBatch, error) {
	batch, err := from.Read()
	if err != nil {
		return nil, err
	}
	for i, c := range batch.Columns() {
		if c.DataType().ID() == arrow.NULL {
			continue // it has no buffers
		}
		if err := array.ValidateFull(c); err != nil {
			batch.Release()
			return nil, fmt.Errorf("column %q: %w", batch.ColumnName(i), err)
		}
	}
	return batch, nil
}

// openArrow tells a file by its first bytes from a stream.
func openArrow(in *os.File) (batches, error) {
	size := sizeOf(in)
	whole, limits := io.NewSectionReader(in, 0, size), messageLimits(size)
	var magic [6]byte
	if _, err := io.ReadFull(whole, magic[:]); err != nil {
		return nil, errors.New("it has fewer bytes than the name of its format")
	}
	if _, err := whole.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	if bytes.Equal(magic[:], []byte("ARROW1")) {
		r, err := ipc.NewFileReader(whole, limits...)
		if err != nil {
			return nil, err
		}
		return &arrowFile{r: r}, nil
	}
	// Only a reader of messages that is made by hand heeds the limits.
	r, err := ipc.NewReaderFromMessageReader(ipc.NewMessageReader(bufio.NewReaderSize(whole, 256<<10), limits...))
	if err != nil {
		return nil, err
	}
	return &arrowStream{r: r}, nil
}

// arrowFile reads the batches of a file by their numbers.
type arrowFile struct {
	r    *ipc.FileReader
	next int
}

func (f *arrowFile) Schema() *arrow.Schema { return f.r.Schema() }

func (f *arrowFile) Read() (arrow.RecordBatch, error) {
	if f.next >= f.r.NumRecords() {
		return nil, io.EOF
	}
	f.next++
	return f.r.RecordBatchAt(f.next - 1)
}

// arrowStream reads the batches of a stream in order.
type arrowStream struct{ r *ipc.Reader }

func (s *arrowStream) Schema() *arrow.Schema { return s.r.Schema() }

func (s *arrowStream) Read() (arrow.RecordBatch, error) {
	batch, err := s.r.Read()
	if err == nil {
		batch.Retain() // the reader keeps one reference for itself
	}
	return batch, err
}

// writeArrow writes a file. A file has one dictionary for each column, and every
// batch of a table may bring another one: dictionaries are written as text, and
// the report names their columns.
func writeArrow(c *call[arrowConfig], in *kernel.Reader) (kernel.Report, error) {
	schema, decoded := replaced(in.Schema(), arrow.DICTIONARY)
	options := []ipc.Option{ipc.WithSchema(schema), ipc.WithCompressConcurrency(1)}
	switch c.config.Compression {
	case "lz4":
		options = append(options, ipc.WithLZ4())
	case "zstd":
		options = append(options, ipc.WithZstd())
	}
	w, err := ipc.NewFileWriter(struct{ io.Writer }{c.file}, options...)
	if err != nil {
		return nil, diag.Errorf("Table that Arrow cannot hold", "%v.", err)
	}
	err = in.Each(func(batch arrow.RecordBatch) error {
		plain, err := simplify(batch, schema)
		if err != nil {
			return err
		}
		defer plain.Release()
		return w.Write(plain)
	})
	if closeErr := w.Close(); err == nil {
		err = closeErr
	}
	return kernel.Report{"decoded": decoded}, err
}
