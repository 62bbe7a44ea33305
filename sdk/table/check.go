// SPDX-License-Identifier: Apache-2.0

package table

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/apache/arrow-go/v18/arrow/bitutil"
)

// buffers is the memory of one node as it came from elsewhere. Check finds out
// whether it is what the package doc says, and counts the nulls.
type buffers struct {
	rows                      int
	validity, values, offsets []byte
	nulls                     int
	trusted                   bool // GetOptions.Trusted
}

// size is that of view.size, for memory that has been checked.
func (b *buffers) size() int64 {
	return int64((b.rows+7)/8) + int64(len(b.values)) + int64(len(b.offsets))
}

// column is the memory of a column and of its child.
type column struct{ self, child buffers }

func (c *column) size(n *node) int64 {
	if n.nested() {
		return c.self.size() + c.child.size()
	}
	return c.self.size()
}

// maxChildRows is more than fits into a batch: a bit each.
const maxChildRows = 8 * MaxBytes

// childRows takes a number of rows from elsewhere.
func childRows(n uint64) (int, error) {
	if n > maxChildRows {
		return 0, fmt.Errorf("%d values; %d fit into a batch", n, maxChildRows)
	}
	return int(n), nil
}

// check accepts a column whose arrays can be read without further care.
func (n *node) check(c *column) error {
	if n.nested() {
		if err := c.child.check(&n.child); err != nil {
			return fmt.Errorf("its values: %w", err)
		}
	}
	if err := c.self.check(&n.leaf); err != nil {
		return err
	}
	switch n.form {
	case formKeys:
		return c.keys()
	case formList:
		return c.self.ends(c.child.rows)
	case formArray:
		if int64(c.child.rows) != int64(c.self.rows)*int64(n.size) {
			return fmt.Errorf("%d values for %d rows of %d", c.child.rows, c.self.rows, n.size)
		}
	}
	return nil
}

// check looks at one node alone.
func (b *buffers) check(l *leaf) error {
	if err := b.countNulls(); err != nil {
		return err
	}
	wantValues, wantOffsets := -1, 0 // -1 for any length
	switch l.form {
	case formFixed, formKeys:
		wantValues = b.rows * l.width
	case formBits:
		wantValues = (b.rows + 7) / 8
	case formText, formBytes:
		wantOffsets = b.offsetBytes()
	case formList:
		wantValues, wantOffsets = 0, b.offsetBytes()
	case formArray:
		wantValues = 0
	}
	if wantValues >= 0 && len(b.values) != wantValues || len(b.offsets) != wantOffsets {
		return fmt.Errorf("values of %d bytes and offsets of %d for %d rows, which take %s and %d",
			len(b.values), len(b.offsets), b.rows, count(wantValues), wantOffsets)
	}
	switch l.form {
	case formText:
		return b.text()
	case formBytes:
		return b.ends(len(b.values))
	}
	return nil
}

func count(n int) string {
	if n < 0 {
		return "any number"
	}
	return fmt.Sprint(n)
}

// offsetBytes is the length of offsets; those of no rows may be left out.
func (b *buffers) offsetBytes() int {
	if b.rows == 0 && len(b.offsets) == 0 {
		return 0
	}
	return 4 * (b.rows + 1)
}

func (b *buffers) countNulls() error {
	switch len(b.validity) {
	case 0:
		b.nulls = 0
		return nil
	case (b.rows + 7) / 8:
		b.nulls = b.rows - bitutil.CountSetBits(b.validity, 0, b.rows)
		return nil
	}
	return fmt.Errorf("a validity bitmap of %d bytes for %d rows", len(b.validity), b.rows)
}

// ends insists that offsets rise from 0 to total.
func (b *buffers) ends(total int) error {
	if len(b.offsets) == 0 {
		if total != 0 {
			return fmt.Errorf("%d values in no rows", total)
		}
		return nil
	}
	first, last := binary.LittleEndian.Uint32(b.offsets), binary.LittleEndian.Uint32(b.offsets[4*b.rows:])
	if first != 0 || total > math.MaxInt32 || last != uint32(total) {
		return fmt.Errorf("offsets from %d to %d for %d values", first, last, total)
	}
	if !b.trusted && !rising(b.offsets) {
		return errors.New("an offset is out of order")
	}
	return nil
}

// keys insists that the keys of values lie in the dictionary, and makes those
// of nulls 0, in a copy, when they do not: some libraries leave garbage there,
// and Arrow reads it.
func (c *column) keys() error {
	if c.child.nulls > 0 {
		return errors.New("a null in the dictionary; make the keys null instead")
	}
	keys, n := c.self.values, uint32(c.child.rows)
	if below(keys, n) || c.self.nulls == c.self.rows && zero(keys) {
		return nil
	}
	clean := make([]byte, len(keys))
	for row := range c.self.rows {
		key := binary.LittleEndian.Uint32(keys[4*row:])
		if c.self.nulls > 0 && bitutil.BitIsNotSet(c.self.validity, row) {
			continue
		}
		if key >= n {
			return fmt.Errorf("key %d of row %d in a dictionary of %d", int32(key), row, n)
		}
		binary.LittleEndian.PutUint32(clean[4*row:], key)
	}
	c.self.values = clean
	return nil
}
