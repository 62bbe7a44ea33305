// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	"github.com/bulkhead-ml/bulkhead/host/dataplane"
	"github.com/bulkhead-ml/bulkhead/host/pipeline/edge"
	"github.com/bulkhead-ml/bulkhead/sdk/kernel"
	"github.com/bulkhead-ml/bulkhead/sdk/plugin"
)

// plane serves the kernels of the lab through the real SDK, in gRPC messages or
// in shared memory.
type plane struct{ kernel dataplane.Kernel }

func (p plane) Open(context.Context, string) (dataplane.Kernel, error) { return p.kernel, nil }

func newPlane(t testing.TB, shared bool) Kernels {
	t.Helper()
	service := kernel.Serve(append(planeKernels(), lineKernels()...)...)
	var o dataplane.Options
	if shared {
		side, err := dataplane.NewSide(dataplane.SideOptions{})
		if errors.Is(err, errors.ErrUnsupported) {
			t.Skip("this system has no shared memory")
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(side.Close)
		if err := service.Share(side.Child()); err != nil {
			t.Fatal(err)
		}
		o.Side = side
	}
	listener, server := bufconn.Listen(1<<20), plugin.NewServer(plugin.Info{Name: "lab"}, service)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		_ = server.Serve(listener) // ends with Stop
	}()
	conn, err := grpc.NewClient("passthrough:///kernel", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(context.Context, string) (net.Conn, error) { return listener.Dial() }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = conn.Close()
		server.Stop()
		<-stopped
	})
	return plane{dataplane.New(conn, o)}
}

// planeKernels do what those of the lab do.
func planeKernels() []kernel.Kernel {
	out := []kernel.Kernel{{Name: "double", Compartment: kernel.Data, RowWise: true, Transforms: true, New: func(s *kernel.Setup) (kernel.Instance, error) { return doubler{s}, nil }}}
	for _, name := range []string{"add", "mul", "sift", "sum", "twice", "hold", "learn"} {
		_, rowWise := labRows[name]
		k := kernel.Kernel{Name: name, Compartment: kernel.Data, RowWise: rowWise, Transforms: name != "learn", Fits: name == "sum" || name == "learn", Config: planeConfig{}}
		if k.Fits {
			k.StateVersion, k.MinStateVersion = 1, 1
		}
		k.New = func(s *kernel.Setup) (kernel.Instance, error) {
			p := &planeKernel{setup: s, name: name}
			if err := s.Config(&p.config); err != nil {
				return nil, err
			}
			if k.Fits {
				return &planeFit{p}, nil
			}
			return p, nil
		}
		out = append(out, k)
	}
	return out
}

// planeConfig is labConfig as far as these kernels know it.
type planeConfig struct {
	N      int64 `bulkhead:"N,optional" json:"N"`
	Silent bool  `bulkhead:"Silent,optional" json:"Silent"`
	Trace  bool  `bulkhead:"Trace,optional" json:"Trace"`
}

type planeKernel struct {
	setup  *kernel.Setup
	name   string
	config planeConfig
	state  int64
}

type planeFit struct{ *planeKernel }

func (p *planeFit) Fit(_ context.Context, in *kernel.Reader) (kernel.Report, error) {
	err := in.Each(func(b arrow.RecordBatch) error {
		for _, x := range b.Column(0).(*array.Int64).Int64Values() {
			p.state += x
		}
		return nil
	})
	return kernel.Report{"sum": p.state}, err
}
func (p *planeFit) Save() ([]byte, error)   { return fmt.Append(nil, p.state), nil }
func (p *planeFit) Load(state []byte) error { _, err := fmt.Sscan(string(state), &p.state); return err }

// OutputSchema is told unless the settings say otherwise.
func (p *planeKernel) OutputSchema() (*arrow.Schema, error) {
	if p.config.Silent {
		return nil, nil
	}
	return p.setup.Schema, nil
}

func (p *planeKernel) Transform(_ context.Context, in *kernel.Reader, out *kernel.Writer) (kernel.Report, error) {
	if err := out.Declare(p.setup.Schema); err != nil {
		return nil, err
	}
	switch p.name {
	case "hold":
		all, err := in.ReadAll()
		for _, b := range all {
			for i := range b.NumRows() {
				err = errors.Join(err, out.Write(b.NewSlice(i, i+1)))
			}
		}
		return nil, err
	case "twice":
		return nil, in.Each(func(b arrow.RecordBatch) error {
			var err error
			for i := range b.NumRows() {
				err = errors.Join(err, out.Write(b.NewSlice(i, i+1)), out.Write(b.NewSlice(i, i+1)))
			}
			return err
		})
	}
	return nil, in.Each(func(b arrow.RecordBatch) error { return p.each(b, in.Row(), out) })
}

