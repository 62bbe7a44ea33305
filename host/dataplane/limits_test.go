// SPDX-License-Identifier: Apache-2.0

package dataplane_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"google.golang.org/grpc"

	"github.com/bulkhead-ml/bulkhead/host/dataplane"
	"github.com/bulkhead-ml/bulkhead/sdk/kernel"
	"github.com/bulkhead-ml/bulkhead/sdk/plugin"
	"github.com/bulkhead-ml/bulkhead/sdk/table"
)

var discard dataplane.Output

// single gives one batch.
func single(b arrow.RecordBatch) dataplane.Batches {
	return func(yield func(arrow.RecordBatch, error) bool) { yield(b, nil) }
}

func contractOversizeRowIsAnInputError(t *testing.T, serve server) {
	s := arrow.NewSchema([]arrow.Field{{Name: "s", Type: arrow.BinaryTypes.String, Nullable: true}}, nil)
	b := array.NewStringBuilder(memory.DefaultAllocator)
	b.Append(strings.Repeat("x", table.MaxBytes+1))
	in := single(array.NewRecordBatch(s, []arrow.Array{b.NewArray()}, 1))
	k := serve(t, dataplane.Options{}, meanKernel())
	_, err := k.Transform(context.Background(), dataplane.Open{Kernel: "mean", Schema: s}, []byte("0"), in, discard)
	if !errors.Is(err, table.ErrRowTooLarge) {
		t.Errorf("error %v", err)
	}
}

func contractLargeBatchesAreCut(t *testing.T, serve server) {
	k := serve(t, dataplane.Options{}, meanKernel())
	out, err := k.Transform(context.Background(), dataplane.Open{Kernel: "mean", Schema: schema}, []byte("0"), single(batch(0, 3*table.MaxRows)), discard)
	if err != nil || out.Metrics.BatchesIn < 3 || out.Metrics.RowsOut != 3*table.MaxRows {
		t.Errorf("outcome %+v, error %v", out, err)
	}
}

func contractSchemaThatCannotTravel(t *testing.T, serve server) {
	k := serve(t, dataplane.Options{}, meanKernel())
	open := dataplane.Open{Kernel: "mean", Schema: arrow.NewSchema([]arrow.Field{{Name: "a", Type: &arrow.Decimal128Type{Precision: 5, Scale: 2}}}, nil)}
	if _, err := k.Validate(context.Background(), open); err == nil || !strings.Contains(err.Error(), "decimal") {
		t.Errorf("error %v", err)
	}
}

func contractCallsAtTheSameTime(t *testing.T, serve server) {
	k := serve(t, dataplane.Options{}, meanKernel())
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			_, out, err := k.Fit(context.Background(), dataplane.Open{Kernel: "mean", Schema: schema}, input(3, 1000*(i+1), nil), nil)
			if err != nil || out.Metrics.RowsIn != int64(3000*(i+1)) {
				t.Errorf("call %d: outcome %+v, error %v", i, out, err)
			}
		})
	}
	wg.Wait()
}

func contractLargeStateTravelsBothWays(t *testing.T, serve server) {
	k := serve(t, dataplane.Options{}, kernel.Kernel{Name: "big", Fits: true, Transforms: true, New: func(*kernel.Setup) (kernel.Instance, error) { return &big{}, nil }})
	ctx, open := context.Background(), dataplane.Open{Kernel: "big", Schema: schema}
	state, _, err := k.Fit(ctx, open, input(1, 10, nil), nil)
	if err != nil || len(state) != 5<<20+7 {
		t.Fatalf("a state of %d bytes, error %v", len(state), err)
	}
	if out, err := k.Transform(ctx, open, state, input(1, 10, nil), discard); err != nil || out.Failed() {
		t.Errorf("outcome %+v, error %v", out, err)
	}
}

// big has a state of several chunks.
type big struct{ mean }

func (*big) Save() ([]byte, error) { return make([]byte, 5<<20+7), nil }
func (*big) Load(state []byte) error {
	if len(state) != 5<<20+7 {
		return errors.New("the state has another length")
	}
	return nil
}
func (*big) Fit(_ context.Context, in *kernel.Reader) (kernel.Report, error) {
	_, err := in.ReadAll()
	return nil, err
}

// contractDeadlineIsTheCallers checks that a deadline which both sides see is
// reported as the caller's own, never as a lost process.
func contractDeadlineIsTheCallers(t *testing.T, serve server) {
	k := serve(t, dataplane.Options{}, hangKernel())
	for range 20 {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
		_, err := k.Transform(ctx, dataplane.Open{Kernel: "hang", Schema: schema}, nil, input(1, 1, nil), discard)
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("error %v of type %T", err, err)
		}
	}
}

func TestPluginWithoutKernels(t *testing.T) {
	k := dataplane.New(connect(t, plugin.NewServer(plugin.Info{Name: "none"})), dataplane.Options{})
	_, err := k.Validate(context.Background(), dataplane.Open{Kernel: "x", Schema: schema})
	if e, ok := errors.AsType[*dataplane.ProtocolError](err); !ok || !strings.Contains(e.Reason, "no kernels") {
		t.Errorf("error %v of type %T", err, err)
	}
	_, _, err = k.Fit(context.Background(), dataplane.Open{Kernel: "x", Schema: schema}, input(1, 1, nil), nil)
	if _, ok := errors.AsType[*dataplane.ProtocolError](err); !ok {
		t.Errorf("error %v of type %T", err, err)
	}
}

func TestClosedConnection(t *testing.T) {
	conn := connect(t, grpc.NewServer())
	_ = conn.Close() // closing twice is fine
	k := dataplane.New(conn, dataplane.Options{})
	_, err := k.Transform(context.Background(), dataplane.Open{Kernel: "x", Schema: schema}, nil, input(1, 1, nil), discard)
	if _, ok := errors.AsType[*dataplane.TransportError](err); !ok {
		t.Errorf("error %v of type %T", err, err)
	}
}
