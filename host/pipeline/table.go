// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"context"
	"fmt"
	"iter"
	"sync"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/bulkhead-ml/bulkhead/host/dataplane"
	"github.com/bulkhead-ml/bulkhead/host/source"
)

// Table is the output of a node: in memory, or a file that is read again.
type Table interface {
	// Schema is nil for a table without any batch.
	Schema() *arrow.Schema
	Rows() int64
	// Batches may be called any number of times. A batch is borrowed.
	Batches(ctx context.Context) iter.Seq2[arrow.RecordBatch, error]
}

var (
	_ Table = (*source.Table)(nil)
	_ Table = (*memoryTable)(nil)
)

// LimitError means that a run met a bound on the host's side: memory for
// tables, the budget of a kernel or the timeout of a node.
type LimitError struct {
	Summary, Detail string
}

func (e *LimitError) Error() string { return e.Summary + ": " + e.Detail }

// ledger counts the bytes of all tables in memory.
type ledger struct {
	mu              sync.Mutex
	used, peak, max int64
}

func (l *ledger) take(n int64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.used+n > l.max {
		return &LimitError{"Tables that do not fit into memory", fmt.Sprintf(
			"The tables between the nodes would take more than %s together. Drop columns or rows earlier, let fewer branches run at once, or raise the limit of tables in memory.", bytesText(l.max))}
	}
	l.used += n
	l.peak = max(l.peak, l.used)
	return nil
}

func (l *ledger) give(n int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.used -= n
}

// memoryTable is a table in memory. It is written by one goroutine, then read by
// any number of them, and released once.
type memoryTable struct {
	ledger      *ledger
	batches     []arrow.RecordBatch
	rows, bytes int64
	shared      dataplane.Shared
}

func newMemoryTable(l *ledger) *memoryTable {
	m := &memoryTable{ledger: l}
	m.shared.Again = m.Batches(context.Background())
	return m
}

// sharedOf is what the calls that send a table share; nil for a file, which
// others may change.
func sharedOf(t Table) *dataplane.Shared {
	if m, ok := t.(*memoryTable); ok {
		return &m.shared
	}
	return nil
}

func (m *memoryTable) add(batch arrow.RecordBatch) error {
	n := sizeOf(batch)
	if err := m.ledger.take(n); err != nil {
		return err
	}
	batch.Retain()
	m.batches = append(m.batches, batch)
	m.rows += batch.NumRows()
	m.bytes += n
	return nil
}

func (m *memoryTable) Schema() *arrow.Schema {
	if len(m.batches) == 0 {
		return nil
	}
	return m.batches[0].Schema()
}

func (m *memoryTable) Rows() int64 { return m.rows }

func (m *memoryTable) Batches(ctx context.Context) iter.Seq2[arrow.RecordBatch, error] {
	return func(yield func(arrow.RecordBatch, error) bool) {
		for _, batch := range m.batches {
			if ctx.Err() != nil {
				yield(nil, context.Cause(ctx))
				return
			}
			if !yield(batch, nil) {
				return
			}
		}
	}
}

func (m *memoryTable) release() {
	for _, batch := range m.batches {
		batch.Release()
	}
	m.ledger.give(m.bytes)
	m.batches, m.bytes = nil, 0
}

// release frees a table that is in memory; a file needs nothing.
func release(t Table) {
	if m, ok := t.(*memoryTable); ok && m != nil {
		m.release()
	}
}

// What a batch costs beside its values: its schema, arrays and buffers. Without
// it a flood of tiny batches, or of wide ones, would cost a multiple of what the
// ledger counts.
const (
	batchOverhead  = 1 << 10
	columnOverhead = 1 << 10
)

// sizeOf is the number of bytes that a batch holds.
func sizeOf(batch arrow.RecordBatch) int64 {
	total := batchOverhead + columnOverhead*batch.NumCols()
	for _, column := range batch.Columns() {
		for _, buffer := range column.Data().Buffers() {
			if buffer != nil {
				total += int64(buffer.Len())
			}
		}
	}
	return total
}

// bytesText writes a number of bytes for people: "1.5 MiB".
func bytesText(n int64) string {
	units := []string{"KiB", "MiB", "GiB", "TiB"}
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	value, unit := float64(n)/1024, 0
	for value >= 1024 && unit < len(units)-1 {
		value, unit = value/1024, unit+1
	}
	return fmt.Sprintf("%.4g %s", value, units[unit])
}
