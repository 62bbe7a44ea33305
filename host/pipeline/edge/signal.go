// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"context"
	"sync"
)

// signal guards the fields of an edge, and wakes all who wait for a change of
// them. Unlike a sync.Cond it can be waited for together with a context.
type signal struct {
	mu      sync.Mutex
	changed chan struct{} // nil while nobody waits
}

// wake tells all who wait. It is called with mu held.
func (s *signal) wake() {
	if s.changed != nil {
		close(s.changed)
		s.changed = nil
	}
}

// until waits, with mu held before and after, until ready is true. ready is
// called with mu held.
func (s *signal) until(ctx context.Context, ready func() bool) error {
	for !ready() {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if s.changed == nil {
			s.changed = make(chan struct{})
		}
		changed := s.changed
		s.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
		}
		s.mu.Lock()
	}
	return nil
}
