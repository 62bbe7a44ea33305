// SPDX-License-Identifier: Apache-2.0

package dataplane_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/bulkhead-ml/bulkhead/host/dataplane"
	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
	"github.com/bulkhead-ml/bulkhead/sdk/table"
)

// hostile is a plugin that writes the wire by hand.
type hostile struct {
	pluginv1.UnimplementedKernelServiceServer
	fit       func(grpc.BidiStreamingServer[pluginv1.FitRequest, pluginv1.FitResponse]) error
	transform func(grpc.BidiStreamingServer[pluginv1.TransformRequest, pluginv1.TransformResponse]) error
}

func (h *hostile) Fit(s grpc.BidiStreamingServer[pluginv1.FitRequest, pluginv1.FitResponse]) error {
	return h.fit(s)
}

func (h *hostile) Transform(s grpc.BidiStreamingServer[pluginv1.TransformRequest, pluginv1.TransformResponse]) error {
	return h.transform(s)
}

func serveHostile(t testing.TB, o dataplane.Options, h *hostile) dataplane.Kernel {
	server := grpc.NewServer()
	pluginv1.RegisterKernelServiceServer(server, h)
	return dataplane.New(connect(t, server), o)
}

type message = *pluginv1.TransformResponse

func out(t testing.TB, b arrow.RecordBatch) message {
	wire, err := table.Encode(b)
	if err != nil {
		t.Fatal(err)
	}
	return raw(wire)
}

func raw(b *pluginv1.Batch) message {
	return &pluginv1.TransformResponse{Message: &pluginv1.TransformResponse_Batch{Batch: b}}
}

func result(r *pluginv1.Result) message {
	return &pluginv1.TransformResponse{Message: &pluginv1.TransformResponse_Result{Result: r}}
}

// answer reads all of its input and then sends what it is given.
func answer(messages ...message) *hostile {
	return &hostile{transform: func(s grpc.BidiStreamingServer[pluginv1.TransformRequest, pluginv1.TransformResponse]) error {
		for {
			if _, err := s.Recv(); err != nil {
				break
			}
		}
		for _, m := range messages {
			if err := s.Send(m); err != nil {
				return err
			}
		}
		return nil
	}}
}

func renamed(b arrow.RecordBatch) arrow.RecordBatch {
	other := arrow.NewSchema([]arrow.Field{{Name: "y", Type: arrow.PrimitiveTypes.Float64, Nullable: true}}, nil)
	return array.NewRecordBatch(other, b.Columns(), b.NumRows())
}

func TestLiesAreProtocolErrors(t *testing.T) {
	good := out(t, batch(0, 10))
	honest := &pluginv1.Result{RowsIn: 20, RowsOut: 10, RowsDropped: 10}
	small := dataplane.Limits{OutputBatches: 3, OutputBytes: 3000, ReportBytes: 100, ReportDepth: 4}
	for name, c := range map[string]struct {
		messages []message
		says     string
	}{
		"rows in":            {[]message{good, result(&pluginv1.Result{RowsIn: 19, RowsOut: 10})}, "read 19 rows, and 20 were sent"},
		"rows out":           {[]message{good, result(&pluginv1.Result{RowsIn: 20, RowsOut: 20})}, "wrote 20 rows, and 10 arrived"},
		"rows dropped":       {[]message{good, result(&pluginv1.Result{RowsIn: 20, RowsOut: 10, RowsDropped: 21})}, "dropped 21 of 20"},
		"negative dropped":   {[]message{good, result(&pluginv1.Result{RowsIn: 20, RowsOut: 10, RowsDropped: -1})}, "dropped -1"},
		"no result":          {[]message{good}, "without a result"},
		"nothing":            {nil, "without a result"},
		"after the result":   {[]message{good, result(honest), good}, "after the result"},
		"two results":        {[]message{good, result(honest), result(honest)}, "after the result"},
		"changed schema":     {[]message{good, out(t, renamed(batch(0, 10)))}, "first one had [x float64]"},
		"malformed batch":    {[]message{raw(&pluginv1.Batch{Rows: 1 << 40})}, "output batch 1"},
		"no columns":         {[]message{raw(&pluginv1.Batch{Rows: 5})}, "no columns"},
		"empty message":      {[]message{{}}, "empty message"},
		"batches":            {[]message{good, good, good, good}, "more than 3 batches"},
		"report, no JSON":    {[]message{good, result(&pluginv1.Result{RowsIn: 20, RowsOut: 10, ReportJson: []byte("{")})}, "not a JSON object"},
		"report, no object":  {[]message{good, result(&pluginv1.Result{RowsIn: 20, RowsOut: 10, ReportJson: []byte("[1]")})}, "not a JSON object"},
		"report, too deep":   {[]message{good, result(&pluginv1.Result{RowsIn: 20, RowsOut: 10, ReportJson: []byte(`{"a":[[[[]]]]}`)})}, "nests 5 deep"},
		"report, too long":   {[]message{good, result(&pluginv1.Result{RowsIn: 20, RowsOut: 10, ReportJson: []byte(`{"a":"` + strings.Repeat("x", 100) + `"}`)})}, "108 bytes"},
		"report, huge float": {[]message{good, result(&pluginv1.Result{RowsIn: 20, RowsOut: 10, ReportJson: []byte(`{"a":1e999}`)})}, "1e999"},
		"report, not UTF-8":  {[]message{good, result(&pluginv1.Result{RowsIn: 20, RowsOut: 10, ReportJson: []byte("{\"a\":\"\xff\"}")})}, "UTF-8"},
	} {
		t.Run(name, func(t *testing.T) {
			k := serveHostile(t, dataplane.Options{Limits: small}, answer(c.messages...))
			_, err := k.Transform(context.Background(), dataplane.Open{Kernel: "x", Schema: schema}, nil, input(2, 10, nil), dataplane.Output{})
			if e, ok := errors.AsType[*dataplane.ProtocolError](err); !ok || !strings.Contains(e.Reason, c.says) {
				t.Errorf("error %v does not say %q", err, c.says)
			}
		})
	}
}

