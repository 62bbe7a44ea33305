// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	"github.com/bulkhead-ml/bulkhead/host/dataplane"
	"github.com/bulkhead-ml/bulkhead/sdk/diag"
	"github.com/bulkhead-ml/bulkhead/sdk/kernel"
	"github.com/bulkhead-ml/bulkhead/sdk/plugin"
	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

// fleet gives kernels of one plugin that serves all test kernels.
type fleet struct {
	conn *grpc.ClientConn
	// deaths is how many calls of fit still die.
	deaths atomic.Int64
}

func (f *fleet) Open(_ context.Context, name string) (dataplane.Kernel, error) {
	if name != "test" {
		return nil, fmt.Errorf("plugin %q is not installed; run bulkhead plugin install", name)
	}
	return dataplane.New(f.conn, dataplane.Options{Limits: dataplane.Limits{StateBytes: 1 << 20}}), nil
}

// newFleet serves the test kernels through the real SDK. A call of fit may die
// as if its process did.
func newFleet(t testing.TB) *fleet {
	t.Helper()
	f := &fleet{}
	listener := bufconn.Listen(1 << 20)
	server := plugin.NewServer(plugin.Info{Name: "test"}, kernel.Serve(kernels()...))
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		_ = server.Serve(listener) // ends with Stop
	}()
	var err error
	f.conn, err = grpc.NewClient("passthrough:///kernel", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(context.Context, string) (net.Conn, error) { return listener.Dial() }),
		grpc.WithStreamInterceptor(f.die))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = f.conn.Close()
		server.Stop()
		<-stopped
	})
	return f
}

// die fails streams as a lost process does, deaths times.
func (f *fleet) die(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, streamer grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	if f.deaths.Add(-1) >= 0 {
		return nil, status.Error(codes.Unavailable, "error reading from server: EOF")
	}
	return streamer(ctx, desc, cc, method, opts...)
}

func kernels() []kernel.Kernel {
	define := func(name string, fits bool, f func(*kernel.Setup) (kernel.Instance, error)) kernel.Kernel {
		return kernel.Kernel{Name: name, Compartment: kernel.Data, Fits: fits, Transforms: name != "score", New: f}
	}
	all := &meeting{three: make(chan struct{})}
	return []kernel.Kernel{
		define("scale", true, func(s *kernel.Setup) (kernel.Instance, error) { return &scale{setup: s}, nil }),
		define("score", true, func(s *kernel.Setup) (kernel.Instance, error) { return &score{}, nil }),
		define("bloat", true, func(s *kernel.Setup) (kernel.Instance, error) { return &bloat{}, nil }),
		define("drop", false, func(s *kernel.Setup) (kernel.Instance, error) { return each(s, dropOdd), nil }),
		define("lose", false, func(s *kernel.Setup) (kernel.Instance, error) { return each(s, loseAll), nil }),
		define("empty", false, func(s *kernel.Setup) (kernel.Instance, error) { return each(s, dropAll), nil }),
		define("crash", false, func(s *kernel.Setup) (kernel.Instance, error) { return each(s, crash), nil }),
		define("refuse", false, func(s *kernel.Setup) (kernel.Instance, error) {
			return nil, diag.Errorf("Empty range", "low is above high.").At("low")
		}),
		define("sleep", false, func(s *kernel.Setup) (kernel.Instance, error) { return sleeper{300 * time.Millisecond}, nil }),
		define("meet", false, func(*kernel.Setup) (kernel.Instance, error) { return all, nil }),
		define("hang", false, func(s *kernel.Setup) (kernel.Instance, error) { return sleeper{time.Hour}, nil }),
		define("change", false, func(s *kernel.Setup) (kernel.Instance, error) { return changer{}, nil }),
		define("flood", false, func(s *kernel.Setup) (kernel.Instance, error) { return flooder{}, nil }),
	}
}

// scale divides every number by the largest one.
type scale struct {
	setup *kernel.Setup
	max   float64
}

func (k *scale) Fit(_ context.Context, in *kernel.Reader) (kernel.Report, error) {
	k.setup.Progress(0.5, "half way")
	return kernel.Report{"rows": in.Rows()}, in.Each(func(b arrow.RecordBatch) error {
		for _, v := range b.Column(0).(*array.Float64).Values() {
			k.max = max(k.max, v)
		}
		return nil
	})
}

func (k *scale) Save() ([]byte, error)   { return fmt.Appendf(nil, "%v", k.max), nil }
func (k *scale) Load(state []byte) error { _, err := fmt.Sscan(string(state), &k.max); return err }

func (k *scale) Transform(_ context.Context, in *kernel.Reader, out *kernel.Writer) (kernel.Report, error) {
	return kernel.Report{"max": k.max}, in.Each(func(b arrow.RecordBatch) error {
		c := array.NewFloat64Builder(memory.DefaultAllocator)
		for _, v := range b.Column(0).(*array.Float64).Values() {
			c.Append(v / k.max)
		}
		columns := append([]arrow.Array{c.NewArray()}, b.Columns()[1:]...)
		return out.Write(array.NewRecordBatch(b.Schema(), columns, b.NumRows()))
	})
}

