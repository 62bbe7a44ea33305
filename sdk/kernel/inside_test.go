// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/bulkhead-ml/bulkhead/sdk/arena"
	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

func TestLineageCutAndWire(t *testing.T) {
	listed := lineage{told: true, list: []int64{3, 4, 1 << 40}}
	for _, c := range []struct {
		l    lineage
		want []byte
	}{
		{lineage{}, nil},
		{lineage{}.cut(2, 3), nil},
		{lineage{told: true, first: 258}.cut(1, 5), []byte{3, 1, 0, 0, 0, 0, 0, 0}},
		{listed.cut(1, 2), []byte{4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0}},
	} {
		if got := c.l.wire(); !slices.Equal(got, c.want) {
			t.Errorf("%+v is %v, want %v", c.l, got, c.want)
		}
	}
}

// TestAncestry: rows of the last two batches are known, those before are not.
func TestAncestry(t *testing.T) {
	var a ancestry
	a.read(0, 10, lineage{told: true, first: 100})
	a.read(10, 3, lineage{told: true, list: []int64{200, 210, 220}})
	for row, want := range map[int64]int64{0: 100, 9: 109, 10: 200, 12: 220} {
		if got, err := a.of(row); err != nil || got != want {
			t.Errorf("row %d comes from %d, %v", row, got, err)
		}
	}
	if got, err := a.run(2, 4); err != nil || got.list != nil || got.first != 102 {
		t.Errorf("a run is %+v, %v", got, err)
	}
	if got, err := a.run(8, 4); err != nil || !slices.Equal(got.list, []int64{108, 109, 200, 210}) {
		t.Errorf("a run over two batches is %+v, %v", got, err)
	}
	a.read(13, 1, lineage{told: true, first: 300})
	for _, row := range []int64{-1, 0, 9, 14} {
		if _, err := a.of(row); err == nil {
			t.Errorf("row %d is known", row)
		}
	}
	if _, err := a.run(9, 3); err == nil {
		t.Error("a run over a row that is not known is known")
	}
}

func TestSlot(t *testing.T) {
	s := &slot{data: make([]byte, 4096), next: 100}
	at := s.take(50)
	if at != 128 || s.take(4000) != -1 {
		t.Fatalf("the first array is at %d", at)
	}
	other := s.take(64)
	if s.find(128) != 0 || s.find(177) != 0 || s.find(178) != -1 || s.find(other) != 1 || s.find(0) != -1 {
		t.Error("arrays are found elsewhere")
	}
	if s.place(s.data[130:]) != 130 || s.place(make([]byte, 8)) != -1 || s.place(nil) != -1 {
		t.Error("places are wrong")
	}
	s.free(128) // not the last one: its room stays
	if s.next != other+64 || len(s.live) != 1 {
		t.Errorf("next is %d, %v live", s.next, s.live)
	}
	if s.free(other); s.next != other || len(s.live) != 0 {
		t.Errorf("next is %d, %v live", s.next, s.live)
	}
	s.free(other)
}

// TestIdentical: an array is the same when all of its memory is.
func TestIdentical(t *testing.T) {
	b := array.NewFloat64Builder(memory.DefaultAllocator)
	b.AppendValues([]float64{1, 2, 3, 4}, []bool{true, false, true, true})
	a := b.NewArray()
	b.AppendValues([]float64{1, 2, 3, 4}, nil)
	other := b.NewArray()
	same := array.MakeFromData(a.Data())
	bare := array.NewData(a.DataType(), 4, []*memory.Buffer{nil, a.Data().Buffers()[1]}, nil, 0, 0)
	if !identical(a.Data(), same.Data()) {
		t.Error("the same memory is not the same")
	}
	for name, d := range map[string]arrow.ArrayData{
		"a copy": other.Data(), "a part": array.NewSlice(a, 0, 3).Data(), "a later part": array.NewSlice(a, 1, 4).Data(),
		"without its nulls": bare, "another type": array.NewData(arrow.PrimitiveTypes.Int64, 4, a.Data().Buffers(), nil, 1, 0),
	} {
		if identical(a.Data(), d) {
			t.Errorf("%s is the same", name)
		}
	}
}

