// SPDX-License-Identifier: Apache-2.0

package state

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-ml/bulkhead/sdk/table"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var (
	someDigest = "sha256:" + strings.Repeat("0123456789abcdef", 4)
	// odd are float64 values of which every bit must be kept.
	odd = []float64{0, math.Copysign(0, -1), 1.5, math.Inf(1), math.Inf(-1), math.NaN(),
		math.Float64frombits(0x7ff0000000000001), math.Float64frombits(0xfff8dead_beef0001), math.SmallestNonzeroFloat64, math.MaxFloat64}
)

// options is what a kernel may keep as JSON.
type options struct {
	Alpha float64  `json:"alpha"`
	Names []string `json:"names"`
}

// full is a state with an array of every type.
func full() *Writer {
	w := New(Header{
		Kernel: "algorithms.ridge", Version: 3, Plugin: "0.2.0", ConfigDigest: someDigest, Parent: someDigest, Seed: math.MaxUint64,
		Input:   []Column{{Name: "größe <&>", Type: "float64", Nullable: true}, {Name: "y", Type: "utf8", Role: "target"}},
		Metrics: map[string]float64{"rmse": 1e-7, "r2": math.Copysign(0, -1), "rows": 1e21},
	})
	w.Floats("coef", odd, 5, 2)
	w.Floats32("small", []float32{1.5, float32(math.NaN()), math.Float32frombits(0x7f800001), float32(math.Copysign(0, -1))})
	w.Ints("counts", []int64{math.MinInt64, -1, 0, math.MaxInt64})
	w.Ints32("codes", []int32{math.MinInt32, 7, math.MaxInt32}, 3, 1)
	w.Uints("hashes", []uint64{0, math.MaxUint64})
	w.Blob("blob", []byte{0, 255, 7})
	w.Bools("flags", []bool{true, false, true})
	w.Strings("classes", []string{"", "a\x00b", "größe", "日本"}, 2, 2)
	w.JSON("options", options{Alpha: 0.5, Names: []string{"<x>"}})
	w.Floats("scalar", []float64{2}, []int{}...)
	w.Floats("empty", nil, 0, 7)
	w.Floats("gaps", []float64{1, 99, 3})
	w.Nulls("gaps", []bool{true, false, true})
	w.Strings("words", []string{"left", "hidden", ""})
	w.Nulls("words", []bool{true, false, true})
	return w
}

func encoded(t testing.TB, w *Writer) []byte {
	t.Helper()
	data, err := w.Bytes()
	must(t, err)
	return data
}

func decoded(t testing.TB, data []byte) *State {
	t.Helper()
	s, err := Decode(data)
	must(t, err)
	return s
}

func TestEverythingComesBackToTheBit(t *testing.T) {
	s := decoded(t, encoded(t, full()))
	want := full().Header
	want.Metrics["r2"] = 0 // a header has no sign of zero
	if diff := cmp.Diff(want, s.Header); diff != "" {
		t.Error(diff)
	}
	coef, err := s.Floats("coef", 5, 2)
	must(t, err)
	for i, v := range coef {
		if math.Float64bits(v) != math.Float64bits(odd[i]) {
			t.Errorf("coef %d is %x, was %x", i, math.Float64bits(v), math.Float64bits(odd[i]))
		}
	}
	small, err := s.Floats32("small", -1)
	must(t, err)
	if math.Float32bits(small[2]) != 0x7f800001 || math.Float32bits(small[3]) != 1<<31 {
		t.Errorf("small is %x", small)
	}
	same(t, []int64{math.MinInt64, -1, 0, math.MaxInt64})(s.Ints("counts"))
	same(t, []int32{math.MinInt32, 7, math.MaxInt32})(s.Ints32("codes", 3, 1))
	same(t, []uint64{0, math.MaxUint64})(s.Uints("hashes"))
	same(t, []byte{0, 255, 7})(s.Blob("blob"))
	same(t, []bool{true, false, true})(s.Bools("flags"))
	same(t, []string{"", "a\x00b", "größe", "日本"})(s.Strings("classes", -1, 2))
	same(t, []float64{2})(s.Floats("scalar", []int{}...))
	same(t, []float64{})(s.Floats("empty", 0, 7))
	var o options
	must(t, s.JSON("options", &o))
	if diff := cmp.Diff(options{Alpha: 0.5, Names: []string{"<x>"}}, o); diff != "" {
		t.Error(diff)
	}
}

// same compares what a getter returns.
func same[T comparable](t *testing.T, want []T) func([]T, error) {
	t.Helper()
	return func(got []T, err error) {
		t.Helper()
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("got %v, %v; want %v", got, err, want)
		}
	}
}

