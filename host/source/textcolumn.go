// SPDX-License-Identifier: Apache-2.0

package source

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// textColumn is a column of text.
type textColumn struct {
	ends *fixed[int32] // where the text of each row ends
	data []byte
	mem  *recycler
}

func newStrings(rows int, mem *recycler) *textColumn {
	return &textColumn{ends: newFixed[int32](nil, rows+1, mem, nil), mem: mem}
}

func (c *textColumn) add(row int, raw, _ []byte) bool {
	if need := len(c.data) + len(raw); need > cap(c.data) {
		grown := c.mem.Allocate(max(need, 2*cap(c.data)))[:len(c.data)]
		copy(grown, c.data)
		if c.data != nil {
			c.mem.Free(c.data)
		}
		c.data = grown
	}
	c.data = append(c.data, raw...)
	c.ends.put(row+1, int32(len(c.data)))
	return true
}

func (c *textColumn) null(row int) {
	c.ends.put(row+1, int32(len(c.data)))
	c.ends.unset(row, c.ends.rows)
}

func (c *textColumn) size() int64 { return int64(len(c.data)) }

func (c *textColumn) take(rows int) arrow.Array {
	c.ends.put(0, 0)
	offsets := memory.NewBufferWithAllocator(c.ends.raw[:4*(rows+1)], c.mem)
	c.ends.values, c.ends.raw = nil, nil
	data := memory.NewBufferWithAllocator(c.data, c.mem)
	c.data = nil
	bitmap, nulls := c.ends.validity.take(rows)
	return newArray(arrow.BinaryTypes.String, rows, nulls, bitmap, offsets, data)
}

// dictionary is a column of text in which equal values are kept once a batch.
type dictionary struct {
	keys  *fixed[int32]
	index map[string]int32
	words *textColumn
	mem   *recycler
}

func (c *dictionary) add(row int, raw, _ []byte) bool {
	key, ok := c.index[string(raw)]
	if !ok {
		if c.words == nil {
			c.words = newStrings(c.keys.rows, c.mem)
		}
		key = int32(len(c.index))
		c.index[string(raw)] = key
		c.words.add(int(key), raw, nil)
	}
	c.keys.put(row, key)
	return true
}

func (c *dictionary) null(row int) { c.keys.null(row) }

func (c *dictionary) size() int64 {
	if c.words == nil {
		return 0
	}
	return c.words.size() + 4*int64(len(c.index)+1)
}

func (c *dictionary) take(rows int) arrow.Array {
	if c.words == nil {
		c.words = newStrings(0, c.mem)
	}
	words := c.words.take(len(c.index))
	c.words = nil
	clear(c.index)
	keys := c.keys.take(rows)
	out := array.NewDictionaryArray(dictionaryType, keys, words)
	keys.Release()
	words.Release()
	return out
}
