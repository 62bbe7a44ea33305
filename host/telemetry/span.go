// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"sync"
	"time"
)

// spanContext names a span among all traces.
type spanContext struct {
	trace [16]byte
	span  [8]byte
}

func (c spanContext) valid() bool { return c.trace != [16]byte{} && c.span != [8]byte{} }

// under makes the context of a child, of a new trace when c is not valid.
func (c spanContext) under() spanContext {
	child := spanContext{trace: c.trace}
	for child.trace == [16]byte{} {
		binary.BigEndian.PutUint64(child.trace[:8], rand.Uint64())
		binary.BigEndian.PutUint64(child.trace[8:], rand.Uint64())
	}
	for child.span == [8]byte{} {
		binary.BigEndian.PutUint64(child.span[:], rand.Uint64())
	}
	return child
}

// traceparent writes the header of W3C Trace Context, version 00, sampled.
func (c spanContext) traceparent() string {
	b := make([]byte, 0, 55)
	b = append(b, "00-"...)
	b = hex.AppendEncode(b, c.trace[:])
	b = append(b, '-')
	b = hex.AppendEncode(b, c.span[:])
	return string(append(b, "-01"...))
}

// parseTraceparent reads a header of version 00 or later.
func parseTraceparent(s string) (c spanContext, ok bool) {
	if len(s) < 55 || s[2] != '-' || s[35] != '-' || s[52] != '-' || s[:2] == "ff" {
		return c, false
	}
	if s[:2] == "00" && len(s) != 55 || len(s) > 55 && s[55] != '-' {
		return c, false
	}
	for _, part := range []struct {
		to   []byte
		from string
	}{{make([]byte, 1), s[:2]}, {c.trace[:], s[3:35]}, {c.span[:], s[36:52]}, {make([]byte, 1), s[53:55]}} {
		for _, r := range part.from {
			if r >= 'A' && r <= 'F' {
				return spanContext{}, false
			}
		}
		if _, err := hex.Decode(part.to, []byte(part.from)); err != nil {
			return spanContext{}, false
		}
	}
	if !c.valid() {
		return spanContext{}, false
	}
	return c, true
}

// Kinds of spans, by the numbers of OTLP.
const (
	internal = 1
	client   = 3
)

// attribute of a span, a point or a resource: value is a string, an int64, a
// float64 or a bool.
type attribute struct {
	key   string
	value any
}

// span is a stretch of work. Its owner fills it and ends it once; after that
// it is not changed.
type span struct {
	spanContext
	parent     [8]byte
	name       string
	kind       int
	start, end time.Time
	attributes []attribute
	// more gives further attributes when the span is encoded, which is not on
	// the time of the run; nil for none. It is called once the span has ended.
	more func() []attribute
	// failure is empty when it went well; class says of which kind it is.
	failure, class string

	once sync.Once
}

// set adds attributes; empty strings and zero numbers say nothing and are left
// out.
func (s *span) set(list ...attribute) {
	s.attributes = append(s.attributes, telling(list)...)
}

// telling are the attributes that say something.
func telling(list []attribute) []attribute {
	out := list[:0]
	for _, a := range list {
		switch v := a.value.(type) {
		case string:
			if v == "" {
				continue
			}
		case int64:
			if v == 0 {
				continue
			}
		}
		out = append(out, a)
	}
	return out
}

// fail gives the span the status ERROR.
func (s *span) fail(class, message string) { s.class, s.failure = class, message }