// each passes the rows of a batch on, one by one.
func (p *planeKernel) each(b arrow.RecordBatch, first int64, out *kernel.Writer) error {
	row := labRows[p.name]
	if p.name == "sum" {
		row = func(x, _ int64) (int64, bool) { return x + p.state, true }
	}
	values := array.NewInt64Builder(out.Allocator())
	var origins []int64
	for i, x := range b.Column(0).(*array.Int64).Int64Values() {
		y, stays := row(x, p.config.N)
		if !stays {
			p.setup.Drop(1)
			continue
		}
		values.Append(y)
		origins = append(origins, first+int64(i))
	}
	column := values.NewArray()
	made := array.NewRecordBatch(b.Schema(), []arrow.Array{column}, int64(column.Len()))
	if p.config.Trace || p.name == "sift" {
		return out.WriteFrom(made, origins)
	}
	return out.Write(made)
}

// TestRealPlanesGiveWhatTheLabGives runs random pipelines over the real SDK, in
// messages and in shared memory: none waits for itself, all give the same.
func TestRealPlanesGiveWhatTheLabGives(t *testing.T) {
	for name, shared := range map[string]bool{"messages": false, "shared memory": true} {
		t.Run(name, func(t *testing.T) {
			k := newPlane(t, shared)
			seeds := uint64(25)
			if os.Getenv("BULKHEAD_LONG_TESTS") != "" {
				seeds = 500
			}
			for seed := range seeds {
				r := rand.New(rand.NewPCG(seed, 9))
				nodes := onPlane(randomPipeline(t, r, 50+r.IntN(3000)))
				plain, err := labRun(t, &lab{}, Options{Parallel: 1, NoFusion: true}, nodes...)
				if err != nil {
					t.Fatal(err)
				}
				o := Options{Parallel: 1 + r.IntN(4), NoFusion: r.IntN(2) == 0, EdgeBytes: 1 + r.Int64N(50000), EdgeRows: 1 + r.Int64N(1000), TempDir: t.TempDir(), MaxTableBytes: 1 + r.Int64N(60000)}
				p := Pipeline{Nodes: nodes, Batch: edge.Limits{Rows: r.Int64N(500)}}
				result := runOnPlane(t, k, p, o)
				if got, want := outputs(t, result), outputs(t, plain); !slices.Equal(got, want) {
					t.Errorf("seed %d, %+v:\n%v\nwant\n%v", seed, o, strings.Join(got, "\n"), strings.Join(want, "\n"))
				}
			}
		})
	}
}

// onPlane leaves out what the kernels of the SDK cannot do here.
func onPlane(nodes []Node) []Node {
	for i := range nodes {
		if nodes[i].Kind == KindKernel {
			c := configOf(nodes[i].Config)
			nodes[i].Config = fmt.Appendf(nil, `{"N":%d,"Silent":%t,"Trace":%t}`, c.N, c.Silent, c.Trace)
		}
	}
	return nodes
}

func runOnPlane(t testing.TB, k Kernels, p Pipeline, o Options) *Result {
	t.Helper()
	plan, problems := MakePlan(context.Background(), p, k, o)
	if plan == nil {
		t.Fatal(problems)
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	defer afterMinutes(cancel)()
	result, err := Run(ctx, plan, k, Events{}, o)
	if err != nil {
		t.Fatalf("error %v, edges %+v", err, plan.Edges)
	}
	t.Cleanup(result.Close)
	return result
}

// TestLongChainsInSharedMemory has more nodes than an edge has slots, all of which
// hand the same memory on.
func TestLongChainsInSharedMemory(t *testing.T) {
	k := newPlane(t, true)
	for _, length := range []int{1, 5, 20} {
		for _, kind := range []string{"add", "sift"} {
			nodes := []Node{labRowsNode(t, 20_000)}
			for i := range length {
				nodes = append(nodes, labNode(fmt.Sprintf("k%d", i), kind, nodes[i].Name, labConfig{N: 100_000}))
			}
			before := runtime.NumGoroutine()
			result := runOnPlane(t, k, Pipeline{Nodes: onPlane(nodes), Batch: edge.Limits{Rows: 300}}, Options{NoFusion: true, EdgeRows: 900})
			last := result.Node(fmt.Sprintf("k%d", length-1))
			if want := int64(20_000); kind == "add" && last.RowsOut != want || last.RowsIn-last.RowsOut > 1 {
				t.Errorf("%d of %s: result %+v", length, kind, last)
			}
			result.Close()
			settled(t, before+10)
		}
	}
}
