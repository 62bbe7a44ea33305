// SPDX-License-Identifier: Apache-2.0

package install

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"

	"github.com/bulkhead-ml/bulkhead/internal/durable"
)

// Lease keeps entries from being collected until it is released or its process
// ends.
type Lease struct{ held []heldLease }

// heldLease is a file of its own with a lock on it: any number of hosts have
// leases on one entry, and one that died has none.
type heldLease struct {
	path string
	lock *durable.Lock
}

// Lease takes leases on entries; a *MissingError when there is not one of them. In
// a store that this user cannot write to it takes none, as nobody like him could
// collect there.
func (s *Store) Lease(ctx context.Context, h1s ...string) (*Lease, error) {
	l := &Lease{}
	for _, h1 := range h1s {
		if err := s.lease(ctx, l, h1); err != nil {
			return nil, errors.Join(err, l.Release())
		}
	}
	return l, nil
}

func (s *Store) lease(ctx context.Context, l *Lease, h1 string) error {
	name, err := entryName(h1)
	if err != nil {
		return err
	}
	if _, err := s.Dir(h1); err != nil {
		return err
	}
	held, err := s.hold(ctx, h1, name)
	switch {
	case err == nil:
		l.held = append(l.held, held)
	case !cannotWrite(err):
		return fmt.Errorf("leasing an installed plugin: %w", err)
	}
	return nil
}

// hold takes one lease under the entry's lock, so that no collection is between
// looking for leases and removing.
func (s *Store) hold(ctx context.Context, h1, name string) (held heldLease, err error) {
	entry, err := s.lockEntry(ctx, name)
	if err != nil {
		return held, err
	}
	defer func() { _ = entry.Release() }()
	if _, err := s.Dir(h1); err != nil {
		return held, err
	}
	if err := durable.MakeDir(s.path(leaseDir, name)); err != nil {
		return held, err
	}
	held.path = s.path(leaseDir, name, rand.Text())
	held.lock, err = durable.TryAcquire(held.path)
	return held, err
}

// Release gives the leases back. A nil lease has none.
func (l *Lease) Release() error {
	if l == nil {
		return nil
	}
	var errs []error
	for _, h := range l.held {
		errs = append(errs, h.lock.Release())
		_ = os.Remove(h.path) // a collection does it otherwise
	}
	l.held = nil
	return errors.Join(errs...)
}

// leased reports whether a host has a lease on an entry, and removes what dead
// ones left. The caller has the entry's lock.
func (s *Store) leased(name string, dry bool) (bool, error) {
	list, err := os.ReadDir(s.path(leaseDir, name))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return false, err
	}
	for _, e := range list {
		path := s.path(leaseDir, name, e.Name())
		held, err := durable.Held(path)
		if held || err != nil {
			return held, err
		}
		if !dry {
			_ = os.Remove(path) // its host is gone; a later collection tries again
		}
	}
	return false, nil
}
