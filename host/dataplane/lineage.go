// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"encoding/binary"
	"fmt"
)

// lineage checks which input rows a transform writes and puts aside. A row that
// is told is one that the plugin was sent, and it is told once. Rows that are
// written without their origins count as the next ones, and may only come before
// those with origins.
//
// It remembers one bit a row, for rows that were written after others were left
// out or that were put aside.
type lineage struct {
	rowWise  bool
	next     int64 // written rows come from here on
	told     bool
	taken    bitmap
	rejected int64
}

// batch takes the origins of the next n rows as they travel, with the number of
// rows that the plugin was sent. It returns them; nil for none.
func (l *lineage) batch(n int64, wire []byte, sent int64) ([]int64, error) {
	if n == 0 {
		return nil, nil
	}
	if len(wire) == 0 {
		return nil, l.untold(n)
	}
	first, err := l.first(n, wire)
	if err != nil {
		return nil, err
	}
	l.told = true
	origins := make([]int64, n)
	for i := range origins {
		if origins[i] = first + int64(i); len(wire) != 8 {
			origins[i] = int64(binary.LittleEndian.Uint64(wire[8*i:]))
		}
		if err := l.write(origins[i], sent); err != nil {
			return nil, err
		}
	}
	return origins, nil
}

// untold takes rows without origins.
func (l *lineage) untold(n int64) error {
	if l.told {
		return fmt.Errorf("rows without origins after rows with origins")
	}
	if l.rowWise {
		for row := l.next; l.rejected > 0 && row < l.next+n; row++ {
			if l.taken.has(row) {
				return fmt.Errorf("row %d is written although it was put aside", row)
			}
		}
	}
	l.next += n
	return nil
}

// first checks the length of origins and returns the first one.
func (l *lineage) first(n int64, wire []byte) (int64, error) {
	if len(wire) != 8 && int64(len(wire)) != 8*n {
		return 0, fmt.Errorf("origins of %d bytes for %d rows, which take 8 or %d", len(wire), n, 8*n)
	}
	return int64(binary.LittleEndian.Uint64(wire)), nil
}

// write takes one row that is written.
func (l *lineage) write(row, sent int64) error {
	switch {
	case row < l.next:
		return fmt.Errorf("row %d is written after row %d; origins rise", row, l.next-1)
	case row >= sent:
		return fmt.Errorf("a row comes from row %d, and %d were sent", row, sent)
	case !l.taken.set(row):
		return fmt.Errorf("row %d is written although it was put aside", row)
	}
	l.next = row + 1
	return nil
}

// reject takes one row that is put aside.
func (l *lineage) reject(row, sent int64) error {
	if row < 0 || row >= sent {
		return fmt.Errorf("it puts row %d aside, and %d were sent", row, sent)
	}
	if !l.taken.set(row) || l.rowWise && !l.told && row < l.next {
		return fmt.Errorf("it puts row %d aside, which was written or put aside before", row)
	}
	l.rejected++
	return nil
}

// balance compares the counts of a result at the end: what went in came out, was
// dropped or was put aside.
func (l *lineage) balance(in, out, dropped, rejected int64) error {
	switch {
	case rejected != l.rejected:
		return fmt.Errorf("it says that it put %d rows aside, and told of %d", rejected, l.rejected)
	case !l.told && !l.rowWise:
		return nil
	case out > in || dropped > in || rejected > in || in != out+dropped+rejected:
		return fmt.Errorf("%d rows in are not %d out, %d dropped and %d put aside", in, out, dropped, rejected)
	case !l.told && dropped > 0 && out > 0:
		return fmt.Errorf("a row-wise kernel dropped %d rows and does not say which ones it wrote", dropped)
	}
	return nil
}

// bitmap is a set of row numbers that takes memory where it has some.
type bitmap map[int64]*[pageRows / 64]uint64

// pageRows is the number of rows of a page, 8 KiB of bits.
const pageRows = 1 << 16

func (b *bitmap) has(row int64) bool {
	page := (*b)[row/pageRows]
	return page != nil && page[row%pageRows/64]&(1<<(row%64)) != 0
}

// set adds a row and reports whether it was new.
func (b *bitmap) set(row int64) bool {
	if *b == nil {
		*b = bitmap{}
	}
	page := (*b)[row/pageRows]
	if page == nil {
		page = new([pageRows / 64]uint64)
		(*b)[row/pageRows] = page
	}
	word, bit := &page[row%pageRows/64], uint64(1)<<(row%64)
	fresh := *word&bit == 0
	*word |= bit
	return fresh
}
