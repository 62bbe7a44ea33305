// SPDX-License-Identifier: Apache-2.0

package state

import (
	"errors"
	"math"
	"slices"
	"testing"
)

func readable(t *testing.T) *State {
	w := New(Header{Kernel: "k", Version: 1})
	w.Floats("coef", []float64{1, 2, 3, 4}, 2, 2)
	w.Floats("bad", []float64{1, math.Inf(1)})
	w.Floats("one", []float64{7})
	w.Strings("names", []string{"a", "b"})
	w.Nulls("names", []bool{true, false})
	w.JSON("plan", map[string]int{"a": 1})
	w.Floats32("f", []float32{1})
	w.Ints("i", []int64{1})
	w.Ints32("c", []int32{1})
	w.Uints("u", []uint64{1})
	w.Blob("raw", []byte{1})
	w.Bools("b", []bool{true})
	return decoded(t, encoded(t, w))
}

func TestReaderReadsAll(t *testing.T) {
	r := readable(t).Reader()
	var plan map[string]int
	r.JSON("plan", &plan)
	coef, one, names, valid := r.Finite("coef", -1, 2), r.Float("one"), r.Strings("names", 2), r.Valid("names")
	others := len(r.Floats32("f")) + len(r.Ints("i")) + len(r.Ints32("c")) + len(r.Uints("u")) + len(r.Blob("raw")) + len(r.Bools("b"))
	if !r.Has("bad") || r.Has("none") || len(r.Floats("bad", 2)) != 2 {
		t.Error("asking")
	}
	if err := r.End(); err != nil || others != 6 {
		t.Fatal(err, others)
	}
	if !slices.Equal(coef, []float64{1, 2, 3, 4}) || one != 7 || plan["a"] != 1 || names[0] != "a" || valid[1] {
		t.Error(coef, one, names, valid, plan)
	}
}

func TestReaderKeepsTheFirstError(t *testing.T) {
	for what, tt := range map[string]struct {
		read func(*Reader)
		want error
	}{
		"an array unread": {func(r *Reader) { r.Floats("coef") }, ErrUnread},
		"missing":         {func(r *Reader) { r.Ints("none"); r.Floats("names") }, ErrMissing},
		"not finite":      {func(r *Reader) { r.Finite("bad"); r.Ints("none") }, ErrValue},
		"not one":         {func(r *Reader) { r.Float("coef") }, ErrShape},
		"no number":       {func(r *Reader) { r.Float("none") }, ErrMissing},
		"of the caller":   {func(r *Reader) { r.Fail(errStop); r.Ints("none") }, errStop},
	} {
		r := readable(t).Reader()
		tt.read(r)
		if got := r.Floats("coef"); r.Err() != nil && got != nil {
			t.Errorf("%s: it reads on", what)
		}
		if err := r.End(); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", what, err, tt.want)
		}
	}
}

var errStop = errors.New("stop")
