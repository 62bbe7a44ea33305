// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"fmt"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/bulkhead-ml/bulkhead/sdk/diag"
	"github.com/bulkhead-ml/bulkhead/sdk/schema"
)

// MaxUndoToken bounds what Setup.UndoToken keeps, in bytes.
const MaxUndoToken = 64 << 10

// rejectAhead is how many rejected rows wait to be sent together.
const rejectAhead = 256

// Setup is what an instance is made from.
type Setup struct {
	// Schema of the input.
	Schema *arrow.Schema
	// Seed of every random choice.
	Seed uint64
	// Budget is the time that the call may use; 0 when there is none.
	Budget time.Duration

	config   []byte
	dropped  atomic.Int64
	diags    []*diag.Diagnostic
	progress func(fraction float64, message string)
	files    map[string]*os.File
	token    []byte

	mu       sync.Mutex
	rejected int64
	waiting  []Rejected
	reject   func([]Rejected) error     // nil keeps all that waits
	trace    func(int64) (int64, error) // the row of the call; nil when it is the same
	failure  error                      // of reject
}

// Rejected is an input row that is put aside because it breaks a rule.
type Rejected struct {
	// Row is its number, counted from 0 over the whole call: Reader.Row plus its
	// place in the batch.
	Row int64
	// Rule that it breaks, such as "range".
	Rule string
	// Column and Detail tell people what is wrong.
	Column, Detail string
}

// NewSetup makes a setup outside a plugin process, for tests. Nil config gives
// the defaults of the settings struct.
func NewSetup(input *arrow.Schema, config []byte) *Setup {
	return &Setup{Schema: input, config: config}
}

// Config decodes the user's settings into a pointer to the kernel's settings
// struct; defaults are filled in.
func (s *Setup) Config(config any) error {
	return schema.Decode(s.config, config)
}

// Diagnose adds a message for the user. Call it from one goroutine.
func (s *Setup) Diagnose(d *diag.Diagnostic) {
	s.diags = append(s.diags, d)
}

// Diagnostics returns the messages so far.
func (s *Setup) Diagnostics() []*diag.Diagnostic { return s.diags }

// Drop counts rows that were read and are not written.
func (s *Setup) Drop(rows int64) { s.dropped.Add(rows) }

// Dropped returns the number of rows dropped so far.
func (s *Setup) Dropped() int64 { return s.dropped.Load() }

// Reject puts an input row aside: it is not written, and not counted by Drop
// either. The host keeps it for the user, or fails the step, as the user chose.
func (s *Setup) Reject(r Rejected) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rejected++
	if s.trace != nil && s.failure == nil {
		r.Row, s.failure = s.trace(r.Row)
	}
	s.waiting = append(s.waiting, r)
	if s.reject != nil && len(s.waiting) >= rejectAhead {
		s.flushLocked()
	}
}

// RejectedRows returns the number of rows put aside so far.
func (s *Setup) RejectedRows() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rejected
}

// Rejections returns the rejected rows that were not sent yet: outside a plugin
// process all of them.
func (s *Setup) Rejections() []Rejected {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.waiting)
}

// flush sends what waits, and returns what any sending brought.
func (s *Setup) flush() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.reject != nil && len(s.waiting) > 0 {
		s.flushLocked()
	}
	return s.failure
}

func (s *Setup) flushLocked() {
	if s.failure == nil {
		s.failure = s.reject(s.waiting)
	}
	s.waiting = nil
}

// untold counts the rows that are missing from the output so far.
func (s *Setup) untold() int64 { return s.Dropped() + s.RejectedRows() }

// UndoToken keeps what Undo needs to take back what this transform does outside
// of its output, at most MaxUndoToken bytes. Keep it before doing that: a token
// counts even when the transform fails. The last one counts.
func (s *Setup) UndoToken(token []byte) { s.token = slices.Clone(token) }

// File returns a file that the host opened for this call: "input" to read, or
// "output" to write. It is closed when the call ends.
func (s *Setup) File(name string) (*os.File, error) {
	if f := s.files[name]; f != nil {
		return f, nil
	}
	return nil, fmt.Errorf("the host gave this call no file %q", name)
}

// WithFile gives a setup a file, for tests. It stays the caller's.
func (s *Setup) WithFile(name string, f *os.File) *Setup {
	if s.files == nil {
		s.files = map[string]*os.File{}
	}
	s.files[name] = f
	return s
}

// Progress tells how far a call is: a fraction of 0 to 1, or a negative one
// when it cannot be told, and what is being done. It never blocks for long.
func (s *Setup) Progress(fraction float64, message string) {
	if s.progress != nil {
		s.progress(fraction, message)
	}
}
