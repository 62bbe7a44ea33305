// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/bulkhead-ml/bulkhead/host/report"
	"github.com/bulkhead-ml/bulkhead/host/sandbox"
)

// Bounds of what is read of a probe, in bytes.
const (
	maxAnswer = 256 << 10
	maxStderr = 64 << 10
	maxText   = 2000
)

// settle is how long a killed process may take to be gone.
const settle = 5 * time.Second

// outcome is how a process ended and what it said.
type outcome struct {
	answer   []byte // descriptor 3
	stderr   []byte // its end
	exit     sandbox.Exit
	deadline bool
}

// launch runs a program to its end. Its answer is what it writes to the first
// descriptor after the standard streams and the spec's own.
func launch(ctx context.Context, spec sandbox.Spec) (outcome, error) {
	private, remove, err := privateDir()
	if err != nil {
		return outcome{}, err
	}
	defer remove()
	answer, err := newSink(maxAnswer)
	if err != nil {
		return outcome{}, err
	}
	defer answer.close()
	stderr, err := newSink(maxStderr)
	if err != nil {
		return outcome{}, err
	}
	defer stderr.close()
	spec.PrivateDir, spec.Stderr = private, stderr.w
	spec.Inherit = append([]*os.File{answer.w}, spec.Inherit...)
	process, err := sandbox.Launch(ctx, spec)
	if err != nil {
		return outcome{}, err
	}
	answer.closeWriter()
	stderr.closeWriter()
	return wait(ctx, process, answer, stderr)
}

// wait ends the process when its time is over.
func wait(ctx context.Context, p *sandbox.Process, answer, stderr *sink) (outcome, error) {
	var out outcome
	select {
	case <-p.Done():
	case <-ctx.Done():
		out.deadline = errors.Is(ctx.Err(), context.DeadlineExceeded)
		p.Kill()
	}
	select {
	case <-p.Done():
		out.exit = *p.Exit()
	case <-time.After(settle):
		return out, fmt.Errorf("the process is still there %v after it was killed", settle)
	}
	if ctx.Err() != nil && !out.deadline {
		return out, errors.New("the diagnosis was ended while this was tried")
	}
	out.answer, out.stderr = answer.text(), stderr.text()
	return out, nil
}

// died says in words how a process ended that gave no answer.
func (o outcome) died() string {
	e := o.exit
	switch {
	case o.deadline:
		return "it did not end in time"
	case e.OutOfMemory || e.Exceeded == "memory":
		return fmt.Sprintf("it was ended for its use of memory, at %d MiB", e.PeakBytes>>20)
	case e.Exceeded != "":
		return "it was ended for its use of " + e.Exceeded
	case e.Call != "":
		return "it was ended for the system call " + e.Call
	case e.Signal != 0:
		return fmt.Sprintf("it was ended by signal %d (%v)%s", int(e.Signal), e.Signal, o.lastWords())
	case e.Code == 0:
		return "it ended by itself, without an answer that can be read" + o.lastWords()
	}
	return fmt.Sprintf("it ended with exit status %d%s", e.Code, o.lastWords())
}

// lastWords are the last line of standard error.
func (o outcome) lastWords() string {
	lines := strings.Split(strings.TrimSpace(string(o.stderr)), "\n")
	if last := clean(lines[len(lines)-1]); last != "" {
		return ": " + last
	}
	return ""
}

// sink is a pipe whose end is kept, up to a bound.
type sink struct {
	r, w *os.File
	done chan []byte
	kept []byte
}

func newSink(limit int) (*sink, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	s := &sink{r: r, w: w, done: make(chan []byte, 1)}
	go func() { s.done <- tail(r, limit) }()
	return s, nil
}

// tail reads to the end and keeps the last bytes.
func tail(r io.Reader, limit int) []byte {
	var kept bytes.Buffer
	chunk := make([]byte, 32<<10)
	for {
		n, err := r.Read(chunk)
		kept.Write(chunk[:n])
		if over := kept.Len() - limit; over > 0 {
			kept.Next(over)
		}
		if err != nil {
			return kept.Bytes()
		}
	}
}

func (s *sink) closeWriter() { _ = s.w.Close() }

// text is what was written. A descendant that holds the pipe is not waited for.
func (s *sink) text() []byte {
	select {
	case s.kept = <-s.done:
	case <-time.After(200 * time.Millisecond):
		_ = s.r.Close()
		s.kept = <-s.done
	}
	return s.kept
}

func (s *sink) close() {
	_ = s.w.Close()
	_ = s.r.Close()
}

// clean makes foreign text fit for a report: one line, bounded.
func clean(s string) string {
	if len(s) > maxText {
		s = s[:maxText]
	}
	return report.CleanLine(s)
}

func firstOf(texts ...string) string { return cmp.Or(texts...) }
