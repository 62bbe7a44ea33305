// SPDX-License-Identifier: Apache-2.0

package docs_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/bulkhead-ml/bulkhead/sdk/diag"
	"github.com/bulkhead-ml/bulkhead/sdk/kernel"
	"github.com/bulkhead-ml/bulkhead/sdk/plugin"
	"github.com/bulkhead-ml/bulkhead/sdk/plugintest"
	"github.com/bulkhead-ml/bulkhead/sdk/state"
	"github.com/bulkhead-ml/bulkhead/sdk/table"
)

// What follows up to the tests stands in docs/plugin-authors.md.

// firsts keeps the first row of each value of a text column.
type firsts struct {
	Column string `json:"column" required:"true" doc:"Text column whose values are compared."`

	setup *kernel.Setup
}

func (k *firsts) Validate() error {
	at := k.setup.Schema.FieldIndices(k.Column)
	if len(at) == 0 {
		return diag.Errorf("Missing column", "The input has no column %q.", k.Column).At("column")
	}
	if t := k.setup.Schema.Field(at[0]).Type; t.ID() != arrow.STRING {
		return diag.Errorf("Column that is not text", "Column %q is %s. Declare it as text at the source, or name another one.", k.Column, t).At("column")
	}
	return nil
}

func (k *firsts) Transform(_ context.Context, in *kernel.Reader, out *kernel.Writer) (kernel.Report, error) {
	if err := k.Validate(); err != nil {
		return nil, err
	}
	at, seen := in.Schema().FieldIndices(k.Column)[0], map[string]bool{}
	err := in.Each(func(batch arrow.RecordBatch) error {
		var keep []int
		text := batch.Column(at).(*array.String)
		for i := range text.Len() {
			switch {
			case text.IsNull(i):
				k.setup.Reject(kernel.Rejected{Row: in.Row() + int64(i), Rule: "missing", Column: k.Column, Detail: "no value to compare"})
			case seen[text.Value(i)]:
				k.setup.Drop(1)
			default:
				seen[strings.Clone(text.Value(i))] = true // the batch is borrowed, the key stays
				keep = append(keep, i)
			}
		}
		return writeRows(out, batch, keep, in.Row())
	})
	return kernel.Report{"values": len(seen)}, err
}

// writeRows writes some rows of a batch, and which rows of the input they are.
func writeRows(out *kernel.Writer, batch arrow.RecordBatch, keep []int, first int64) error {
	if len(keep) == 0 {
		return nil
	}
	origins := make([]int64, len(keep))
	parts := make([][]arrow.Array, batch.NumCols())
	for i, row := range keep {
		origins[i] = first + int64(row)
		for c := range parts {
			parts[c] = append(parts[c], array.NewSlice(batch.Column(c), int64(row), int64(row)+1))
		}
	}
	columns := make([]arrow.Array, len(parts))
	for c := range parts {
		var err error
		if columns[c], err = array.Concatenate(parts[c], out.Allocator()); err != nil {
			return err
		}
		defer columns[c].Release()
	}
	rows := array.NewRecordBatch(batch.Schema(), columns, int64(len(keep)))
	defer rows.Release()
	return out.WriteFrom(rows, origins)
}

// centre subtracts the mean of every float64 feature.
type centre struct {
	setup   *kernel.Setup
	columns []string
	means   []float64
}

const centreName, centreVersion = "shop.centre", 2

func (k *centre) Save() ([]byte, error) {
	w := state.New(state.Header{Kernel: centreName, Version: centreVersion, Input: state.Columns(k.setup.Schema), Seed: k.setup.Seed})
	w.Strings("columns", k.columns)
	w.Floats("means", k.means)
	return w.Bytes()
}

func (k *centre) Load(data []byte) error {
	s, err := state.Load(data, state.Want{Kernel: centreName, Version: centreVersion, Migrations: migrations})
	if err != nil {
		return err
	}
	r := s.Reader()
	k.columns = r.Strings("columns", -1)
	k.means = r.Finite("means", len(k.columns)) // as many as columns, and no NaN
	return r.End()                              // the first thing that was wrong, an array that nobody read included
}

// migrations: version 1 called the means centres.
var migrations = state.Migrations{
	1: func(s *state.State) (*state.State, error) {
		w := s.Edit()
		w.Rename("centres", "means")
		return w.State()
	},
}

