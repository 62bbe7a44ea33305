// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	tracepb "go.opentelemetry.io/proto/slim/otlp/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	"github.com/bulkhead-ml/bulkhead/host/dataplane"
	"github.com/bulkhead-ml/bulkhead/sdk/diag"
	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

// remote is a kernel service over a real connection that keeps the metadata of
// its calls.
type remote struct {
	pluginv1.UnimplementedKernelServiceServer
	mu   sync.Mutex
	seen []string
}

func (r *remote) Validate(ctx context.Context, _ *pluginv1.ValidateRequest) (*pluginv1.ValidateResponse, error) {
	md, _ := metadata.FromIncomingContext(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen = append(r.seen, md.Get("traceparent")...)
	return &pluginv1.ValidateResponse{}, nil
}

// connect serves r and returns kernels over the connection.
func (r *remote) connect(t testing.TB) kernels {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	pluginv1.RegisterKernelServiceServer(server, r)
	go server.Serve(listener)
	t.Cleanup(server.Stop)
	conn, err := grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return kernels{dataplane.New(conn, dataplane.Options{})}
}

// kernels gives one kernel for every plugin.
type kernels struct{ kernel dataplane.Kernel }

func (k kernels) Open(context.Context, string) (dataplane.Kernel, error) { return k.kernel, nil }

// answering is a kernel that gives what it was told to.
type answering struct {
	outcome *dataplane.Outcome
	err     error
}

func (a answering) Validate(context.Context, dataplane.Open) (*dataplane.Verdict, error) {
	if a.err != nil {
		return nil, a.err
	}
	return &dataplane.Verdict{Diagnostics: a.outcome.Diagnostics}, nil
}

func (a answering) Fit(context.Context, dataplane.Open, dataplane.Batches, func(dataplane.Progress)) ([]byte, *dataplane.Outcome, error) {
	return []byte("state"), a.outcome, a.err
}

func (a answering) Transform(context.Context, dataplane.Open, []byte, dataplane.Batches, dataplane.Output) (*dataplane.Outcome, error) {
	return a.outcome, a.err
}

func (a answering) Undo(context.Context, dataplane.Open, []byte) ([]*diag.Diagnostic, error) {
	return nil, a.err
}

func openKernel(t testing.TB, run *Run, k Kernels) dataplane.Kernel {
	t.Helper()
	kernel, err := run.Kernels(k).Open(t.Context(), "data")
	if err != nil {
		t.Fatal(err)
	}
	return kernel
}

func describe(node string) dataplane.Open {
	return dataplane.Open{Kernel: "prepare", Node: node, Schema: arrow.NewSchema([]arrow.Field{{Name: "x", Type: arrow.PrimitiveTypes.Float64}}, nil)}
}

// TestTraceOfARun: run > node > call over a real connection and a real
// receiver, and the plugin is told the span of its call.
func TestTraceOfARun(t *testing.T) {
	c, plugin := newCollector(t), &remote{}
	tm, log := opened(t, Config{OTLP: c.URL, Version: "1.2.3", Limits: quick()})
	run := tm.Start(RunStart{ID: "r1", Pipeline: "churn"})
	k := openKernel(t, run, plugin.connect(t))
	call := func(node string) {
		t.Helper()
		if _, err := k.Validate(t.Context(), describe(node)); err != nil {
			t.Fatal(err)
		}
	}
	run.NodeStarted("clean")
	call("clean")
	run.NodeEnded(NodeEnd{Name: "clean", Use: "data.prepare", Kind: "kernel", Status: "ok", Attempts: 1, Cache: "miss", RowsIn: 10, RowsOut: 9, RowsDropped: 1})
	run.Ended(RunEnd{Status: "ok"})
	if s := tm.Close(t.Context()); s.Spans.Delivered != 3 || s.Dropped() != 0 {
		t.Fatalf("%s\n%s", s, log)
	}
	root, node, inner := c.span("run churn"), c.span("node clean"), c.span("bulkhead.plugin.v1.KernelService/Validate")
	if len(root.GetParentSpanId()) != 0 || id(node.GetParentSpanId()) != id(root.GetSpanId()) || id(inner.GetParentSpanId()) != id(node.GetSpanId()) {
		t.Error("the spans are not run > node > call")
	}
	for _, s := range []*tracepb.Span{root, node, inner} {
		if id(s.GetTraceId()) != run.TraceID() || s.GetStartTimeUnixNano() == 0 || s.GetEndTimeUnixNano() < s.GetStartTimeUnixNano() || s.GetStatus().GetCode() != tracepb.Status_STATUS_CODE_UNSET {
			t.Errorf("span %v", s)
		}
	}
	if want := "00-" + id(inner.GetTraceId()) + "-" + id(inner.GetSpanId()) + "-01"; len(plugin.seen) != 1 || plugin.seen[0] != want {
		t.Errorf("the plugin was told %q, want %q", plugin.seen, want)
	}
	if inner.GetKind() != tracepb.Span_SPAN_KIND_CLIENT || node.GetKind() != tracepb.Span_SPAN_KIND_INTERNAL {
		t.Errorf("kinds %s and %s", inner.GetKind(), node.GetKind())
	}
	wantAttributes(t, inner, map[string]any{"rpc.system.name": "grpc", "rpc.method": inner.GetName(), "rpc.response.status_code": "OK", "bulkhead.kernel": "prepare", "bulkhead.plugin": "data", "bulkhead.node": "clean"})
	wantAttributes(t, node, map[string]any{"bulkhead.node.use": "data.prepare", "bulkhead.node.cache": "miss", "bulkhead.rows.in": int64(10), "bulkhead.rows.dropped": int64(1), "bulkhead.node.status": "ok"})
	wantAttributes(t, root, map[string]any{"bulkhead.pipeline": "churn", "bulkhead.run.id": "r1", "bulkhead.run.status": "ok"})
	if c.resource["service.name"] != "bulkhead" || c.resource["service.version"] != "1.2.3" {
		t.Errorf("resource %v", c.resource)
	}
}

func wantAttributes(t *testing.T, s *tracepb.Span, want map[string]any) {
	t.Helper()
	got := attributes(s.GetAttributes())
	for key, value := range want {
		if got[key] != value {
			t.Errorf("%s: %s is %v, want %v", s.GetName(), key, got[key], value)
		}
	}
}

// TestOutcomesOfCalls: each way to fail is a status, a class and a code.
func TestOutcomesOfCalls(t *testing.T) {
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	late, stop := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer stop()
	ok := &dataplane.Outcome{Metrics: dataplane.Metrics{RowsIn: 5, RowsOut: 4, BytesIn: 40, CPU: time.Second, PeakRSS: 1 << 20}, RowsDropped: 1}
	refused := &dataplane.Outcome{Diagnostics: []*diag.Diagnostic{{Severity: diag.Error, Summary: "No column"}}}
	for name, c := range map[string]struct {
		ctx           context.Context
		kernel        answering
		outcome, code string
	}{
		"ok":        {t.Context(), answering{outcome: ok}, "ok", "OK"},
		"refused":   {t.Context(), answering{outcome: refused}, "refused", "OK"},
		"lost":      {t.Context(), answering{err: &dataplane.TransportError{Op: "fit", Code: codes.Unavailable, Message: "killed"}}, "lost", "UNAVAILABLE"},
		"broken":    {t.Context(), answering{err: &dataplane.ProtocolError{Op: "fit", Reason: "lies"}}, "broken", "OK"},
		"failed":    {t.Context(), answering{err: errors.New("the input ended")}, "failed", "OK"},
		"cancelled": {cancelled, answering{err: context.Canceled}, "cancelled", "CANCELLED"},
		"late":      {late, answering{err: context.DeadlineExceeded}, "cancelled", "DEADLINE_EXCEEDED"},
	} {
		t.Run(name, func(t *testing.T) {
			receiver := newCollector(t)
			tm, _ := opened(t, Config{OTLP: receiver.URL, Limits: quick()})
			run := tm.Start(RunStart{Pipeline: "p"})
			k := openKernel(t, run, kernels{c.kernel})
			state, o, err := k.Fit(c.ctx, describe("n"), nil, nil)
			if !errors.Is(err, c.kernel.err) || o != c.kernel.outcome || string(state) != "state" {
				t.Errorf("the call gave %q, %v, %v", state, o, err)
			}
			tm.Close(t.Context())
			s := receiver.span("bulkhead.plugin.v1.KernelService/Fit")
			wantAttributes(t, s, map[string]any{"bulkhead.outcome": c.outcome, "rpc.response.status_code": c.code})
			checkFailure(t, s, c.outcome)
		})
	}
}

func checkFailure(t *testing.T, s *tracepb.Span, outcome string) {
	t.Helper()
	if outcome == "ok" {
		wantAttributes(t, s, map[string]any{"bulkhead.rows.in": int64(5), "bulkhead.rows.dropped": int64(1), "bulkhead.memory.peak": int64(1 << 20)})
		if s.GetStatus().GetCode() != tracepb.Status_STATUS_CODE_UNSET || len(s.GetEvents()) != 0 {
			t.Errorf("a good call has the status %v", s.GetStatus())
		}
		return
	}
	wantAttributes(t, s, map[string]any{"error.type": outcome})
	if s.GetStatus().GetCode() != tracepb.Status_STATUS_CODE_ERROR || s.GetStatus().GetMessage() == "" {
		t.Errorf("status %v", s.GetStatus())
	}
	if len(s.GetEvents()) != 1 || s.GetEvents()[0].GetName() != "exception" || attributes(s.GetEvents()[0].GetAttributes())["exception.message"] != s.GetStatus().GetMessage() {
		t.Errorf("events %v", s.GetEvents())
	}
}

// TestEveryCallIsTold: all methods make spans and pass on what they give.
func TestEveryCallIsTold(t *testing.T) {
	c := newCollector(t)
	tm, _ := opened(t, Config{OTLP: c.URL, Limits: quick()})
	run := tm.Start(RunStart{Pipeline: "p"})
	k := openKernel(t, run, kernels{answering{outcome: &dataplane.Outcome{}}})
	_, err1 := k.Validate(t.Context(), describe("n"))
	_, _, err2 := k.Fit(t.Context(), describe("n"), nil, nil)
	_, err3 := k.Transform(t.Context(), describe("n"), nil, nil, dataplane.Output{})
	_, err4 := k.Undo(t.Context(), describe("n"), nil)
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		t.Fatal(err)
	}
	run.Ended(RunEnd{Status: "ok"})
	tm.Close(t.Context())
	root := c.span("run p")
	for _, method := range []string{"Validate", "Fit", "Transform", "Undo"} {
		if s := c.span(service + method); id(s.GetParentSpanId()) != id(root.GetSpanId()) {
			t.Errorf("%s of a node that did not start is not under the run", method)
		}
	}
}

