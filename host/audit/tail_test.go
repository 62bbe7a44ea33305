// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// TestLoad finds the end of logs in every state, explained by a crash or not.
func TestLoad(t *testing.T) {
	whole := t.TempDir()
	write(t, whole, 40, smallFiles)
	all := records(t, whole, Query{})
	files := lastOf(t, whole)
	for _, c := range []struct {
		name   string
		state  func(t *testing.T, dir string)
		seq    uint64 // of the end
		number int    // of the file that is written next
		torn   bool
		damage string
	}{
		{"whole", func(*testing.T, string) {}, 40, files, false, ""},
		{"nothing there", func(t *testing.T, dir string) { must(t, os.RemoveAll(dir)) }, 0, 1, false, ""},
		{"a first head and no file", func(t *testing.T, dir string) { headAt(t, dir, nil); removeFiles(t, dir, 1) }, 0, 1, false, ""},
		{"a first head and all files", func(t *testing.T, dir string) { headAt(t, dir, nil) }, 40, files, false, ""},
		{"the head of an earlier batch", func(t *testing.T, dir string) { headAt(t, dir, all[:11]) }, 40, files, false, ""},
		{"an empty last file", func(t *testing.T, dir string) {
			must(t, os.WriteFile(filepath.Join(dir, fileName(files+1)), nil, 0o600))
		}, 40, files + 1, false, ""},
		{"a torn line", addBytes(files, "{\"v\":1"), 40, files, true, ""},
		{"a torn byte", addBytes(files, "{"), 40, files, true, ""},
		{"a torn line in a new file", addBytes(files+1, "{\"v\":1"), 40, files + 1, true, ""},
		{"a whole line that is no record", addBytes(files, "{}\n"), 40, files + 1, false, "what follows record 40"},
		{"a torn line before the last file", func(t *testing.T, dir string) {
			addBytes(files, "{")(t, dir)
			addBytes(files+1, "")(t, dir)
		}, 40, files + 2, false, "what follows record 40"},
		{"endless torn bytes", addBytes(files, strings.Repeat("x", 2*maxLine)), 40, files + 1, false, "what follows record 40"},
		{"a cut end", lastBytes(1), 40, files + 1, false, "the file ends before record 40"},
		{"a last file that is gone", func(t *testing.T, dir string) { removeFiles(t, dir, files) }, 40, files, false, "the file with record 40 is gone"},
		{"all files gone", func(t *testing.T, dir string) { removeFiles(t, dir, 1) }, 40, 1, false, "the file with record 40 is gone"},
		{"no head", func(t *testing.T, dir string) { must(t, os.Remove(filepath.Join(dir, headName))) }, 40, files + 1, false, "head.json is missing"},
		{"no head and a cut end", func(t *testing.T, dir string) {
			must(t, os.Remove(filepath.Join(dir, headName)))
			lastBytes(1)(t, dir)
		}, 39, files + 1, false, "head.json is missing"},
		{"a head that is none", func(t *testing.T, dir string) {
			change(t, dir, headName, func([]byte) []byte { return []byte("{}\n") })
		}, 40, files + 1, false, "not what a host writes"},
		{"a head without end", func(t *testing.T, dir string) {
			change(t, dir, headName, func([]byte) []byte { return make([]byte, 1<<20) })
		}, 40, files + 1, false, "not what a host writes"},
		{"a head in the middle of a line", func(t *testing.T, dir string) {
			h, err := readHead(dir)
			must(t, err)
			h.Size -= 7
			putHead(t, dir, h)
		}, 40, files + 1, false, "where head.json has it"},
		{"a gap after the head", func(t *testing.T, dir string) { headAt(t, dir, all[:3]); removeOne(t, dir, 2) }, lastSeqOf(all, 1), files + 1, false, "the file is missing"},
		{"an edit after the head", func(t *testing.T, dir string) {
			headAt(t, dir, all[:1])
			inFile(1, func(l [][]byte) [][]byte { l[3][30] ^= 1; return l })(t, dir)
		}, 3, files + 1, false, "what follows record 3"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "audit")
			must(t, os.CopyFS(dir, os.DirFS(whole)))
			c.state(t, dir)
			e, err := load(dir)
			must(t, err)
			what := ""
			if e.damage != nil {
				what = e.damage.What
			}
			if e.seq != c.seq || e.number != c.number || e.torn != c.torn || (what == "") != (c.damage == "") || !strings.Contains(what, c.damage) {
				t.Errorf("record %d in file %d, torn %t, damage %q", e.seq, e.number, e.torn, what)
			}
			if v := verdict(t, dir); c.seq > 0 && v.Intact != (c.damage == "") {
				t.Errorf("Verify thinks otherwise: %+v", v)
			}
		})
	}
}

