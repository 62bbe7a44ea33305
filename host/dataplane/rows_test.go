// SPDX-License-Identifier: Apache-2.0

package dataplane_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/bulkhead-ml/bulkhead/host/dataplane"
	"github.com/bulkhead-ml/bulkhead/sdk/diag"
	"github.com/bulkhead-ml/bulkhead/sdk/kernel"
)

// act is a kernel made of functions.
type act struct {
	setup     *kernel.Setup
	transform func(*act, context.Context, *kernel.Reader, *kernel.Writer) (kernel.Report, error)
	output    *arrow.Schema
}

func (a *act) Transform(ctx context.Context, in *kernel.Reader, out *kernel.Writer) (kernel.Report, error) {
	return a.transform(a, ctx, in, out)
}
func (a *act) OutputSchema() (*arrow.Schema, error) { return a.output, nil }

type transformFunc = func(*act, context.Context, *kernel.Reader, *kernel.Writer) (kernel.Report, error)

func acting(name string, f transformFunc) kernel.Kernel {
	return kernel.Kernel{Name: name, Transforms: true, RowWise: true, New: func(s *kernel.Setup) (kernel.Instance, error) {
		return &act{setup: s, transform: f}, nil
	}}
}

// floats is a batch of one column.
func floats(s *arrow.Schema, mem memory.Allocator, values []float64) arrow.RecordBatch {
	b := array.NewFloat64Builder(mem)
	defer b.Release()
	b.Reserve(len(values))
	b.AppendValues(values, nil)
	c := b.NewArray()
	defer c.Release()
	return array.NewRecordBatch(s, []arrow.Array{c}, int64(len(values)))
}

// every keeps the rows whose value keep wants, and tells where they come from.
func every(keep func(float64) bool, aside bool) transformFunc {
	return func(a *act, _ context.Context, in *kernel.Reader, out *kernel.Writer) (kernel.Report, error) {
		return kernel.Report{"kept": true}, in.Each(func(b arrow.RecordBatch) error {
			var values []float64
			origins := []int64{}
			for i, v := range b.Column(0).(*array.Float64).Values() {
				row := in.Row() + int64(i)
				switch {
				case keep(v):
					values, origins = append(values, v), append(origins, row)
				case aside:
					a.setup.Reject(kernel.Rejected{Row: row, Rule: "range", Column: "x", Detail: fmt.Sprintf("%v\x1b", v)})
				default:
					a.setup.Drop(1)
				}
			}
			part := floats(b.Schema(), out.Allocator(), values)
			defer part.Release()
			return out.WriteFrom(part, origins)
		})
	}
}

// plus adds to every value.
func plus(d float64) transformFunc {
	return func(_ *act, _ context.Context, in *kernel.Reader, out *kernel.Writer) (kernel.Report, error) {
		return kernel.Report{"plus": d}, in.Each(func(b arrow.RecordBatch) error {
			values := slices.Clone(b.Column(0).(*array.Float64).Values())
			for i := range values {
				values[i] += d
			}
			part := floats(b.Schema(), out.Allocator(), values)
			defer part.Release()
			return out.Write(part)
		})
	}
}

// harvest is what a transform brought.
type harvest struct {
	schema   *arrow.Schema
	values   []float64
	origins  []int64
	batches  int
	rejected []dataplane.Rejected
}

func (h *harvest) output() dataplane.Output {
	return dataplane.Output{
		Schema: func(s *arrow.Schema) error { h.schema = s; return nil },
		Batch: func(p dataplane.Part) error {
			h.batches++
			h.values = append(h.values, p.Batch.Column(0).(*array.Float64).Values()...)
			h.origins = append(h.origins, p.Origins...)
			return nil
		},
		Rejected: func(r []dataplane.Rejected) error { h.rejected = append(h.rejected, r...); return nil },
	}
}

func even(v float64) bool  { return int(v)%2 == 0 }
func third(v float64) bool { return int(v)%3 == 0 }

