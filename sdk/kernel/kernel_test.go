// SPDX-License-Identifier: Apache-2.0

package kernel_test

import (
	"context"
	"errors"
	"io"
	"math"
	"net"
	"strings"
	"sync"
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

	"github.com/bulkhead-ml/bulkhead/sdk/diag"
	"github.com/bulkhead-ml/bulkhead/sdk/kernel"
	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
	"github.com/bulkhead-ml/bulkhead/sdk/table"
)

// script is a kernel whose parts a test sets.
type script struct {
	setup     *kernel.Setup
	validate  func() error
	fit       func(context.Context, *kernel.Setup, *kernel.Reader) (kernel.Report, error)
	save      func() ([]byte, error)
	load      func([]byte) error
	transform func(context.Context, *kernel.Setup, *kernel.Reader, *kernel.Writer) (kernel.Report, error)
}

func (s *script) Validate() error {
	if s.validate == nil {
		return nil
	}
	return s.validate()
}

func (s *script) Fit(ctx context.Context, in *kernel.Reader) (kernel.Report, error) {
	if s.fit == nil {
		_, err := in.ReadAll()
		return kernel.Report{"seed": s.setup.Seed, "budget": s.setup.Budget.String()}, err
	}
	return s.fit(ctx, s.setup, in)
}

func (s *script) Save() ([]byte, error) {
	if s.save == nil {
		return []byte("state"), nil
	}
	return s.save()
}

func (s *script) Load(state []byte) error {
	if s.load == nil {
		return nil
	}
	return s.load(state)
}

func (s *script) Transform(ctx context.Context, in *kernel.Reader, out *kernel.Writer) (kernel.Report, error) {
	if s.transform == nil {
		return nil, in.Each(out.Write)
	}
	return s.transform(ctx, s.setup, in, out)
}

type settings struct {
	Limit float64 `json:"limit" default:"2.5" doc:"A limit."`
}

// client serves kernels over memory.
func client(t *testing.T, kernels ...kernel.Kernel) pluginv1.KernelServiceClient {
	t.Helper()
	server, listener := grpc.NewServer(grpc.MaxRecvMsgSize(16<<20)), bufconn.Listen(1<<20)
	kernel.Serve(kernels...).Register(server)
	go func() { _ = server.Serve(listener) }() // ends with Stop
	conn, err := grpc.NewClient("passthrough:///kernel", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(16<<20)),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = conn.Close()
		server.Stop()
	})
	return pluginv1.NewKernelServiceClient(conn)
}

// scripted serves one kernel "k".
func scripted(t *testing.T, s script) pluginv1.KernelServiceClient {
	return client(t, kernel.Kernel{Name: "k", Config: settings{}, Fits: true, Transforms: true,
		New: func(setup *kernel.Setup) (kernel.Instance, error) {
			made := s
			made.setup = setup
			return &made, nil
		}})
}

func open() *pluginv1.Open {
	return &pluginv1.Open{Kernel: "k", Seed: 7, BudgetNs: int64(time.Second), Schema: &pluginv1.TableSchema{
		Columns: []*pluginv1.TableColumn{{Name: "a", Type: pluginv1.TableColumn_TYPE_FLOAT64}},
	}}
}

func numbers(values ...float64) arrow.RecordBatch {
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema(
		[]arrow.Field{{Name: "a", Type: arrow.PrimitiveTypes.Float64, Nullable: true}}, nil))
	b.Field(0).(*array.Float64Builder).AppendValues(values, nil)
	return b.NewRecordBatch()
}

func batch(t *testing.T, values ...float64) *pluginv1.Batch {
	t.Helper()
	wire, err := table.Encode(numbers(values...))
	if err != nil {
		t.Fatal(err)
	}
	return wire
}

// answer is everything that a stream brought.
type answer struct {
	state    []byte
	progress []string
	rows     int64
	result   *pluginv1.Result
	err      error
}

// said joins the summaries and details of the diagnostics.
func (a *answer) said() string {
	var all []string
	for _, d := range a.result.GetDiagnostics() {
		all = append(all, d.GetSummary()+": "+d.GetDetail())
	}
	return strings.Join(all, "\n")
}

