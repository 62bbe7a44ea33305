// SPDX-License-Identifier: Apache-2.0

// Package sqlitefile writes a SQLite database that has one table, from its first
// row to its last, with one page of each level of the table's tree in memory.
//
// SQLite itself cannot write through a descriptor alone: it opens a database and
// its journal by their names. What is written here is the format that
// https://www.sqlite.org/fileformat2.html describes, in its simplest form: pages
// of 4096 bytes, text in UTF-8, no free pages, rows numbered from 1, and the
// leaves of the tree in their order. The same rows give the same bytes.
//
// A database under construction is none: page 1, with the header, is written by
// Close.
package sqlitefile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
)

// MaxColumns of a table, which is SQLite's own limit unless it is built
// otherwise.
const MaxColumns = 2000

// MaxRow bounds the bytes of one row, which is SQLite's own limit.
const MaxRow = 1_000_000_000

const (
	pageSize = 4096
	// lockPage holds the byte at 1 GiB by which processes lock a database. It is
	// never used.
	lockPage = 1<<30/pageSize + 1
	// interiorCells fit on a page whatever their keys are.
	interiorCells = (pageSize - 12) / 15
)

// Column of a table. Type is a word of SQL, such as INTEGER.
type Column struct{ Name, Type string }

// Writer writes one database. Its methods are for one goroutine.
type Writer struct {
	out     io.WriterAt
	sql     string
	table   string
	columns int
	pages   uint32 // that are taken
	rowid   int64
	leaf    leafPage
	levels  []*level // of interior pages, from the leaves on
	err     error
}

// New begins a database with one table. out must be empty.
func New(out io.WriterAt, table string, columns []Column) (*Writer, error) {
	if len(columns) == 0 || len(columns) > MaxColumns {
		return nil, fmt.Errorf("%d columns; a table of SQLite has 1 to %d", len(columns), MaxColumns)
	}
	if table == "" || strings.ContainsRune(table, 0) || strings.HasPrefix(strings.ToLower(table), "sqlite_") {
		return nil, fmt.Errorf("%q is no name of a table of SQLite", table)
	}
	return &Writer{out: out, table: table, columns: len(columns), pages: 1, sql: create(table, columns)}, nil
}

// create is the statement that the schema keeps.
func create(table string, columns []Column) string {
	var b strings.Builder
	b.WriteString("CREATE TABLE " + quote(table) + " (")
	for i, c := range columns {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(quote(c.Name) + " " + c.Type)
	}
	return b.String() + ")"
}

func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// Append adds a row that was built for it.
func (w *Writer) Append(r *Row) error {
	if w.err == nil && len(r.types) != w.columns {
		w.err = fmt.Errorf("a row of %d values for a table of %d columns", len(r.types), w.columns)
	}
	if w.err != nil {
		return w.err
	}
	w.rowid++
	cell, err := w.cell(w.rowid, r.payload())
	if err == nil && !w.leaf.fits(cell, 0) {
		err = w.flushLeaf()
	}
	if err != nil {
		w.err = err
		return err
	}
	w.leaf.add(cell, w.rowid)
	return nil
}

// cell is a row as it lies on a leaf. What does not fit goes to pages of its own
// at once.
func (w *Writer) cell(rowid int64, payload []byte) ([]byte, error) {
	if len(payload) > MaxRow {
		return nil, fmt.Errorf("a row of %d bytes; a row of SQLite has at most %d", len(payload), MaxRow)
	}
	cell := appendVarint(nil, uint64(len(payload)))
	cell = appendVarint(cell, uint64(rowid))
	local := localBytes(len(payload))
	cell = append(cell, payload[:local]...)
	if local == len(payload) {
		return cell, nil
	}
	first, err := w.overflow(payload[local:])
	return binary.BigEndian.AppendUint32(cell, first), err
}

// localBytes is how much of a payload lies on the leaf itself.
func localBytes(payload int) int {
	const most, least = pageSize - 35, (pageSize-12)*32/255 - 23
	if payload <= most {
		return payload
	}
	if k := least + (payload-least)%(pageSize-4); k <= most {
		return k
	}
	return least
}

// overflow writes a chain of pages and returns the number of the first.
func (w *Writer) overflow(rest []byte) (uint32, error) {
	first := w.take()
	for at := first; ; {
		page := make([]byte, pageSize)
		n := copy(page[4:], rest)
		if rest = rest[n:]; len(rest) == 0 {
			return first, w.write(at, page)
		}
		next := w.take()
		binary.BigEndian.PutUint32(page, next)
		if err := w.write(at, page); err != nil {
			return 0, err
		}
		at = next
	}
}

// take returns the number of the next free page.
func (w *Writer) take() uint32 {
	w.pages++
	if w.pages == lockPage {
		w.pages++
	}
	return w.pages
}

func (w *Writer) write(page uint32, data []byte) error {
	if page < 2 || page == ^uint32(0) {
		return errors.New("the database has more pages than SQLite can number")
	}
	_, err := w.out.WriteAt(data, int64(page-1)*pageSize)
	return err
}

// flushLeaf writes the leaf and tells the level above.
func (w *Writer) flushLeaf() error {
	at := w.take()
	if err := w.write(at, w.leaf.bytes(0)); err != nil {
		return err
	}
	last := w.leaf.last
	w.leaf = leafPage{}
	return w.child(0, at, last)
}

// Close writes what is left, and the header.
func (w *Writer) Close() error {
	if w.err != nil {
		return w.err
	}
	w.err = errors.New("the database is closed")
	if w.leaf.count > 0 || w.rowid == 0 {
		if err := w.flushLeaf(); err != nil {
			return err
		}
	}
	root, err := w.root()
	if err != nil {
		return err
	}
	return w.first(root)
}

// first writes page 1: the header of the file and the schema.
func (w *Writer) first(root uint32) error {
	var r Row
	for _, s := range []string{"table", w.table, w.table} {
		r.Text(s)
	}
	r.Int(int64(root))
	r.Text(w.sql)
	cell, err := w.cell(1, r.payload())
	if err != nil {
		return err
	}
	var leaf leafPage
	small := leaf.fits(cell, headerBytes)
	leaf.add(cell, 1)
	page := make([]byte, pageSize)
	if small {
		page = leaf.bytes(headerBytes)
	} else {
		// The schema lies on a page of its own, to which page 1 points alone.
		at := w.take()
		if err := w.write(at, leaf.bytes(0)); err != nil {
			return err
		}
		layout(page, headerBytes, 12, interiorKind, nil)
		binary.BigEndian.PutUint32(page[headerBytes+8:], at)
	}
	copy(page, header(w.pages))
	_, err = w.out.WriteAt(page, 0)
	return err
}
