// SPDX-License-Identifier: Apache-2.0

package network

import (
	"context"
	"errors"
	"testing"
	"time"
)

func TestPace(t *testing.T) {
	p := newPace(10, 3)
	now := p.seen
	for i, step := range []struct{ pause, wait time.Duration }{
		{0, 0}, {0, 0}, {0, 0}, // the burst
		{0, 100 * time.Millisecond},
		{100 * time.Millisecond, 100 * time.Millisecond},
		{200 * time.Millisecond, 0},
		{time.Hour, 0}, {0, 0}, {0, 0}, // no more than a burst is saved up
		{0, 100 * time.Millisecond},
	} {
		now = now.Add(step.pause)
		if got := p.take(now).Round(time.Millisecond); got != step.wait {
			t.Errorf("step %d: wait %v, want %v", i, got, step.wait)
		}
	}
}

func TestPaceEndsWithItsContext(t *testing.T) {
	p := newPace(0.001, 1)
	ctx, cancel := context.WithCancel(t.Context())
	if err := p.wait(ctx); err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(10*time.Millisecond, cancel)
	if err := p.wait(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("wait returned %v", err)
	}
}
