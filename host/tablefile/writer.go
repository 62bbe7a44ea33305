// SPDX-License-Identifier: Apache-2.0

package tablefile

import (
	"fmt"
	"math"
	"os"
	"sync"

	"github.com/apache/arrow-go/v18/arrow"
	"google.golang.org/protobuf/proto"

	"github.com/bulkhead-ml/bulkhead/sdk/table"
)

// Summary describes a finished table.
type Summary struct {
	// Rows of the table.
	Rows int64
	// Bytes of the file, with everything in it.
	Bytes int64
	// Batches in the file; Batch takes 0 to Batches-1.
	Batches int
	// Digest of the schema and the rows: "sha256:" and 64 hexadecimal digits. It
	// does not depend on how the rows are cut into batches.
	Digest string
}

// Writer appends batches to a file, and reads them back meanwhile. All methods
// may be called from many goroutines.
type Writer struct {
	blocks
	header  header
	message []byte // the schema
	lazy    bool   // the digest is made by Close

	// appending is held while a batch is written or the file is finished.
	appending sync.Mutex
	digest    *rowDigest
	stale     bool  // the digest has rows that the file has not
	err       error // of Close
	closed    bool
	summary   Summary
}

// Create begins a table in an empty file that was opened for reading and
// writing. The file stays the caller's: nothing here closes or syncs it, and it
// must stay open as long as batches are read.
func Create(f *os.File, schema *arrow.Schema) (*Writer, error) {
	return create(f, schema, false)
}

// Spill is Create for a table that is read through its Writer and hardly ever
// finished: nothing is hashed before Close, which then reads the whole file.
func Spill(f *os.File, schema *arrow.Schema) (*Writer, error) {
	return create(f, schema, true)
}

func create(f *os.File, schema *arrow.Schema, lazy bool) (*Writer, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size() != 0 {
		return nil, fmt.Errorf("%s already has %d bytes; a table is written to an empty file", f.Name(), info.Size())
	}
	message, schema, err := encodeSchema(schema)
	if err != nil {
		return nil, err
	}
	layout, err := table.NewLayout(schema)
	if err != nil {
		return nil, err
	}
	w := &Writer{blocks: blocks{f: f, layout: layout}, message: message, lazy: lazy, stale: lazy}
	w.digest = newRowDigest(message, schema)
	return w, w.begin(message)
}

// encodeSchema returns the message of a schema, and the schema as a reader will
// see it.
func encodeSchema(schema *arrow.Schema) ([]byte, *arrow.Schema, error) {
	p, err := table.EncodeSchema(schema)
	if err != nil {
		return nil, nil, err
	}
	message, err := proto.MarshalOptions{Deterministic: true}.Marshal(p)
	if err != nil {
		return nil, nil, err
	}
	if len(message) > maxSchema {
		return nil, nil, fmt.Errorf("a schema of %d bytes; a table file takes %d", len(message), maxSchema)
	}
	again, err := table.DecodeSchema(p)
	return message, again, err
}

// begin writes the header and the schema.
func (w *Writer) begin(message []byte) error {
	length := uint32(len(message))
	message = append(message, make([]byte, padded(int64(length))-int64(length))...)
	w.header = header{schemaLength: length, schemaSum: checksum(message)}
	head := append(w.header.encode(), message...)
	if _, err := w.f.WriteAt(head, 0); err != nil {
		return err
	}
	w.end = int64(len(head))
	return nil
}

// Append writes a batch of the schema. One that is over the bounds of package
// table becomes several. After an error the table is as it was before, so that
// the caller may make room and try again. The caller keeps its reference.
func (w *Writer) Append(batch arrow.RecordBatch) error {
	parts, err := table.Split(batch)
	if err != nil {
		return err
	}
	defer release(parts)
	w.appending.Lock()
	defer w.appending.Unlock()
	if w.closed {
		return ErrClosed
	}
	if !w.lazy {
		if err := w.rehash(); err != nil {
			return err
		}
	}
	written, end, err := w.write(parts)
	if err != nil {
		return err
	}
	w.publish(written, end)
	w.stale = w.lazy
	return nil
}

