// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
)

const (
	maxLine     = 8 << 10   // bytes of one log line that are kept
	logRate     = 64 << 10  // bytes a second that are logged
	logBurst    = 256 << 10 // bytes that may be logged at once
	logTotal    = 1 << 20   // bytes that are ever logged
	drainRate   = 4 << 20   // bytes a second that are read at all
	tailLines   = 20
	tailLine    = 1 << 10 // bytes of a line that the tail keeps
	panicBytes  = 16 << 10
	maxLogLevel = hclog.Warn
)

// logSink turns what a plugin prints into log lines of the host.
type logSink struct {
	logger hclog.Logger
	pace   *pacer

	mu      sync.Mutex
	tokens  float64
	filled  time.Time
	logged  int
	dropped int
	tail    []string
	panic   strings.Builder
}

func newLogSink(logger hclog.Logger) *logSink {
	return &logSink{logger: logger, pace: newPacer(drainRate), tokens: logBurst, filled: time.Now()}
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

// line handles one line, with or without its end.
func (s *logSink) line(raw []byte) {
	text := string(bytes.TrimRight(raw, "\r\n"))
	if text == "" {
		return
	}
	level, message := parseLog(text)
	s.mu.Lock()
	first := s.crash(text)
	if level > hclog.Debug || message == text {
		s.remember(message)
	}
	let := s.admit(len(raw))
	s.mu.Unlock()
	if let {
		if first {
			level = maxLogLevel
		}
		s.logger.Log(min(level, maxLogLevel), sanitize(message))
	}
}

// crash keeps what belongs to a panic and reports whether the line begins it.
func (s *logSink) crash(text string) (first bool) {
	first = s.panic.Len() == 0 && startsCrash(text)
	if room := panicBytes - s.panic.Len(); (first || s.panic.Len() > 0) && room > 0 {
		s.panic.WriteString(sanitize(clip(text, room)) + "\n")
	}
	return first
}

// remember keeps a message for the cause of death. What a logger wrote for
// debugging, go-plugin's own lines among it, is not worth its place there.
func (s *logSink) remember(message string) {
	s.tail = append(s.tail, sanitize(clip(message, tailLine)))
	if len(s.tail) > tailLines {
		s.tail = s.tail[1:]
	}
}

// crashes are how the Go runtime, and the kernel through it, begins its last words.
var crashes = []string{
	"panic: ", "fatal error: ", "runtime: ", "runtime/cgo: ",
	"SIGABRT: ", "SIGBUS: ", "SIGFPE: ", "SIGILL: ", "SIGQUIT: ", "SIGSEGV: ", "SIGSYS: ",
}

func startsCrash(text string) bool {
	return slices.ContainsFunc(crashes, func(prefix string) bool { return strings.HasPrefix(text, prefix) })
}

// admit decides whether n more bytes may be logged now.
func (s *logSink) admit(n int) bool {
	now := time.Now()
	s.tokens = min(logBurst, s.tokens+logRate*now.Sub(s.filled).Seconds())
	s.filled = now
	if s.tokens < float64(n) || s.logged+n > logTotal {
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
	s.dropped += n
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

// panicText returns the beginning of a panic, "" when there was none.
func (s *logSink) panicText() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.TrimRight(s.panic.String(), "\n")
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

func clip(text string, n int) string { return text[:min(len(text), n)] }