// headAt makes the head that of the last of some records.
func headAt(t *testing.T, dir string, of []Record) {
	t.Helper()
	h := firstHead()
	for _, r := range of {
		if r.File != h.File {
			h.Size = 0
		}
		h.Seq, h.Hash, h.File = r.Seq, r.Hash, r.File
		h.Size += int64(len(r.Raw())) + 1
	}
	putHead(t, dir, h)
}

func putHead(t *testing.T, dir string, h head) {
	t.Helper()
	must(t, writeHead(dir, h, func(string) error { return nil }))
}

func removeFiles(t *testing.T, dir string, from int) {
	t.Helper()
	for n := lastOf(t, dir); n >= from; n-- {
		removeOne(t, dir, n)
	}
}

func removeOne(t *testing.T, dir string, n int) {
	t.Helper()
	must(t, os.Remove(filepath.Join(dir, fileName(n))))
}

func addBytes(n int, text string) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		t.Helper()
		f, err := os.OpenFile(filepath.Join(dir, fileName(n)), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		must(t, err)
		_, err = f.WriteString(text)
		must(t, errors.Join(err, f.Close()))
	}
}

func lastSeqOf(all []Record, file int) (seq uint64) {
	for _, r := range all {
		if r.File == fileName(file) {
			seq = r.Seq
		}
	}
	return seq
}

// TestRepairKeepsWhatWasTorn, byte for byte, and says so in the log.
func TestRepairKeepsWhatWasTorn(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, 3, nil)
	torn := []byte("{\"v\":1,\"seq\":4,\x00\xff")
	addBytes(1, string(torn))(t, dir)
	must(t, opened(t, dir, nil).Close())
	v := intact(t, dir, 4)
	e, err := records(t, dir, Query{Last: 1})[0].Event()
	must(t, err)
	r, ok := e.(Repair)
	if !ok || r.Bytes != int64(len(torn)) || r.Digest != digest(torn) || len(v.Notes) != 1 || !strings.Contains(v.Notes[0], r.Aside) {
		t.Fatalf("%+v, notes %q", e, v.Notes)
	}
	if got := readFile(t, dir, r.Aside); !bytes.Equal(got, torn) {
		t.Errorf("aside %q", got)
	}
	must(t, opened(t, dir, nil).Close())
	intact(t, dir, 4)
}

// TestAPipeInTheLogHangsNobody, and neither does a link lead anywhere.
func TestAPipeInTheLogHangsNobody(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no named pipes in directories")
	}
	for _, name := range []string{fileName(1), headName} {
		dir := t.TempDir()
		write(t, dir, 3, nil)
		must(t, os.Rename(filepath.Join(dir, name), filepath.Join(dir, "moved")))
		must(t, os.Symlink("moved", filepath.Join(dir, name)))
		if v, err := Verify(dir); err != nil || v.Intact {
			t.Errorf("a link in the place of %s is followed: %v, %+v", name, err, v)
		}
		must(t, os.Remove(filepath.Join(dir, name)))
		if err := mkfifo(filepath.Join(dir, name)); err != nil {
			t.Skip(err)
		}
		if v, err := Verify(dir); err != nil || v.Intact {
			t.Errorf("a pipe in the place of %s: %v, %+v", name, err, v)
		}
		write(t, dir, 3, nil)
		recorded(t, dir, 3)
	}
}
