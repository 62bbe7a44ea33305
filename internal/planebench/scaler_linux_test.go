// SPDX-License-Identifier: Apache-2.0

package planebench

import (
	"context"
	"fmt"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/bulkhead-ml/bulkhead/host/dataplane"
	"github.com/bulkhead-ml/bulkhead/internal/planebench/work"
	"github.com/bulkhead-ml/bulkhead/sdk/arena"
)

// columns of every table of numbers.
const columns = 50

// numbers makes count batches of rows.
func numbers(rows, count int) (*arrow.Schema, []arrow.RecordBatch) {
	return narrow(columns, rows, count)
}

// narrow makes count batches of so many columns.
func narrow(columns, rows, count int) (*arrow.Schema, []arrow.RecordBatch) {
	fields := make([]arrow.Field, columns)
	for i := range fields {
		fields[i] = arrow.Field{Name: fmt.Sprintf("c%d", i), Type: arrow.PrimitiveTypes.Float64, Nullable: true}
	}
	schema := arrow.NewSchema(fields, nil)
	var out []arrow.RecordBatch
	for k := range count {
		arrays := make([]arrow.Array, columns)
		for i := range arrays {
			b := array.NewFloat64Builder(memory.DefaultAllocator)
			b.Reserve(rows)
			for row := range rows {
				b.UnsafeAppend(float64((k*rows+row)*(i+1)%1000) / 1000)
			}
			arrays[i] = b.NewArray()
		}
		out = append(out, array.NewRecordBatch(schema, arrays, int64(rows)))
	}
	return schema, out
}

// sum reads a whole batch. What stands below a null is nobody's: the host clears
// it on the way.
func sum(batch arrow.RecordBatch) (total float64) {
	for _, c := range batch.Columns() {
		if c, ok := c.(*array.Float64); ok && c.NullN() == 0 {
			total += sumAll(c.Values())
		} else if ok {
			total += sumValid(c)
		}
	}
	return total
}

func sumAll(values []float64) float64 {
	var a, b float64
	for ; len(values) >= 2; values = values[2:] {
		a, b = a+values[0], b+values[1]
	}
	for _, v := range values {
		a += v
	}
	return a + b
}

func sumValid(c *array.Float64) (total float64) {
	valid, from := c.NullBitmapBytes(), c.Offset()
	for i, v := range c.Values() {
		if i += from; valid[i/8]>>(i%8)&1 != 0 {
			total += v
		}
	}
	return total
}

// inProcess scales batches into memory that mem gives.
func inProcess(batches []arrow.RecordBatch, mem memory.Allocator) func() float64 {
	return func() (total float64) {
		var all []arrow.RecordBatch
		for _, batch := range batches {
			all = append(all, work.Scale(batch, mem))
		}
		for _, scaled := range all {
			total += sum(scaled)
			scaled.Release()
		}
		return total
	}
}

// outOfProcess scales them in a plugin.
func outOfProcess(b *testing.B, k dataplane.Kernel, open dataplane.Open, batches []arrow.RecordBatch) func() float64 {
	open.Kernel, open.Schema, open.RowWise = "scale", batches[0].Schema(), true
	return func() (total float64) {
		o, err := k.Transform(context.Background(), open, nil, each(batches), dataplane.Output{Batch: func(p dataplane.Part) error {
			total += sum(p.Batch)
			return nil
		}})
		if err != nil || o.Failed() {
			b.Fatal(err, o)
		}
		return total
	}
}

func each(batches []arrow.RecordBatch) dataplane.Batches {
	return func(yield func(arrow.RecordBatch, error) bool) {
		for _, batch := range batches {
			if !yield(batch, nil) {
				return
			}
		}
	}
}

// resident puts batches into a pool.
func resident(b *testing.B, batches []arrow.RecordBatch) (*dataplane.Pool, []arrow.RecordBatch) {
	pool := dataplane.NewPool(len(batches) + 1)
	b.Cleanup(pool.Close)
	var out []arrow.RecordBatch
	for _, batch := range batches {
		lies, err := pool.Put(context.Background(), batch)
		if err != nil {
			b.Fatal(err)
		}
		out = append(out, lies)
		b.Cleanup(lies.Release)
	}
	return pool, out
}

// fullRows are the rows of a batch of 8 MiB.
const fullRows = (8<<20 - 64<<10) * 8 / 65 / columns

// BenchmarkScaler64MiB scales 64 MiB of float64. Goals: sandboxed at most 1.3x of
// in process with fresh heap and 2.0x of recycled outputs; 1.5x of those with the
// input resident.
func BenchmarkScaler64MiB(b *testing.B) {
	_, batches := numbers(fullRows, 8)
	k := start(b)
	from, lying := resident(b, batches)
	into := dataplane.NewPool(4)
	b.Cleanup(into.Close)
	m := compare(b, []variant{
		{"heap", inProcess(batches, memory.DefaultAllocator)},
		{"recycled", inProcess(batches, &arena.Heap{Keep: 128 << 20})},
		{"sandboxed", outOfProcess(b, k, dataplane.Open{Into: into}, batches)},
		{"resident", outOfProcess(b, k, dataplane.Open{From: from, Into: into}, lying)},
	})
	ratio(b, "heap", m[2], m[0])
	ratio(b, "recycled", m[2], m[1])
	ratio(b, "resident", m[3], m[1])
}

