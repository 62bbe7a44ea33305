// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"context"

	"github.com/apache/arrow-go/v18/arrow"
)

// Sink is where a sink node writes.
type Sink struct {
	// Path of the file, for people.
	Path string
	// Create begins a new version of the file, which nobody sees before Commit.
	Create func(ctx context.Context, schema *arrow.Schema) (SinkWriter, error)
}

// SinkWriter writes one new version of a file. The engine calls Write for all
// rows, then Prepare, and Commit when every sink of the run is prepared; or
// Abort, at any time before Commit.
type SinkWriter interface {
	Write(ctx context.Context, batch arrow.RecordBatch) error
	// Prepare brings everything to disk, under another name.
	Prepare(ctx context.Context) error
	// Commit puts the new version in the place of the old one.
	Commit() (Written, error)
	// Abort removes what was written.
	Abort() error
}

// Promise is that of Options.Together.
type Promise interface {
	// End is called when all sinks are committed.
	End() error
	// Undo is called when one cannot be: it puts back what was there before the others
	// were.
	Undo() error
}

// Written is what a sink has put in place.
type Written struct {
	Node   string `json:"node"`
	Path   string `json:"path"`
	Rows   int64  `json:"rows"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
	// Replaced counts values that the format does not have and that became null.
	Replaced int64 `json:"replaced,omitempty"`
}
