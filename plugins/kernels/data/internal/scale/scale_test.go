// SPDX-License-Identifier: Apache-2.0

package scale_test

import (
	"math"
	"testing"

	"github.com/bulkhead-ml/bulkhead/plugins/kernels/data/internal/fixture"
	"github.com/bulkhead-ml/bulkhead/plugins/kernels/data/internal/scale"
)

func fit(t *testing.T, k scale.Kind, v []float64) scale.Scaler {
	t.Helper()
	s, err := scale.Fit(k, v)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if math.Abs(got-want) > 1e-9*math.Abs(want)+1e-13 {
		t.Errorf("%s = %.12g, reference %.12g", what, got, want)
	}
}

// unit is the divisor of a range or deviation, 1 when it is 0.
func unit(v float64) float64 {
	if v == 0 {
		return 1
	}
	return v
}

func TestScalersReproduceReference(t *testing.T) {
	for _, set := range fixture.Sets {
		cols, facts, ref := fixture.Table(t, set), fixture.Facts(t, set), fixture.Statistics(t, set)
		for j, mean := range facts.Mean {
			s := fit(t, scale.Standard, cols[j].Numbers)
			near(t, set+" mean", s.Centre, mean)
			near(t, set+" standard deviation", s.Scale, unit(facts.Std[j]))
		}
		for j, centre := range ref.Robust.Centre {
			s := fit(t, scale.Robust, cols[j].Numbers)
			near(t, set+" robust centre", s.Centre, centre)
			near(t, set+" robust scale", s.Scale, ref.Robust.Scale[j])
		}
		for j, lo := range ref.MinMax.Min {
			s := fit(t, scale.MinMax, cols[j].Numbers)
			near(t, set+" minimum", s.Centre, lo)
			near(t, set+" range", s.Scale, unit(ref.MinMax.Max[j]-lo))
		}
	}
}

func TestApply(t *testing.T) {
	v := []float64{1, 2, 3, 4, 5}
	for k, want := range map[scale.Kind]float64{scale.Standard: math.Sqrt2, scale.MinMax: 1, scale.Robust: 1, scale.None: 5} {
		if got := fit(t, k, v).Apply(5); math.Abs(got-want) > 1e-12 {
			t.Errorf("%s of 5 = %v, want %v", k, got, want)
		}
	}
}

func TestConstantColumnKeepsItsScale(t *testing.T) {
	for _, k := range []scale.Kind{scale.Standard, scale.MinMax, scale.Robust} {
		if s := fit(t, k, []float64{0.1, 0.1, 0.1}); s.Scale != 1 || math.Abs(s.Apply(0.1)) > 1e-15 {
			t.Errorf("%s: %+v", k, s)
		}
	}
}

func TestRefuses(t *testing.T) {
	if _, err := scale.Fit("log", []float64{1}); err == nil {
		t.Error("unknown kind: no error")
	}
	for _, k := range []scale.Kind{scale.Standard, scale.MinMax, scale.Robust} {
		if _, err := scale.Fit(k, []float64{1.5e308, -1.5e308}); err == nil {
			t.Errorf("%s of values that overflow: no error", k)
		}
	}
	if s, err := scale.Fit(scale.Standard, nil); err != nil || s.Apply(3) != 3 {
		t.Errorf("no values: %+v, %v", s, err)
	}
}
