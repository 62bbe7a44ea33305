// SPDX-License-Identifier: Apache-2.0

//go:build unix

package telemetry

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
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

// receiverEnv makes this test program a receiver, so that its own processor time
// is not taken for that of the run: a real one runs elsewhere.
const receiverEnv = "BULKHEAD_TELEMETRY_RECEIVER"

func TestMain(m *testing.M) {
	if os.Getenv(receiverEnv) == "" {
		os.Exit(m.Run())
	}
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
	}))
	fmt.Println(server.URL)
	_, _ = io.Copy(io.Discard, os.Stdin) // ends with the parent
}

// discarding is the address of a receiver in a process of its own.
func discarding(b *testing.B) string {
	b.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), receiverEnv+"=1")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = stdin.Close()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	return strings.TrimSpace(line)
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

// table is one batch of 8 columns of float64, given to a call times over.
func table(rows, times int) (dataplane.Open, dataplane.Batches) {
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
	batch := array.NewRecordBatch(schema, slices.Repeat([]arrow.Array{one}, len(fields)), int64(rows))
	return dataplane.Open{Kernel: "logs", Node: "n", Schema: schema}, func(yield func(arrow.RecordBatch, error) bool) {
		for range times {
			if !yield(batch, nil) {
				return
			}
		}
	}
}

// cost is what work took: time, and processor time of all threads together.
type cost struct{ wall, cpu time.Duration }

func measure(b *testing.B, work func()) cost {
	var before, after syscall.Rusage
	err0, began := syscall.Getrusage(syscall.RUSAGE_SELF, &before), time.Now()
	work()
	took, err1 := time.Since(began), syscall.Getrusage(syscall.RUSAGE_SELF, &after)
	if err := errors.Join(err0, err1); err != nil {
		b.Fatal(err)
	}
	return cost{took, time.Duration(after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano())}
}

// meter runs nodes of one call each, with and without telemetry.
type meter struct {
	b      *testing.B
	tm     *Telemetry
	sent   chan int
	source Kernels
	run    *Run
	open   dataplane.Open
	in     dataplane.Batches
}

// newMeter sends traces, and has metrics and their endpoint. Spans go when they
// are asked to, however busy the machine is.
func newMeter(b *testing.B, source Kernels, rows, times int) *meter {
	tm, _ := opened(b, Config{OTLP: discarding(b), Prometheus: "127.0.0.1:0", Limits: Limits{Interval: time.Hour}})
	m := &meter{b: b, tm: tm, sent: make(chan int, 64), source: source, run: tm.Start(RunStart{Pipeline: "p"})}
	m.open, m.in = table(rows, times)
	send := tm.spans.send
	tm.spans.send = func(ctx context.Context, spans message, n int) (int, error) {
		defer func() { m.sent <- n }()
		return send(ctx, spans, n)
	}
	return m
}

// node is a node of one call under run, which is nil for none.
func (m *meter) node(run *Run) {
	k, err := run.Kernels(m.source).Open(m.b.Context(), "data")
	if err != nil {
		m.b.Fatal(err)
	}
	run.NodeStarted("n")
	if _, err := k.Transform(m.b.Context(), m.open, nil, m.in, dataplane.Output{Batch: func(dataplane.Part) error { return nil }}); err != nil {
		m.b.Fatal(err)
	}
	run.NodeEnded(NodeEnd{Name: "n", Use: "data.logs", Kind: "kernel", Status: "ok", Attempts: 1, RowsIn: 1024, RowsOut: 1024})
}

// flush sends the spans of n nodes and waits for the receiver.
func (m *meter) flush(n int) {
	m.tm.spans.wake <- struct{}{}
	for left := 2 * n; left > 0; {
		left -= <-m.sent // some may have gone with those before
	}
}

// fullBatch is the nodes whose spans are a batch, less one that would send it.
const fullBatch = 511

// BenchmarkOverhead runs nodes of one call each through a kernel on a socket,
// with and without telemetry in turn: traces, metrics and the endpoint. "64KiB"
// is the worst case, a node whose call has one small batch; "8MiB" is a run as
// they are, with batches of 8 MiB. Both sides of the call are in this process,
// and the receiver is not; real calls also pass a sandbox. The median of the
// differences of neighbours is told with the encoding and sending of the spans
// added, as a share of the median without: "%cpu" of the processor time of all
// threads, "%wall" of the time that passed.
func BenchmarkOverhead(b *testing.B) {
	for _, c := range []struct {
		name           string
		rows, times, n int
	}{{"64KiB", 1 << 10, 1, fullBatch}, {"8MiB", 1 << 17, 4, 8}} {
		b.Run(c.name, func(b *testing.B) {
			m := newMeter(b, serveLogs(b), c.rows, c.times)
			var pairs [2][]cost
			var flushes []cost
			for b.Loop() {
				for range c.n {
					order := []*Run{nil, m.run}
					if rand.N(2) == 0 { // no pattern, or the collector of garbage may fall in step
						slices.Reverse(order)
					}
					for _, run := range order {
						took := measure(b, func() { m.node(run) })
						at := 0
						if run != nil {
							at = 1
						}
						pairs[at] = append(pairs[at], took)
					}
				}
				flushes = append(flushes, measure(b, func() { m.flush(c.n) }))
			}
			report(b, "cpu", func(c cost) time.Duration { return c.cpu }, pairs, flushes, c.n)
			report(b, "wall", func(c cost) time.Duration { return c.wall }, pairs, flushes, c.n)
		})
	}
}

func report(b *testing.B, unit string, of func(cost) time.Duration, pairs [2][]cost, flushes []cost, n int) {
	var plain, added, sending []time.Duration
	for i := range pairs[0] {
		plain = append(plain, of(pairs[0][i]))
		added = append(added, of(pairs[1][i])-of(pairs[0][i]))
	}
	for _, f := range flushes {
		sending = append(sending, of(f)/time.Duration(n))
	}
	base, more := median(plain), median(added)+median(sending)
	b.ReportMetric(float64(base), "ns-"+unit+"-plain")
	b.ReportMetric(float64(more), "ns-"+unit+"-added")
	b.ReportMetric(100*float64(more)/float64(base), "%"+unit)
}

func median(list []time.Duration) time.Duration {
	slices.Sort(list)
	return list[len(list)/2]
}

// BenchmarkCall is all that telemetry does for a node of one call: an operation
// is a batch of them, with the encoding and sending of their spans.
func BenchmarkCall(b *testing.B) {
	m := newMeter(b, kernels{answering{outcome: &dataplane.Outcome{Metrics: dataplane.Metrics{RowsIn: 1024, RowsOut: 1024, BytesIn: 65536, BytesOut: 65536, CPU: time.Millisecond, PeakRSS: 1 << 24}}}}, 1, 1)
	var all []time.Duration
	b.ReportAllocs()
	for b.Loop() {
		all = append(all, measure(b, func() {
			for range fullBatch {
				m.node(m.run)
			}
			m.flush(fullBatch)
		}).cpu/fullBatch)
	}
	b.ReportMetric(float64(median(all)), "ns-cpu/node")
}