func fit(t *testing.T, c pluginv1.KernelServiceClient, messages ...*pluginv1.FitRequest) *answer {
	t.Helper()
	stream, err := c.Fit(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range messages {
		_ = stream.Send(m) // a refusal shows in what is received
	}
	_ = stream.CloseSend()
	a := &answer{}
	for {
		m, err := stream.Recv()
		if err != nil {
			a.err = err
			return a
		}
		a.state = append(a.state, m.GetStateChunk()...)
		if p := m.GetProgress(); p != nil {
			a.progress = append(a.progress, p.GetMessage())
		}
		if m.GetResult() != nil {
			a.result = m.GetResult()
		}
	}
}

func fitOpen(o *pluginv1.Open) *pluginv1.FitRequest {
	return &pluginv1.FitRequest{Message: &pluginv1.FitRequest_Open{Open: o}}
}

func fitBatch(b *pluginv1.Batch) *pluginv1.FitRequest {
	return &pluginv1.FitRequest{Message: &pluginv1.FitRequest_Batch{Batch: b}}
}

func transform(t *testing.T, c pluginv1.KernelServiceClient, messages ...*pluginv1.TransformRequest) *answer {
	t.Helper()
	stream, err := c.Transform(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range messages {
		_ = stream.Send(m) // a refusal shows in what is received
	}
	_ = stream.CloseSend()
	a := &answer{}
	for {
		m, err := stream.Recv()
		if err != nil {
			a.err = err
			return a
		}
		a.rows += m.GetBatch().GetRows()
		if m.GetResult() != nil {
			a.result = m.GetResult()
		}
	}
}

func transformOpen(o *pluginv1.Open) *pluginv1.TransformRequest {
	return &pluginv1.TransformRequest{Message: &pluginv1.TransformRequest_Open{Open: o}}
}

func transformState(s string) *pluginv1.TransformRequest {
	return &pluginv1.TransformRequest{Message: &pluginv1.TransformRequest_StateChunk{StateChunk: []byte(s)}}
}

func transformBatch(b *pluginv1.Batch) *pluginv1.TransformRequest {
	return &pluginv1.TransformRequest{Message: &pluginv1.TransformRequest_Batch{Batch: b}}
}

func TestFit(t *testing.T) {
	big := strings.Repeat("s", 2<<20+1)
	a := fit(t, scripted(t, script{save: func() ([]byte, error) { return []byte(big), nil }}),
		fitOpen(open()), fitBatch(batch(t, 1, 2)), fitBatch(batch(t, 3)))
	if !errors.Is(a.err, io.EOF) || string(a.state) != big || a.result.GetRowsIn() != 3 || len(a.result.GetDiagnostics()) > 0 {
		t.Fatalf("%d bytes of state, %v, %v", len(a.state), a.result, a.err)
	}
	if got := string(a.result.GetReportJson()); got != `{"budget":"1s","seed":7}` {
		t.Errorf("report %s", got)
	}
}

func TestFitFailures(t *testing.T) {
	type setup = kernel.Setup
	for want, s := range map[string]script{
		"The kernel failed: disk full": {fit: func(context.Context, *setup, *kernel.Reader) (kernel.Report, error) {
			return nil, errors.New("disk full")
		}},
		"The kernel crashed: panic: boom": {fit: func(context.Context, *setup, *kernel.Reader) (kernel.Report, error) { panic("boom") }},
		"cannot be written as JSON": {fit: func(_ context.Context, _ *setup, in *kernel.Reader) (kernel.Report, error) {
			return kernel.Report{"loss": math.NaN()}, in.Each(func(arrow.RecordBatch) error { return nil })
		}},
		"The kernel failed: no room":      {save: func() ([]byte, error) { return nil, errors.New("no room") }},
		"The kernel crashed: panic: save": {save: func() ([]byte, error) { panic("save") }},
	} {
		a := fit(t, scripted(t, s), fitOpen(open()), fitBatch(batch(t, 1)))
		if !errors.Is(a.err, io.EOF) || !strings.Contains(a.said(), want) {
			t.Errorf("want %q, got %q, %v", want, a.said(), a.err)
		}
	}
}

func TestFitOfWrongInput(t *testing.T) {
	c := scripted(t, script{})
	torn := batch(t, 1, 2)
	torn.Columns[0].Values = torn.Columns[0].Values[:9]
	for want, messages := range map[string][]*pluginv1.FitRequest{
		"values of 9 bytes":         {fitOpen(open()), fitBatch(torn)},
		"a message without a batch": {fitOpen(open()), fitOpen(open())},
		"has type TYPE_UNSPECIFIED": {fitOpen(&pluginv1.Open{Kernel: "k", Schema: &pluginv1.TableSchema{Columns: []*pluginv1.TableColumn{{Name: "x"}}}})},
		`has no kernel "other"`:     {fitOpen(&pluginv1.Open{Kernel: "other"})},
	} {
		if a := fit(t, c, messages...); !errors.Is(a.err, io.EOF) || !strings.Contains(a.said(), want) {
			t.Errorf("want %q, got %q, %v", want, a.said(), a.err)
		}
	}
	if a := fit(t, c, fitBatch(batch(t, 1))); status.Code(a.err) != codes.InvalidArgument {
		t.Errorf("without open: %v", a.err)
	}
}

// Progress may come from any goroutine, and carry a name from a foreign disk.
func TestProgress(t *testing.T) {
	c := scripted(t, script{fit: func(_ context.Context, s *kernel.Setup, _ *kernel.Reader) (kernel.Report, error) {
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() { s.Progress(0.5, "half\xff") })
		}
		wg.Wait()
		return nil, nil
	}})
	a := fit(t, c, fitOpen(open()))
	if len(a.progress) != 8 || a.progress[0] != "half\ufffd" || a.said() != "" {
		t.Errorf("progress %q, %q, %v", a.progress, a.said(), a.err)
	}
}

