// SPDX-License-Identifier: Apache-2.0

package sqlitefile

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	_ "modernc.org/sqlite" // the engine that judges the files
)

// check asks SQLite about a database and returns the answer to a query.
func check(t *testing.T, path, query string) string {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?mode=ro&immutable=1")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }() // it was only read
	var verdict, answer string
	if err := db.QueryRow("PRAGMA integrity_check").Scan(&verdict); err != nil || verdict != "ok" {
		t.Errorf("SQLite finds %s, %v", verdict, err)
	}
	if err := db.QueryRow(query).Scan(&answer); err != nil {
		t.Error(err)
	}
	return answer
}

// fill writes rows of one text each.
func fill(t *testing.T, rows int, prepare func(*Writer), length func(int) int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a.db")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w, err := New(f, "t", []Column{{"s", "TEXT"}})
	if err != nil {
		t.Fatal(err)
	}
	if prepare != nil {
		prepare(w)
	}
	var r Row
	for i := range rows {
		r.Reset()
		r.Text(strings.Repeat("y", length(i)))
		if err := w.Append(&r); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestTreeShapes tries the numbers of leaves at which the tree grows.
func TestTreeShapes(t *testing.T) {
	page := func(int) int { return 3000 } // one row on each leaf
	for _, rows := range []int{0, 1, 2, 3, interiorCells, interiorCells + 1, interiorCells + 2, interiorCells + 3, 2*interiorCells + 3, 2 * (interiorCells + 1), 5000} {
		path := fill(t, rows, nil, page)
		if got := check(t, path, "SELECT count(*) || ' ' || coalesce(max(rowid), 0) FROM t"); got != fmt.Sprintf("%d %d", rows, rows) {
			t.Errorf("%d rows became %s", rows, got)
		}
	}
}

// TestOverflow tries every length around the sizes at which pages are added.
func TestOverflow(t *testing.T) {
	for _, around := range []int{489, 3986, 4061, 4096, 8150, 8184, 12280} {
		want := 0
		length := func(i int) int { return around - 40 + i }
		for i := range 80 {
			want += length(i)
		}
		if got := check(t, fill(t, 80, nil, length), "SELECT sum(length(s)) FROM t"); got != fmt.Sprint(want) {
			t.Errorf("around %d: %s bytes, want %d", around, got, want)
		}
	}
}

// TestLockPage writes past the byte at 1 GiB, into a file with a hole.
func TestLockPage(t *testing.T) {
	if testing.Short() {
		t.Skip("SQLite reads a sparse file of 1 GiB")
	}
	const first = lockPage - 10
	path := fill(t, 100, func(w *Writer) { w.pages = first }, func(int) int { return 3000 })
	db, err := sql.Open("sqlite", "file:"+path+"?mode=ro&immutable=1")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }() // it was only read
	var n, length int
	if err := db.QueryRow("SELECT count(*), sum(length(s)) FROM t").Scan(&n, &length); err != nil || n != 100 || length != 300000 {
		t.Errorf("%d rows of %d bytes, %v", n, length, err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }() // it was only read
	page := make([]byte, pageSize)
	if _, err := f.ReadAt(page, int64(lockPage-1)*pageSize); err != nil || !bytes.Equal(page, make([]byte, pageSize)) {
		t.Errorf("the lock page is in use, %v", err)
	}
}

func TestIntegersAndVarints(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w, err := New(f, "t", []Column{{"i", "INTEGER"}})
	if err != nil {
		t.Fatal(err)
	}
	var want strings.Builder
	for shift := range 64 {
		for _, near := range []int64{-1, 0, 1} {
			for _, sign := range []int64{1, -1} {
				v := sign*(1<<shift) + near
				var r Row
				r.Int(v)
				if err := w.Append(&r); err != nil {
					t.Fatal(err)
				}
				fmt.Fprintf(&want, "%d,", v)
			}
		}
	}
	if err := errors.Join(w.Close(), f.Close()); err != nil {
		t.Fatal(err)
	}
	if got := check(t, path, "SELECT group_concat(i, ',') || ',' FROM t"); got != want.String() {
		t.Errorf("integers are %s", got)
	}
	for _, v := range []uint64{0, 127, 128, 1<<14 - 1, 1 << 14, 1<<56 - 1, 1 << 56, 1<<64 - 1} {
		if n := len(appendVarint(nil, v)); n > 9 || n == 0 {
			t.Errorf("%d takes %d bytes", v, n)
		}
	}
}

// failing is a file that refuses to be written at a page.
type failing struct{ left int }

func (f *failing) WriteAt(p []byte, _ int64) (int, error) {
	if f.left--; f.left < 0 {
		return 0, errors.New("full")
	}
	return len(p), nil
}

func TestErrorsStay(t *testing.T) {
	for left := range 8 {
		w, err := New(&failing{left}, "t", []Column{{"s", "TEXT"}})
		if err != nil {
			t.Fatal(err)
		}
		var r Row
		r.Text(strings.Repeat("z", 9000))
		for range 3 {
			_ = w.Append(&r) // Close tells the first error
		}
		if err := w.Close(); err == nil {
			t.Errorf("no error after %d pages", left)
		}
	}
	w, err := New(&failing{9}, "t", []Column{{"s", "TEXT"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Append(&Row{}); err == nil {
		t.Error("a row without values was taken")
	}
}
