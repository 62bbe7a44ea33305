// SPDX-License-Identifier: Apache-2.0

package dataplane_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	"github.com/bulkhead-ml/bulkhead/host/dataplane"
	"github.com/bulkhead-ml/bulkhead/sdk/diag"
	"github.com/bulkhead-ml/bulkhead/sdk/kernel"
	"github.com/bulkhead-ml/bulkhead/sdk/kernel/codec"
)

// connect serves over an in-memory connection.
func connect(t testing.TB, server *grpc.Server) *grpc.ClientConn {
	t.Helper()
	listener := bufconn.Listen(1 << 20)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		_ = server.Serve(listener) // ends with Stop
	}()
	conn, err := grpc.NewClient("passthrough:///kernel", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.ForceCodecV2(codec.New())), grpc.WithContextDialer(func(context.Context, string) (net.Conn, error) { return listener.Dial() }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = conn.Close()
		server.Stop()
		<-stopped
	})
	return conn
}

var schema = arrow.NewSchema([]arrow.Field{{Name: "x", Type: arrow.PrimitiveTypes.Float64, Nullable: true}}, nil)

// batch counts from start.
func batch(start, rows int) arrow.RecordBatch {
	b := array.NewFloat64Builder(memory.DefaultAllocator)
	for i := range rows {
		b.Append(float64(start + i))
	}
	return array.NewRecordBatch(schema, []arrow.Array{b.NewArray()}, int64(rows))
}

// input gives n batches of rows each, and counts those it gave.
func input(n, rows int, given *atomic.Int64) dataplane.Batches {
	return func(yield func(arrow.RecordBatch, error) bool) {
		for i := range n {
			if given != nil {
				given.Add(1)
			}
			if !yield(batch(i*rows, rows), nil) {
				return
			}
		}
	}
}

// taking is an output that takes batches alone.
func taking(f func(arrow.RecordBatch) error) dataplane.Output {
	return dataplane.Output{Batch: func(p dataplane.Part) error { return f(p.Batch) }}
}

// mean learns the mean of x, and subtracts it.
type mean struct {
	setup *kernel.Setup
	mean  float64
}

func (m *mean) Fit(_ context.Context, in *kernel.Reader) (kernel.Report, error) {
	var sum float64
	err := in.Each(func(b arrow.RecordBatch) error {
		for _, v := range b.Column(0).(*array.Float64).Values() {
			sum += v
		}
		m.setup.Progress(-1, "summing\x1b[31m")
		return nil
	})
	m.mean = sum / float64(in.Rows())
	return kernel.Report{"mean": m.mean}, err
}

func (m *mean) Save() ([]byte, error)   { return fmt.Appendf(nil, "%v", m.mean), nil }
func (m *mean) Load(state []byte) error { _, err := fmt.Sscan(string(state), &m.mean); return err }

func (m *mean) Transform(_ context.Context, in *kernel.Reader, out *kernel.Writer) (kernel.Report, error) {
	return nil, in.Each(func(b arrow.RecordBatch) error {
		c := array.NewFloat64Builder(memory.DefaultAllocator)
		for _, v := range b.Column(0).(*array.Float64).Values() {
			c.Append(v - m.mean)
		}
		return out.Write(array.NewRecordBatch(b.Schema(), []arrow.Array{c.NewArray()}, b.NumRows()))
	})
}

func meanKernel() kernel.Kernel {
	return kernel.Kernel{Name: "mean", Fits: true, Transforms: true, New: func(s *kernel.Setup) (kernel.Instance, error) {
		return &mean{setup: s}, nil
	}}
}

func contractFitAndTransform(t *testing.T, serve server) {
	pid := os.Getpid()
	k := serve(t, dataplane.Options{Usage: dataplane.ProcessUsage(pid)}, meanKernel())
	ctx, open := context.Background(), dataplane.Open{Kernel: "mean", Schema: schema}
	var messages []string
	state, fitted, err := k.Fit(ctx, open, input(5, 1000, nil), func(p dataplane.Progress) { messages = append(messages, p.Message) })
	if err != nil {
		t.Fatal(err)
	}
	if string(fitted.Report) != `{"mean":2499.5}` || string(state) != "2499.5" || fitted.Metrics.RowsIn != 5000 || fitted.Metrics.BatchesIn != 5 {
		t.Errorf("report %s, state %s, metrics %+v", fitted.Report, state, fitted.Metrics)
	}
	if len(messages) != 5 || strings.ContainsRune(messages[0], '\x1b') {
		t.Errorf("progress is %q", messages)
	}
	var sum float64
	done, err := k.Transform(ctx, open, state, input(5, 1000, nil), taking(func(b arrow.RecordBatch) error {
		for _, v := range b.Column(0).(*array.Float64).Values() {
			sum += v
		}
		return nil
	}))
	if err != nil || sum != 0 {
		t.Fatalf("the sum is %v, error %v", sum, err)
	}
	if m := done.Metrics; m.RowsOut != 5000 || m.BytesOut < 40000 || m.BytesIn != m.BytesOut || m.Wall <= 0 {
		t.Errorf("metrics %+v", m)
	}
	if runtime.GOOS == "linux" && done.Metrics.PeakRSS < 1<<20 {
		t.Errorf("peak RSS %d", done.Metrics.PeakRSS)
	}
}