func TestTransform(t *testing.T) {
	var loaded string
	c := scripted(t, script{
		load: func(state []byte) error { loaded = string(state); return nil },
		transform: func(_ context.Context, s *kernel.Setup, in *kernel.Reader, out *kernel.Writer) (kernel.Report, error) {
			s.Diagnose(diag.Warningf("Short table", "Only few rows."))
			return nil, in.Each(func(b arrow.RecordBatch) error {
				s.Drop(1)
				return out.Write(b.NewSlice(1, b.NumRows()))
			})
		},
	})
	a := transform(t, c, transformOpen(open()), transformState("st"), transformState("ate"),
		transformBatch(batch(t, 1, 2, 3)), transformBatch(batch(t, 4, 5)))
	r := a.result
	if loaded != "state" || a.rows != 3 || r.GetRowsIn() != 5 || r.GetRowsOut() != 3 || r.GetRowsDropped() != 2 {
		t.Errorf("state %q, %d rows, %v, %v", loaded, a.rows, r, a.err)
	}
	if a.said() != "Short table: Only few rows." {
		t.Errorf("said %q", a.said())
	}
}

func TestTransformFailures(t *testing.T) {
	for want, s := range map[string]script{
		"State that cannot be loaded: too old. Fit the kernel again.": {load: func([]byte) error { return errors.New("too old") }},
		"The kernel crashed: panic: load":                             {load: func([]byte) error { panic("load") }},
		"The kernel failed: stop": {transform: func(context.Context, *kernel.Setup, *kernel.Reader, *kernel.Writer) (kernel.Report, error) {
			return nil, errors.New("stop")
		}},
		"column \"a\" stands twice": {transform: func(_ context.Context, _ *kernel.Setup, in *kernel.Reader, out *kernel.Writer) (kernel.Report, error) {
			return nil, in.Each(func(b arrow.RecordBatch) error {
				f := b.Schema().Field(0)
				return out.Write(array.NewRecordBatch(arrow.NewSchema([]arrow.Field{f, f}, nil), []arrow.Array{b.Column(0), b.Column(0)}, b.NumRows()))
			})
		}},
	} {
		a := transform(t, scripted(t, s), transformOpen(open()), transformBatch(batch(t, 1)))
		if !errors.Is(a.err, io.EOF) || !strings.Contains(a.said(), want) {
			t.Errorf("want %q, got %q, %v", want, a.said(), a.err)
		}
	}
	if a := transform(t, scripted(t, script{}), transformState("x")); status.Code(a.err) != codes.InvalidArgument {
		t.Errorf("without open: %v", a.err)
	}
}