func TestFailedNodesAndRuns(t *testing.T) {
	c := newCollector(t)
	tm, _ := opened(t, Config{OTLP: c.URL, Limits: quick()})
	run := tm.Start(RunStart{Pipeline: "p"})
	run.NodeStarted("bad")
	run.NodeEnded(NodeEnd{Name: "bad", Status: "failed", Reason: "the column is missing"})
	run.NodeEnded(NodeEnd{Name: "after", Status: "skipped", Reason: "bad failed"})
	run.NodeStarted("open")
	run.Ended(RunEnd{Status: "failed", Reason: "bad failed"})
	run.Ended(RunEnd{Status: "ok"})
	tm.Close(t.Context())
	for name, reason := range map[string]string{"node bad": "the column is missing", "run p": "bad failed", "node open": "the run ended before the node"} {
		if s := c.span(name); s.GetStatus().GetCode() != tracepb.Status_STATUS_CODE_ERROR || s.GetStatus().GetMessage() != reason {
			t.Errorf("%s has the status %v", name, s.GetStatus())
		}
	}
	if len(c.spans) != 3 {
		t.Errorf("%d spans; a node that did not start has none, and a run ends once", len(c.spans))
	}
}

func TestRunsJoinATrace(t *testing.T) {
	const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	c := newCollector(t)
	tm, _ := opened(t, Config{OTLP: c.URL, Traceparent: parent, Limits: quick()})
	run := tm.Start(RunStart{Pipeline: "p"})
	run.Ended(RunEnd{Status: "ok"})
	tm.Close(t.Context())
	if s := c.span("run p"); id(s.GetTraceId()) != parent[3:35] || id(s.GetParentSpanId()) != parent[36:52] || run.Traceparent()[:36] != parent[:36] {
		t.Errorf("the run is not part of the trace: %v", s)
	}
}

