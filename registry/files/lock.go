// SPDX-License-Identifier: Apache-2.0

package files

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bulkhead-ml/bulkhead/internal/durable"
)

// acquire takes a lock and waits for it until ctx ends: what is done under it may
// take as long as a download.
func acquire(ctx context.Context, name string) (*durable.Lock, error) {
	for pause := time.Millisecond; ; pause = min(2*pause, 100*time.Millisecond) {
		lock, err := durable.TryAcquire(name)
		if !errors.Is(err, durable.ErrLocked) {
			return lock, err
		}
		if err := sleep(ctx, pause); err != nil {
			return nil, fmt.Errorf("another process holds %s: %w", name, errors.Join(err, durable.ErrLocked))
		}
	}
}

// sleep waits, or returns at once why ctx ended.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ended(ctx)
	case <-timer.C:
		return nil
	}
}