func TestWhatAKernelCannotDo(t *testing.T) {
	onlyFits := struct{ kernel.Fitter }{}
	onlyTransforms := struct{ kernel.Transformer }{}
	c := client(t,
		kernel.Kernel{Name: "k", New: func(*kernel.Setup) (kernel.Instance, error) { return onlyFits, nil }},
		kernel.Kernel{Name: "t", New: func(*kernel.Setup) (kernel.Instance, error) { return onlyTransforms, nil }})
	if a := transform(t, c, transformOpen(open())); !strings.Contains(a.said(), `Kernel "k" only fits`) {
		t.Errorf("transform says %q", a.said())
	}
	o := open()
	o.Kernel = "t"
	if a := fit(t, c, fitOpen(o)); !strings.Contains(a.said(), `Kernel "t" only transforms`) {
		t.Errorf("fit says %q", a.said())
	}
}

func TestValidate(t *testing.T) {
	refuse := diag.Errorf("Too low", "Raise it.").At("limit")
	for want, s := range map[string]script{
		"":                   {},
		"Too low [limit]":    {validate: func() error { return refuse }},
		"The kernel crashed": {validate: func() error { panic("x") }},
	} {
		resp, err := scripted(t, s).Validate(t.Context(), &pluginv1.ValidateRequest{Open: open()})
		var got string
		for _, d := range resp.GetDiagnostics() {
			if got = d.GetSummary(); len(d.GetPath()) > 0 {
				got += " [" + strings.Join(d.GetPath(), ".") + "]"
			}
		}
		if err != nil || got != want {
			t.Errorf("want %q, got %q, %v", want, got, err)
		}
	}
	panics := client(t, kernel.Kernel{Name: "k", New: func(*kernel.Setup) (kernel.Instance, error) { panic("new") }})
	if resp, err := panics.Validate(t.Context(), &pluginv1.ValidateRequest{Open: open()}); err != nil || len(resp.GetDiagnostics()) != 1 {
		t.Errorf("%v, %v", resp, err)
	}
}

func TestSettings(t *testing.T) {
	var got settings
	c := client(t, kernel.Kernel{Name: "k", Config: settings{}, New: func(s *kernel.Setup) (kernel.Instance, error) {
		got = settings{}
		return nil, s.Config(&got)
	}})
	for config, want := range map[string]float64{"": 2.5, `{"limit":4}`: 4} {
		o := open()
		o.ConfigJson = []byte(config)
		resp, err := c.Validate(t.Context(), &pluginv1.ValidateRequest{Open: o})
		if err != nil || len(resp.GetDiagnostics()) > 0 || got.Limit != want {
			t.Errorf("%s gives %v, %v, %v", config, got, resp, err)
		}
	}
	setup := kernel.NewSetup(nil, nil)
	if err := setup.Config(&got); err != nil || got.Limit != 2.5 {
		t.Errorf("%v, %v", got, err)
	}
	setup.Progress(1, "nobody listens")
}

func TestDescribe(t *testing.T) {
	var out pluginv1.DescribeResponse
	kernel.Serve(kernel.Kernel{Name: "k", Summary: "S", Compartment: kernel.MLOps, Config: settings{}, Fits: true}).Describe(&out)
	k := out.GetKernels()[0]
	if k.GetName() != "k" || k.GetCompartment() != "mlops" || !k.GetFits() || k.GetTransforms() || k.GetConfig().GetAttributes()[0].GetDefaultJson() != "2.5" {
		t.Errorf("got %v", k)
	}
}

func TestReaderAndWriter(t *testing.T) {
	b := numbers(1, 2)
	r := kernel.FromBatches(b.Schema(), b, b)
	stop := errors.New("stop")
	if err := r.Each(func(arrow.RecordBatch) error { return stop }); !errors.Is(err, stop) || r.Rows() != 2 {
		t.Errorf("%v after %d rows", err, r.Rows())
	}
	if rest, err := r.ReadAll(); err != nil || len(rest) != 1 || r.Rows() != 4 || !r.Schema().Equal(b.Schema()) {
		t.Errorf("%d batches, %v", len(rest), err)
	}
	broken := kernel.NewReader(b.Schema(), func() (arrow.RecordBatch, error) { return nil, stop })
	if _, err := broken.ReadAll(); !errors.Is(err, stop) {
		t.Error(err)
	}
	parts := 0
	w := kernel.NewWriter(func(part arrow.RecordBatch) error {
		parts++
		if part.NumRows() > table.MaxRows {
			t.Errorf("a part of %d rows", part.NumRows())
		}
		return nil
	})
	if err := w.Write(numbers(make([]float64, 100_000)...)); err != nil || parts != 2 || w.Rows() != 100_000 {
		t.Errorf("%d parts of %d rows, %v", parts, w.Rows(), err)
	}
}
