// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"bytes"
	"errors"
	"sync"
)

// lineWriter cuts what is written to it into lines, each at most max bytes long.
type lineWriter struct {
	max  int
	take func(line []byte) error

	part  []byte
	count int
	// err is what ended it.
	err error
}

var errLongLine = errors.New("the line has no end within the bytes that are read")

// Write takes p; an error of take, or a line that is too long, ends it.
func (w *lineWriter) Write(p []byte) (int, error) {
	written := len(p)
	for {
		end := bytes.IndexByte(p, '\n')
		if end < 0 {
			break
		}
		line := p[:end]
		if len(w.part) > 0 {
			line = append(w.part, line...)
		}
		w.part = nil
		if err := w.line(line); err != nil {
			return 0, err
		}
		p = p[end+1:]
	}
	if len(w.part)+len(p) > w.max {
		w.count++
		return 0, w.wrong(w.part, errLongLine)
	}
	w.part = append(w.part, p...)
	return written, nil
}

func (w *lineWriter) line(line []byte) error {
	w.count++
	line = bytes.TrimSuffix(line, []byte("\r"))
	if len(line) > w.max {
		return w.wrong(line, errLongLine)
	}
	if err := w.take(bytes.Clone(line)); err != nil {
		return w.wrong(line, err)
	}
	return nil
}

func (w *lineWriter) wrong(line []byte, err error) error {
	w.err = &ProtocolError{Line: w.count, Text: shorten(string(line[:min(len(line), 2*maxShown)])), Err: err}
	return w.err
}

// tail keeps the last bytes that are written to it.
type tail struct {
	mu   sync.Mutex
	keep int
	last []byte
}

// Write never fails.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last = append(t.last, p[max(0, len(p)-t.keep):]...)
	if extra := len(t.last) - t.keep; extra > 0 {
		t.last = append(t.last[:0], t.last[extra:]...)
	}
	return len(p), nil
}

// String is what was kept, as text.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(bytes.ToValidUTF8(bytes.TrimSpace(t.last), []byte("\ufffd")))
}
