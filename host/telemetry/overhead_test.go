// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"context"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
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

// discarding is a receiver that costs as little as can be: a real one runs
// elsewhere.
func discarding(b *testing.B) *httptest.Server {
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
	}))
	b.Cleanup(s.Close)
	return s
}

// logs is a kernel with a little work: a logarithm of each number.
type logs struct{}

func (logs) Transform(_ context.Context, in *kernel.Reader, out *kernel.Writer) (kernel.Report, error) {
	return nil, in.Each(func(batch arrow.RecordBatch) error {
		columns := make([]arrow.Array, batch.NumCols())
		for i, c := range batch.Columns() {
			b := array.NewFloat64Builder(memory.DefaultAllocator)
			for _, v := range c.(*array.Float64).Values() {
				b.Append(math.Log1p(v))
			}
			columns[i] = b.NewArray()
		}
		return out.Write(array.NewRecordBatch(batch.Schema(), columns, batch.NumRows()))
	})
}

// serveLogs serves the kernel over a socket with the server of the SDK.
func serveLogs(b *testing.B) Kernels {
	b.Helper()
	listener, err := net.Listen("unix", filepath.Join(b.TempDir(), "s"))
	if err != nil {
		b.Skipf("no unix sockets: %v", err)
	}
	server := plugin.NewServer(plugin.Info{Name: "test"}, kernel.Serve(kernel.Kernel{
		Name: "logs", Transforms: true, New: func(*kernel.Setup) (kernel.Instance, error) { return logs{}, nil },
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
	return kernels{dataplane.New(conn, dataplane.Options{})}
}

// smallTable is a batch of 64 KiB: 1,024 rows of 8 numbers.
func smallTable() (dataplane.Open, dataplane.Batches) {
	const rows = 1024
	column := array.NewFloat64Builder(memory.DefaultAllocator)
	for i := range rows {
		column.Append(float64(i) / 3)
	}
	one := column.NewArray()
	var fields []arrow.Field
	for i := range 8 {
		fields = append(fields, arrow.Field{Name: strconv.Itoa(i), Type: one.DataType()})
	}
	schema := arrow.NewSchema(fields, nil)
	batch := array.NewRecordBatch(schema, slices.Repeat([]arrow.Array{one}, len(fields)), rows)
	return dataplane.Open{Kernel: "logs", Node: "n", Schema: schema}, func(yield func(arrow.RecordBatch, error) bool) { yield(batch, nil) }
}

// BenchmarkOverhead runs nodes of one small call each, 64 KiB through a kernel
// on a socket, with and without telemetry in turn: traces, metrics and the
// endpoint. "%overhead" compares the medians. Real calls also pass a sandbox,
// and most move more.
func BenchmarkOverhead(b *testing.B) {
	tm, _ := opened(b, Config{OTLP: discarding(b).URL, Prometheus: "127.0.0.1:0"})
	source := serveLogs(b)
	open, in := smallTable()
	ignore := dataplane.Output{Batch: func(dataplane.Part) error { return nil }}
	var times [2][]time.Duration
	off, on := (*Run)(nil), tm.Start(RunStart{Pipeline: "p"})
	for b.Loop() {
		for i, run := range []*Run{off, on} {
			began := time.Now()
			k, err := run.Kernels(source).Open(b.Context(), "data")
			if err != nil {
				b.Fatal(err)
			}
			run.NodeStarted("n")
			if _, err := k.Transform(b.Context(), open, nil, in, ignore); err != nil {
				b.Fatal(err)
			}
			run.NodeEnded(NodeEnd{Name: "n", Use: "data.logs", Kind: "kernel", Status: "ok", Attempts: 1, RowsIn: 1024, RowsOut: 1024})
			times[i] = append(times[i], time.Since(began))
		}
	}
	plain, traced := median(times[0]), median(times[1])
	b.ReportMetric(float64(plain.Nanoseconds()), "ns-plain")
	b.ReportMetric(float64((traced - plain).Nanoseconds()), "ns-added")
	b.ReportMetric(100*(float64(traced)/float64(plain)-1), "%overhead")
}

func median(times []time.Duration) time.Duration {
	slices.Sort(times)
	return times[len(times)/2]
}

// BenchmarkCall is what one call costs beside the call itself, with the
// encoding and sending of its span.
func BenchmarkCall(b *testing.B) {
	tm, _ := opened(b, Config{OTLP: discarding(b).URL})
	run := tm.Start(RunStart{Pipeline: "p"})
	k, err := run.Kernels(kernels{answering{outcome: &dataplane.Outcome{}}}).Open(b.Context(), "data")
	if err != nil {
		b.Fatal(err)
	}
	open := describe("n")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := k.Transform(b.Context(), open, nil, nil, dataplane.Output{}); err != nil {
			b.Fatal(err)
		}
	}
}