func TestTraceparent(t *testing.T) {
	const good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	for s, ok := range map[string]bool{
		good: true, strings.Replace(good, "00-", "01-", 1) + "-more": true, good + "-more": false, good[:54]: false, "": false,
		strings.ToUpper(good): false, "ff" + good[2:]: false, "00-00000000000000000000000000000000-b7ad6b7169203331-01": false,
		"00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01": false, strings.Replace(good, "-b7", "_b7", 1): false, strings.Replace(good, "0af", "0ag", 1): false,
	} {
		c, got := parseTraceparent(s)
		if got != ok {
			t.Errorf("%q: %v", s, got)
		}
		if s == good && c.traceparent() != good {
			t.Errorf("written as %q", c.traceparent())
		}
	}
}

func FuzzTraceparent(f *testing.F) {
	f.Add("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	f.Add("cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00-x")
	f.Fuzz(func(t *testing.T, s string) {
		if c, ok := parseTraceparent(s); ok && (!c.valid() || c.traceparent()[3:52] != s[3:52]) {
			t.Errorf("%q was read as %q", s, c.traceparent())
		}
	})
}

// TestOff: without a place to send to there is nothing, and nothing breaks.
func TestOff(t *testing.T) {
	tm, err := Open(Config{Headers: map[string]string{"a": "b"}, Traceparent: "x"})
	if tm != nil || err != nil {
		t.Fatalf("Open gave %v, %v", tm, err)
	}
	run := tm.Start(RunStart{Pipeline: "p"})
	run.NodeStarted("n")
	run.NodeEnded(NodeEnd{Name: "n"})
	run.Ended(RunEnd{})
	k := kernels{answering{}}
	if run != nil || run.Kernels(k) != Kernels(k) || run.TraceID() != "" || run.Traceparent() != "" || tm.PrometheusAddress() != "" || tm.WritePrometheus(nil) != nil || tm.Close(t.Context()) != (Summary{}) {
		t.Error("telemetry that is off does something")
	}
}

// TestManyCalls: of calls at the same time, over several batches, each has one
// span under its own node, and the metrics count as many.
func TestManyCalls(t *testing.T) {
	const workers, calls = 8, 100
	c := newCollector(t)
	limits := quick()
	limits.Batch = 64
	tm, log := opened(t, Config{OTLP: c.URL, Limits: limits})
	run := tm.Start(RunStart{Pipeline: "p"})
	k := openKernel(t, run, kernels{answering{outcome: &dataplane.Outcome{Metrics: dataplane.Metrics{RowsIn: 3}}}})
	var work sync.WaitGroup
	for w := range workers {
		name := string(rune('a' + w))
		work.Go(func() {
			run.NodeStarted(name)
			for range calls {
				if _, err := k.Transform(t.Context(), describe(name), nil, nil, dataplane.Output{}); err != nil {
					t.Error(err)
				}
			}
			run.NodeEnded(NodeEnd{Name: name, Status: "ok"})
		})
	}
	work.Wait()
	run.Ended(RunEnd{Status: "ok"})
	if s := tm.Close(t.Context()); s.Spans != (Counts{Delivered: workers*(calls+1) + 1}) {
		t.Fatalf("%s\n%s", s, log)
	}
	nodes, ids, under := map[string]string{}, map[string]bool{}, map[string]int{}
	for _, s := range c.spans {
		ids[id(s.GetSpanId())] = true
		if name, ok := strings.CutPrefix(s.GetName(), "node "); ok {
			nodes[id(s.GetSpanId())] = name
		}
	}
	for _, s := range c.spans {
		if s.GetKind() != tracepb.Span_SPAN_KIND_CLIENT {
			continue
		}
		name := nodes[id(s.GetParentSpanId())]
		under[name]++
		wantAttributes(t, s, map[string]any{"bulkhead.node": name, "bulkhead.rows.in": int64(3)})
	}
	if len(ids) != len(c.spans) || len(under) != workers {
		t.Errorf("%d ids of %d spans, calls under %v", len(ids), len(c.spans), under)
	}
	for name, n := range under {
		if n != calls {
			t.Errorf("%d calls under node %q, not %d", n, name, calls)
		}
	}
	if n := c.metrics["bulkhead.call.duration"].GetHistogram().GetDataPoints()[0].GetCount(); n != workers*calls {
		t.Errorf("the metrics count %d calls", n)
	}
}

// TestEventsAfterTheEnd: a node that starts or ends when the run is over has no
// span, and breaks nothing.
func TestEventsAfterTheEnd(t *testing.T) {
	c := newCollector(t)
	tm, _ := opened(t, Config{OTLP: c.URL, Limits: quick()})
	run := tm.Start(RunStart{Pipeline: "p"})
	run.Ended(RunEnd{Status: "ok"})
	run.NodeStarted("n")
	run.NodeEnded(NodeEnd{Name: "n", Status: "ok"})
	if s := tm.Close(t.Context()); s.Spans != (Counts{Delivered: 1}) {
		t.Error(s)
	}
}