func TestNulls(t *testing.T) {
	s := decoded(t, encoded(t, full()))
	same(t, []float64{1, 0, 3})(s.Floats("gaps"))
	same(t, []string{"left", "", ""})(s.Strings("words"))
	same(t, []bool{true, false, true})(s.Valid("words"))
	if v, err := s.Valid("coef"); v != nil || err != nil {
		t.Errorf("an array without nulls: %v, %v", v, err)
	}
	if _, err := s.Valid("none"); !errors.Is(err, ErrMissing) {
		t.Error(err)
	}
	w := New(Header{Kernel: "k", Version: 1})
	w.Ints("a", []int64{1, 2})
	w.Nulls("a", []bool{true, true})
	if a, _ := decoded(t, encoded(t, w)).Array("a"); a.Nulls {
		t.Error("an array of which nothing is missing has nulls")
	}
}

func TestTheSameCallsGiveTheSameBytes(t *testing.T) {
	first := encoded(t, full())
	for range 20 { // maps have an order of their own each time
		if !bytes.Equal(first, encoded(t, full())) {
			t.Fatal("another form")
		}
	}
	if again := encoded(t, decoded(t, first).Edit()); !bytes.Equal(first, again) {
		t.Error("a state that is read and written is another one")
	}
	if d := decoded(t, first).Digest(); d != DigestOf(first) || !isDigest(d) {
		t.Error(d)
	}
}

func TestArraysAreAligned(t *testing.T) {
	data := encoded(t, full())
	s := decoded(t, data)
	if len(data)%alignment != 0 {
		t.Errorf("%d bytes", len(data))
	}
	for _, a := range s.Arrays() {
		if len(a.values) == 0 {
			continue
		}
		at := bytes.Index(data, a.values)
		for at >= 0 && &data[at] != &a.values[0] {
			next := bytes.Index(data[at+1:], a.values)
			at += 1 + next
		}
		if at%alignment != 0 {
			t.Errorf("%s begins at %d", a.Name, at)
		}
	}
}

func TestWriterRefuses(t *testing.T) {
	good := Header{Kernel: "k", Version: 1}
	with := func(change func(*Header)) Header { h := good; change(&h); return h }
	nothing := func(*Writer) {}
	for what, tt := range map[string]struct {
		header Header
		add    func(*Writer)
		want   error
	}{
		"no kernel":              {with(func(h *Header) { h.Kernel = "" }), nothing, nil},
		"no version":             {with(func(h *Header) { h.Version = 0 }), nothing, nil},
		"a parent that is none":  {with(func(h *Header) { h.Parent = "sha256:1" }), nothing, nil},
		"a digest in capitals":   {with(func(h *Header) { h.ConfigDigest = strings.ToUpper(someDigest) }), nothing, nil},
		"a metric that is NaN":   {with(func(h *Header) { h.Metrics = map[string]float64{"a": math.NaN()} }), nothing, nil},
		"a column without type":  {with(func(h *Header) { h.Input = []Column{{Name: "a"}} }), nothing, nil},
		"a name twice":           {good, func(w *Writer) { w.Ints("a", nil); w.Floats("a", nil) }, ErrValue},
		"no name":                {good, func(w *Writer) { w.Ints("", nil) }, ErrValue},
		"a line break in a name": {good, func(w *Writer) { w.Ints("a\nb", nil) }, ErrValue},
		"a long name":            {good, func(w *Writer) { w.Ints(strings.Repeat("a", 257), nil) }, ErrValue},
		"another shape":          {good, func(w *Writer) { w.Ints("a", make([]int64, 5), 2, 3) }, ErrShape},
		"a negative shape":       {good, func(w *Writer) { w.Ints("a", make([]int64, 6), -2, -3) }, ErrShape},
		"nine dimensions":        {good, func(w *Writer) { w.Ints("a", make([]int64, 1), 1, 1, 1, 1, 1, 1, 1, 1, 1) }, ErrShape},
		"a shape that overflows": {good, func(w *Writer) { w.Ints("a", nil, 1<<32, 1<<32) }, ErrShape},
		"a text of Latin-1":      {good, func(w *Writer) { w.Strings("a", []string{"gr\xf6\xdfe"}) }, ErrValue},
		"JSON that is none":      {good, func(w *Writer) { w.JSON("a", math.NaN()) }, ErrValue},
		"nulls of nothing":       {good, func(w *Writer) { w.Nulls("a", nil) }, ErrMissing},
		"nulls of JSON":          {good, func(w *Writer) { w.JSON("a", 1); w.Nulls("a", []bool{false}) }, ErrType},
		"too few nulls":          {good, func(w *Writer) { w.Ints("a", []int64{1}); w.Nulls("a", nil) }, ErrShape},
		"dropping nothing":       {good, func(w *Writer) { w.Drop("a") }, ErrMissing},
		"renaming nothing":       {good, func(w *Writer) { w.Rename("a", "b") }, ErrMissing},
		"renaming onto another":  {good, func(w *Writer) { w.Ints("a", nil); w.Ints("b", nil); w.Rename("a", "b") }, ErrValue},
		"a huge header": {with(func(h *Header) {
			h.Input = slices.Repeat([]Column{{Name: strings.Repeat("x", 1<<10), Type: "utf8"}}, 5<<10)
		}), nothing, nil},
	} {
		t.Run(what, func(t *testing.T) {
			w := New(tt.header)
			tt.add(w)
			_, err := w.Bytes()
			if err == nil || tt.want != nil && !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			if again, other := w.State(); again != nil || other == nil {
				t.Error("the mistake is forgotten")
			}
		})
	}
}