func contractOrigins(t *testing.T, serve server) {
	k := serve(t, dataplane.Options{}, acting("even", every(even, false)))
	var h harvest
	o, err := k.Transform(t.Context(), dataplane.Open{Kernel: "even", Schema: schema, RowWise: true}, nil, input(3, 1001, nil), h.output())
	if err != nil || o.Failed() || o.RowsDropped != 1501 || len(h.values) != 1502 || len(h.origins) != 1502 {
		t.Fatalf("%+v, %v, %d rows, %d origins", o, err, len(h.values), len(h.origins))
	}
	for i, v := range h.values {
		if int64(v) != h.origins[i] {
			t.Fatalf("row %d with value %v comes from %d", i, v, h.origins[i])
		}
	}
	if h.schema == nil || h.schema.Field(0).Name != "x" {
		t.Errorf("schema %v", h.schema)
	}
}

func contractRejectedRows(t *testing.T, serve server) {
	k := serve(t, dataplane.Options{}, acting("even", every(even, true)))
	var h harvest
	o, err := k.Transform(t.Context(), dataplane.Open{Kernel: "even", Schema: schema, RowWise: true}, nil, input(2, 1000, nil), h.output())
	if err != nil || o.RowsRejected != 1000 || len(h.rejected) != 1000 || len(h.values) != 1000 {
		t.Fatalf("%+v, %v, %d aside", o, err, len(h.rejected))
	}
	if r := h.rejected[700]; r.Row != 1401 || r.Rule != "range" || r.Column != "x" || r.Detail != "1401\ufffd" {
		t.Errorf("rejected %+v", r)
	}
}

// contractFused runs four kernels as one call: rows are those of the call, and
// each has its own result.
func contractFused(t *testing.T, serve server) {
	k := serve(t, dataplane.Options{}, acting("plus", plus(1)), acting("even", every(even, false)), acting("third", every(third, true)), meanKernel())
	open := dataplane.Open{Kernel: "plus", Schema: schema, Then: []dataplane.Stage{
		{Kernel: "even"}, {Kernel: "third"}, {Kernel: "mean", State: []byte("2")},
	}}
	var h harvest
	o, err := k.Transform(t.Context(), open, nil, input(5, 700, nil), h.output())
	if err != nil || o.Failed() || len(o.Then) != 3 {
		t.Fatalf("%+v, %v", o, err)
	}
	for i, v := range h.values { // (row + 1) is a multiple of 6, minus the mean of 2
		if row := int64(6*i + 5); h.origins[i] != row || v != float64(row-1) {
			t.Fatalf("value %d is %v from %d", i, v, h.origins[i])
		}
	}
	if len(h.values) != 583 || o.Then[0].RowsDropped != 1750 || o.Then[1].RowsRejected != 1750-583 || string(o.Then[0].Report) != `{"kept":true}` {
		t.Errorf("%d rows, %+v, %+v", len(h.values), o.Then[0], o.Then[1])
	}
	if r := h.rejected[1]; r.Row != 3 || r.Detail != "4\ufffd" {
		t.Errorf("rejected %+v", r)
	}
}

// contractFusedPlain: kernels that leave nothing out need not tell origins.
func contractFusedPlain(t *testing.T, serve server) {
	k := serve(t, dataplane.Options{}, acting("plus", plus(1)))
	open := dataplane.Open{Kernel: "plus", Schema: schema, Then: []dataplane.Stage{{Kernel: "plus"}, {Kernel: "plus"}}}
	var h harvest
	o, err := k.Transform(t.Context(), open, nil, input(4, 500, nil), h.output())
	if err != nil || o.Failed() || len(h.values) != 2000 || h.values[1999] != 2002 || len(h.origins) != 0 {
		t.Errorf("%+v, %v, %d rows, %d origins", o, err, len(h.values), len(h.origins))
	}
}