func TestHonestAnswerPasses(t *testing.T) {
	k := serveHostile(t, dataplane.Options{}, answer(out(t, batch(0, 10)), result(&pluginv1.Result{RowsIn: 20, RowsOut: 10, RowsDropped: 10, ReportJson: []byte(` {"a" : 1} `)})))
	o, err := k.Transform(context.Background(), dataplane.Open{Kernel: "x", Schema: schema}, nil, input(2, 10, nil), dataplane.Output{})
	if err != nil || string(o.Report) != `{"a":1}` || o.RowsDropped != 10 {
		t.Errorf("outcome %+v, error %v", o, err)
	}
}

func TestEndBeforeTheInput(t *testing.T) {
	k := serveHostile(t, dataplane.Options{}, &hostile{transform: func(s grpc.BidiStreamingServer[pluginv1.TransformRequest, pluginv1.TransformResponse]) error {
		return s.Send(result(&pluginv1.Result{}))
	}})
	_, err := k.Transform(context.Background(), dataplane.Open{Kernel: "x", Schema: schema}, nil, input(200, 60000, nil), dataplane.Output{})
	if err == nil || !strings.Contains(err.Error(), "before the end of its input") {
		t.Errorf("error %v", err)
	}
}

func TestStreamThatDoesNotEnd(t *testing.T) {
	k := serveHostile(t, dataplane.Options{CloseGrace: 100 * time.Millisecond}, &hostile{transform: func(s grpc.BidiStreamingServer[pluginv1.TransformRequest, pluginv1.TransformResponse]) error {
		if err := s.Send(result(&pluginv1.Result{})); err != nil {
			return err
		}
		<-s.Context().Done()
		return nil
	}})
	_, err := k.Transform(context.Background(), dataplane.Open{Kernel: "x", Schema: schema}, nil, input(0, 0, nil), dataplane.Output{})
	if err == nil || !strings.Contains(err.Error(), "not ended within") {
		t.Errorf("error %v", err)
	}
}

func TestEndlessOutputIsBounded(t *testing.T) {
	b := out(t, batch(0, 1000))
	k := serveHostile(t, dataplane.Options{Limits: dataplane.Limits{OutputBytes: 1 << 20}}, &hostile{transform: func(s grpc.BidiStreamingServer[pluginv1.TransformRequest, pluginv1.TransformResponse]) error {
		for {
			if err := s.Send(b); err != nil {
				return err
			}
		}
	}})
	_, err := k.Transform(context.Background(), dataplane.Open{Kernel: "x", Schema: schema}, nil, input(1, 1, nil), dataplane.Output{})
	if err == nil || !strings.Contains(err.Error(), "larger than 1048576 bytes") {
		t.Errorf("error %v", err)
	}
}

