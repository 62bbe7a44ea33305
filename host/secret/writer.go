// SPDX-License-Identifier: Apache-2.0

package secret

import (
	"bytes"
	"io"
	"sync"
)

// maxLine is how much of a line a writer holds back, in bytes, beyond the longest
// form of a secret.
const maxLine = 64 << 10

// Writer returns a writer that passes text on to w with all secrets replaced. It
// holds text back until its line is complete, or until it is so long that no
// secret can begin in what is passed on and end in what follows. Close passes the
// rest on; it does not close w. The writer may be shared between goroutines.
func (r *Redactor) Writer(w io.Writer) io.WriteCloser {
	if r == nil {
		r = &Redactor{}
	}
	return &writer{redactor: r, to: w}
}

type writer struct {
	redactor *Redactor
	mu       sync.Mutex
	to       io.Writer
	held     []byte
	err      error // of to; nothing is written after it
}

// Write passes complete lines on.
func (w *writer) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.held = append(w.held, p...)
	if end := bytes.LastIndexByte(w.held, '\n') + 1; end > 0 {
		w.pass(end)
	}
	if len(w.held) > maxLine+w.redactor.longest {
		w.passLong()
	}
	if w.err != nil {
		return 0, w.err
	}
	return len(p), nil
}

// passLong passes on the beginning of a line that is too long to hold.
func (w *writer) passLong() {
	cut := len(w.held) - w.redactor.longest
	for _, s := range w.redactor.find(string(w.held)) {
		if s.from < cut && cut < s.to {
			cut = s.to
		}
	}
	w.pass(cut)
}

// pass writes the first n held bytes.
func (w *writer) pass(n int) {
	if w.err == nil {
		_, w.err = io.WriteString(w.to, w.redactor.Line(string(w.held[:n])))
	}
	w.held = append(w.held[:0], w.held[n:]...)
}

// Close passes on what was held back.
func (w *writer) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pass(len(w.held))
	return w.err
}
