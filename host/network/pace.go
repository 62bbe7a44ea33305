// SPDX-License-Identifier: Apache-2.0

package network

import (
	"context"
	"time"
)

// pace lets events pass at a bounded rate: burst at once, perSecond in the long
// run. It is for one goroutine.
type pace struct {
	perSecond, burst, left float64
	seen                   time.Time
}

func newPace(perSecond, burst float64) *pace {
	return &pace{perSecond: perSecond, burst: burst, left: burst, seen: time.Now()}
}

// take counts an event at now and says how long it must wait.
func (p *pace) take(now time.Time) time.Duration {
	p.left = min(p.burst, p.left+now.Sub(p.seen).Seconds()*p.perSecond)
	p.seen = now
	p.left--
	if p.left >= 0 {
		return 0
	}
	return time.Duration(-p.left / p.perSecond * float64(time.Second))
}

// wait lets one event pass when its time has come.
func (p *pace) wait(ctx context.Context) error {
	delay := p.take(time.Now())
	if delay == 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
