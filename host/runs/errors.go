// SPDX-License-Identifier: Apache-2.0

package runs

import (
	"errors"
	"fmt"
	"strings"
)

// ErrEnded: the run has ended, and nothing can be added to it.
var ErrEnded = errors.New("the run has ended")

// NotFoundError says that no run has a name.
type NotFoundError struct{ Ref, Dir string }

func (e *NotFoundError) Error() string {
	return fmt.Sprintf("no run %s is in %s; `bulkhead runs list` shows those that are", e.Ref, e.Dir)
}

// AmbiguousError says that several runs begin with a name.
type AmbiguousError struct {
	Ref string
	// IDs that begin so, at most eight of them.
	IDs []string
}

func (e *AmbiguousError) Error() string {
	return fmt.Sprintf("%s is the beginning of several runs: %s; write more digits", e.Ref, strings.Join(e.IDs, ", "))
}

// RefError says that a text cannot be the name of a run.
type RefError struct{ Ref string }

func (e *RefError) Error() string {
	return fmt.Sprintf("%q is not the id of a run; write 1 to %d of its hexadecimal digits", e.Ref, idLength)
}

// RunningError says that a run cannot be removed because it goes on.
type RunningError struct{ ID string }

func (e *RunningError) Error() string {
	return fmt.Sprintf("run %s is still running; stop it first", e.ID)
}

// DamageError says that the record of a run is not what was written.
type DamageError struct{ ID, Path, Reason string }

func (e *DamageError) Error() string {
	return fmt.Sprintf("%s is damaged: %s; `bulkhead runs remove %s` forgets the run", e.Path, e.Reason, e.ID)
}
