// SPDX-License-Identifier: Apache-2.0

package tablefile

import (
	"errors"
	"fmt"
)

// ErrClosed is the error of an Append after Close.
var ErrClosed = errors.New("the table file is closed for appending")

// ErrNoBatch is the error of Batch for a number that no batch has yet.
var ErrNoBatch = errors.New("there is no such batch")

// DamageError means that a file is not what a Writer wrote: it is cut short,
// altered, or something else altogether. The data are lost; only making the
// table anew helps.
type DamageError struct {
	// File is the name that the file was opened by.
	File string
	// Part of the file: "header", "schema", "batch 3", "index" or "trailer".
	Part string
	// Err says what is wrong.
	Err error
}

// Error names the file, the part, what is wrong, and what to do.
func (e *DamageError) Error() string {
	return fmt.Sprintf("the table file %s is damaged: %s: %v; remove it and make the table anew", e.File, e.Part, e.Err)
}

// Unwrap returns what is wrong.
func (e *DamageError) Unwrap() error { return e.Err }

// wrong makes the reason of a DamageError.
func wrong(format string, args ...any) error { return fmt.Errorf(format, args...) }

// batchPart names a batch, counted from 0, in a DamageError.
func batchPart(i int) string { return fmt.Sprintf("batch %d", i) }
