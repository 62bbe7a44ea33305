// SPDX-License-Identifier: Apache-2.0

package tablefile

import (
	"context"
	"encoding/hex"
	"errors"
	"hash/crc32"
	"iter"
	"math"
	"os"

	"github.com/apache/arrow-go/v18/arrow"
	"google.golang.org/protobuf/proto"

	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
	"github.com/bulkhead-ml/bulkhead/sdk/table"
)

// File is a finished table that is read. All methods may be called from many
// goroutines.
type File struct {
	blocks
	summary Summary
	damage  func(error)
}

// Open checks everything but the batches, which are checked one by one when
// they are read. A file that is not whole is a *DamageError. The file stays the
// caller's, and must stay open as long as batches are read.
func Open(f *os.File) (*File, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	out := &File{blocks: blocks{f: f}}
	if info.Size() < headerSize+trailerSize {
		return nil, out.damaged("trailer", wrong("a file of %d bytes has no room for one", info.Size()))
	}
	t, err := out.readTrailer(info.Size())
	if err != nil {
		return nil, err
	}
	if err := out.readSchema(t); err != nil {
		return nil, err
	}
	if err := out.readIndex(t); err != nil {
		return nil, err
	}
	out.summary = t.summary()
	return out, nil
}

// NotifyDamage has fn called with every *DamageError that reading a batch gives.
// It is called before the first batch is read.
func (f *File) NotifyDamage(fn func(error)) { f.damage = fn }

func (f *File) readTrailer(size int64) (trailer, error) {
	data := make([]byte, trailerSize)
	if err := f.readAt(data, size-trailerSize, "trailer"); err != nil {
		return trailer{}, err
	}
	t, err := decodeTrailer(data, size)
	if err != nil {
		return trailer{}, f.damaged("trailer", err)
	}
	return t, nil
}

// readSchema reads the header and the schema.
func (f *File) readSchema(t trailer) error {
	data := make([]byte, headerSize)
	if err := f.readAt(data, 0, "header"); err != nil {
		return err
	}
	h, err := decodeHeader(data)
	if err == nil && le.Uint32(data[60:]) != t.headerSum {
		err = wrong("the trailer belongs to another header")
	}
	length := padded(int64(h.schemaLength))
	if err == nil && (h.schemaLength > maxSchema || headerSize+length > int64(t.index)) {
		err = wrong("a schema of %d bytes does not fit in the %d before the index", h.schemaLength, t.index)
	}
	if err != nil {
		return f.damaged("header", err)
	}
	data = make([]byte, length)
	if err := f.readAt(data, headerSize, "schema"); err != nil {
		return err
	}
	if f.layout, err = decodeSchema(data, h); err != nil {
		return f.damaged("schema", err)
	}
	f.end = headerSize + length
	return nil
}

func decodeSchema(data []byte, h header) (*table.Layout, error) {
	if got := checksum(data); got != h.schemaSum {
		return nil, wrong("its checksum is %08x, and the header says %08x", got, h.schemaSum)
	}
	if !zero(data[h.schemaLength:]) {
		return nil, wrong("its padding is not zero")
	}
	var p pluginv1.TableSchema
	if err := proto.Unmarshal(data[:h.schemaLength], &p); err != nil {
		return nil, err
	}
	schema, err := table.DecodeSchema(&p)
	if err != nil {
		return nil, err
	}
	return table.NewLayout(schema)
}

// indexPiece is how much of the index is read at a time, in bytes.
const indexPiece = 64 << 10

// readIndex reads the index, which the trailer says has room in the file, and
// lays the batches out behind the schema.
func (f *File) readIndex(t trailer) error {
	if t.batches > math.MaxInt32 {
		return f.damaged("index", wrong("%d batches are too many", t.batches))
	}
	sum, buf := uint32(0), make([]byte, min(indexPiece, entrySize*t.batches))
	for at := t.index; at < t.size-trailerSize; at += uint64(len(buf)) {
		buf = buf[:min(uint64(len(buf)), t.size-trailerSize-at)]
		if err := f.readAt(buf, int64(at), "index"); err != nil {
			return err
		}
		sum = crc32.Update(sum, castagnoli, buf)
		if err := f.layOut(buf, t); err != nil {
			return f.damaged("index", err)
		}
	}
	if err := f.checkIndex(t, sum); err != nil {
		return f.damaged("index", err)
	}
	f.end = int64(t.size)
	return nil
}

// layOut takes the next entries. Each has room for its batch in the file, so
// that a false number of them takes no more memory than the file is large.
func (f *File) layOut(data []byte, t trailer) error {
	for ; len(data) > 0; data = data[entrySize:] {
		e, err := decodeEntry(data)
		if err != nil {
			return err
		}
		end := f.end + padded(int64(e.length))
		if e.rows > table.MaxRows || int64(e.length) < int64(f.layout.HeaderBytes()) || end > int64(t.index) {
			return wrong("batch %d of %d rows and %d bytes does not fit", len(f.list), e.rows, e.length)
		}
		f.list = append(f.list, block{entry: e, at: f.end})
		f.rows, f.end = f.rows+int64(e.rows), end
	}
	return nil
}

func (f *File) checkIndex(t trailer, sum uint32) error {
	if sum != t.indexSum {
		return wrong("its checksum is %08x, and the trailer says %08x", sum, t.indexSum)
	}
	if f.end != int64(t.index) || f.rows != int64(t.rows) {
		return wrong("its batches have %d rows and end at byte %d; the trailer says %d and %d", f.rows, f.end, t.rows, t.index)
	}
	return nil
}

func (t trailer) summary() Summary {
	return Summary{
		Rows: int64(t.rows), Bytes: int64(t.size), Batches: int(t.batches),
		Digest: "sha256:" + hex.EncodeToString(t.digest[:]),
	}
}

// Summary of the table, as the trailer has it.
func (f *File) Summary() Summary { return f.summary }

// Batch reads the i-th batch, counted from 0. The caller releases it, and its
// memory is used again after that. A batch that is not as it was written is a
// *DamageError.
func (f *File) Batch(i int) (arrow.RecordBatch, error) {
	batch, err := f.blocks.Batch(i)
	if _, ok := errors.AsType[*DamageError](err); ok && f.damage != nil {
		f.damage(err)
	}
	return batch, err
}

// Batches gives the batches in order, and ends after the first error or when ctx
// does. A batch is borrowed: who keeps one past its step must Retain it. One
// batch is in memory at a time, unless the caller keeps more.
func (f *File) Batches(ctx context.Context) iter.Seq2[arrow.RecordBatch, error] {
	return func(yield func(arrow.RecordBatch, error) bool) {
		for i := range f.Len() {
			if ctx.Err() != nil {
				yield(nil, context.Cause(ctx))
				return
			}
			batch, err := f.Batch(i)
			if err != nil {
				yield(nil, err)
				return
			}
			more := yield(batch, nil)
			batch.Release()
			if !more {
				return
			}
		}
	}
}
