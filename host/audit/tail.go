// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// maxSeq is the highest number of a record, which every reader of JSON takes
// exactly; maxClaim is the highest that damaged files are believed to have
// reached, so that a forged number does not use the others up.
const (
	maxSeq   = 1 << 53
	maxClaim = 1 << 52
)

// tail is the end of the chain, and where the next record goes.
type tail struct {
	seq    uint64
	hash   string
	number int   // of the file
	size   int64 // of the file
}

// end is what load finds.
type end struct {
	tail
	fresh  bool // there is no log yet
	torn   bool // bytes without a line feed follow the tail
	damage *Damage
}

// damaged makes the log go on in a new file after the last one, behind the last
// record known.
func (e *end) damaged(last int, file, format string, args ...any) {
	e.damage = &Damage{File: file, What: fmt.Sprintf(format, args...)}
	e.number, e.size, e.torn = last+1, 0, false
}

// load finds the end of the log. The lock is held.
func load(dir string) (end, error) {
	files, err := numbers(dir)
	if err != nil {
		return end{}, err
	}
	h, err := readHead(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist) && len(files) == 0:
		return end{tail: firstHead().tail(), fresh: true}, nil
	case errors.Is(err, fs.ErrPermission):
		return end{}, err
	case errors.Is(err, fs.ErrNotExist):
		return withoutHead(dir, files, "head.json is missing")
	case err != nil:
		return withoutHead(dir, files, "head.json is not what a host writes")
	}
	return fromHead(dir, files, h)
}

func (h head) tail() tail { return tail{seq: h.Seq, hash: h.Hash, number: h.number(), size: h.Size} }

func (t tail) head() head {
	return head{V: formatVersion, Seq: t.seq, Hash: t.hash, File: fileName(t.number), Size: t.size}
}

// withoutHead goes on after the last record that can be read.
func withoutHead(dir string, files []int, what string) (end, error) {
	e := end{tail: firstHead().tail()}
	for _, n := range slices.Backward(files) {
		r, err := lastRecord(filepath.Join(dir, fileName(n)))
		if err != nil {
			return e, err
		}
		if r.Seq > 0 && r.Seq <= maxClaim {
			e.seq, e.hash = r.Seq, r.Hash
			break
		}
	}
	e.damaged(last(files), headName, "%s", what)
	return e, nil
}

func last(files []int) int {
	if len(files) == 0 {
		return 0
	}
	return files[len(files)-1]
}

// lastRecord is the last valid record of a file, of any place in it; zero when
// there is none.
func lastRecord(path string) (Record, error) {
	var found Record
	err := scan(path, 0, func(l line) error {
		if r, err := l.record(path); err == nil && !l.torn {
			found = r
		}
		return nil
	})
	return found, err
}

// scan calls fn with the lines of a file from an offset on. What cannot be
// opened because it is no file has no lines.
func scan(path string, offset int64, fn func(line) error) error {
	f, err := openRegular(path, os.O_RDONLY)
	if err != nil {
		if errors.Is(err, fs.ErrPermission) {
			return err
		}
		return nil
	}
	defer f.Close()
	if _, err := f.Seek(offset, io.SeekStart); err != nil {
		return err
	}
	for in := newLines(f, offset); ; {
		l, err := in.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := fn(l); err != nil {
			return err
		}
	}
}

// fromHead confirms the record that the head names and goes on from there.
func fromHead(dir string, files []int, h head) (end, error) {
	e := end{tail: h.tail()}
	if what := confirm(dir, h); what != "" {
		if h.Seq > maxClaim {
			return withoutHead(dir, files, what)
		}
		e.damaged(last(files), h.File, "%s", what)
		return e, nil
	}
	for n := h.number(); n <= last(files); n++ {
		if !slices.Contains(files, n) {
			e.damaged(last(files), fileName(n), "the file is missing")
			return e, nil
		}
		if err := e.follow(dir, n, last(files)); err != nil || e.damage != nil {
			return e, err
		}
	}
	return e, nil
}

// confirm says what is wrong with the record that the head names; "" is right.
func confirm(dir string, h head) string {
	if h.Seq == 0 {
		return ""
	}
	f, err := openRegular(filepath.Join(dir, h.File), os.O_RDONLY)
	if err != nil {
		return fmt.Sprintf("the file with record %d is gone", h.Seq)
	}
	defer f.Close()
	text := make([]byte, min(h.Size, maxLine+1))
	if _, err := f.ReadAt(text, h.Size-int64(len(text))); err != nil {
		return fmt.Sprintf("the file ends before record %d", h.Seq)
	}
	r, err := parse(lastLine(text))
	if err != nil || r.Seq != h.Seq || r.Hash != h.Hash || text[len(text)-1] != '\n' {
		return fmt.Sprintf("record %d is not at byte %d, where head.json has it", h.Seq, h.Size)
	}
	return ""
}

// lastLine is what stands between the last two line feeds.
func lastLine(text []byte) []byte {
	text = text[:len(text)-1]
	for i := len(text) - 1; i >= 0; i-- {
		if text[i] == '\n' {
			return text[i+1:]
		}
	}
	return text
}

// errStop ends a scan at what it looked for.
var errStop = errors.New("stop")

// follow moves the end over the records of one file, from where it is in it.
func (e *end) follow(dir string, n, last int) error {
	if n != e.number {
		e.number, e.size = n, 0
	}
	name := fileName(n)
	err := scan(filepath.Join(dir, name), e.size, func(l line) error { return e.step(l, name, n == last) })
	switch {
	case errors.Is(err, errStop):
		e.damaged(last, name, "what follows record %d is not the next record", e.seq)
	case err != nil:
		return err
	}
	return nil
}

// step takes one line. A torn one ends the log where it is the last.
func (e *end) step(l line, name string, last bool) error {
	if l.torn && !l.long && last {
		e.torn = true
		return nil
	}
	r, err := l.record(name)
	if err != nil || l.torn || r.Seq != e.seq+1 || r.Prev != e.hash {
		return errStop
	}
	e.seq, e.hash, e.size = r.Seq, r.Hash, l.end
	return nil
}
