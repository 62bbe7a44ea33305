// SPDX-License-Identifier: Apache-2.0

package files

import (
	"context"
	"errors"
)

// endedError is why a context ended, in the words of whoever cancelled it. It is
// context.Canceled or context.DeadlineExceeded, too, so that callers can tell who
// gives up from a source that does not answer.
type endedError struct{ cause, err error }

// Error says what happened, where, and what to do about it.
func (e *endedError) Error() string { return e.cause.Error() }

// Unwrap is the reason and the error of the context.
func (e *endedError) Unwrap() []error { return []error{e.cause, e.err} }

// ended is why a context ended; *slow when its pace did that.
func ended(ctx context.Context) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	if _, own := errors.AsType[*slow](cause); own || errors.Is(cause, err) {
		return cause
	}
	return &endedError{cause, err}
}

// Advises reports whether an error holds one of this package that says itself what
// to do: a server that gave no answer, or one that is no file, and a file that is
// too large, too short, too slow or another one.
func Advises(err error) bool {
	var (
		status  *StatusError
		network *networkError
		cert    *certificateError
		large   *TooLargeError
		size    *SizeError
		digest  *DigestError
		slow    *SlowError
	)
	return errors.As(err, &status) || errors.As(err, &network) || errors.As(err, &cert) ||
		errors.As(err, &large) || errors.As(err, &size) || errors.As(err, &digest) || errors.As(err, &slow)
}
