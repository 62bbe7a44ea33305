// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/hashicorp/go-hclog"
)

const (
	maxLine     = 8 << 10 // bytes of one log line that are kept
	logSeconds  = 4       // how many seconds' worth may be logged at once
	drainRate   = 4 << 20 // bytes a second that are read at all
	tailLines   = 20
	tailLine    = 1 << 10 // bytes of a line that the tail keeps
	maxLogLevel = hclog.Warn
)

// logSink turns what a plugin prints into log lines of the host.
type logSink struct {
	logger hclog.Logger
	redact func(string) string
	rate   float64 // bytes a second
	total  uint64  // bytes in all
	pace   *pacer

	mu      sync.Mutex
	tokens  float64
	filled  time.Time
	logged  uint64
	dropped uint64
	tail    []string
	crash   crashLog
}

// newLogSink makes the sink of one plugin from its checked specification.
func newLogSink(logger hclog.Logger, spec *Spec, redact func(string) string) *logSink {
	rate := float64(spec.LogRate)
	return &logSink{
		logger: logger, redact: redact, rate: rate, total: spec.LogBytes,
		pace: newPacer(drainRate), tokens: rate * logSeconds, filled: time.Now(),
	}
}

// pump logs every line of r until it ends.
func (s *logSink) pump(r io.Reader) {
	lines := bufio.NewReaderSize(s.pace.reader(r), maxLine)
	for {
		line, err := lines.ReadSlice('\n')
		if len(line) > 0 {
			s.line(line)
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			s.skip(skipLine(lines))
			continue
		}
		if err != nil {
			return
		}
	}
}

// skipLine reads to the end of the line and returns how much that was.
func skipLine(r *bufio.Reader) (skipped int) {
	for {
		rest, err := r.ReadSlice('\n')
		skipped += len(rest)
		if !errors.Is(err, bufio.ErrBufferFull) {
			return skipped
		}
	}
}

// line handles one line, with or without its end. What it keeps and shows was
// redacted before it was cut, so that no half of a secret is left.
func (s *logSink) line(raw []byte) {
	text := s.redact(string(bytes.TrimRight(raw, "\r\n")))
	if text == "" {
		return
	}
	level, message := parseLog(text, s.redact)
	shown := sanitize(message)
	s.mu.Lock()
	crashes := s.crash.add(sanitize(text))
	if level > hclog.Debug || message == text {
		s.remember(shown)
	}
	let := s.admit(uint64(len(raw)))
	s.mu.Unlock()
	if !let {
		return
	}
	if crashes {
		level = maxLogLevel
	}
	s.logger.Log(min(level, maxLogLevel), shown)
}

// remember keeps a message for the cause of death. What a logger wrote for
// debugging, go-plugin's own lines among it, is not worth its place there.
func (s *logSink) remember(message string) {
	s.tail = append(s.tail, clip(message, tailLine))
	if len(s.tail) > tailLines {
		s.tail = s.tail[1:]
	}
}

// admit decides whether n more bytes may be logged now.
func (s *logSink) admit(n uint64) bool {
	now := time.Now()
	s.tokens = min(s.rate*logSeconds, s.tokens+s.rate*now.Sub(s.filled).Seconds())
	s.filled = now
	if s.tokens < float64(n) || n > s.total-min(s.logged, s.total) {
		s.dropped += n
		return false
	}
	s.tokens -= float64(n)
	s.logged += n
	return true
}

// skip counts bytes that were never looked at.
func (s *logSink) skip(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dropped += uint64(n)
}

// finish reports what was dropped. It is called once, when the plugin is gone.
func (s *logSink) finish() {
	s.pace.stop()
	s.mu.Lock()
	dropped := s.dropped
	s.mu.Unlock()
	if dropped > 0 {
		s.logger.Warn("bytes of log dropped", "bytes", dropped)
	}
}

// lastLines returns the end of the log.
func (s *logSink) lastLines() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.tail...)
}

// lastCrash returns the crash that the log ends with.
func (s *logSink) lastCrash() crash {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.crash.found()
}

// writer returns a writer whose lines go to the sink, for go-plugin's stream of
// the plugin's standard output and error. It is not safe for concurrent use.
func (s *logSink) writer() io.Writer { return &lineWriter{sink: s} }

type lineWriter struct {
	sink    *logSink
	pending []byte
}

// Write never fails; it waits when the plugin writes faster than drainRate.
func (w *lineWriter) Write(p []byte) (int, error) {
	w.sink.pace.wait(len(p))
	for rest := p; len(rest) > 0; {
		line, after, ended := bytes.Cut(rest, []byte("\n"))
		if room := maxLine - len(w.pending); len(line) > room {
			w.sink.skip(len(line) - room)
			line = line[:room]
		}
		w.pending = append(w.pending, line...)
		if ended {
			w.sink.line(w.pending)
			w.pending = w.pending[:0]
		}
		rest = after
	}
	return len(p), nil
}

// clip cuts a text to n bytes at most, and never inside a character.
func clip(text string, n int) string {
	if len(text) <= n {
		return text
	}
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n]
}
