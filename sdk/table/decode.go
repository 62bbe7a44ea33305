// SPDX-License-Identifier: Apache-2.0

package table

import (
	"errors"
	"fmt"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

var errNoBatch = errors.New("a message without a batch")

// Decode reads a batch that brings its schema. The result shares memory with p,
// which must not be changed afterwards.
func Decode(p *pluginv1.Batch) (arrow.RecordBatch, error) {
	if p == nil {
		return nil, errNoBatch
	}
	schema, err := DecodeSchema(p.GetSchema())
	if err != nil {
		return nil, err
	}
	return decode(schema, p)
}

// DecodeAs reads a batch of a schema that was told before. A batch that brings
// one nevertheless must bring the same. The result shares memory with p, which
// must not be changed afterwards.
func DecodeAs(schema *arrow.Schema, p *pluginv1.Batch) (arrow.RecordBatch, error) {
	if p == nil {
		return nil, errNoBatch
	}
	if p.GetSchema() != nil {
		if err := sameSchema(schema, p.GetSchema()); err != nil {
			return nil, err
		}
	}
	return decode(schema, p)
}

func sameSchema(schema *arrow.Schema, p *pluginv1.TableSchema) error {
	brought, err := DecodeSchema(p)
	if err != nil {
		return err
	}
	told, err := EncodeSchema(schema)
	if err != nil {
		return err
	}
	if want, err := DecodeSchema(told); err != nil || !brought.Equal(want) {
		return errors.New("a batch whose schema is not the one that was told")
	}
	return nil
}

func decode(schema *arrow.Schema, p *pluginv1.Batch) (batch arrow.RecordBatch, err error) {
	if n := p.GetRows(); n < 0 || n > MaxRows {
		return nil, fmt.Errorf("a batch of %d rows; 0 to %d travel", n, MaxRows)
	}
	if len(p.GetColumns()) != schema.NumFields() {
		return nil, fmt.Errorf("a batch of %d columns under a schema of %d", len(p.GetColumns()), schema.NumFields())
	}
	defer rescue(&err)
	b := newBuilder(schema.NumFields(), nil)
	arrays, total := make([]arrow.Array, schema.NumFields()), int64(0)
	for i, c := range p.GetColumns() {
		a, size, err := decodeColumn(&b, schema.Field(i).Type, int(p.GetRows()), c)
		if err != nil {
			return nil, fmt.Errorf("column %s: %w", quote(schema.Field(i).Name), err)
		}
		arrays[i] = a
		total += size
	}
	if err := checkBytes(total); err != nil {
		return nil, err
	}
	batch = array.NewRecordBatch(schema, arrays, p.GetRows())
	releaseArrays(arrays)
	return batch, nil
}

// decodeColumn checks a column and makes its array, of a size.
func decodeColumn(b *builder, t arrow.DataType, rows int, p *pluginv1.ColumnBuffers) (arrow.Array, int64, error) {
	n, err := nodeOf(t)
	if err != nil {
		return nil, 0, err
	}
	var c column
	if err := c.decode(&n, rows, p); err != nil {
		return nil, 0, err
	}
	if err := n.check(&c); err != nil {
		return nil, 0, err
	}
	return b.column(&n, &c), c.size(&n), nil
}

// decode takes the buffers of a column and of its child.
func (c *column) decode(n *node, rows int, p *pluginv1.ColumnBuffers) (err error) {
	c.self = wireBuffers(&n.leaf, rows, p)
	if !n.nested() {
		if p.GetChild() != nil || p.GetChildRows() != 0 {
			return errors.New("values of a list, which it is not")
		}
		return nil
	}
	child := p.GetChild()
	if child.GetChild() != nil || child.GetChildRows() != 0 {
		return errors.New("a list in a list")
	}
	below, err := childRows(uint64(p.GetChildRows()))
	c.child = wireBuffers(&n.child, below, child)
	return err
}

func wireBuffers(l *leaf, rows int, c *pluginv1.ColumnBuffers) buffers {
	return buffers{rows: rows, validity: c.GetValidity(), values: aligned(c.GetValues(), l.width), offsets: aligned(c.GetOffsets(), 4)}
}

// aligned returns b at an address that numbers of so many bytes can be read
// from.
func aligned(b []byte, width int) []byte {
	if len(b) == 0 || uintptr(unsafe.Pointer(unsafe.SliceData(b)))%uintptr(width) == 0 {
		return b
	}
	// Room for 8 bytes at least: smaller memory need not be aligned at all.
	return append(make([]byte, 0, len(b)+8), b...)
}
