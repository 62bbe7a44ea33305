// SPDX-License-Identifier: Apache-2.0

package state

import (
	"fmt"
	"strings"
)

// NotFoundError says that no state has a name.
type NotFoundError struct{ Ref, Dir string }

func (e *NotFoundError) Error() string {
	return fmt.Sprintf("no state %s is in %s; `bulkhead state list` shows those that are", e.Ref, e.Dir)
}

// AmbiguousError says that several states begin with a name.
type AmbiguousError struct {
	Ref string
	// Digests that begin so, at most eight of them.
	Digests []string
}

func (e *AmbiguousError) Error() string {
	return fmt.Sprintf("%s is the beginning of several states: %s; write more digits", e.Ref, strings.Join(e.Digests, ", "))
}

// RefError says that a text cannot be the name of a state.
type RefError struct{ Ref string }

func (e *RefError) Error() string {
	return fmt.Sprintf("%q is not the name of a state; write at least %d of its hexadecimal digits", e.Ref, minRef)
}

// DigestError says that bytes are not those that a digest names.
type DigestError struct {
	// What was read: a path, or "the import".
	What       string
	Want, Have string
}

func (e *DigestError) Error() string {
	return fmt.Sprintf("%s should have the digest %s and has %s; it was damaged or changed: get it again, or fit again", e.What, e.Want, e.Have)
}

// ImportError says why a file is not imported.
type ImportError struct{ Reason string }

func (e *ImportError) Error() string { return "the file is not imported: " + e.Reason }
