// SPDX-License-Identifier: Apache-2.0

package table

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"unicode/utf8"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/bitutil"
	"github.com/apache/arrow-go/v18/arrow/memory"

	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

// Decode reads a batch from the wire. The result shares memory with p, which
// must not be changed afterwards.
func Decode(p *pluginv1.Batch) (arrow.RecordBatch, error) {
	if p == nil {
		return nil, errors.New("a message without a batch")
	}
	schema, err := DecodeSchema(p.GetSchema())
	if err != nil {
		return nil, err
	}
	if n := p.GetRows(); n < 0 || n > MaxRows {
		return nil, fmt.Errorf("a batch of %d rows; 0 to %d travel", n, MaxRows)
	}
	if len(p.GetColumns()) != schema.NumFields() {
		return nil, fmt.Errorf("a batch of %d columns under a schema of %d", len(p.GetColumns()), schema.NumFields())
	}
	columns := make([]arrow.Array, 0, schema.NumFields())
	for i, c := range p.GetColumns() {
		col, err := decodeColumn(schema.Field(i).Type, int(p.GetRows()), c)
		if err != nil {
			return nil, fmt.Errorf("column %q: %w", schema.Field(i).Name, err)
		}
		columns = append(columns, col)
	}
	batch := array.NewRecordBatch(schema, columns, p.GetRows())
	for _, col := range columns {
		col.Release()
	}
	return batch, nil
}

func decodeColumn(t arrow.DataType, n int, c *pluginv1.ColumnBuffers) (arrow.Array, error) {
	validity := c.GetValidity()
	if len(validity) != 0 && len(validity) != (n+7)/8 {
		return nil, fmt.Errorf("a validity bitmap of %d bytes for %d rows", len(validity), n)
	}
	buffers, nulls := []*memory.Buffer{nil, memory.NewBufferBytes(aligned(c.GetValues()))}, 0
	if len(validity) != 0 {
		buffers[0], nulls = memory.NewBufferBytes(validity), n-bitutil.CountSetBits(validity, 0, n)
	}
	if t.ID() == arrow.STRING {
		if err := checkText(n, c.GetOffsets(), c.GetValues()); err != nil {
			return nil, err
		}
		buffers = []*memory.Buffer{buffers[0], memory.NewBufferBytes(aligned(c.GetOffsets())), buffers[1]}
	} else if want := fixedSize(t, n); len(c.GetValues()) != want || len(c.GetOffsets()) != 0 {
		return nil, fmt.Errorf("values of %d bytes and offsets of %d for %d rows, which take %d and 0",
			len(c.GetValues()), len(c.GetOffsets()), n, want)
	}
	return array.MakeFromData(array.NewData(t, n, buffers, nil, nulls, 0)), nil
}

func fixedSize(t arrow.DataType, n int) int {
	if t.ID() == arrow.BOOL {
		return (n + 7) / 8
	}
	return 8 * n
}

// checkText insists that offsets rise from 0 to the length of text and cut it
// between characters.
func checkText(n int, offsets, text []byte) error {
	if n == 0 && len(offsets) == 0 && len(text) == 0 {
		return nil
	}
	if len(offsets) != 4*(n+1) {
		return fmt.Errorf("offsets of %d bytes for %d rows, which take %d", len(offsets), n, 4*(n+1))
	}
	if !utf8.Valid(text) {
		return errors.New("text that is not UTF-8")
	}
	last := uint32(0)
	for i := range n + 1 {
		at := binary.LittleEndian.Uint32(offsets[4*i:])
		if at < last || at > uint32(len(text)) || i == 0 && at != 0 {
			return fmt.Errorf("offset %d of row %d is out of order", at, i)
		}
		if at < uint32(len(text)) && !utf8.RuneStart(text[at]) {
			return fmt.Errorf("offset %d of row %d cuts a character", at, i)
		}
		last = at
	}
	if last != uint32(len(text)) {
		return fmt.Errorf("offsets end at %d in text of %d bytes", last, len(text))
	}
	return nil
}

// aligned returns b at an address that numbers of 8 bytes can be read from.
func aligned(b []byte) []byte {
	if len(b) == 0 || uintptr(unsafe.Pointer(unsafe.SliceData(b)))%8 == 0 {
		return b
	}
	return bytes.Clone(b)
}
