// SPDX-License-Identifier: Apache-2.0

package dataplane_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/bulkhead-ml/bulkhead/host/dataplane"
	"github.com/bulkhead-ml/bulkhead/sdk/arena"
	"github.com/bulkhead-ml/bulkhead/sdk/kernel"
)

// mixed is a batch of numbers with nulls, texts, a dictionary and bools.
func mixed(start, rows int) arrow.RecordBatch {
	s := arrow.NewSchema([]arrow.Field{
		{Name: "x", Type: arrow.PrimitiveTypes.Float64, Nullable: true},
		{Name: "s", Type: arrow.BinaryTypes.String, Nullable: true},
		{Name: "d", Type: &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String}, Nullable: true},
		{Name: "b", Type: arrow.FixedWidthTypes.Boolean, Nullable: true},
		{Name: "l", Type: arrow.ListOf(arrow.PrimitiveTypes.Int32), Nullable: true},
	}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, s)
	defer b.Release()
	for i := start; i < start+rows; i++ {
		if i%7 == 0 {
			b.Field(0).AppendNull()
		} else {
			b.Field(0).(*array.Float64Builder).Append(float64(i))
		}
		b.Field(1).(*array.StringBuilder).Append(fmt.Sprintf("żółw %d", i))
		_ = b.Field(2).(*array.BinaryDictionaryBuilder).AppendString(fmt.Sprint("c", i%5))
		b.Field(3).(*array.BooleanBuilder).Append(i%3 == 0)
		b.Field(4).(*array.ListBuilder).Append(true)
		b.Field(4).(*array.ListBuilder).ValueBuilder().(*array.Int32Builder).Append(int32(i))
	}
	return b.NewRecordBatch()
}

// shifting adds one to the first column and passes the others on.
func shifting(_ *act, _ context.Context, in *kernel.Reader, out *kernel.Writer) (kernel.Report, error) {
	return nil, in.Each(func(b arrow.RecordBatch) error {
		x := b.Column(0).(*array.Float64)
		builder := array.NewFloat64Builder(out.Allocator())
		defer builder.Release()
		builder.Reserve(x.Len())
		for i := range x.Len() {
			if x.IsNull(i) {
				builder.AppendNull()
			} else {
				builder.Append(x.Value(i) + 1)
			}
		}
		shifted := builder.NewArray()
		defer shifted.Release()
		columns := append([]arrow.Array{shifted}, b.Columns()[1:]...)
		made := array.NewRecordBatch(b.Schema(), columns, b.NumRows())
		defer made.Release()
		return out.Write(made)
	})
}

// contractUntouchedColumns: what a kernel passes on is what it was given, with
// and without pools on either side, in small batches and in large ones.
func contractUntouchedColumns(t *testing.T, serve server) {
	k := serve(t, dataplane.Options{}, acting("shift", shifting))
	for _, pools := range [][2]bool{{false, false}, {true, false}, {false, true}, {true, true}} {
		for rows, count := range map[int]int{500: 40, 40_000: 8} {
			open := dataplane.Open{Kernel: "shift", Schema: mixed(0, 1).Schema(), RowWise: true}
			if pools[0] {
				open.From = dataplane.NewPool(3)
			}
			if pools[1] {
				open.Into = dataplane.NewPool(3)
			}
			row := 0
			o, err := k.Transform(t.Context(), open, nil, mixedBatches(t, open.From, rows, count), taking(func(b arrow.RecordBatch) error {
				defer func() { row += int(b.NumRows()) }()
				return shifted(b, row)
			}))
			if err != nil || o.Failed() || row != rows*count {
				t.Errorf("%v, %d rows a batch: %d rows, %s", pools, rows, row, said(o, err))
			}
			drained(t, open.From)
			drained(t, open.Into)
		}
	}
}

// mixedBatches are count batches of so many rows, that lie in a pool when there is one.
func mixedBatches(t *testing.T, pool *dataplane.Pool, rows, count int) dataplane.Batches {
	return func(yield func(arrow.RecordBatch, error) bool) {
		for i := range count {
			b := mixed(i*rows, rows)
			if pool != nil {
				lies, err := pool.Put(t.Context(), b)
				if err != nil {
					t.Error(err)
					return
				}
				b.Release()
				b = lies
			}
			goOn := yield(b, nil)
			b.Release()
			if !goOn {
				return
			}
		}
	}
}

