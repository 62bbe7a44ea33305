// SPDX-License-Identifier: Apache-2.0

package files

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
	"time"
)

// The floor under the speed of a source.
const (
	DefaultMinRate = 1 << 10          // bytes per second
	DefaultWindow  = 30 * time.Second // over which the rate is taken
)

// pace ends the reading of one file when too little comes.
type pace struct {
	rate   int64
	window time.Duration
	bytes  atomic.Int64 // that came since the file was opened
}

// slow is why a context was ended by a pace.
type slow struct {
	bytes  int64
	window time.Duration
	rate   int64
}

// Error says what happened, where, and what to do about it.
func (s *slow) Error() string { return "the source is too slow" }

// watch cancels when a window passes in which fewer bytes came than the rate asks
// for, until ctx ends. Time in which nobody reads counts too, so the reader does
// nothing slow in between.
func (p *pace) watch(ctx context.Context, cancel context.CancelCauseFunc) {
	ticker := time.NewTicker(p.window)
	defer ticker.Stop()
	for before := int64(0); ; {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		now := p.bytes.Load()
		if float64(now-before) < float64(p.rate)*p.window.Seconds() {
			cancel(&slow{now - before, p.window, p.rate})
			return
		}
		before = now
	}
}

// pacedReader counts what it reads for a pace, and says why its context ended
// rather than what the connection made of it.
type pacedReader struct {
	ctx  context.Context
	pace *pace
	r    io.Reader
}

// Read is that of io.Reader.
func (r *pacedReader) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	r.pace.bytes.Add(int64(n))
	if err != nil && !errors.Is(err, io.EOF) && r.ctx.Err() != nil {
		err = ended(r.ctx)
	}
	return n, err
}
