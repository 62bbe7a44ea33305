// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// line is one line of a file. text is good until the next line is read.
type line struct {
	text   []byte // without the line feed; nil when it is too long
	number int    // from 1
	end    int64  // offset behind the line, in bytes
	long   bool   // longer than maxLine
	torn   bool   // the last one, without a line feed
}

// record parses the line.
func (l line) record(file string) (Record, error) {
	if l.long {
		return Record{File: file, Line: l.number}, errLength
	}
	r, err := parse(l.text)
	r.File, r.Line = file, l.number
	return r, err
}

// lines reads a file by lines in bounded memory, whatever is in it.
type lines struct {
	r      *bufio.Reader
	number int
	end    int64
}

// newLines begins at offset of a file.
func newLines(r io.Reader, offset int64) *lines {
	return &lines{r: bufio.NewReaderSize(r, maxLine), end: offset}
}

// next returns io.EOF after the last line.
func (l *lines) next() (line, error) {
	text, err := l.r.ReadSlice('\n')
	l.end += int64(len(text))
	l.number++
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return l.skip()
	case errors.Is(err, io.EOF) && len(text) == 0:
		return line{}, io.EOF
	case errors.Is(err, io.EOF):
		return line{text: text, number: l.number, end: l.end, torn: true}, nil
	case err != nil:
		return line{}, err
	}
	return line{text: text[:len(text)-1], number: l.number, end: l.end}, nil
}

// skip passes over the rest of a line that is too long.
func (l *lines) skip() (line, error) {
	for {
		text, err := l.r.ReadSlice('\n')
		l.end += int64(len(text))
		if err == nil || errors.Is(err, io.EOF) {
			return line{number: l.number, end: l.end, long: true, torn: err != nil}, nil
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line{}, err
		}
	}
}

// file is a file of the log as it was when a reader looked.
type file struct {
	number int
	size   int64
}

func (f file) name() string { return fileName(f.number) }

// snapshot is the log as it was between two batches: what hosts append later is
// not part of it.
type snapshot struct {
	files   []file
	head    head
	headErr error // fs.ErrNotExist: there is none
	open    func(name string) (io.ReadCloser, error)
}

// look takes a snapshot of a log.
func look(dir string) (snapshot, error) {
	s := snapshot{open: func(name string) (io.ReadCloser, error) {
		return openRegular(filepath.Join(dir, name), os.O_RDONLY)
	}}
	err := reading(dir, func() error { return s.look(dir) })
	if err != nil {
		return s, fmt.Errorf("the audit log in %s cannot be read: %w", dir, err)
	}
	return s, nil
}

func (s *snapshot) look(dir string) error {
	found, err := numbers(dir)
	if err != nil {
		return err
	}
	for _, n := range found {
		info, err := os.Lstat(filepath.Join(dir, fileName(n)))
		if err != nil {
			return err
		}
		s.files = append(s.files, file{number: n, size: info.Size()})
	}
	s.head, s.headErr = readHead(dir)
	if errors.Is(s.headErr, fs.ErrPermission) {
		return s.headErr
	}
	return nil
}

// each calls fn with every line of a file.
func (s snapshot) each(f file, fn func(line) error) error {
	r, err := s.open(f.name())
	if err != nil {
		return err
	}
	defer r.Close()
	in := newLines(io.LimitReader(r, f.size), 0)
	for {
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