// contractBothWaysAtOnce moves far more than the windows of the connection hold,
// through a kernel that writes while it reads.
func contractBothWaysAtOnce(t *testing.T, serve server) {
	k := serve(t, dataplane.Options{}, meanKernel())
	out, err := k.Transform(context.Background(), dataplane.Open{Kernel: "mean", Schema: schema}, []byte("0"), input(100, 60000, nil),
		dataplane.Output{})
	if err != nil || out.Metrics.RowsOut != 6e6 {
		t.Errorf("outcome %+v, error %v", out, err)
	}
}

func contractUserErrorsAreDiagnostics(t *testing.T, serve server) {
	k := serve(t, dataplane.Options{}, kernel.Kernel{Name: "no", Fits: true, New: func(*kernel.Setup) (kernel.Instance, error) {
		return nil, diag.Errorf("Empty range", "low is above high.").At("low")
	}})
	ctx, open := context.Background(), dataplane.Open{Kernel: "no", Schema: schema}
	_, out, err := k.Fit(ctx, open, input(100, 60000, nil), nil)
	if err != nil || !out.Failed() || out.Diagnostics[0].Path[0] != "low" {
		t.Errorf("outcome %+v, error %v", out, err)
	}
	v, err := k.Validate(ctx, open)
	if err != nil || !diag.HasErrors(v.Diagnostics) || v.Diagnostics[0].Summary != "Empty range" {
		t.Errorf("verdict %v, error %v", v, err)
	}
}

func contractInputErrorsPassThrough(t *testing.T, serve server) {
	bad := errors.New("line 7")
	k := serve(t, dataplane.Options{}, meanKernel())
	in := func(yield func(arrow.RecordBatch, error) bool) {
		if yield(batch(0, 10), nil) {
			yield(nil, bad)
		}
	}
	if _, _, err := k.Fit(context.Background(), dataplane.Open{Kernel: "mean", Schema: schema}, in, nil); !errors.Is(err, bad) {
		t.Errorf("error %v", err)
	}
}

func contractOutErrorsPassThrough(t *testing.T, serve server) {
	full := errors.New("full")
	k := serve(t, dataplane.Options{}, meanKernel())
	_, err := k.Transform(context.Background(), dataplane.Open{Kernel: "mean", Schema: schema}, []byte("0"), input(100, 60000, nil),
		taking(func(arrow.RecordBatch) error { return full }))
	if !errors.Is(err, full) {
		t.Errorf("error %v", err)
	}
}

// hang never answers, and reads nothing.
type hang struct{}

func (hang) Transform(ctx context.Context, _ *kernel.Reader, _ *kernel.Writer) (kernel.Report, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func hangKernel() kernel.Kernel {
	return kernel.Kernel{Name: "hang", Transforms: true, New: func(*kernel.Setup) (kernel.Instance, error) { return hang{}, nil }}
}

// contractCancelAndBackPressure cancels a kernel that reads nothing: the call ends
// at once with the cause, and the input was not drained into memory.
func contractCancelAndBackPressure(t *testing.T, serve server) {
	k := serve(t, dataplane.Options{}, hangKernel())
	cause := errors.New("the user pressed Ctrl-C")
	ctx, cancel := context.WithCancelCause(context.Background())
	timer := time.AfterFunc(300*time.Millisecond, func() { cancel(cause) })
	defer timer.Stop()
	var given atomic.Int64
	began := time.Now()
	_, err := k.Transform(ctx, dataplane.Open{Kernel: "hang", Schema: schema}, nil, input(1000, 60000, &given), dataplane.Output{})
	if !errors.Is(err, cause) {
		t.Errorf("error %v", err)
	}
	if took := time.Since(began); took > time.Minute {
		t.Errorf("the call took %s to end", took)
	}
	if n := given.Load(); n > 60 {
		t.Errorf("%d batches of 480 kB were taken off the input without a reader", n)
	}
}

func contractNoGoroutineIsLeftBehind(t *testing.T, serve server) {
	k := serve(t, dataplane.Options{}, meanKernel(), hangKernel())
	call := func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
		defer cancel()
		_, err := k.Transform(ctx, dataplane.Open{Kernel: "hang", Schema: schema}, nil, input(100, 60000, nil), dataplane.Output{})
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v", err)
		}
	}
	connected(t, k)
	call()
	before := settled()
	for range 10 {
		call()
	}
	wantSettled(t, before)
}

// connected has a first call, which is what makes a connection.
func connected(t *testing.T, k dataplane.Kernel) {
	t.Helper()
	if _, err := k.Validate(t.Context(), dataplane.Open{Kernel: "hang", Schema: schema}); err != nil {
		t.Fatal(err)
	}
}

// wantSettled waits until no more goroutines run than before, and two.
func wantSettled(t *testing.T, before int) {
	t.Helper()
	after := settled()
	for began := time.Now(); after > before+2 && time.Since(began) < time.Minute; {
		after = settled()
	}
	if after > before+2 {
		t.Errorf("%d goroutines became %d", before, after)
	}
}

// settled counts goroutines when those that are ending have ended.
func settled() int {
	n := runtime.NumGoroutine()
	for range 100 {
		time.Sleep(10 * time.Millisecond)
		next := runtime.NumGoroutine()
		if next == n {
			return n
		}
		n = next
	}
	return n
}
