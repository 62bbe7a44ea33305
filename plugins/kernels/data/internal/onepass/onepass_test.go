// SPDX-License-Identifier: Apache-2.0

package onepass_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"unsafe"

	"github.com/bulkhead-ml/bulkhead/plugins/kernels/data/internal/onepass"
	"github.com/bulkhead-ml/bulkhead/plugins/kernels/data/internal/scale"
)

// TestMomentsEqualTwoPasses holds one pass in blocks to two passes over all.
func TestMomentsEqualTwoPasses(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, offset := range []float64{0, 1, 1e6, -3e9} {
		v := make([]float64, 100_003)
		for i := range v {
			v[i] = offset + random.NormFloat64()
		}
		want, err := scale.Fit(scale.Standard, v)
		if err != nil {
			t.Fatal(err)
		}
		var m onepass.Moments
		for block := range slices.Chunk(v, 4096) {
			m.Add(block, nil)
		}
		if math.Abs(m.Mean-want.Centre) > 1e-12*max(1, math.Abs(offset)) || math.Abs(m.Deviation()-want.Scale) > 1e-9+1e-17*math.Abs(offset) {
			t.Errorf("offset %g: mean %v and deviation %v, want %v and %v", offset, m.Mean, m.Deviation(), want.Centre, want.Scale)
		}
		if m.Min != slices.Min(v) || m.Max != slices.Max(v) || m.N != int64(len(v)) {
			t.Errorf("offset %g: %+v", offset, m)
		}
	}
}

func TestMomentsOfWhatIsMissing(t *testing.T) {
	var m onepass.Moments
	m.Add([]float64{math.NaN(), math.Inf(1), 7}, nil)
	m.Add([]float64{1, 2, 3}, func(i int) bool { return i == 1 })
	m.Add(nil, nil)
	if m.N != 2 || m.Missing != 3 || m.Infinite != 1 || m.Mean != 4.5 || m.Min != 2 || m.Max != 7 {
		t.Errorf("%+v", m)
	}
}

func TestConstantColumnsDoNotVary(t *testing.T) {
	for _, x := range []float64{0, 0.1, 1e300, -1e-300} {
		var m onepass.Moments
		for range 50 {
			m.Add(slices.Repeat([]float64{x}, 1000), nil)
		}
		if d := m.Deviation(); d != 0 {
			t.Errorf("%g: deviation %g", x, d)
		}
	}
}

// TestCountsOfBorrowedTexts: the memory of a text that was counted may be used for
// something else.
func TestCountsOfBorrowedTexts(t *testing.T) {
	c := onepass.Counts{Max: 10}
	memory := []byte("Oslo")
	for _, text := range []string{"Oslo", "Rome", "Oslo", "Bern", "Oslo"} {
		copy(memory, text)
		c.Add(unsafe.String(&memory[0], len(memory)))
	}
	if best, _ := c.MostFrequent(); best != "Oslo" || !slices.Equal(c.Values(), []string{"Bern", "Oslo", "Rome"}) {
		t.Errorf("most frequent %q of %q", best, c.Values())
	}
}

func TestCounts(t *testing.T) {
	c := onepass.Counts{Max: 3}
	for _, text := range []string{"b", "a", "b", "a", "c", "d", "a", "d", "b"} {
		c.Add(text)
	}
	if best, ok := c.MostFrequent(); !ok || best != "a" {
		t.Errorf("most frequent %q", best)
	}
	if !c.Overflow || !slices.Equal(c.Values(), []string{"a", "b", "c"}) {
		t.Errorf("%+v", c)
	}
	if _, ok := new(onepass.Counts).MostFrequent(); ok {
		t.Error("nothing has no most frequent value")
	}
}
