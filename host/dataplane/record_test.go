// SPDX-License-Identifier: Apache-2.0

package dataplane_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/bulkhead-ml/bulkhead/host/dataplane"
	"github.com/bulkhead-ml/bulkhead/sdk/diag"
	"github.com/bulkhead-ml/bulkhead/sdk/kernel"
	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

// records keeps what was recorded.
type records []dataplane.Record

func (r *records) of(k dataplane.Kernel) dataplane.Kernel {
	return dataplane.Recorded(k, "test", func(one dataplane.Record) { *r = append(*r, one) })
}

func (r *records) last() dataplane.Record { return (*r)[len(*r)-1] }

var ignore dataplane.Output

var opened = dataplane.Open{Kernel: "mean", Schema: schema, Node: "kernel.m", Config: []byte(`{"a":1}`)}

func contractEveryCallIsRecorded(t *testing.T, serve server) {
	var log records
	k, ctx := log.of(serve(t, dataplane.Options{}, meanKernel())), context.Background()
	open := opened
	open.Config = nil
	if _, err := k.Validate(ctx, open); err != nil {
		t.Fatal(err)
	}
	state, _, err := k.Fit(ctx, open, input(5, 1000, nil), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.Transform(ctx, open, state, input(5, 1000, nil), ignore); err != nil {
		t.Fatal(err)
	}
	if len(log) != 3 {
		t.Fatalf("%d records: %+v", len(log), log)
	}
	for i, want := range []dataplane.Record{
		{Method: "Validate"},
		{Method: "Fit", Account: dataplane.Account{RowsIn: 5000, OutputDigest: dataplane.DigestBytes(state)}},
		{Method: "Transform", Account: dataplane.Account{RowsIn: 5000, RowsOut: 5000}},
	} {
		got := log[i]
		if got.Node != "kernel.m" || got.Plugin != "test" || got.Kernel != "mean" || got.Method != want.Method || got.ConfigDigest != "" ||
			got.Outcome != "ok" || got.RowsIn != want.RowsIn || got.RowsOut != want.RowsOut || got.Wall <= 0 {
			t.Errorf("record %+v, want %+v", got, want)
		}
	}
	if log[0].InputDigest != "" || log[0].OutputDigest != "" {
		t.Errorf("rows of a validation: %+v", log[0])
	}
	if log[1].OutputDigest != dataplane.DigestBytes(state) || log[1].InputDigest != log[2].InputDigest || log[2].InputDigest == log[2].OutputDigest {
		t.Errorf("digests of %+v and %+v", log[1], log[2])
	}
}

// contractDigestsDoNotDependOnBatches sends the same rows in other batches, some of
// them too large for the wire.
func contractDigestsDoNotDependOnBatches(t *testing.T, serve server) {
	var log records
	k := log.of(serve(t, dataplane.Options{}, meanKernel()))
	for _, cut := range [][2]int{{1, 120_000}, {2, 60_000}, {120, 1000}, {3000, 40}} {
		if _, err := k.Transform(context.Background(), opened, []byte("0"), input(cut[0], cut[1], nil), ignore); err != nil {
			t.Fatal(err)
		}
		first, last := log[0], log.last()
		if last.InputDigest == "" || last.InputDigest != last.OutputDigest || last.InputDigest != first.InputDigest {
			t.Errorf("%d batches of %d rows: %s in, %s out, want %s", cut[0], cut[1], last.InputDigest, last.OutputDigest, first.InputDigest)
		}
	}
	if _, err := k.Transform(context.Background(), opened, []byte("1"), input(1, 120_000, nil), ignore); err != nil {
		t.Fatal(err)
	}
	if last := log.last(); last.InputDigest != log[0].InputDigest || last.OutputDigest == log[0].OutputDigest {
		t.Errorf("another mean gives %+v", last)
	}
}

func contractSettingsAreHashedAsSent(t *testing.T, serve server) {
	var log records
	if _, err := log.of(serve(t, dataplane.Options{}, meanKernel())).Validate(context.Background(), opened); err != nil {
		t.Fatal(err)
	}
	if log[0].ConfigDigest != "sha256:015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862" {
		t.Errorf("the digest of {\"a\":1} is %s", log[0].ConfigDigest)
	}
}

func contractAnEmptyTableHasADigest(t *testing.T, serve server) {
	var log records
	k := log.of(serve(t, dataplane.Options{}, meanKernel()))
	if _, err := k.Transform(context.Background(), opened, []byte("0"), input(0, 0, nil), ignore); err != nil {
		t.Fatal(err)
	}
	if len(log[0].InputDigest) != len("sha256:")+64 || log[0].OutputDigest != "" {
		t.Errorf("record %+v", log[0])
	}
}

// contractDeadCallsAreRecorded: what was sent before the process died is in the
// record, and so is the cause.
func contractDeadCallsAreRecorded(t *testing.T, serve server) {
	dying := &hostile{transform: func(s grpc.BidiStreamingServer[pluginv1.TransformRequest, pluginv1.TransformResponse]) error {
		if err := s.Send(out(t, batch(0, 7))); err != nil {
			return err
		}
		for range 3 { // the opening and two batches
			if _, err := s.Recv(); err != nil {
				return err
			}
		}
		return status.Error(codes.Unavailable, "error reading from server: EOF")
	}}
	var log records
	k, ctx := log.of(serveHostile(t, dataplane.Options{}, dying)), context.Background()
	if _, err := k.Transform(ctx, opened, nil, input(500, 10_000, nil), ignore); err == nil {
		t.Fatal("no error")
	}
	dead := log.last()
	if !strings.HasPrefix(dead.Outcome, "lost: ") || !strings.Contains(dead.Outcome, "EOF") || dead.RowsIn < 20_000 || dead.RowsOut != 7 {
		t.Fatalf("record %+v", dead)
	}
	// The same rows, sent to one that lives.
	alive := log.of(serve(t, dataplane.Options{}, meanKernel()))
	for _, rows := range []int64{dead.RowsIn, dead.RowsOut} {
		if _, err := alive.Transform(ctx, opened, []byte("0"), input(1, int(rows), nil), ignore); err != nil {
			t.Fatal(err)
		}
	}
	if dead.InputDigest == "" || log[1].InputDigest != dead.InputDigest || log[2].InputDigest != dead.OutputDigest {
		t.Errorf("dead %+v, alive %+v and %+v", dead, log[1], log[2])
	}
}

// contractSharedTablesAreHashedOnce: the digest of the first call is that of the
// next ones, without a look at the rows.
func contractSharedTablesAreHashedOnce(t *testing.T, serve server) {
	var log records
	k, ctx, open := log.of(serve(t, dataplane.Options{}, meanKernel())), context.Background(), opened
	open.Input, open.Output = &dataplane.Shared{Again: input(5, 1000, nil)}, &dataplane.Shared{}
	transform := func(open dataplane.Open, in dataplane.Batches) dataplane.Record {
		t.Helper()
		if _, err := k.Transform(ctx, open, []byte("3"), in, ignore); err != nil {
			t.Fatal(err)
		}
		return log.last()
	}
	first := transform(open, input(5, 1000, nil))
	if again := transform(open, input(1, 1, nil)); again.InputDigest != first.InputDigest || again.RowsIn != 1 {
		t.Errorf("one row that is said to be the table has digest %s, and the table %s", again.InputDigest, first.InputDigest)
	}
	next := opened
	next.Input = &dataplane.Shared{}
	open.Output = next.Input
	made := transform(open, input(5, 1000, nil))
	if taken := transform(next, input(1, 1, nil)); taken.InputDigest != made.OutputDigest {
		t.Errorf("the output has digest %s, and as an input %s", made.OutputDigest, taken.InputDigest)
	}
}

// contractDeadCallsOnSharedTables: the digest is of what was sent all the same.
func contractDeadCallsOnSharedTables(t *testing.T, serve server) {
	var log records
	ctx, open, in := context.Background(), opened, input(500, 10_000, nil)
	alive := log.of(serve(t, dataplane.Options{}, meanKernel()))
	open.Input = &dataplane.Shared{Again: in}
	if _, err := alive.Transform(ctx, open, []byte("0"), in, ignore); err != nil {
		t.Fatal(err)
	}
	dead := log.of(serveHostile(t, dataplane.Options{}, &hostile{
		transform: func(s grpc.BidiStreamingServer[pluginv1.TransformRequest, pluginv1.TransformResponse]) error {
			_, _ = s.Recv()
			return status.Error(codes.Unavailable, "gone")
		},
	}))
	if _, err := dead.Transform(ctx, open, nil, in, ignore); err == nil {
		t.Fatal("no error")
	}
	sent := log.last()
	if sent.RowsIn >= 5e6 || sent.InputDigest == "" {
		t.Fatalf("record %+v", sent)
	}
	open.Input = nil
	if _, err := alive.Transform(ctx, open, []byte("0"), input(1, int(sent.RowsIn), nil), ignore); err != nil {
		t.Fatal(err)
	}
	if got := log.last(); got.InputDigest != sent.InputDigest {
		t.Errorf("%d rows have digest %s, and in the dead call %s", sent.RowsIn, got.InputDigest, sent.InputDigest)
	}
}

func contractOutcomes(t *testing.T, serve server) {
	refusing := kernel.Kernel{Name: "mean", Fits: true, Transforms: true, New: func(*kernel.Setup) (kernel.Instance, error) {
		return nil, diag.Errorf("Empty range", "low is above\x1b[31m high. %s", strings.Repeat("x", 2000)).At("low")
	}}
	broken := errors.New("line 7 has no comma")
	bad := func(yield func(arrow.RecordBatch, error) bool) { yield(nil, broken) }
	past, cancel := context.WithCancelCause(context.Background())
	cancel(errors.New("past its budget"))
	for _, c := range []struct {
		want string
		ctx  context.Context
		k    dataplane.Kernel
		in   dataplane.Batches
	}{
		{"refused: ", context.Background(), serve(t, dataplane.Options{}, refusing), input(1, 1, nil)},
		{"broken: the stream ended without a result", context.Background(), serveHostile(t, dataplane.Options{}, answer()), input(1, 1, nil)},
		{"failed: line 7 has no comma", context.Background(), serve(t, dataplane.Options{}, meanKernel()), bad},
		{"cancelled: past its budget", past, serve(t, dataplane.Options{}, meanKernel()), input(1, 1, nil)},
	} {
		var log records
		_, _ = log.of(c.k).Transform(c.ctx, opened, []byte("0"), c.in, ignore) // the outcome tells
		if got := log.last().Outcome; !strings.HasPrefix(got, c.want) || len(got) > 1<<10 || strings.ContainsRune(got, '\x1b') {
			t.Errorf("outcome %q, want %q", got, c.want)
		}
	}
	var log records
	if _, err := log.of(serve(t, dataplane.Options{}, refusing)).Validate(context.Background(), opened); err != nil {
		t.Fatal(err)
	}
	if got := log.last().Outcome; !strings.HasPrefix(got, "refused: ") || !strings.Contains(got, "Empty range") {
		t.Errorf("outcome %q", got)
	}
}

// TestMixedInputHasNoDigest: rows under several schemas are no table.
func TestMixedInputHasNoDigest(t *testing.T) {
	var log records
	in := func(yield func(arrow.RecordBatch, error) bool) {
		_ = yield(batch(0, 3), nil) && yield(two(), nil)
	}
	_, _ = log.of(serveHostile(t, dataplane.Options{}, answer())).Transform(context.Background(), opened, nil, in, ignore)
	if got := log.last(); got.RowsIn != 6 || got.InputDigest != "" {
		t.Errorf("record %+v", got)
	}
}

// two has a column more than the others.
func two() arrow.RecordBatch {
	b := batch(0, 3)
	fields := append(b.Schema().Fields(), arrow.Field{Name: "y", Type: arrow.PrimitiveTypes.Float64})
	return array.NewRecordBatch(arrow.NewSchema(fields, nil), []arrow.Array{b.Column(0), b.Column(0)}, 3)
}

func contractWithoutARecordNothingIsHashed(t *testing.T, serve server) {
	k := serve(t, dataplane.Options{}, meanKernel())
	if dataplane.Recorded(k, "test", nil) != k {
		t.Error("a kernel without a record is wrapped")
	}
}

func contractRecordingLeavesNoGoroutineBehind(t *testing.T, serve server) {
	var log records
	k := log.of(serve(t, dataplane.Options{}, hangKernel()))
	call := func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
		defer cancel()
		_, _ = k.Transform(ctx, dataplane.Open{Kernel: "hang", Schema: schema}, nil, input(100, 60_000, nil), ignore)
	}
	connected(t, k)
	call()
	before := settled()
	for range 10 {
		call()
	}
	wantSettled(t, before)
	if log.last().Outcome != "cancelled: context deadline exceeded" || log.last().InputDigest == "" {
		t.Errorf("record %+v", log.last())
	}
}