// Golden states are those of every version that was ever released.
func TestGoldenStates(t *testing.T) {
	files, err := filepath.Glob("testdata/centre-v*.state")
	if err != nil || len(files) != centreVersion {
		t.Fatalf("%d golden states of %d versions, %v", len(files), centreVersion, err)
	}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var k centre
		if err := k.Load(data); err != nil || !slices.Equal(k.columns, []string{"a", "b"}) || !slices.Equal(k.means, []float64{0.5, -2}) {
			t.Errorf("%s gives %v of %v: %v", name, k.means, k.columns, err)
		}
	}
}

func (k *centre) Estimate() kernel.Estimate {
	return kernel.Estimate{SecondsPerRow: 5e-9 * float64(len(table.Features(k.setup.Schema))), Bytes: 16 << 20}
}

// lines reads a text file: a row for each line.
type lines struct{ setup *kernel.Setup }

var lineSchema = arrow.NewSchema([]arrow.Field{{Name: "line", Type: arrow.BinaryTypes.String, Nullable: true}}, nil)

func (k *lines) OutputSchema() (*arrow.Schema, error) { return lineSchema, nil }

func (k *lines) Transform(ctx context.Context, _ *kernel.Reader, out *kernel.Writer) (kernel.Report, error) {
	file, err := k.setup.File("input")
	if err != nil {
		return nil, err
	}
	b := array.NewStringBuilder(out.Allocator())
	defer b.Release()
	text := bufio.NewScanner(file)
	for n := 1; text.Scan(); n++ {
		if !utf8.Valid(text.Bytes()) {
			return nil, diag.Errorf("Text that is not UTF-8", "Line %d holds other bytes. Convert the file first.", n)
		}
		if b.Append(text.Text()); b.Len() == 4096 {
			if err := writeLines(ctx, out, b); err != nil {
				return nil, err
			}
		}
	}
	return nil, errors.Join(text.Err(), writeLines(ctx, out, b))
}

func writeLines(ctx context.Context, out *kernel.Writer, b *array.StringBuilder) error {
	column := b.NewArray()
	defer column.Release()
	batch := array.NewRecordBatch(lineSchema, []arrow.Array{column}, int64(column.Len()))
	defer batch.Release()
	return errors.Join(out.Write(batch), ctx.Err())
}

func (k *centre) Fit(ctx context.Context, in *kernel.Reader) (kernel.Report, error) {
	at := table.Features(in.Schema())
	k.columns, k.means = nil, make([]float64, len(at))
	known := make([]int, len(at))
	for _, i := range at {
		k.columns = append(k.columns, in.Schema().Field(i).Name)
	}
	err := in.Each(func(batch arrow.RecordBatch) error {
		for j, i := range at {
			values, ok := batch.Column(i).(*array.Float64)
			for row := 0; ok && row < values.Len(); row++ {
				if values.IsValid(row) {
					known[j]++
					k.means[j] += (values.Value(row) - k.means[j]) / float64(known[j])
				}
			}
		}
		return ctx.Err()
	})
	return nil, err
}

// guideKernels are those of the guide. The first is given its setting by the
// contract's table with text.
var guideKernels = kernel.Serve(
	kernel.Kernel{Name: "firsts", Compartment: kernel.Data, Config: firsts{}, Transforms: true,
		New: func(s *kernel.Setup) (kernel.Instance, error) {
			k := &firsts{setup: s}
			err := s.Config(k)
			if k.Column == "" {
				k.Column = "s"
			}
			return k, err
		}},
	kernel.Kernel{Name: "centre", Compartment: kernel.Data, Fits: true, StateVersion: centreVersion, MinStateVersion: 1,
		New: func(s *kernel.Setup) (kernel.Instance, error) { return &centre{setup: s}, nil }},
	kernel.Kernel{Name: "lines", Compartment: kernel.Data, Transforms: true, ReadsFile: true,
		New: func(s *kernel.Setup) (kernel.Instance, error) { return &lines{setup: s}, nil }},
)

func TestTheGuidesKernelsKeepTheContract(t *testing.T) {
	plugintest.Test(t, plugintest.InProcess(plugin.Info{Name: "guide", Version: "0.1.0"}, guideKernels))
}