func TestWriterInsists(t *testing.T) {
	schema := arrow.NewSchema([]arrow.Field{{Name: "x", Type: arrow.PrimitiveTypes.Float64, Nullable: true}}, nil)
	b := array.NewFloat64Builder(memory.DefaultAllocator)
	b.AppendValues([]float64{1, 2}, nil)
	column := b.NewArray()
	batch := array.NewRecordBatch(schema, []arrow.Array{column}, 2)
	renamed := array.NewRecordBatch(arrow.NewSchema([]arrow.Field{{Name: "y", Type: arrow.PrimitiveTypes.Float64}}, nil), []arrow.Array{column}, 2)
	never := func(arrow.RecordBatch) error { return nil }
	for want, f := range map[string]func(w *Writer) error{
		"3 origins for a batch of 2 rows": func(w *Writer) error { return w.WriteFrom(batch, []int64{1, 2, 3}) },
		"without their origins after":     func(w *Writer) error { return errors.Join(w.WriteFrom(batch, []int64{1, 2}), w.Write(batch)) },
		"with their origins after rows":   func(w *Writer) error { return errors.Join(w.Write(batch), w.WriteFrom(batch, []int64{1, 2})) },
		`column 1 is "y" of type float64`: func(w *Writer) error { return errors.Join(w.Declare(schema), w.Write(renamed)) },
		"it has 0 of them":                func(w *Writer) error { return errors.Join(w.Declare(schema), w.Declare(arrow.NewSchema(nil, nil))) },
		"decimal": func(w *Writer) error {
			return w.Declare(arrow.NewSchema([]arrow.Field{{Name: "d", Type: &arrow.Decimal128Type{Precision: 3}}}, nil))
		},
	} {
		if err := f(NewWriter(never)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
	// Whether a field may be null does not travel.
	strict := arrow.NewSchema([]arrow.Field{{Name: "x", Type: arrow.PrimitiveTypes.Float64}}, nil)
	w := NewWriter(never)
	if err := errors.Join(w.Declare(strict), w.Write(batch), w.Write(batch)); err != nil || w.Rows() != 4 || w.Allocator() == nil {
		t.Error(err)
	}
}

func TestSetupOutsideAPlugin(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "f"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s := NewSetup(nil, nil).WithFile("input", f)
	if got, err := s.File("input"); err != nil || got != f {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := s.File("output"); err == nil {
		t.Error("there is an output")
	}
	s.Drop(2)
	s.Reject(Rejected{Row: 7, Rule: "range"})
	if s.RejectedRows() != 1 || s.untold() != 3 || s.Rejections()[0].Row != 7 || s.flush() != nil {
		t.Errorf("%+v", s.Rejections())
	}
	s.UndoToken(make([]byte, MaxUndoToken+1))
	if r := result(s, nil, 0, 0, nil); len(r.GetUndoToken()) != 0 || len(r.GetDiagnostics()) != 1 {
		t.Errorf("a long token gives %v", r)
	}
}

// TestRejectionsThatCannotBeSent end the call.
func TestRejectionsThatCannotBeSent(t *testing.T) {
	broken, calls := errors.New("gone"), 0
	s := &Setup{reject: func([]Rejected) error { calls++; return broken }}
	for row := range int64(3 * rejectAhead) {
		s.Reject(Rejected{Row: row})
	}
	if err := s.flush(); !errors.Is(err, broken) || calls != 1 || s.RejectedRows() != 3*rejectAhead {
		t.Errorf("%d calls, %v", calls, err)
	}
}

// TestLaneWithoutASocket: a host that names what it never sent is told so.
func TestLaneWithoutASocket(t *testing.T) {
	s := Serve()
	if _, err := s.pass(t.Context(), 1<<32|1, arrow.NewSchema(nil, nil), nil); err == nil || !strings.Contains(err.Error(), "no data socket") {
		t.Errorf("a lane: %v", err)
	}
	if _, err := s.files(t.Context(), []*pluginv1.File{{Name: "input", Descriptor_: 3}}); err == nil || !strings.Contains(err.Error(), "no data socket") {
		t.Errorf("a file: %v", err)
	}
	if _, err := s.files(t.Context(), []*pluginv1.File{{Name: "input", Path: filepath.Join(t.TempDir(), "none")}}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a path: %v", err)
	}
	if err := s.Start(); err != nil {
		t.Error(err)
	}
}

func TestStartInsistsOnANumber(t *testing.T) {
	if !arena.Supported {
		t.Skip("no shared memory on this system")
	}
	t.Setenv("BULKHEAD_DATA_FD", "three")
	if err := Serve(Kernel{Name: "k"}).Start(); err == nil || !strings.Contains(err.Error(), "three") {
		t.Error(err)
	}
}