func TestGettersRefuse(t *testing.T) {
	s := decoded(t, encoded(t, full()))
	for what, tt := range map[string]struct {
		err  error
		want error
	}{
		"missing":         {second(s.Floats("none")), ErrMissing},
		"another type":    {second(s.Floats("counts")), ErrType},
		"another shape":   {second(s.Floats("coef", 2, 5)), ErrShape},
		"one dimension":   {second(s.Floats("coef", -1)), ErrShape},
		"JSON as text":    {second(s.Strings("options")), ErrType},
		"text as JSON":    {s.JSON("classes", new(any)), ErrType},
		"unknown field":   {s.JSON("options", &struct{ Alpha float64 }{}), ErrValue},
		"raw JSON of one": {second(s.RawJSON("coef")), ErrType},
	} {
		var e *ArrayError
		if !errors.Is(tt.err, tt.want) || !errors.As(tt.err, &e) || e.Array == "" {
			t.Errorf("%s: %v, want %v", what, tt.err, tt.want)
		}
	}
	raw, err := s.RawJSON("options")
	if err != nil || string(raw) != `{"alpha":0.5,"names":["\u003cx\u003e"]}` || !json.Valid(raw) {
		t.Errorf("%s, %v", raw, err)
	}
}

func second[T any](_ T, err error) error { return err }

func TestWhatIsReturnedIsACopy(t *testing.T) {
	data := encoded(t, full())
	s := decoded(t, data)
	before := s.Digest()
	ints, _ := s.Ints("counts")
	ints[0] = 5
	blob, _ := s.Blob("blob")
	blob[0] = 9
	s.Arrays()[0].Name = "other"
	if s.Digest() != before || s.Arrays()[0].Name != "coef" {
		t.Error("a caller changed the state")
	}
}

func TestArraysCompare(t *testing.T) {
	a, b := New(Header{Kernel: "k", Version: 1}), New(Header{Kernel: "k", Version: 1})
	a.Floats("x", []float64{0, 1})
	b.Floats("x", []float64{math.Copysign(0, -1), 1})
	b.Floats("y", []float64{0, 1})
	b.Floats("z", []float64{0, 1}, 2, 1)
	x, _ := decoded(t, encoded(t, a)).Array("x")
	s := decoded(t, encoded(t, b))
	for name, want := range map[string]bool{"x": false, "y": true, "z": false} {
		if other, _ := s.Array(name); x.Equal(other) != want {
			t.Errorf("x and %s: equal is %v", name, !want)
		}
	}
}

func TestColumnsOfASchema(t *testing.T) {
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "a", Type: arrow.PrimitiveTypes.Float64, Nullable: true},
		table.WithRole(arrow.Field{Name: "y", Type: arrow.BinaryTypes.String}, table.RoleTarget),
	}, nil)
	want := []Column{{Name: "a", Type: "float64", Nullable: true}, {Name: "y", Type: "utf8", Role: "target"}}
	if diff := cmp.Diff(want, Columns(schema)); diff != "" {
		t.Error(diff)
	}
}

// TestBigStates writes and reads 8 MiB in one allocation each, or near to it.
func TestBigStates(t *testing.T) {
	values := make([]float64, 1<<20)
	for i := range values {
		values[i] = float64(i) / 3
	}
	allocated := testing.AllocsPerRun(1, func() {
		w := New(Header{Kernel: "k", Version: 1})
		w.Floats("x", values, 1<<10, 1<<10)
		data, err := w.Bytes()
		must(t, err)
		got, err := decoded(t, data).Floats("x", 1<<10, -1)
		must(t, err)
		if !slices.Equal(got, values) || binary.LittleEndian.Uint64(data[16:]) != uint64(len(data)) {
			t.Error("other values")
		}
	})
	if allocated > 100 {
		t.Errorf("%v allocations", allocated)
	}
}
