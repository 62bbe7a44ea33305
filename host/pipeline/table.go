// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"context"
	"fmt"
	"io"
	"iter"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/bulkhead-ml/bulkhead/host/pipeline/edge"
)

// Table is the output of a node: in memory, on disk, or a file that is read
// again.
type Table interface {
	// Schema is nil for a table without columns.
	Schema() *arrow.Schema
	// Rows is -1 when they are not known.
	Rows() int64
	// Batches may be called any number of times. A batch is borrowed.
	Batches(ctx context.Context) iter.Seq2[arrow.RecordBatch, error]
}

// keptTable is a kept edge that is complete.
type keptTable struct{ *edge.Kept }

// Schema of the table.
func (k keptTable) Schema() *arrow.Schema { return k.Columns() }

// Close frees memory and disk.
func (k keptTable) Close() error { return k.Release() }

// release frees a table; a source needs nothing.
func release(t Table) {
	if c, ok := t.(io.Closer); ok {
		_ = c.Close() // what it held was only read
	}
}

// LimitError means that a run met a bound on the host's side: memory for
// tables, the budget of a kernel or the timeout of a node.
type LimitError struct {
	Summary, Detail string
}

func (e *LimitError) Error() string { return e.Summary + ": " + e.Detail }

// bytesText writes a number of bytes for people: "1.5 MiB".
func bytesText(n int64) string { return edge.BytesText(n) }

// fullProblem explains a table that fits into neither memory nor disk.
func fullProblem(node string, e *edge.FullError) *Problem {
	return problemf(node, "Tables that do not fit", "%s",
		fmt.Sprintf("The tables between the nodes would take more than %s of memory and %s of disk together. Drop columns or rows earlier, let fewer branches run at once, or raise the limits.", bytesText(e.Memory), bytesText(e.Disk))).because(e)
}