// shifted insists that a batch is what shifting makes of the rows from row on.
func shifted(b arrow.RecordBatch, row int) error {
	want := mixed(row, int(b.NumRows()))
	for i := 1; i < 5; i++ {
		if !array.Equal(b.Column(i), want.Column(i)) {
			return fmt.Errorf("column %d from row %d on is %v", i, row, b.Column(i))
		}
	}
	x := b.Column(0).(*array.Float64)
	for i := range x.Len() {
		if v := row + i; x.IsNull(i) != (v%7 == 0) || x.IsValid(i) && x.Value(i) != float64(v+1) {
			return fmt.Errorf("row %d is %v", v, x.Value(i))
		}
	}
	return nil
}

// drained insists that nothing lies in a pool, and closes it.
func drained(t *testing.T, p *dataplane.Pool) {
	t.Helper()
	if p == nil {
		return
	}
	for began := time.Now(); time.Since(began) < time.Minute; { // the last batch may be on its way back
		if p.Bytes() == 0 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	if n := p.Bytes(); n > 0 {
		t.Errorf("%d bytes of a pool are in use", n)
	}
	p.Close()
}

// TestUntouchedColumnsDoNotTravel: the host attaches its own.
func TestUntouchedColumnsDoNotTravel(t *testing.T) {
	if !arena.Supported {
		t.Skip("no shared memory on this system")
	}
	k := share(t, dataplane.Options{}, acting("shift", shifting))
	b := mixed(0, 10_000)
	o, err := k.Transform(t.Context(), dataplane.Open{Kernel: "shift", Schema: b.Schema(), RowWise: true}, nil, single(b), taking(func(got arrow.RecordBatch) error {
		for i := 1; i < 5; i++ {
			if got.Column(i).Data() != b.Column(i).Data() {
				t.Errorf("column %d is a copy", i)
			}
		}
		return nil
	}))
	if err != nil || o.Metrics.BytesOut > 100_000 || o.Metrics.BytesIn < 350_000 {
		t.Errorf("%v, %+v", err, o)
	}
}

// contractKernelsThatKeep: a kernel may retain what it reads, build one column for
// all batches, never release anything, and build ahead.
func contractKernelsThatKeep(t *testing.T, serve server) {
	retains := func(_ *act, _ context.Context, in *kernel.Reader, out *kernel.Writer) (kernel.Report, error) {
		var all []arrow.RecordBatch
		err := in.Each(func(b arrow.RecordBatch) error {
			b.Retain()
			all = append(all, b)
			return nil
		})
		for _, b := range all {
			err = errors.Join(err, out.Write(b))
		}
		return nil, err
	}
	readsAll := func(_ *act, _ context.Context, in *kernel.Reader, out *kernel.Writer) (kernel.Report, error) {
		all, err := in.ReadAll()
		for _, b := range all {
			err = errors.Join(err, out.Write(b))
		}
		return nil, err
	}
	// Arrays are neither released nor built anew when they can be used again.
	wasteful := func(_ *act, _ context.Context, in *kernel.Reader, out *kernel.Writer) (kernel.Report, error) {
		if err := out.Declare(schema); err != nil {
			return nil, err
		}
		var kept arrow.Array
		return nil, in.Each(func(b arrow.RecordBatch) error {
			if kept == nil {
				kept = floats(schema, out.Allocator(), b.Column(0).(*array.Float64).Values()).Column(0)
				kept.Retain()
			}
			own := floats(schema, out.Allocator(), b.Column(0).(*array.Float64).Values())
			if b.Column(0).(*array.Float64).Value(0) == 0 {
				return out.Write(array.NewRecordBatch(schema, []arrow.Array{kept}, b.NumRows()))
			}
			return out.Write(own)
		})
	}
	ahead := func(_ *act, _ context.Context, in *kernel.Reader, out *kernel.Writer) (kernel.Report, error) {
		if err := out.Declare(schema); err != nil {
			return nil, err
		}
		var waiting arrow.RecordBatch
		err := in.Each(func(b arrow.RecordBatch) error {
			next := floats(schema, out.Allocator(), b.Column(0).(*array.Float64).Values())
			if waiting != nil {
				if err := out.Write(waiting); err != nil {
					return err
				}
				waiting.Release()
			}
			waiting = next
			return nil
		})
		if err == nil && waiting != nil {
			err = out.Write(waiting)
		}
		return nil, err
	}
	k := serve(t, dataplane.Options{}, acting("retains", retains), acting("readsAll", readsAll), acting("wasteful", wasteful), acting("ahead", ahead))
	for _, name := range []string{"retains", "readsAll", "wasteful", "ahead"} {
		var h harvest
		o, err := k.Transform(t.Context(), dataplane.Open{Kernel: name, Schema: schema, RowWise: true}, nil, input(30, 60_000, nil), h.output())
		if err != nil || o.Failed() || len(h.values) != 1_800_000 {
			t.Fatalf("%s: %d rows, %s", name, len(h.values), said(o, err))
		}
		for i, v := range h.values {
			if v != float64(i) {
				t.Fatalf("%s: row %d is %v", name, i, v)
			}
		}
	}
}

// contractManySizes moves batches of random sizes through a kernel that cuts them
// at random, with nothing lost and nothing changed.
func contractManySizes(t *testing.T, serve server) {
	random := rand.New(rand.NewPCG(1, 2))
	k := serve(t, dataplane.Options{}, acting("cut", func(_ *act, _ context.Context, in *kernel.Reader, out *kernel.Writer) (kernel.Report, error) {
		random := rand.New(rand.NewPCG(3, 4))
		return nil, in.Each(func(b arrow.RecordBatch) error {
			for from := int64(0); from < b.NumRows(); {
				to := min(b.NumRows(), from+1+random.Int64N(b.NumRows()))
				part := b.NewSlice(from, to)
				err := out.Write(part)
				part.Release()
				if err != nil {
					return err
				}
				from = to
			}
			return nil
		})
	}))
	total := 0
	in := func(yield func(arrow.RecordBatch, error) bool) {
		for range 300 {
			n := 1 + random.IntN(1<<(1+random.IntN(17)))
			if !yield(batch(total, n), nil) {
				return
			}
			total += n
		}
	}
	pool := dataplane.NewPool(2)
	var h harvest
	o, err := k.Transform(t.Context(), dataplane.Open{Kernel: "cut", Schema: schema, RowWise: true, Into: pool}, nil, in, h.output())
	if err != nil || o.Failed() || len(h.values) != total {
		t.Fatalf("%d rows of %d, %s", len(h.values), total, said(o, err))
	}
	for i, v := range h.values {
		if v != float64(i) {
			t.Fatalf("row %d is %v", i, v)
		}
	}
	drained(t, pool)
}

// contractStream chains three kernels by pools of few slots: memory is bounded,
// and each waits for the next.
func contractStream(t *testing.T, serve server) {
	k := serve(t, dataplane.Options{}, acting("plus", plus(1)))
	var pools []*dataplane.Pool
	in := input(60, 60_000, nil)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var h harvest
	for stage := range 3 {
		open := dataplane.Open{Kernel: "plus", Schema: schema, RowWise: true}
		if stage > 0 {
			open.From = pools[stage-1]
		}
		open.Into = dataplane.NewPool(2)
		pools = append(pools, open.Into)
		if stage == 2 {
			if o, err := k.Transform(ctx, open, nil, in, h.output()); err != nil || o.Failed() {
				t.Fatal(said(o, err))
			}
			break
		}
		edge := make(chan arrow.RecordBatch)
		go func(in dataplane.Batches) {
			defer close(edge)
			_, err := k.Transform(ctx, open, nil, in, taking(func(b arrow.RecordBatch) error {
				b.Retain()
				select {
				case edge <- b:
					return nil
				case <-ctx.Done():
					b.Release()
					return ctx.Err()
				}
			}))
			if err != nil {
				t.Error(err)
			}
		}(in)
		in = func(yield func(arrow.RecordBatch, error) bool) {
			for b := range edge {
				goOn := yield(b, nil)
				b.Release()
				if !goOn {
					return
				}
			}
		}
	}
	if len(h.values) != 3_600_000 || h.values[3_599_999] != 3_600_002 {
		t.Errorf("%d rows", len(h.values))
	}
	for _, p := range pools {
		drained(t, p)
	}
}

func TestPoolWaitsForRoom(t *testing.T) {
	p := dataplane.NewPool(1)
	one, err := p.Put(t.Context(), wide(1_000_000))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeoutCause(t.Context(), 50*time.Millisecond, errors.New("no room"))
	defer cancel()
	if _, err := p.Put(ctx, wide(1_000_000)); err == nil || err.Error() != "no room" {
		t.Errorf("a full pool says %v", err)
	}
	time.AfterFunc(20*time.Millisecond, one.Release)
	two, err := p.Put(t.Context(), wide(1_000_000))
	if err != nil {
		t.Fatal(err)
	}
	if used := p.Bytes(); used < 8_000_000 || used > 9<<20 {
		t.Errorf("%d bytes are used", used)
	}
	p.Close()
	if _, err := p.Put(t.Context(), wide(1)); !errors.Is(err, dataplane.ErrPoolClosed) {
		t.Errorf("a closed pool says %v", err)
	}
	if v := two.Column(15).(*array.Float64).Value(62_000); v != 62_000 { // it outlives its pool
		t.Errorf("value %v", v)
	}
	two.Release()
	p.Close()
}

// wide is a batch of 16 columns.
func wide(values int) arrow.RecordBatch {
	rows := values / 16
	one := batch(0, rows)
	fields, columns := make([]arrow.Field, 16), make([]arrow.Array, 16)
	for i := range fields {
		fields[i], columns[i] = arrow.Field{Name: fmt.Sprint(i), Type: arrow.PrimitiveTypes.Float64, Nullable: true}, one.Column(0)
	}
	return array.NewRecordBatch(arrow.NewSchema(fields, nil), columns, int64(rows))
}

// contractTextsMayBeKept: strings of a batch are what they were when it is gone,
// in every kind of column that has any.
func contractTextsMayBeKept(t *testing.T, serve server) {
	s := arrow.NewSchema([]arrow.Field{
		{Name: "s", Type: arrow.BinaryTypes.String, Nullable: true},
		{Name: "b", Type: arrow.BinaryTypes.Binary, Nullable: true},
		{Name: "d", Type: &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String}, Nullable: true},
		{Name: "l", Type: arrow.ListOf(arrow.BinaryTypes.String), Nullable: true},
		{Name: "f", Type: arrow.FixedSizeListOf(2, arrow.BinaryTypes.String), Nullable: true},
	}, nil)
	in := func(yield func(arrow.RecordBatch, error) bool) {
		for i := range 50 {
			b := array.NewRecordBuilder(memory.DefaultAllocator, s)
			for row := range 300 {
				text := fmt.Sprintf("text %d of %d", row, i)
				b.Field(0).(*array.StringBuilder).Append(text)
				b.Field(1).(*array.BinaryBuilder).Append([]byte(text))
				_ = b.Field(2).(*array.BinaryDictionaryBuilder).AppendString(text)
				b.Field(3).(*array.ListBuilder).Append(true)
				b.Field(3).(*array.ListBuilder).ValueBuilder().(*array.StringBuilder).Append(text)
				b.Field(4).(*array.FixedSizeListBuilder).Append(true)
				b.Field(4).(*array.FixedSizeListBuilder).ValueBuilder().(*array.StringBuilder).AppendValues([]string{text, text}, nil)
			}
			batch := b.NewRecordBatch()
			b.Release()
			if !yield(batch, nil) {
				return
			}
		}
	}
	k := serve(t, dataplane.Options{}, acting("keep", func(_ *act, _ context.Context, in *kernel.Reader, out *kernel.Writer) (kernel.Report, error) {
		counts := map[string]int{}
		err := in.Each(func(b arrow.RecordBatch) error {
			for row := range int(b.NumRows()) {
				counts[b.Column(0).(*array.String).Value(row)]++
				counts[string(b.Column(1).(*array.Binary).Value(row))]++
				d := b.Column(2).(*array.Dictionary)
				counts[d.Dictionary().(*array.String).Value(d.GetValueIndex(row))]++
				counts[b.Column(3).(*array.List).ListValues().(*array.String).Value(row)]++
				counts[b.Column(4).(*array.FixedSizeList).ListValues().(*array.String).Value(2*row)]++
			}
			return out.Write(b)
		})
		for i := range 50 {
			for row := range 300 {
				if n := counts[fmt.Sprintf("text %d of %d", row, i)]; n != 5 {
					return nil, fmt.Errorf("text %d of batch %d was kept %d times", row, i, n)
				}
			}
		}
		return kernel.Report{"texts": len(counts)}, err
	}))
	pool := dataplane.NewPool(2)
	o, err := k.Transform(t.Context(), dataplane.Open{Kernel: "keep", Schema: s, RowWise: true, Into: pool}, nil, in, dataplane.Output{})
	if err != nil || o.Failed() || string(o.Report) != `{"texts":15000}` {
		t.Errorf("%s, %s", o.Report, said(o, err))
	}
	if o != nil && o.Metrics.BytesOut*4 > o.Metrics.BytesIn && o.Metrics.BytesOut < o.Metrics.BytesIn {
		t.Errorf("%d bytes come back of %d that are passed on", o.Metrics.BytesOut, o.Metrics.BytesIn)
	}
	drained(t, pool)
}
