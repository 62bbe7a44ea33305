// SPDX-License-Identifier: Apache-2.0

package table

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/bitutil"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// view is the part of a node's memory that its rows use, as it lies in an array.
// Bits may begin inside a byte, and offsets need not begin at 0.
type view struct {
	rows                      int
	validity, values, offsets []byte
	validityAt, valuesAt      int    // first bit in the first byte
	first                     uint32 // what the offsets begin at
}

// size is the number of bytes of the node on the wire, with a bitmap whether it
// is needed or not.
func (v *view) size() int64 {
	return int64((v.rows+7)/8) + int64(len(v.values)) + int64(len(v.offsets))
}

// columnView is the memory of a column and of its child.
type columnView struct{ self, child view }

func (c *columnView) size(n *node) int64 {
	if n.nested() {
		return c.self.size() + c.child.size()
	}
	return c.self.size()
}

// view looks at an array of type n in a batch of so many rows. Arrays are made
// by kernels, too, so short buffers are an error and not a panic.
func (n *node) view(to *columnView, data arrow.ArrayData, rows int64) error {
	if int64(data.Len()) != rows {
		return fmt.Errorf("an array of %d rows in a batch of %d", data.Len(), rows)
	}
	if err := n.leaf.view(&to.self, data, data.Offset(), data.Len()); err != nil {
		return err
	}
	switch n.form {
	case formKeys:
		return n.dictionary(&to.child, data)
	case formList:
		return n.items(&to.child, data, int(to.self.first), to.self.last()-int(to.self.first))
	case formArray:
		return n.items(&to.child, data, data.Offset()*n.size, data.Len()*n.size)
	}
	return nil
}

func (n *node) dictionary(to *view, data arrow.ArrayData) error {
	dict, ok := data.Dictionary().(*array.Data)
	if !ok || dict == nil {
		if data.Len() > 0 {
			return errors.New("an array of keys without a dictionary")
		}
		*to = view{}
		return nil
	}
	if dict.DataType().ID() != arrow.STRING {
		return fmt.Errorf("a dictionary of %v", dict.DataType())
	}
	if err := n.child.view(to, dict, dict.Offset(), dict.Len()); err != nil {
		return err
	}
	if to.validity != nil {
		return errors.New("a null in the dictionary; make the keys null instead")
	}
	return nil
}

func (n *node) items(to *view, data arrow.ArrayData, from, rows int) error {
	if len(data.Children()) != 1 {
		return errors.New("a list without values")
	}
	child := data.Children()[0]
	if child.DataType().ID() != n.child.typ.ID() {
		return fmt.Errorf("a list of %v", child.DataType())
	}
	if from < 0 || rows < 0 || from+rows > child.Len() {
		return fmt.Errorf("a list of values %d to %d of %d", from, from+rows, child.Len())
	}
	return n.child.view(to, child, child.Offset()+from, rows)
}

// last is what the offsets end at.
func (v *view) last() int {
	if v.rows == 0 {
		return int(v.first)
	}
	return int(binary.LittleEndian.Uint32(v.offsets[4*v.rows:]))
}

// view looks at rows from an absolute position on.
func (l *leaf) view(to *view, data arrow.ArrayData, at, rows int) error {
	*to = view{rows: rows}
	if rows == 0 {
		return nil
	}
	buffers := data.Buffers()
	if err := to.nulls(bufferAt(buffers, 0), at); err != nil {
		return err
	}
	values := bufferAt(buffers, 1)
	switch l.form {
	case formFixed, formKeys:
		return cut(&to.values, values, at*l.width, rows*l.width)
	case formBits:
		to.valuesAt = at % 8
		return cut(&to.values, values, at/8, (at%8+rows+7)/8)
	case formList:
		return to.ends(values, at)
	case formText, formBytes:
		if err := to.ends(values, at); err != nil {
			return err
		}
		return cut(&to.values, bufferAt(buffers, 2), int(to.first), to.last()-int(to.first))
	}
	return nil
}

// nulls takes the bitmap when there is a null.
func (v *view) nulls(bitmap []byte, at int) error {
	if len(bitmap) == 0 {
		return nil
	}
	if err := cut(&v.validity, bitmap, at/8, (at%8+v.rows+7)/8); err != nil {
		return fmt.Errorf("bitmap: %w", err)
	}
	v.validityAt = at % 8
	if full(v.validity, v.validityAt, v.rows) {
		v.validity, v.validityAt = nil, 0
	}
	return nil
}

// ends takes the offsets.
func (v *view) ends(offsets []byte, at int) error {
	if err := cut(&v.offsets, offsets, 4*at, 4*(v.rows+1)); err != nil {
		return fmt.Errorf("offsets: %w", err)
	}
	v.first = binary.LittleEndian.Uint32(v.offsets)
	if first, last := int32(v.first), int32(v.last()); first < 0 || last < first {
		return fmt.Errorf("offsets from %d to %d", first, last)
	}
	return nil
}

// cut takes n bytes from from on.
func cut(to *[]byte, from []byte, at, n int) error {
	if at < 0 || n < 0 || at > len(from) || n > len(from)-at {
		return fmt.Errorf("bytes %d to %d of a buffer of %d", at, at+n, len(from))
	}
	*to = from[at : at+n : at+n]
	return nil
}

func bufferAt(buffers []*memory.Buffer, i int) []byte {
	if i >= len(buffers) || buffers[i] == nil {
		return nil
	}
	return buffers[i].Bytes()
}

// copyBits fills dst with n bits from at on, moved to the start of a byte. The bits
// after the last are zero, so that equal columns have equal bytes.
func copyBits(dst, bitmap []byte, at, n int) {
	dst[len(dst)-1] = 0
	bitutil.CopyBitmap(bitmap, at, n, dst, 0)
}

// rebase copies offsets so that they begin at 0.
func rebase(dst, offsets []byte, first uint32) {
	for i := 0; i+4 <= len(offsets); i += 4 {
		binary.LittleEndian.PutUint32(dst[i:], binary.LittleEndian.Uint32(offsets[i:])-first)
	}
}