// reused gives every batch in the same memory, as a host does.
func reused(schema *arrow.Schema, texts ...string) *kernel.Reader {
	text := []byte("    ")
	return kernel.NewReader(schema, func() (arrow.RecordBatch, error) {
		if len(texts) == 0 {
			return nil, io.EOF
		}
		copy(text, texts[0])
		texts = texts[1:]
		data := array.NewData(arrow.BinaryTypes.String, 4, []*memory.Buffer{
			memory.NewBufferBytes([]byte{0b0111}), memory.NewBufferBytes(arrow.Int32Traits.CastToBytes([]int32{0, 1, 2, 3, 4})), memory.NewBufferBytes(text),
		}, nil, 1, 0)
		return array.NewRecordBatch(schema, []arrow.Array{array.NewStringData(data)}, 4), nil
	})
}

func TestTheGuidesFirsts(t *testing.T) {
	schema := arrow.NewSchema([]arrow.Field{{Name: "s", Type: arrow.BinaryTypes.String, Nullable: true}}, nil)
	setup := kernel.NewSetup(schema, nil)
	var got []string
	out := kernel.NewWriter(func(batch arrow.RecordBatch) error {
		for i := range int(batch.NumRows()) {
			got = append(got, strings.Clone(batch.Column(0).(*array.String).Value(i)))
		}
		return nil
	})
	k := &firsts{Column: "s", setup: setup}
	report, err := k.Transform(t.Context(), reused(schema, "abcx", "cdax"), out)
	if err != nil || !slices.Equal(got, []string{"a", "b", "c", "d"}) || report["values"] != 4 {
		t.Errorf("kept %q, report %v, %v", got, report, err)
	}
	rejected := setup.Rejections()
	if setup.Dropped() != 2 || len(rejected) != 2 || rejected[1].Row != 7 {
		t.Errorf("%d dropped, rejected %+v", setup.Dropped(), rejected)
	}
}

func TestTheGuidesTypes(t *testing.T) {
	schema := arrow.NewSchema([]arrow.Field{{Name: "n", Type: arrow.PrimitiveTypes.Int32}}, nil)
	for column, want := range map[string]string{"n": "is int32", "m": "no column"} {
		d, ok := errors.AsType[*diag.Diagnostic]((&firsts{Column: column, setup: kernel.NewSetup(schema, nil)}).Validate())
		if !ok || !strings.Contains(d.Detail, want) || !slices.Equal(d.Path, []string{"column"}) {
			t.Errorf("%s: %v", column, d)
		}
	}
}

func TestTheGuidesState(t *testing.T) {
	schema := arrow.NewSchema([]arrow.Field{{Name: "a", Type: arrow.PrimitiveTypes.Float64}, {Name: "b", Type: arrow.PrimitiveTypes.Float64}}, nil)
	k := &centre{setup: kernel.NewSetup(schema, nil), columns: []string{"a", "b"}, means: []float64{0.5, -2}}
	data, err := k.Save()
	if err != nil {
		t.Fatal(err)
	}
	if golden, err := os.ReadFile("testdata/centre-v2.state"); err != nil || string(golden) != string(data) {
		t.Errorf("the golden state of this version is another one: %v", err)
	}
	if e := k.Estimate(); e.SecondsPerRow != 1e-8 || e.Bytes == 0 {
		t.Errorf("estimate %+v", e)
	}
}

func TestTheGuidesSource(t *testing.T) {
	read := func(text string) (rows int64, err error) {
		name := filepath.Join(t.TempDir(), "text")
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		setup := kernel.NewSetup(arrow.NewSchema(nil, nil), nil).WithFile("input", f)
		out := kernel.NewWriter(func(arrow.RecordBatch) error { return nil })
		_, err = (&lines{setup: setup}).Transform(t.Context(), kernel.FromBatches(setup.Schema), out)
		return out.Rows(), err
	}
	if rows, err := read(strings.Repeat("line\n", 5000)); rows != 5000 || err != nil {
		t.Errorf("%d rows, %v", rows, err)
	}
	if _, err := read("a\n\xff\n"); err == nil || !strings.Contains(err.Error(), "Line 2") {
		t.Errorf("got %v", err)
	}
}
