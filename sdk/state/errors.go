// SPDX-License-Identifier: Apache-2.0

package state

import (
	"errors"
	"fmt"
)

// What errors.Is finds in the errors of this package.
var (
	// ErrNotState: the bytes do not begin as a state does. They may be another
	// form, older than this one.
	ErrNotState = errors.New("not a state in Bulkhead's container")
	// ErrDigest: the bytes are not those that were written.
	ErrDigest = errors.New("the digest does not match: the bytes were damaged or changed")
	// ErrMissing: there is no array of this name.
	ErrMissing = errors.New("there is no such array")
	// ErrType: the array is of another type.
	ErrType = errors.New("the type differs")
	// ErrShape: the array has another shape.
	ErrShape = errors.New("the shape differs")
	// ErrValue: a value cannot be.
	ErrValue = errors.New("the value is not allowed")
	// ErrUnread: an array is there that the reader did not ask for.
	ErrUnread = errors.New("nothing reads this array")
)

// FormatError says that bytes which begin as a state are none, and where.
type FormatError struct {
	// Offset of the byte from which it is wrong.
	Offset int
	Reason string
	// Err is ErrDigest, or nil.
	Err error
}

func (e *FormatError) Error() string {
	return fmt.Sprintf("the state is not valid at byte %d: %s", e.Offset, e.Reason)
}

// Unwrap returns Err.
func (e *FormatError) Unwrap() error { return e.Err }

func malformed(offset int, format string, args ...any) error {
	return &FormatError{Offset: offset, Reason: fmt.Sprintf(format, args...)}
}

// ArrayError says what is wrong with one array.
type ArrayError struct {
	Array  string
	Detail string
	// Err is one of ErrMissing, ErrType, ErrShape, ErrValue and ErrUnread.
	Err error
}

func (e *ArrayError) Error() string {
	text := fmt.Sprintf("array %q: %v", e.Array, e.Err)
	if e.Detail != "" {
		text += ": " + e.Detail
	}
	return text
}

// Unwrap returns Err.
func (e *ArrayError) Unwrap() error { return e.Err }

func arrayError(name string, err error, format string, args ...any) error {
	return &ArrayError{Array: name, Err: err, Detail: fmt.Sprintf(format, args...)}
}

// KernelError says that a state was made by another kernel.
type KernelError struct{ Have, Want string }

func (e *KernelError) Error() string {
	return fmt.Sprintf("the state was made by kernel %s, not by %s; load it there, or fit again", e.Have, e.Want)
}

// VersionError says that a state is of a version that cannot be read.
type VersionError struct {
	Kernel string
	// Have is the version of the state, Want the one that the kernel reads.
	Have, Want int
	// Stuck is the version from which no migration leads on; 0 when the state is
	// newer than the kernel.
	Stuck int
}

func (e *VersionError) Error() string {
	if e.Stuck == 0 {
		return fmt.Sprintf("the state of %s has version %d, and this kernel reads up to %d; upgrade its plugin", e.Kernel, e.Have, e.Want)
	}
	return fmt.Sprintf("the state of %s has version %d, and no migration leads from %d to %d; fit again, or load it with an older plugin", e.Kernel, e.Have, e.Stuck, e.Want)
}