// score only fits.
type score struct{}

func (*score) Fit(_ context.Context, in *kernel.Reader) (kernel.Report, error) {
	_, err := in.ReadAll()
	return kernel.Report{"accuracy": 1.0}, err
}
func (*score) Save() ([]byte, error) { return []byte{}, nil }
func (*score) Load([]byte) error     { return nil }

// bloat learns more than travels.
type bloat struct{ score }

func (*bloat) Save() ([]byte, error) { return make([]byte, 2<<20), nil }
func (*bloat) Transform(context.Context, *kernel.Reader, *kernel.Writer) (kernel.Report, error) {
	return nil, nil
}

// batches is a transformer of single batches.
type batches struct {
	setup *kernel.Setup
	do    func(*kernel.Setup, arrow.RecordBatch, *kernel.Writer) error
}

func each(s *kernel.Setup, do func(*kernel.Setup, arrow.RecordBatch, *kernel.Writer) error) *batches {
	return &batches{s, do}
}

func (k *batches) Transform(_ context.Context, in *kernel.Reader, out *kernel.Writer) (kernel.Report, error) {
	return nil, in.Each(func(b arrow.RecordBatch) error { return k.do(k.setup, b, out) })
}

// dropOdd drops the last row of each batch, and says so.
func dropOdd(s *kernel.Setup, b arrow.RecordBatch, out *kernel.Writer) error {
	s.Drop(1)
	return out.Write(b.NewSlice(0, b.NumRows()-1))
}

// loseAll writes one row of each batch, and says nothing of the others.
func loseAll(_ *kernel.Setup, b arrow.RecordBatch, out *kernel.Writer) error {
	return out.Write(b.NewSlice(0, 1))
}

func dropAll(s *kernel.Setup, b arrow.RecordBatch, _ *kernel.Writer) error {
	s.Drop(b.NumRows())
	return nil
}

func crash(*kernel.Setup, arrow.RecordBatch, *kernel.Writer) error { panic("index out of range") }

type sleeper struct{ d time.Duration }

func (k sleeper) Transform(ctx context.Context, in *kernel.Reader, out *kernel.Writer) (kernel.Report, error) {
	select {
	case <-time.After(k.d):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return nil, in.Each(out.Write)
}

// meeting goes on when three are there.
type meeting struct {
	here  atomic.Int32
	three chan struct{}
}

func (m *meeting) Transform(ctx context.Context, in *kernel.Reader, out *kernel.Writer) (kernel.Report, error) {
	if m.here.Add(1) == 3 {
		close(m.three)
	}
	select {
	case <-m.three:
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(time.Minute):
		return nil, errors.New("the others did not come")
	}
	return nil, in.Each(out.Write)
}

// changer renames the columns from batch to batch.
type changer struct{}

func (changer) Transform(_ context.Context, in *kernel.Reader, out *kernel.Writer) (kernel.Report, error) {
	n := 0
	return nil, in.Each(func(b arrow.RecordBatch) error {
		for range 2 {
			n++
			f := b.Schema().Fields()
			f[0].Name = fmt.Sprintf("x%d", n)
			if err := out.Write(array.NewRecordBatch(arrow.NewSchema(f, nil), b.Columns(), b.NumRows())); err != nil {
				return err
			}
		}
		return nil
	})
}

// flooder writes without end.
type flooder struct{}

func (flooder) Transform(_ context.Context, in *kernel.Reader, out *kernel.Writer) (kernel.Report, error) {
	all, err := in.ReadAll()
	if err != nil {
		return nil, err
	}
	for {
		if err := out.Write(all[0]); err != nil {
			return nil, err
		}
	}
}

// step makes a kernel node of the test plugin.
func step(name, kernelName, input string) Node {
	n := Node{Name: name, Kind: KindKernel, Use: Use{"test", kernelName}, Inputs: []string{input}}
	for _, k := range kernels() {
		if k.Name == kernelName {
			n.Description = &pluginv1.KernelDescription{Name: k.Name, Compartment: k.Compartment, Fits: k.Fits, Transforms: k.Transforms}
		}
	}
	return n
}

func mustPlan(t testing.TB, k Kernels, nodes ...Node) *Plan {
	t.Helper()
	plan, problems := MakePlan(context.Background(), Pipeline{Name: "p", Nodes: nodes}, k, Options{})
	if plan == nil {
		t.Fatalf("no plan: %v", problems)
	}
	return plan
}

// log records events.
type log struct {
	mu    sync.Mutex
	lines []string
}

func (l *log) events() Events {
	add := func(format string, args ...any) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.lines = append(l.lines, fmt.Sprintf(format, args...))
	}
	return Events{
		NodeStarted: func(name string) { add("start %s", name) },
		Progress:    func(name string, p Progress) { add("%s %s %.2f %s", name, p.Call, p.Fraction, p.Message) },
		NodeEnded:   func(r *NodeResult) { add("end %s %s", r.Name, r.Status) },
	}
}

func (l *log) has(line string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, have := range l.lines {
		if strings.Contains(have, line) {
			return true
		}
	}
	return false
}

var errTest = errors.New("the user pressed Ctrl-C")
