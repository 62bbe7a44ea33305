// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// FuzzParse: a line that is taken is the one form of its record.
func FuzzParse(f *testing.F) {
	f.Add(sealed(f, sample()))
	f.Add([]byte(`{"v":1}`))
	f.Add(bytes.Repeat([]byte("["), 2*sealLen))
	f.Fuzz(func(t *testing.T, line []byte) {
		r, err := parse(line)
		if err != nil {
			return
		}
		e := envelope{V: 1, Seq: r.Seq, Time: stamp(r.Time), Host: r.Host, Kind: r.Kind, Plugin: r.Plugin, Data: r.Data, Prev: r.Prev}
		again, hash, err := e.seal()
		if err != nil || hash != r.Hash || !bytes.Equal(again, append(bytes.Clone(line), '\n')) {
			t.Errorf("%q is taken, and written as %q (%v)", line, again, err)
		}
		_, _ = r.Event() // any data will do
		_ = r.Words()
	})
}

// FuzzHead: a head that is taken is the one form of what it says.
func FuzzHead(f *testing.F) {
	good, err := firstHead().encode()
	must(f, err)
	f.Add(good)
	f.Fuzz(func(t *testing.T, data []byte) {
		h, err := parseHead(data)
		if err != nil {
			return
		}
		if again, err := h.encode(); err != nil || !bytes.Equal(again, data) {
			t.Errorf("%q is taken, and written as %q (%v)", data, again, err)
		}
	})
}

// FuzzVerify puts any bytes in the place of a log of two files and its head. An
// intact verdict must be that of a log whose records link up.
func FuzzVerify(f *testing.F) {
	read := func(vector, name string) []byte {
		data, err := os.ReadFile(filepath.Join(vectorDir, vector, name))
		must(f, err)
		return data
	}
	for _, v := range []string{"intact", "torn", "edited", "swapped", "continued"} {
		f.Add(read(v, fileName(1)), read(v, fileName(2)), read(v, headName))
	}
	f.Fuzz(func(t *testing.T, first, second, headText []byte) {
		s := inMemory([][]byte{first, second}, headText)
		v := verifier{snapshot: s, hash: genesis, linked: true}
		if err := v.files(); err != nil {
			t.Fatal(err)
		}
		v.judgeHead()
		if len(v.verdict.Problems) > maxProblems || len(v.verdict.Notes) > maxNotes {
			t.Error("the verdict is not bounded")
		}
		if len(v.verdict.Problems) == 0 {
			linksUp(t, first, second, v.seq)
		}
	})
}

func inMemory(files [][]byte, headText []byte) snapshot {
	s := snapshot{}
	byName := map[string][]byte{}
	for i, data := range files {
		s.files = append(s.files, file{number: i + 1, size: int64(len(data))})
		byName[fileName(i+1)] = data
	}
	s.open = func(name string) (io.ReadCloser, error) {
		data, ok := byName[name]
		if !ok {
			return nil, fs.ErrNotExist
		}
		return io.NopCloser(bytes.NewReader(data)), nil
	}
	s.head, s.headErr = parseHead(headText)
	return s
}

// linksUp is a verifier without any of the code above.
func linksUp(t *testing.T, first, second []byte, n uint64) {
	t.Helper()
	prev, seen := genesis, uint64(0)
	for _, data := range [][]byte{first, second} {
		all := bytes.SplitAfter(data, []byte("\n"))
		for _, l := range all[:len(all)-1] {
			if seen++; !bytes.Contains(l, []byte(`"prev":"`+prev+`"`)) {
				t.Errorf("record %d does not link", seen)
			}
			l = bytes.TrimSuffix(l, []byte("\n"))
			prev = digest(append(bytes.Clone(l[:len(l)-82]), '}'))
		}
	}
	if seen != n {
		t.Errorf("%d lines, %d records", seen, n)
	}
}

// FuzzLines: whatever a file holds, its lines are its bytes.
func FuzzLines(f *testing.F) {
	f.Add([]byte("a\n\nb"), 3)
	f.Add([]byte("x\n"), maxLine)
	f.Fuzz(func(t *testing.T, data []byte, repeat int) {
		data = bytes.Repeat(data, 1+min(max(repeat, 0), 4*maxLine/(len(data)+1)))
		in := newLines(bytes.NewReader(data), 0)
		end := int64(0)
		for {
			l, err := in.next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil || l.end <= end || !l.long && !bytes.HasPrefix(data[end:], l.text) || l.torn != (data[l.end-1] != '\n') {
				t.Fatalf("line %+v after byte %d: %v", l, end, err)
			}
			end = l.end
		}
		if end != int64(len(data)) {
			t.Errorf("%d of %d bytes", end, len(data))
		}
	})
}