// contractFusedFailures: the kernel that fails is the one that tells, and nothing
// hangs.
func contractFusedFailures(t *testing.T, serve server) {
	bad := acting("bad", func(_ *act, _ context.Context, in *kernel.Reader, _ *kernel.Writer) (kernel.Report, error) {
		_, err := in.Next()
		return nil, errors.Join(err, diag.Errorf("Bad luck", "No more."))
	})
	never := kernel.Kernel{Name: "never", Transforms: true, New: func(*kernel.Setup) (kernel.Instance, error) { return nil, diag.Errorf("Not made", "x") }}
	quits := acting("quits", func(_ *act, _ context.Context, in *kernel.Reader, _ *kernel.Writer) (kernel.Report, error) {
		return nil, nil
	})
	mute := acting("mute", func(a *act, _ context.Context, in *kernel.Reader, out *kernel.Writer) (kernel.Report, error) {
		return nil, in.Each(func(b arrow.RecordBatch) error {
			a.setup.Drop(1)
			part := b.NewSlice(1, b.NumRows())
			defer part.Release()
			return out.Write(part)
		})
	})
	k := serve(t, dataplane.Options{}, acting("plus", plus(1)), bad, never, quits, mute)
	for _, c := range []struct {
		chain []string
		want  string
	}{
		{[]string{"bad", "plus", "plus"}, "Bad luck"}, {[]string{"plus", "bad", "plus"}, "Bad luck"}, {[]string{"plus", "plus", "bad"}, "Bad luck"},
		{[]string{"plus", "never"}, "Not made"}, {[]string{"plus", "absent"}, "Unknown kernel"}, {[]string{"plus", "quits"}, "it read 0 rows, and 500 were"},
		{[]string{"mute", "plus"}, "Rows without origins"}, {[]string{"plus", "mute"}, "Rows without origins"},
	} {
		open := dataplane.Open{Kernel: c.chain[0], Schema: schema}
		for _, name := range c.chain[1:] {
			open.Then = append(open.Then, dataplane.Stage{Kernel: name})
		}
		o, err := k.Transform(t.Context(), open, nil, input(5, 100, nil), dataplane.Output{})
		if got := said(o, err); !strings.Contains(got, c.want) || strings.Contains(got, "before this one") || strings.Contains(got, "after this one") {
			t.Errorf("%v says %q, want %q", c.chain, got, c.want)
		}
	}
}

// said is everything that a call tells of a failure.
func said(o *dataplane.Outcome, err error) string {
	if err != nil {
		return err.Error()
	}
	var out []string
	for _, one := range append([]*dataplane.Outcome{o}, o.Then...) {
		for _, d := range one.Diagnostics {
			out = append(out, d.Error())
		}
	}
	return strings.Join(out, "\n")
}