// roundTrips sends one batch after the other, each when the one before is back.
type roundTrips struct {
	ask    chan arrow.RecordBatch
	answer chan float64
}

func trips(b *testing.B, k dataplane.Kernel, schema *arrow.Schema) *roundTrips {
	r := &roundTrips{ask: make(chan arrow.RecordBatch), answer: make(chan float64)}
	done := make(chan error, 1)
	into := dataplane.NewPool(4)
	go func() {
		_, err := k.Transform(context.Background(), dataplane.Open{Kernel: "scale", Schema: schema, RowWise: true, Into: into}, nil,
			func(yield func(arrow.RecordBatch, error) bool) {
				for batch := range r.ask {
					if !yield(batch, nil) {
						return
					}
				}
			}, dataplane.Output{Batch: func(p dataplane.Part) error {
				r.answer <- sum(p.Batch)
				return nil
			}})
		done <- err
	}()
	b.Cleanup(func() {
		close(r.ask)
		if err := <-done; err != nil {
			b.Error(err)
		}
		into.Close()
	})
	return r
}

func (r *roundTrips) do(batches []arrow.RecordBatch) func() float64 {
	return func() (total float64) {
		if len(batches) == 1 {
			r.ask <- batches[0]
			return <-r.answer
		}
		go func() {
			for _, batch := range batches {
				r.ask <- batch
			}
		}()
		for range batches {
			total += <-r.answer
		}
		return total
	}
}

// BenchmarkAgainstGRPC sends tables of four sizes through a long-lived call of
// ours, and through a stream of bytes of go-plugin as it comes. Goal: 10x each. What
// a column costs shows in the smallest: it is there with 50 columns, and with 8.
func BenchmarkAgainstGRPC(b *testing.B) {
	for _, c := range []struct {
		name                         string
		columns, rows, count, rounds int
	}{
		{"64KiB", columns, 163, 1, rounds}, {"64KiB-8-columns", 8, 1024, 1, rounds}, {"1MiB", columns, 2621, 1, 1},
		{"8MiB", columns, fullRows, 1, 1}, {"64MiB", columns, fullRows, 8, 1},
	} {
		b.Run(c.name, func(b *testing.B) {
			schema, batches := narrow(c.columns, c.rows, c.count)
			ours := trips(b, start(b), schema)
			m := compare(b, []variant{
				{"ours", times(c.rounds, ours.do(batches))},
				{"grpc", times(c.rounds, plainTrip(b, plainStart(b), batches))},
			})
			ratio(b, "faster", m[1], m[0])
		})
	}
}

// times does the same so many times.
func times(n int, once func() float64) func() float64 {
	return func() (total float64) {
		for range n {
			total = once()
		}
		return total
	}
}

// plainTrip sends the whole table and takes the whole answer.
func plainTrip(b *testing.B, conn *grpc.ClientConn, batches []arrow.RecordBatch) func() float64 {
	stream, err := conn.NewStream(context.Background(), &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, work.ScaleMethod)
	if err != nil {
		b.Fatal(err)
	}
	return func() (total float64) {
		go func() {
			for _, batch := range batches {
				if err := work.Send(stream.SendMsg, batch); err != nil {
					b.Error(err)
				}
			}
		}()
		for range batches {
			scaled, err := work.Receive(stream.RecvMsg)
			if err != nil {
				b.Fatal(err)
			}
			total += sum(scaled)
			scaled.Release()
		}
		return total
	}
}

// rounds is how many round trips are timed together: the first finds the other end
// asleep, and that of one is about the time in which Go wakes the goroutine of the
// benchmark.
const rounds = 100

// BenchmarkRoundTrip compares a batch of 64 KiB, 8 columns of 1,024 rows, that is
// scaled with an empty unary call of go-plugin. Goal: at most 0.5x.
func BenchmarkRoundTrip(b *testing.B) {
	schema, batches := narrow(8, 1024, 1)
	k, plain := start(b), plainStart(b)
	asked, answer := make(chan struct{}), make(chan float64, 1)
	totals := make(chan float64)
	in := func(yield func(arrow.RecordBatch, error) bool) {
		for range asked {
			total := 0.0
			for range rounds {
				if !yield(batches[0], nil) {
					return
				}
				total += <-answer
			}
			totals <- total
		}
	}
	done := make(chan error, 1)
	go func() {
		_, err := k.Transform(context.Background(), dataplane.Open{Kernel: "scale", Schema: schema, RowWise: true}, nil, in,
			dataplane.Output{Batch: func(p dataplane.Part) error { answer <- sum(p.Batch); return nil }})
		done <- err
	}()
	once := func() float64 { asked <- struct{}{}; return <-totals }
	want := once()
	m := compare(b, []variant{{"batch", once}, {"ping", func() float64 {
		for range rounds {
			var out wrapperspb.BytesValue
			if err := plain.Invoke(context.Background(), work.PingMethod, wrapperspb.Bytes(nil), &out); err != nil {
				b.Fatal(err)
			}
		}
		return want
	}}})
	ratio(b, "ping", m[0], m[1])
	close(asked)
	if err := <-done; err != nil {
		b.Error(err)
	}
}
