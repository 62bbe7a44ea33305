// SPDX-License-Identifier: Apache-2.0

package frame_test

import (
	"math"
	"slices"
	"testing"

	"github.com/bulkhead-ml/bulkhead/plugins/kernels/data/internal/frame"
)

func TestNumbers(t *testing.T) {
	c := frame.Numbers("x", []float64{1, math.NaN(), math.Inf(-1), 4})
	if c.Len() != 4 || c.MissingCells() != 1 || !slices.Equal(c.Finite(), []float64{1, 4}) {
		t.Errorf("column %+v", c)
	}
	if c.Usable(1) || c.Infinite(1) || c.Usable(2) || !c.Infinite(2) || !c.Usable(0) {
		t.Error("a NaN is missing and not infinite; an infinity is infinite and not usable")
	}
}

func TestTexts(t *testing.T) {
	c := frame.Texts("x", []string{"a", "", "b"}, []bool{false, true, false})
	if !slices.Equal(c.Present(), []string{"a", "b"}) || c.Infinite(0) || c.Usable(1) {
		t.Errorf("column %+v", c)
	}
	if empty := frame.Texts("x", []string{""}, nil); empty.MissingCells() != 0 {
		t.Error("an empty text is a value")
	}
}

func TestEachVisitsEveryIndexOnce(t *testing.T) {
	for _, n := range []int{0, 1, 1000} {
		visits := make([]int, n)
		frame.Each(n, func(i int) { visits[i]++ })
		for i, v := range visits {
			if v != 1 {
				t.Fatalf("index %d of %d visited %d times", i, n, v)
			}
		}
	}
}
