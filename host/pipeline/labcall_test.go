// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"context"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"google.golang.org/grpc/codes"

	"github.com/bulkhead-ml/bulkhead/host/dataplane"
)

type labStage struct {
	row func(x, n int64) (int64, bool)
	n   int64
}

// labCall is one transform.
type labCall struct {
	lab     *lab
	open    dataplane.Open
	config  labConfig
	state   int64
	stages  []labStage
	out     dataplane.Output
	outcome *dataplane.Outcome
	held    []arrow.RecordBatch
	row     int64
}

func (c *labCall) run(ctx context.Context, in dataplane.Batches) error {
	if c.config.Fail == "hang" {
		<-ctx.Done()
		return context.Cause(ctx)
	}
	if err := c.out.Schema(c.open.Schema); err != nil {
		return err
	}
	for batch, err := range in {
		if err != nil {
			return err
		}
		c.outcome.Metrics.RowsIn += batch.NumRows()
		if err := c.batch(batch); err != nil {
			return err
		}
		c.row += batch.NumRows()
		if c.lab.deaths.Load() > 0 && c.row > 3 && c.lab.deaths.Add(-1) >= 0 {
			return &dataplane.TransportError{Op: "transform", Code: codes.Unavailable, Message: "EOF"}
		}
	}
	for _, b := range c.held {
		if err := c.write(b, nil); err != nil {
			return err
		}
		b.Release()
	}
	return nil
}

// batch does the work of the kernel on one batch.
func (c *labCall) batch(batch arrow.RecordBatch) error {
	values := batch.Column(0).(*array.Int64).Int64Values()
	switch kernelName := c.open.Kernel; kernelName {
	case "sum":
		return c.write(c.each(batch, values, func(x int64) (int64, bool) { return x + c.state, true }))
	case "twice":
		for i := range batch.NumRows() {
			for range 2 {
				if err := c.write(batch.NewSlice(i, i+1), nil); err != nil {
					return err
				}
			}
		}
		return nil
	case "hold": // reads everything first, and then writes it row by row
		for i := range batch.NumRows() {
			c.held = append(c.held, batch.NewSlice(i, i+1))
		}
		return nil
	default:
		row := labRows[kernelName]
		return c.write(c.each(batch, values, func(x int64) (int64, bool) { return row(x, c.config.N) }))
	}
}

// each makes a batch of the rows that stay.
func (c *labCall) each(batch arrow.RecordBatch, values []int64, row func(int64) (int64, bool)) (arrow.RecordBatch, []int64) {
	b := array.NewInt64Builder(memory.DefaultAllocator)
	var origins []int64
	var rejected []dataplane.Rejected
	for i, x := range values {
		at := c.row + int64(i)
		if c.config.Fail == "reject" && x%5 == 0 {
			rejected = append(rejected, dataplane.Rejected{Row: at, Rule: "range", Column: "x", Detail: fmt.Sprint(x)})
			continue
		}
		y, stays := row(x)
		if c.config.Fail == "lose" && at == 2 {
			continue
		}
		if !stays {
			c.outcome.RowsDropped++
			continue
		}
		if origins = append(origins, at); true {
			y, stays = c.then(y)
		}
		if stays {
			b.Append(y)
		}
	}
	if len(rejected) > 0 {
		c.outcome.RowsRejected += int64(len(rejected))
		_ = c.out.Rejected(rejected) // the limit is tested elsewhere
	}
	if !c.config.Trace {
		origins = nil
	}
	column := b.NewArray()
	return array.NewRecordBatch(batch.Schema(), []arrow.Array{column}, int64(column.Len())), origins
}

// then passes a row through the fused stages.
func (c *labCall) then(x int64) (int64, bool) {
	for i, s := range c.stages {
		y, stays := s.row(x, s.n)
		if !stays {
			c.outcome.Then[i].RowsDropped++
			return 0, false
		}
		x = y
	}
	return x, true
}

func (c *labCall) write(batch arrow.RecordBatch, origins []int64) error {
	if c.config.Fail == "drift" && c.row > 0 {
		batch = array.NewRecordBatch(arrow.NewSchema([]arrow.Field{{Name: "y", Type: arrow.PrimitiveTypes.Int64, Nullable: true}}, nil), batch.Columns(), batch.NumRows())
	}
	c.outcome.Metrics.RowsOut += batch.NumRows()
	return c.out.Batch(dataplane.Part{Batch: batch, Origins: origins})
}
