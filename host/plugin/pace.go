// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"io"
	"sync"
	"time"
)

// pacer slows a stream down to a rate, so that a flood costs the flooder its time
// and not ours. Once stopped it never waits again.
type pacer struct {
	rate float64 // bytes a second
	once sync.Once
	halt chan struct{}

	mu   sync.Mutex
	free time.Time // when the bytes let through so far are paid for
}

func newPacer(rate float64) *pacer {
	return &pacer{rate: rate, halt: make(chan struct{})}
}

// slack is how far a stream may run ahead of its rate without waiting.
const slack = 100 * time.Millisecond

// wait accounts for n bytes and returns when they are due.
func (p *pacer) wait(n int) {
	p.mu.Lock()
	now := time.Now()
	if p.free.Before(now) {
		p.free = now
	}
	p.free = p.free.Add(time.Duration(float64(n) / p.rate * float64(time.Second)))
	ahead := p.free.Sub(now)
	p.mu.Unlock()
	if ahead < slack {
		return
	}
	select {
	case <-time.After(ahead - slack/2):
	case <-p.halt:
	}
}

// stop wakes everybody who waits.
func (p *pacer) stop() { p.once.Do(func() { close(p.halt) }) }

// reader returns r at the pacer's rate.
func (p *pacer) reader(r io.Reader) io.Reader { return &pacedReader{r, p} }

type pacedReader struct {
	r io.Reader
	p *pacer
}

func (r *pacedReader) Read(b []byte) (int, error) {
	n, err := r.r.Read(b)
	r.p.wait(n)
	return n, err
}
