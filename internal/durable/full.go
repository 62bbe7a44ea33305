// SPDX-License-Identifier: Apache-2.0

package durable

import "errors"

// FullError means that a disk, or the user's share of it, has no room left.
type FullError struct{ Err error }

// Error is that of the system, which names the file, and what to do.
func (e *FullError) Error() string {
	return e.Err.Error() + "; free space on that disk and run the command again (`bulkhead plugin gc` removes plugins that nothing uses)"
}

// Unwrap returns the error of the system.
func (e *FullError) Unwrap() error { return e.Err }

// Explain makes an error that means that a disk is full a *FullError, once, and
// returns others as they are.
func Explain(err error) error {
	if _, known := errors.AsType[*FullError](err); known || !isFull(err) {
		return err
	}
	return &FullError{err}
}
