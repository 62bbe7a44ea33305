// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/bulkhead-ml/bulkhead/host/dataplane"
)

// quarantine holds the rows that a node has put aside, as JSON lines.
type quarantine struct{ file *scratch }

// close removes the file; it may be nil.
func (q *quarantine) close() {
	if q != nil {
		_ = q.file.Close() // it was only read
	}
}

// copy writes the rows.
func (q *quarantine) copy(w io.Writer) error {
	if _, err := q.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	_, err := io.Copy(w, q.file)
	return err
}

// putAside reads the input again and copies the rejected rows, which are in
// order.
func (c *calls) putAside(ctx context.Context, one *NodeResult, rows []dataplane.Rejected) error {
	f, err := c.run.options.scratch()
	if err != nil {
		return fmt.Errorf("the rejected rows cannot be put aside: %w", err)
	}
	q := &quarantine{f}
	w := bufio.NewWriter(f)
	if err = copyRows(w, c.in.batches(ctx), rows, c.in.places()); err == nil {
		err = w.Flush()
	}
	if err != nil {
		q.close()
		return fmt.Errorf("the rejected rows cannot be put aside: %w", err)
	}
	one.quarantine.close() // of an attempt before
	one.quarantine = q
	return nil
}

// copyRows writes the rows of in that stand in the list, which is sorted, with the
// numbers that place gives them.
func copyRows(w io.Writer, in dataplane.Batches, rows []dataplane.Rejected, place func(int64) int64) error {
	lines := json.NewEncoder(w)
	var first int64
	for batch, err := range in {
		if err != nil {
			return err
		}
		for len(rows) > 0 && rows[0].Row < first+batch.NumRows() {
			line := rejectedRow{Rejected: rows[0], Values: values(batch, int(rows[0].Row-first))}
			line.Row = place(line.Row)
			if err := lines.Encode(line); err != nil {
				return err
			}
			rows = rows[1:]
		}
		if first += batch.NumRows(); len(rows) == 0 {
			return nil
		}
	}
	return errors.New("the input has fewer rows than it had")
}

// rejectedRow is one line of NODE.rejected.jsonl.
type rejectedRow struct {
	dataplane.Rejected
	// Values of all columns of the row, in their order.
	Values orderedValues `json:"values"`
}

// orderedValues is a JSON object that keeps the order of its keys.
type orderedValues []namedValue

type namedValue struct {
	name  string
	value any
}

// MarshalJSON writes the object.
func (o orderedValues) MarshalJSON() ([]byte, error) {
	out := []byte{'{'}
	for i, v := range o {
		if i > 0 {
			out = append(out, ',')
		}
		name, err := json.Marshal(v.name)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(v.value)
		if err != nil {
			return nil, err
		}
		out = append(append(append(out, name...), ':'), value...)
	}
	return append(out, '}'), nil
}

// values of one row. A float that JSON has no number for is a string.
func values(batch arrow.RecordBatch, row int) orderedValues {
	out := make(orderedValues, 0, batch.NumCols())
	for i, column := range batch.Columns() {
		value := column.GetOneForMarshal(row)
		if f, ok := value.(float64); ok && (math.IsNaN(f) || math.IsInf(f, 0)) {
			value = column.ValueStr(row)
		}
		out = append(out, namedValue{batch.ColumnName(i), value})
	}
	return out
}
