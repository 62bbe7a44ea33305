// SPDX-License-Identifier: Apache-2.0

package sink

import (
	"context"
	"fmt"
	"io"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/bulkhead-ml/bulkhead/host/source"
)

// textOutput writes CSV or JSON lines.
type textOutput struct {
	ctx   context.Context
	out   io.Writer
	close func() error // of the compressor
	lines liner
	buf   []byte
}

// liner appends rows of a batch as lines.
type liner interface {
	header(buf []byte) []byte
	// batch makes the batch ready, so that row can append its rows.
	batch(arrow.RecordBatch) error
	row(buf []byte, row int) []byte
	replaced() int64
}

// bufferBytes are collected before they are written.
const bufferBytes = 256 << 10

func newTextOutput(ctx context.Context, spec Spec, out io.Writer, schema *arrow.Schema) (*textOutput, error) {
	t := &textOutput{ctx: ctx, out: out, close: func() error { return nil }}
	if err := t.compress(spec.compression()); err != nil {
		return nil, err
	}
	if spec.format() == source.JSONL {
		t.lines = newJSONLiner(schema)
	} else {
		t.lines = newCSVLiner(schema)
	}
	t.buf = t.lines.header(t.buf)
	return t, nil
}

// compress puts a compressor before the file. Neither keeps a time or a name,
// and neither splits its work by the number of processors: equal rows give equal
// bytes.
func (t *textOutput) compress(kind string) error {
	switch kind {
	case "gzip":
		z := gzip.NewWriter(t.out)
		t.out, t.close = z, z.Close
	case "zstd":
		z, err := zstd.NewWriter(t.out, zstd.WithEncoderConcurrency(1))
		if err != nil {
			return fmt.Errorf("starting the Zstandard encoder: %w", err)
		}
		t.out, t.close = z, z.Close
	}
	return nil
}

func (t *textOutput) write(batch arrow.RecordBatch) error {
	if t.ctx.Err() != nil {
		return context.Cause(t.ctx)
	}
	if err := t.lines.batch(batch); err != nil {
		return err
	}
	for row := range int(batch.NumRows()) {
		t.buf = t.lines.row(t.buf, row)
		if len(t.buf) >= bufferBytes {
			if err := t.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (t *textOutput) flush() error {
	_, err := t.out.Write(t.buf)
	t.buf = t.buf[:0]
	return err
}

func (t *textOutput) finish() error {
	if t.ctx.Err() != nil {
		return context.Cause(t.ctx)
	}
	if err := t.flush(); err != nil {
		return err
	}
	return t.close()
}

// abandon ends the compressor's goroutines. Its last bytes go to a file that is
// thrown away.
func (t *textOutput) abandon() { _ = t.close() }

func (t *textOutput) replaced() int64 { return t.lines.replaced() }