// contractRowsThatDoNotAddUp: a row-wise kernel accounts for its rows.
func contractRowsThatDoNotAddUp(t *testing.T, serve server) {
	one := func(f func(a *act, b arrow.RecordBatch, out *kernel.Writer) error) transformFunc {
		return func(a *act, _ context.Context, in *kernel.Reader, out *kernel.Writer) (kernel.Report, error) {
			return nil, in.Each(func(b arrow.RecordBatch) error { return f(a, b, out) })
		}
	}
	tail := func(b arrow.RecordBatch) arrow.RecordBatch { return b.NewSlice(1, b.NumRows()) }
	for want, f := range map[string]transformFunc{
		"10 rows in are not 9 out": one(func(_ *act, b arrow.RecordBatch, out *kernel.Writer) error { return out.Write(tail(b)) }),
		"does not say which ones": one(func(a *act, b arrow.RecordBatch, out *kernel.Writer) error {
			a.setup.Drop(1)
			return out.Write(tail(b))
		}),
		"origins rise": one(func(a *act, b arrow.RecordBatch, out *kernel.Writer) error {
			return out.WriteFrom(b, []int64{0, 1, 2, 3, 4, 5, 6, 7, 9, 8})
		}),
		"comes from row 10": one(func(a *act, b arrow.RecordBatch, out *kernel.Writer) error {
			return out.WriteFrom(b, []int64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10})
		}),
		"after row": one(func(a *act, b arrow.RecordBatch, out *kernel.Writer) error {
			return out.WriteFrom(b, []int64{-1, 1, 2, 3, 4, 5, 6, 7, 8, 9})
		}),
		"put aside": one(func(a *act, b arrow.RecordBatch, out *kernel.Writer) error { a.rejectNow(3); return out.Write(b) }),
		"written or put aside before": one(func(a *act, b arrow.RecordBatch, out *kernel.Writer) error {
			a.rejectNow(3)
			a.rejectNow(3)
			return nil
		}),
		"puts row 10 aside":           one(func(a *act, b arrow.RecordBatch, out *kernel.Writer) error { a.rejectNow(10); return nil }),
		"puts row -1 aside":           one(func(a *act, b arrow.RecordBatch, out *kernel.Writer) error { a.rejectNow(-1); return nil }),
		"9 origins for a batch of 10": one(func(a *act, b arrow.RecordBatch, out *kernel.Writer) error { return out.WriteFrom(b, make([]int64, 9)) }),
		"changes its columns": one(func(a *act, b arrow.RecordBatch, out *kernel.Writer) error {
			return errors.Join(out.Write(b), out.Write(renamed(b)))
		}),
	} {
		k := serve(t, dataplane.Options{}, acting("k", f))
		o, err := k.Transform(t.Context(), dataplane.Open{Kernel: "k", Schema: schema, RowWise: true}, nil, input(1, 10, nil), dataplane.Output{})
		if got := said(o, err); !strings.Contains(got, want) {
			t.Errorf("want %q, got %q", want, got)
		}
	}
}

// rejectNow rejects so many rows that they are sent.
func (a *act) rejectNow(row int64) { a.setup.Reject(kernel.Rejected{Row: row, Rule: "r"}) }

// contractDeclaredSchema: columns are told before the first batch, and of an
// output without one.
func contractDeclaredSchema(t *testing.T, serve server) {
	other := arrow.NewSchema([]arrow.Field{{Name: "y", Type: arrow.BinaryTypes.String, Nullable: true}}, nil)
	k := serve(t, dataplane.Options{}, kernel.Kernel{Name: "k", Transforms: true, New: func(s *kernel.Setup) (kernel.Instance, error) {
		return &act{setup: s, output: other, transform: func(_ *act, _ context.Context, in *kernel.Reader, _ *kernel.Writer) (kernel.Report, error) {
			return nil, in.Each(func(arrow.RecordBatch) error { return nil })
		}}, nil
	}})
	open := dataplane.Open{Kernel: "k", Schema: schema}
	v, err := k.Validate(t.Context(), open)
	if err != nil || v.Output == nil || !v.Output.Equal(other) {
		t.Fatalf("%+v, %v", v, err)
	}
	var h harvest
	if o, err := k.Transform(t.Context(), open, nil, input(2, 10, nil), h.output()); err != nil || o.Failed() || h.batches != 0 || !h.schema.Equal(other) {
		t.Errorf("%+v, %v, schema %v", o, err, h.schema)
	}
}

// reverter has a side effect, an estimate and an undo.
type reverter struct {
	echo
	setup  *kernel.Setup
	undone *[]string
}

func (r *reverter) Transform(ctx context.Context, in *kernel.Reader, out *kernel.Writer) (kernel.Report, error) {
	r.setup.UndoToken([]byte("model 7"))
	return r.echo.Transform(ctx, in, out)
}
func (r *reverter) Estimate() kernel.Estimate {
	return kernel.Estimate{SecondsPerRow: 1e-6, Seconds: 2, BytesPerRow: 8, Bytes: 1 << 20}
}
func (r *reverter) Undo(_ context.Context, token []byte) error {
	*r.undone = append(*r.undone, string(token))
	return nil
}

