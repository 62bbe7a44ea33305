// SPDX-License-Identifier: Apache-2.0

package files

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

const (
	defaultAttempts = 4
	defaultPause    = 250 * time.Millisecond
	longestPause    = 10 * time.Second
	longestAfter    = time.Minute // the longest Retry-After that is waited for
)

// retries counts the attempts at one thing.
type retries struct {
	attempts int           // in all
	pause    time.Duration // before the second
	made     int
}

// again waits before the next attempt; it is false when there is none.
func (r *retries) again(ctx context.Context, after time.Duration) bool {
	r.made++
	if r.made >= r.attempts || after > longestAfter {
		return false
	}
	pause := after + rand.N(after/10+1)
	if after == 0 {
		pause = jitter(r.pause << (r.made - 1))
	}
	return sleep(ctx, pause) == nil
}

// jitter is between half and all of a pause, so that many hosts which failed
// together do not come back together.
func jitter(pause time.Duration) time.Duration {
	if pause <= 0 || pause > longestPause {
		pause = longestPause
	}
	return pause/2 + rand.N(pause/2+1)
}

// broken reports whether a transfer may be tried again, and is the error without
// the mark of that.
func broken(err error) (error, bool) {
	if b, ok := errors.AsType[*brokenError](err); ok {
		return b.err, true
	}
	return err, false
}
