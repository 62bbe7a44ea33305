// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"io/fs"
	"net/url"
	"os"
	"time"

	"modernc.org/sqlite"
	"modernc.org/sqlite/vfs"
)

// database is a SQLite database that is read through the host's descriptor.
type database struct {
	files *vfs.FS
	pool  *sql.DB
	conn  *sql.Conn
}

// limits of SQLite, by their numbers in sqlite3.h.
const (
	limitLength   = 0 // bytes of a text or a blob
	limitAttached = 7 // other databases
)

// longestValue is what a batch can hold of one value, about.
const longestValue = 8 << 20

// openDatabase opens the file read-only. Nothing else can be reached: the file
// system that SQLite sees holds this file and nothing more.
func openDatabase(ctx context.Context, in *os.File) (*database, error) {
	name, files, err := vfs.New(oneFile{in})
	if err != nil {
		return nil, err
	}
	d := &database{files: files}
	query := url.Values{"vfs": {name}, "mode": {"ro"}, "immutable": {"1"},
		"_pragma": {"query_only(1)", "trusted_schema(0)", "cell_size_check(1)", "temp_store(2)", "cache_size(-16384)"}}
	if d.pool, err = sql.Open("sqlite", "file:"+fileName+"?"+query.Encode()); err == nil {
		d.pool.SetMaxOpenConns(1)
		d.conn, err = d.pool.Conn(ctx)
	}
	if err == nil {
		err = errors.Join(d.limit(limitLength, longestValue), d.limit(limitAttached, 0))
	}
	if err != nil {
		d.close()
		return nil, err
	}
	return d, nil
}

func (d *database) limit(id, value int) error {
	_, err := sqlite.Limit(d.conn, id, value)
	return err
}

func (d *database) close() {
	if d.conn != nil {
		_ = d.conn.Close() // it was only read
	}
	if d.pool != nil {
		_ = d.pool.Close()
	}
	_ = d.files.Close()
}

// tables lists the tables and views that are not SQLite's own.
func (d *database) tables(ctx context.Context) ([]string, error) {
	rows, err := d.conn.QueryContext(ctx, `SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\_%' ESCAPE '\' ORDER BY name`)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // its error is that of Err
	var names []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	return names, rows.Err()
}

// fileName of the database in its file system.
const fileName = "input"

// oneFile is a file system of one file.
type oneFile struct{ file *os.File }

// Open returns a reader with an offset of its own.
func (o oneFile) Open(name string) (fs.File, error) {
	if name != fileName {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	size := sizeOf(o.file)
	return &oneOpen{SectionReader: io.NewSectionReader(o.file, 0, size), size: size}, nil
}

// oneOpen is the open file.
type oneOpen struct {
	*io.SectionReader
	size int64
}

func (o *oneOpen) Stat() (fs.FileInfo, error) { return oneInfo{o.size}, nil }
func (*oneOpen) Close() error                 { return nil }

// oneInfo describes it.
type oneInfo struct{ size int64 }

func (oneInfo) Name() string       { return fileName }
func (i oneInfo) Size() int64      { return i.size }
func (oneInfo) Mode() fs.FileMode  { return 0o400 }
func (oneInfo) ModTime() time.Time { return time.Time{} }
func (oneInfo) IsDir() bool        { return false }
func (oneInfo) Sys() any           { return nil }