// Batches without rows take no place in a table, and there may be so many of them.
func TestEmptyBatches(t *testing.T) {
	full, empty := out(t, batch(0, 10)), out(t, batch(0, 0))
	for _, c := range []struct {
		messages []message
		handed   int
		rows     int64
	}{
		{[]message{empty, empty, full, empty, full}, 3, 20}, // the first one tells the schema
		{[]message{empty, empty}, 1, 0},
	} {
		k := serveHostile(t, dataplane.Options{}, answer(append(c.messages, result(&pluginv1.Result{RowsIn: 20, RowsOut: c.rows}))...))
		handed := 0
		_, err := k.Transform(context.Background(), dataplane.Open{Kernel: "x", Schema: schema}, nil, input(2, 10, nil), taking(func(arrow.RecordBatch) error { handed++; return nil }))
		if err != nil || handed != c.handed {
			t.Errorf("%d batches, %v", handed, err)
		}
	}
	k := serveHostile(t, dataplane.Options{}, answer(slices.Repeat([]message{empty}, 1<<16+2)...))
	_, err := k.Transform(context.Background(), dataplane.Open{Kernel: "x", Schema: schema}, nil, input(2, 10, nil), dataplane.Output{})
	if e, ok := errors.AsType[*dataplane.ProtocolError](err); !ok || !strings.Contains(e.Reason, "without rows") {
		t.Errorf("got %v", err)
	}
}

func TestHugeStateIsRefused(t *testing.T) {
	chunk := &pluginv1.FitResponse{Message: &pluginv1.FitResponse_StateChunk{StateChunk: make([]byte, 1<<20)}}
	k := serveHostile(t, dataplane.Options{Limits: dataplane.Limits{StateBytes: 4 << 20}}, &hostile{fit: func(s grpc.BidiStreamingServer[pluginv1.FitRequest, pluginv1.FitResponse]) error {
		for {
			if err := s.Send(chunk); err != nil {
				return err
			}
		}
	}})
	_, _, err := k.Fit(context.Background(), dataplane.Open{Kernel: "x", Schema: schema}, input(1, 1, nil), nil)
	if err == nil || !strings.Contains(err.Error(), "state is larger than 4194304 bytes") {
		t.Errorf("error %v", err)
	}
}

func TestStatuses(t *testing.T) {
	for code, lost := range map[codes.Code]bool{
		codes.Unavailable: true, codes.Internal: true, codes.Unknown: true, codes.Canceled: true, codes.DeadlineExceeded: true,
		codes.Unimplemented: false, codes.ResourceExhausted: false, codes.InvalidArgument: false, codes.DataLoss: false,
	} {
		k := serveHostile(t, dataplane.Options{}, &hostile{transform: func(grpc.BidiStreamingServer[pluginv1.TransformRequest, pluginv1.TransformResponse]) error {
			return status.Error(code, "gone\x1b[0m")
		}})
		_, err := k.Transform(context.Background(), dataplane.Open{Kernel: "x", Schema: schema}, nil, input(1, 1, nil), dataplane.Output{})
		_, transport := errors.AsType[*dataplane.TransportError](err)
		_, protocol := errors.AsType[*dataplane.ProtocolError](err)
		if transport != lost || protocol == lost || strings.ContainsRune(err.Error(), '\x1b') {
			t.Errorf("%s: error %v of type %T", code, err, err)
		}
	}
}

func TestDeadConnection(t *testing.T) {
	server := grpc.NewServer()
	pluginv1.RegisterKernelServiceServer(server, &hostile{transform: func(s grpc.BidiStreamingServer[pluginv1.TransformRequest, pluginv1.TransformResponse]) error {
		go server.Stop()
		<-s.Context().Done() // nothing can be sent any more
		return nil
	}})
	k := dataplane.New(connect(t, server), dataplane.Options{})
	_, err := k.Transform(context.Background(), dataplane.Open{Kernel: "x", Schema: schema}, nil, input(1, 1, nil), dataplane.Output{})
	if _, ok := errors.AsType[*dataplane.TransportError](err); !ok {
		t.Errorf("error %v of type %T", err, err)
	}
}

func TestFloodOfDiagnostics(t *testing.T) {
	r := &pluginv1.Result{RowsIn: 20}
	for range 500 {
		r.Diagnostics = append(r.Diagnostics, &pluginv1.Diagnostic{Severity: pluginv1.Diagnostic_SEVERITY_WARNING, Summary: "x\x1b[2J", Detail: strings.Repeat("y", 20<<10)})
	}
	r.Diagnostics[499].Severity = pluginv1.Diagnostic_SEVERITY_ERROR
	k := serveHostile(t, dataplane.Options{}, answer(result(r)))
	o, err := k.Transform(context.Background(), dataplane.Open{Kernel: "x", Schema: schema}, nil, input(2, 10, nil), dataplane.Output{})
	if err != nil {
		t.Fatal(err)
	}
	last := o.Diagnostics[len(o.Diagnostics)-1]
	if len(o.Diagnostics) != 101 || !strings.Contains(last.Detail, "400 more") || !o.Failed() {
		t.Errorf("%d diagnostics, the last one %v", len(o.Diagnostics), last)
	}
	if d := o.Diagnostics[0]; strings.ContainsRune(d.Summary, '\x1b') || len(d.Detail) > 17<<10 {
		t.Errorf("diagnostic %q of %d bytes", d.Summary, len(d.Detail))
	}
}
