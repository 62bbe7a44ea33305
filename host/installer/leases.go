// SPDX-License-Identifier: Apache-2.0

package installer

import (
	"context"
	"errors"
	"sync"

	"github.com/bulkhead-ml/bulkhead/registry/install"
)

// Leases keep what a host uses from being collected while it runs. The zero value
// holds none; it is safe for concurrent use.
type Leases struct {
	mu   sync.Mutex
	held map[string]*install.Lease
}

// take holds an entry of a store until Release.
func (l *Leases) take(store *install.Store, h1 string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held[h1] != nil {
		return nil
	}
	lease, err := store.Lease(context.Background(), h1) // it waits for nothing but the disk
	if err != nil {
		return err
	}
	if l.held == nil {
		l.held = map[string]*install.Lease{}
	}
	l.held[h1] = lease
	return nil
}

// Release lets everything be collected again.
func (l *Leases) Release() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var errs []error
	for _, lease := range l.held {
		errs = append(errs, lease.Release())
	}
	l.held = nil
	return errors.Join(errs...)
}
