// SPDX-License-Identifier: Apache-2.0

package dataplane_test

import (
	"context"
	"math"
	"net"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/bulkhead-ml/bulkhead/host/dataplane"
	"github.com/bulkhead-ml/bulkhead/sdk/kernel"
	"github.com/bulkhead-ml/bulkhead/sdk/plugin"
)

// echo writes what it reads: of all kernels the one beside whose work hashing
// weighs most.
type echo struct{}

func (echo) Transform(_ context.Context, in *kernel.Reader, out *kernel.Writer) (kernel.Report, error) {
	return nil, in.Each(out.Write)
}

// roots is a kernel with a little work: a square root of each number.
type roots struct{}

func (roots) Transform(_ context.Context, in *kernel.Reader, out *kernel.Writer) (kernel.Report, error) {
	return nil, in.Each(func(batch arrow.RecordBatch) error {
		columns := make([]arrow.Array, batch.NumCols())
		for i, c := range batch.Columns() {
			b := array.NewFloat64Builder(memory.DefaultAllocator)
			for _, v := range c.(*array.Float64).Values() {
				b.Append(math.Sqrt(v))
			}
			columns[i] = b.NewArray()
		}
		return out.Write(array.NewRecordBatch(batch.Schema(), columns, batch.NumRows()))
	})
}

// serveSocket serves a kernel over a socket, as plugins do.
func serveSocket(b *testing.B, instance kernel.Transformer) dataplane.Kernel {
	b.Helper()
	listener, err := net.Listen("unix", filepath.Join(b.TempDir(), "s"))
	if err != nil {
		b.Skipf("no unix sockets: %v", err)
	}
	server := plugin.NewServer(plugin.Info{Name: "test"}, kernel.Serve(kernel.Kernel{
		Name: "k", Transforms: true, New: func(*kernel.Setup) (kernel.Instance, error) { return instance, nil },
	}))
	go func() { _ = server.Serve(listener) }() // ends with Stop
	conn, err := grpc.NewClient("unix:"+listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = conn.Close()
		server.Stop()
	})
	return dataplane.New(conn, dataplane.Options{})
}

// numbers is a table of 64 MiB: 1 Mi rows of 8 float64 columns, in batches of 1 MiB.
func numbers() (*arrow.Schema, dataplane.Batches) {
	const columns, rows, count = 8, 16 << 10, 64
	column := array.NewFloat64Builder(memory.DefaultAllocator)
	for i := range rows {
		column.Append(float64(i) / 3)
	}
	return repeated(slices.Repeat([]arrow.Array{column.NewArray()}, columns), count)
}

// texts is a table of 64 MiB of short texts, with nulls.
func texts() (*arrow.Schema, dataplane.Batches) {
	const rows, count = 64 << 10, 64
	column := array.NewStringBuilder(memory.DefaultAllocator)
	for i := range rows {
		if i%10 == 0 {
			column.AppendNull()
		} else {
			column.Append("item " + strconv.Itoa(100_000+i))
		}
	}
	return repeated([]arrow.Array{column.NewArray()}, count)
}

func repeated(columns []arrow.Array, count int) (*arrow.Schema, dataplane.Batches) {
	var fields []arrow.Field
	for i, c := range columns {
		fields = append(fields, arrow.Field{Name: strconv.Itoa(i), Type: c.DataType(), Nullable: true})
	}
	schema := arrow.NewSchema(fields, nil)
	one := array.NewRecordBatch(schema, columns, int64(columns[0].Len()))
	return schema, func(yield func(arrow.RecordBatch, error) bool) {
		for range count {
			if !yield(one, nil) {
				return
			}
		}
	}
}

// BenchmarkDigests tells what hashing both ways adds to a transform of 64 MiB:
// calls with and without take turns, and "x-plain" is the ratio of their
// medians. In a pipeline most tables are "known" when they are sent: to the
// transform from the fit, and to the next kernel from the one that made them.
// Host and kernel share the processors of the benchmark.
func BenchmarkDigests(b *testing.B) {
	for _, c := range []struct {
		name   string
		table  func() (*arrow.Schema, dataplane.Batches)
		kernel kernel.Transformer
		shared bool
	}{
		{"numbers", numbers, echo{}, false}, {"numbers-known", numbers, echo{}, true},
		{"work", numbers, roots{}, false}, {"work-known", numbers, roots{}, true}, {"texts", texts, echo{}, false},
	} {
		b.Run(c.name, func(b *testing.B) {
			schema, in := c.table()
			plain := serveSocket(b, c.kernel)
			open := dataplane.Open{Kernel: "k", Schema: schema}
			if c.shared {
				open.Input = &dataplane.Shared{Again: in}
			}
			compare(b, open, in, plain, dataplane.Recorded(plain, "test", func(dataplane.Record) {}))
		})
	}
}

func compare(b *testing.B, open dataplane.Open, in dataplane.Batches, plain, hashed dataplane.Kernel) {
	var times [2][]time.Duration
	for b.Loop() {
		for i, k := range []dataplane.Kernel{plain, hashed} {
			runtime.GC() // nobody pays for the garbage of the other
			began := time.Now()
			if _, err := k.Transform(context.Background(), open, nil, in, ignore); err != nil {
				b.Fatal(err)
			}
			times[i] = append(times[i], time.Since(began))
		}
	}
	medians := [2]float64{median(times[0]), median(times[1])}
	b.ReportMetric(medians[0], "ms-plain")
	b.ReportMetric(medians[1], "ms-hashed")
	b.ReportMetric(medians[1]/medians[0], "x-plain")
}

// median in milliseconds.
func median(times []time.Duration) float64 {
	slices.Sort(times)
	return float64(times[len(times)/2].Microseconds()) / 1000
}
