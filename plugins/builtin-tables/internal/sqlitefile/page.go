// SPDX-License-Identifier: Apache-2.0

package sqlitefile

import "encoding/binary"

// headerBytes of page 1 come before its tree.
const headerBytes = 100

// version is the release of SQLite that the file says it was written by. It is
// one that has no newer feature than the file needs.
const version = 3_037_000

// header of a database of a number of pages.
func header(pages uint32) []byte {
	h := make([]byte, headerBytes)
	copy(h, "SQLite format 3\x00")
	binary.BigEndian.PutUint16(h[16:], pageSize)
	h[18], h[19] = 1, 1                   // rollback journal
	h[21], h[22], h[23] = 64, 32, 32      // fixed
	binary.BigEndian.PutUint32(h[24:], 1) // changes
	binary.BigEndian.PutUint32(h[28:], pages)
	binary.BigEndian.PutUint32(h[40:], 1) // version of the schema
	binary.BigEndian.PutUint32(h[44:], 4) // format of the schema
	binary.BigEndian.PutUint32(h[56:], 1) // UTF-8
	binary.BigEndian.PutUint32(h[92:], 1) // changes for which the size holds
	binary.BigEndian.PutUint32(h[96:], version)
	return h
}

// Kinds of pages of a table's tree.
const (
	interiorKind = 0x05
	leafKind     = 0x0d
)

// leafPage collects cells of rows.
type leafPage struct {
	cells [][]byte
	size  int // of the cells and their pointers
	count int
	last  int64 // row
}

// fits reports whether a cell finds room behind a header of a number of bytes.
func (p *leafPage) fits(cell []byte, before int) bool {
	return before+8+p.size+len(cell)+2 <= pageSize
}

func (p *leafPage) add(cell []byte, rowid int64) {
	p.cells = append(p.cells, cell)
	p.size += len(cell) + 2
	p.count++
	p.last = rowid
}

// bytes is the page, its tree behind a number of bytes.
func (p *leafPage) bytes(before int) []byte {
	page := make([]byte, pageSize)
	layout(page, before, 8, leafKind, p.cells)
	return page
}

// layout puts a header of a number of bytes, pointers and cells on a page. Cells
// lie from the end on.
func layout(page []byte, before, header int, kind byte, cells [][]byte) {
	page[before] = kind
	binary.BigEndian.PutUint16(page[before+3:], uint16(len(cells)))
	at := len(page)
	for i, c := range cells {
		at -= len(c)
		copy(page[at:], c)
		binary.BigEndian.PutUint16(page[before+header+2*i:], uint16(at))
	}
	binary.BigEndian.PutUint16(page[before+5:], uint16(at))
}

// child is a page and the last row below it.
type child struct {
	page uint32
	last int64
}

// level collects the children of one interior page.
type level struct{ children []child }

// child tells a level of a page that was written below it. Two children are held
// back when a page is full, so that the last page of a level has two as well.
func (w *Writer) child(n int, page uint32, last int64) error {
	if n == len(w.levels) {
		w.levels = append(w.levels, &level{})
	}
	l := w.levels[n]
	l.children = append(l.children, child{page, last})
	if len(l.children) < interiorCells+3 {
		return nil
	}
	full := l.children[:interiorCells+1]
	if err := w.interior(n, full); err != nil {
		return err
	}
	l.children = append([]child(nil), l.children[interiorCells+1:]...)
	return nil
}

// interior writes a page of children and tells the level above.
func (w *Writer) interior(n int, children []child) error {
	right := children[len(children)-1]
	var cells [][]byte
	for _, c := range children[:len(children)-1] {
		cells = append(cells, appendVarint(binary.BigEndian.AppendUint32(nil, c.page), uint64(c.last)))
	}
	page := make([]byte, pageSize)
	layout(page, 0, 12, interiorKind, cells)
	binary.BigEndian.PutUint32(page[8:], right.page)
	at := w.take()
	if err := w.write(at, page); err != nil {
		return err
	}
	return w.child(n+1, at, right.last)
}

// root writes what is left of every level and returns the page on top.
func (w *Writer) root() (uint32, error) {
	for n := 0; ; n++ {
		children := w.levels[n].children
		if len(children) == 1 && n == len(w.levels)-1 {
			return children[0].page, nil
		}
		if len(children) > interiorCells+1 {
			half := len(children) / 2
			if err := w.interior(n, children[:half]); err != nil {
				return 0, err
			}
			children = children[half:]
		}
		if err := w.interior(n, children); err != nil {
			return 0, err
		}
		w.levels[n].children = nil
	}
}

// appendVarint appends a number of SQLite: seven bits a byte, the highest first,
// and eight in a ninth byte.
func appendVarint(b []byte, v uint64) []byte {
	if v>>56 != 0 {
		for shift := 57; shift >= 8; shift -= 7 {
			b = append(b, byte(v>>shift)|0x80)
		}
		return append(b, byte(v))
	}
	var groups [8]byte
	n := len(groups)
	for more := byte(0); ; more = 0x80 {
		n--
		groups[n] = byte(v)&0x7f | more
		if v >>= 7; v == 0 {
			return append(b, groups[n:]...)
		}
	}
}
