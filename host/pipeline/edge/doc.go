// SPDX-License-Identifier: Apache-2.0

// Package edge moves the table of one node of a pipeline to those that read it.
//
// There are two kinds. A Ring is for one reader that reads once: it holds a
// bounded number of bytes and rows, its credits, and a writer waits for them. A
// Kept table is for any number of readers, each at its own pace and as often as
// it likes: it never makes its writer wait. What does not fit into the memory of
// the run's Ledger goes to a file, batch by batch, and the order of the batches
// stays. A kept table can be read while it is written.
//
// # Life
//
// A writer says Declare once, then Put for each batch, then Seal: with nil after
// the last row, or with the error that ended it, which every reader gets. A
// reader waits in Schema until the columns are told, and in Batches for each
// batch. Nobody waits past the end of its context, and the error is then the
// cause of it.
//
// A batch that is put is retained by the edge, and one that is read is borrowed
// until the next step of the loop.
//
// # Credits
//
// A batch enters a ring when it is within the credits, or when the ring is
// empty: so a batch that is larger than all credits together passes alone, and
// a writer waits only while its reader has something to read. Give tells a
// ring that nobody reads any more; its writer then goes on without waiting.
package edge

import (
	"context"
	"iter"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/bulkhead-ml/bulkhead/sdk/table"
)

// Batches are the batches of a table, in order, up to the first error.
type Batches = iter.Seq2[arrow.RecordBatch, error]

// Edge is what a Ring and a Kept table have in common.
type Edge interface {
	// Declare tells the columns. It is called once, before the first Put.
	Declare(schema *arrow.Schema)
	// Put adds the next rows.
	Put(ctx context.Context, batch arrow.RecordBatch) error
	// Seal ends the table; nil is a complete one. Only the first call counts.
	Seal(err error)
	// Schema waits for the columns. Of a table that was sealed without any, it
	// is nil.
	Schema(ctx context.Context) (*arrow.Schema, error)
	// Batches gives the rows as they come.
	Batches(ctx context.Context) Batches
	// Moved is what has been put so far, and whether the table is complete.
	Moved() Moved
}

// Moved counts what went through an edge. Bytes are those of Size.
type Moved struct {
	Rows, Bytes, Batches int64
	Complete             bool
}

// What a batch costs beside its values: its schema, arrays and buffers. Without
// it a flood of tiny batches, or of wide ones, would cost a multiple of what is
// counted.
const (
	batchOverhead  = 1 << 10
	columnOverhead = 1 << 10
)

// Size is the number of bytes that a batch takes in memory.
func Size(batch arrow.RecordBatch) int64 {
	return batchOverhead + columnOverhead*batch.NumCols() + table.Size(batch)
}
