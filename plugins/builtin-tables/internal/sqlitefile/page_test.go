// SPDX-License-Identifier: Apache-2.0

package sqlitefile

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestVarints are those of the documentation of the format.
func TestVarints(t *testing.T) {
	for v, want := range map[uint64]string{
		0: "00", 0x7f: "7f", 0x80: "8100", 0x3fff: "ff7f", 0x4000: "818000", 1<<56 - 1: "ffffffffffffff7f",
		1 << 56: "80c0808080808080" + "00", 1<<64 - 1: "ffffffffffffffffff", 1<<63 + 5: "c080808080808080" + "05",
	} {
		if got := fmt.Sprintf("%x", appendVarint(nil, v)); got != want {
			t.Errorf("%d is written %s, want %s", v, got, want)
		}
	}
}

// TestRecord compares a record with one worked out by hand.
func TestRecord(t *testing.T) {
	var r Row
	r.Null()
	r.Int(0)
	r.Int(1)
	r.Int(-2)
	r.Int(300)
	r.Text("hé")
	r.Blob([]byte{0, 255})
	if !r.Float(1) || r.Float(math.NaN()) {
		t.Error("a NaN was kept, or a number was not")
	}
	// The length of the header, nine types, then the values.
	want := "0a" + "00080901021310" + "0700" + "fe" + "012c" + "68c3a9" + "00ff" + "3ff0000000000000"
	if got := fmt.Sprintf("%x", r.payload()); got != want {
		t.Errorf("the record is %s, want %s", got, want)
	}
	r.Reset()
	if got := fmt.Sprintf("%x", r.payload()); got != "01" {
		t.Errorf("an empty record is %s", got)
	}
}

// TestHeaderLengths crosses the sizes at which the length of a header takes one
// byte more.
func TestHeaderLengths(t *testing.T) {
	for _, n := range []int{0, 125, 126, 127, 128, 16379, 16380, 16381, 16382, 20000} {
		var r Row
		for range n {
			r.Null()
		}
		p := r.payload()
		length, size := binary.Uvarint(reversed(p))
		_ = size
		if int(length) != len(p) {
			t.Errorf("%d nulls: the header says %d bytes of %d", n, length, len(p))
		}
	}
}

// reversed gives encoding/binary the first number of a record in its own order
// of groups.
func reversed(p []byte) []byte {
	var groups []byte
	for _, b := range p {
		groups = append([]byte{b & 0x7f}, groups...)
		if b < 0x80 {
			break
		}
	}
	for i := range groups[:len(groups)-1] {
		groups[i] |= 0x80
	}
	return groups
}

func TestLocalBytes(t *testing.T) {
	for payload, want := range map[int]int{0: 0, 4061: 4061, 4062: 489, 4581: 489, 4582: 490, 8153: 4061, 8154: 489, 1 << 20: 489 + (1<<20-489)%4092} {
		got := localBytes(payload)
		if want > 4061 {
			want = 489
		}
		if got != want {
			t.Errorf("of %d bytes %d lie on the leaf, want %d", payload, got, want)
		}
	}
}

func TestHeader(t *testing.T) {
	h := header(7)
	if !bytes.HasPrefix(h, []byte("SQLite format 3\x00\x10\x00\x01\x01\x00@ ")) || binary.BigEndian.Uint32(h[28:]) != 7 || len(h) != 100 {
		t.Errorf("the header is %x", h)
	}
}

func TestRefusedTables(t *testing.T) {
	one := []Column{{"a", "INTEGER"}}
	for says, c := range map[string]struct {
		table   string
		columns []Column
	}{
		"0 columns": {"t", nil}, "2001 columns": {"t", make([]Column, 2001)},
		`""`: {"", one}, "sqlite_x": {"sqlite_x", one}, "SQLITE_X": {"SQLITE_X", one}, `\x00`: {"a\x00b", one},
	} {
		if _, err := New(&failing{}, c.table, c.columns); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("error %v does not say %q", err, says)
		}
	}
}

// TestNames with everything that SQL could stumble over.
func TestNames(t *testing.T) {
	for _, name := range []string{"rows", `a "b"`, "a'b", "größe", "select", "a;DROP TABLE x;--", "a\nb", "[x]"} {
		path := filepath.Join(t.TempDir(), "a.db")
		f, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		w, err := New(f, name, []Column{{name, "TEXT"}, {"b", "INTEGER"}})
		if err != nil {
			t.Fatal(err)
		}
		var r Row
		r.Text(name)
		r.Int(1)
		if err := w.Append(&r); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		if got := check(t, path, "SELECT "+quote(name)+" FROM "+quote(name)); got != name {
			t.Errorf("%q came back as %q", name, got)
		}
		if err := w.Append(&r); err == nil {
			t.Error("a closed database takes rows")
		}
	}
}