func contractUndoAndEstimate(t *testing.T, serve server) {
	var undone []string
	k := serve(t, dataplane.Options{}, meanKernel(), kernel.Kernel{Name: "k", Transforms: true, Undoes: true, New: func(s *kernel.Setup) (kernel.Instance, error) {
		return &reverter{setup: s, undone: &undone}, nil
	}})
	open := dataplane.Open{Kernel: "k", Schema: schema}
	v, err := k.Validate(t.Context(), open)
	if err != nil || v.Estimate == nil || *v.Estimate != (dataplane.Estimate{SecondsPerRow: 1e-6, Seconds: 2, BytesPerRow: 8, Bytes: 1 << 20}) {
		t.Errorf("%+v, %v", v, err)
	}
	o, err := k.Transform(t.Context(), open, nil, input(1, 3, nil), dataplane.Output{})
	if err != nil || string(o.UndoToken) != "model 7" {
		t.Fatalf("%+v, %v", o, err)
	}
	if ds, err := k.Undo(t.Context(), open, o.UndoToken); err != nil || len(ds) > 0 || !slices.Equal(undone, []string{"model 7"}) {
		t.Errorf("%v, %v, undone %q", ds, err, undone)
	}
	open.Kernel = "mean"
	if ds, err := k.Undo(t.Context(), open, nil); err != nil || !diag.HasErrors(ds) || ds[0].Summary != "Kernel without undo" {
		t.Errorf("%v, %v", ds, err)
	}
}

// contractFiles: a source reads a file and a sink writes one, through whatever
// the host opened.
func contractFiles(t *testing.T, serve server) {
	source := acting("source", func(a *act, _ context.Context, _ *kernel.Reader, out *kernel.Writer) (kernel.Report, error) {
		f, err := a.setup.File("input")
		if err != nil {
			return nil, err
		}
		data, err := io.ReadAll(f)
		if err != nil {
			return nil, err
		}
		var values []float64
		for text := range strings.FieldsSeq(string(data)) {
			var v float64
			_, _ = fmt.Sscan(text, &v)
			values = append(values, v)
		}
		return nil, out.Write(floats(schema, memory.DefaultAllocator, values))
	})
	source.ReadsFile, source.RowWise = true, false
	sink := acting("sink", func(a *act, _ context.Context, in *kernel.Reader, _ *kernel.Writer) (kernel.Report, error) {
		f, err := a.setup.File("output")
		if err != nil {
			return nil, err
		}
		return nil, in.Each(func(b arrow.RecordBatch) error {
			_, err := fmt.Fprintln(f, b.Column(0).(*array.Float64).Values())
			return err
		})
	})
	sink.WritesFile, sink.RowWise = true, false
	k := serve(t, dataplane.Options{}, source, sink)
	path := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path, []byte("1 2.5 4"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var h harvest
	o, err := k.Transform(t.Context(), dataplane.Open{Kernel: "source", Files: []dataplane.File{{Name: "input", File: f}}}, nil, nil, h.output())
	if err != nil || o.Failed() || !slices.Equal(h.values, []float64{1, 2.5, 4}) {
		t.Fatalf("%s, %v", said(o, err), h.values)
	}
	o, err = k.Transform(t.Context(), dataplane.Open{Kernel: "sink", Schema: schema, Files: []dataplane.File{{Name: "output", File: f}}}, nil, input(1, 3, nil), dataplane.Output{})
	if err != nil || o.Failed() {
		t.Fatal(said(o, err))
	}
	if data, _ := os.ReadFile(path); !strings.Contains(string(data), "[0 1 2]") {
		t.Errorf("the file has %q", data)
	}
	o, err = k.Transform(t.Context(), dataplane.Open{Kernel: "source"}, nil, nil, dataplane.Output{})
	if got := said(o, err); !strings.Contains(got, `no file "input"`) {
		t.Errorf("without a file: %q", got)
	}
}