// write puts batches behind the last, without telling readers.
func (w *Writer) write(parts []arrow.RecordBatch) ([]block, int64, error) {
	end := w.end
	var out []block
	for _, p := range parts {
		b, err := w.writeOne(p, end)
		if err != nil {
			return nil, 0, err
		}
		out, end = append(out, b), end+padded(int64(b.length))
	}
	return out, end, nil
}

// writeOne writes one batch at an offset.
func (w *Writer) writeOne(batch arrow.RecordBatch, at int64) (block, error) {
	size, err := w.layout.Size(batch)
	if err != nil {
		return block{}, err
	}
	buf := buffers.get(int(padded(int64(size))))
	defer buffers.put(buf)
	n, err := w.layout.Put(buf, batch, table.PutOptions{})
	if err != nil {
		return block{}, err
	}
	if int64(n) > math.MaxUint32 {
		return block{}, fmt.Errorf("a batch of %d bytes; a table file takes %d", n, math.MaxUint32)
	}
	buf = buf[:padded(int64(n))]
	clearGaps(buf, w.layout.HeaderBytes())
	rows := int(batch.NumRows())
	hashed := w.hash(buf, rows)
	e := entry{length: uint32(n), rows: uint32(rows), sum: checksum(buf)}
	_, err = w.f.WriteAt(buf, at)
	<-hashed
	return block{entry: e, at: at}, err
}

// hash hashes a batch beside the writing of it, which takes about as long, and
// closes the channel when that is done.
func (w *Writer) hash(batch []byte, rows int) <-chan struct{} {
	w.stale = true // until the batch is published
	done := make(chan struct{})
	if w.lazy {
		close(done)
		return done
	}
	go func() {
		defer close(done)
		w.digest.add(batch, rows)
	}()
	return done
}

// rehash makes the digest anew after a batch was hashed and not written.
func (w *Writer) rehash() error {
	if !w.stale {
		return nil
	}
	digest := newRowDigest(w.message, w.Schema())
	for i, b := range w.list {
		buf := buffers.get(int(padded(int64(b.length))))
		err := w.fill(buf, i, b)
		if err == nil {
			digest.add(buf, int(b.rows))
		}
		buffers.put(buf)
		if err != nil {
			return err
		}
	}
	w.digest, w.stale = digest, false
	return nil
}

func release(batches []arrow.RecordBatch) {
	for _, b := range batches {
		b.Release()
	}
}

// Rows that were appended so far.
func (w *Writer) Rows() int64 {
	w.mu.RLock()
	defer w.mu.RUnlock()
	return w.rows
}

// Bytes that the file has so far.
func (w *Writer) Bytes() int64 {
	w.mu.RLock()
	defer w.mu.RUnlock()
	return w.end
}

// Close finishes the file: only then Open takes it. Batches can still be read
// while the file is open. It may be called again and returns the same.
func (w *Writer) Close() (Summary, error) {
	w.appending.Lock()
	defer w.appending.Unlock()
	if !w.closed {
		w.closed = true
		w.summary, w.err = w.finish()
	}
	return w.summary, w.err
}

// finish writes the index and the trailer, and cuts off what a failed Append
// may have left behind them.
func (w *Writer) finish() (Summary, error) {
	if err := w.rehash(); err != nil {
		return Summary{}, err
	}
	index := w.encodeIndex()
	size := w.end + int64(len(index)) + trailerSize
	t := trailer{
		batches: uint64(len(w.list)), rows: uint64(w.rows), index: uint64(w.end), size: uint64(size),
		indexSum: checksum(index), headerSum: w.header.sum(), digest: w.digest.sum(),
	}
	if _, err := w.f.WriteAt(append(index, t.encode()...), w.end); err != nil {
		return Summary{}, err
	}
	if err := w.f.Truncate(size); err != nil {
		return Summary{}, err
	}
	w.publish(nil, size)
	return t.summary(), nil
}

func (w *Writer) encodeIndex() []byte {
	out := make([]byte, entrySize*len(w.list), entrySize*len(w.list)+trailerSize)
	for i, b := range w.list {
		b.put(out[entrySize*i:])
	}
	return out
}
