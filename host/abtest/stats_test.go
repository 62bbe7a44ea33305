// SPDX-License-Identifier: Apache-2.0

package abtest

import (
	"encoding/json"
	"math"
	"os"
	"testing"
)

// fixtures of testdata/fixtures.py.
type fixtures struct {
	Two []struct {
		Name                   string
		A, B                   []float64
		T, P, Low, High, D, KS float64
		KSP                    float64 `json:"ks_p"`
	}
	Kolmogorov [][2]float64
	Shares     []struct {
		KA, NA, KB, NB    int64
		Low, High, Fisher float64
		Chi               *float64
		ChiP              *float64 `json:"chi_p"`
		Wilson            [2]float64
	}
	Chi []struct {
		Counts [][2]int64
		Chi, P float64
	}
	Paired []struct {
		Name               string
		D                  []float64
		T, P, Low, High, W float64
		WP                 float64 `json:"w_p"`
	}
	McNemar []struct {
		A, B int64
		P    float64
	}
	Holm    struct{ P, Adjusted []float64 }
	LogLoss struct {
		Y, P  []float64
		Value float64
	} `json:"log_loss"`
	Bootstrap struct {
		Truth, A, B   []float64
		Effect        float64
		Split, Paired [2]float64
	}
}

func load(t *testing.T) (f fixtures) {
	t.Helper()
	data, err := os.ReadFile("testdata/fixtures.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &f); err != nil {
		t.Fatal(err)
	}
	return f
}

// near compares with a relative tolerance.
func near(t *testing.T, what string, got Number, want, tolerance float64) {
	t.Helper()
	if d := math.Abs(float64(got) - want); !(d <= tolerance*math.Max(math.Abs(want), 1e-9)) {
		t.Errorf("%s is %v, want %v", what, float64(got), want)
	}
}

func momentsOf(x []float64) *Moments {
	m := &Moments{}
	for _, v := range x {
		m.Add(v)
	}
	return m
}

func TestTwoSamplesAgreeWithSciPy(t *testing.T) {
	for _, c := range load(t).Two {
		w := Welch(momentsOf(c.A), momentsOf(c.B), 0.05)
		tolerance := 1e-9
		if c.Name == "far" {
			tolerance = 1e-3 // of numbers with seven digits in common
		}
		near(t, c.Name+" t", w.Statistic, c.T, tolerance)
		near(t, c.Name+" p", w.P, c.P, tolerance)
		near(t, c.Name+" low", w.Low, c.Low, tolerance)
		near(t, c.Name+" high", w.High, c.High, tolerance)
		near(t, c.Name+" d", w.Size, c.D, tolerance)
		ks := KolmogorovSmirnov(c.A, c.B)
		near(t, c.Name+" KS", ks.Statistic, c.KS, 1e-12)
		near(t, c.Name+" KS p", ks.P, c.KSP, 1e-8)
	}
	for _, c := range load(t).Kolmogorov {
		near(t, "kolmogorov", Number(kolmogorov(c[0])), c[1], 1e-10)
	}
}

func TestSharesAgreeWithStatsmodels(t *testing.T) {
	for _, c := range load(t).Shares {
		o := Shares(c.KA, c.NA, c.KB, c.NB, 0.05)
		near(t, "low", o.Low, c.Low, 1e-9)
		near(t, "high", o.High, c.High, 1e-9)
		near(t, "fisher", Number(Fisher(c.KA, c.NA, c.KB, c.NB)), c.Fisher, 1e-8)
		low, high := Wilson(c.KA, c.NA, 0.05)
		near(t, "wilson low", Number(low), c.Wilson[0], 1e-9)
		near(t, "wilson high", Number(high), c.Wilson[1], 1e-9)
		if c.Chi != nil {
			chi := ChiSquare([][2]int64{{c.KA, c.KB}, {c.NA - c.KA, c.NB - c.KB}})
			near(t, "chi", chi.Statistic, *c.Chi, 1e-9)
			near(t, "chi p", chi.P, *c.ChiP, 1e-9)
		}
	}
	for _, c := range load(t).Chi {
		chi := ChiSquare(c.Counts)
		near(t, "chi", chi.Statistic, c.Chi, 1e-9)
		near(t, "chi p", chi.P, c.P, 1e-9)
	}
}

func TestPairsAgreeWithSciPy(t *testing.T) {
	for _, c := range load(t).Paired {
		o := PairedT(momentsOf(c.D), 0.05)
		near(t, c.Name+" t", o.Statistic, c.T, 1e-9)
		near(t, c.Name+" p", o.P, c.P, 1e-9)
		near(t, c.Name+" low", o.Low, c.Low, 1e-8)
		near(t, c.Name+" high", o.High, c.High, 1e-8)
		w := Wilcoxon(c.D)
		near(t, c.Name+" W", w.Statistic, c.W, 1e-12)
		near(t, c.Name+" W p", w.P, c.WP, 1e-9)
	}
	for _, c := range load(t).McNemar {
		near(t, "mcnemar", McNemar(c.A, c.B, 1000, 0.05).P, c.P, 1e-9)
	}
}

func TestHolmAgreesWithStatsmodels(t *testing.T) {
	h := load(t).Holm
	for i, got := range Holm(append(h.P, math.NaN()))[:len(h.P)] {
		near(t, "holm", Number(got), h.Adjusted[i], 1e-12)
	}
}

func TestLogLossAgreesWithScikitLearn(t *testing.T) {
	f := load(t).LogLoss
	m := &metric{name: LogLoss}
	for i, y := range f.Y {
		m.add(A, int64(i), Value{Number: y, Numeric: true}, Value{Number: f.P[i], Numeric: true})
	}
	near(t, "log loss", m.value(A), f.Value, 1e-9)
}

// TestBootstrapIntervals holds 2000 replicates against 200,000 of NumPy.
func TestBootstrapIntervals(t *testing.T) {
	f := load(t).Bootstrap
	for _, shadow := range []bool{false, true} {
		m, want := &metric{name: RMSE}, f.Split
		if shadow {
			want = f.Paired
		}
		for i, y := range f.Truth {
			label, a, b := Value{Number: y, Numeric: true}, Value{Number: f.A[i], Numeric: true}, Value{Number: f.B[i], Numeric: true}
			if shadow {
				m.pair(int64(i), label, a, b)
			} else {
				m.add(A, int64(i), label, a)
				m.add(B, int64(i), label, b)
			}
		}
		got, again := m.interval(shadow, 0.05), m.interval(shadow, 0.05)
		near(t, "effect", got.value, f.Effect, 1e-9)
		width := want[1] - want[0]
		near(t, "low", got.low, want[0], 0.05*width/math.Abs(want[0]))
		near(t, "high", got.high, want[1], 0.05*width/math.Abs(want[1]))
		if got != again {
			t.Errorf("the same rows give %v and %v", got, again)
		}
		wide := m.wide(f.Effect, shadow, 0.05)
		near(t, "wide low", wide.low, want[0], 0.1*width/math.Abs(want[0]))
		near(t, "wide high", wide.high, want[1], 0.1*width/math.Abs(want[1]))
	}
}

func TestHostileNumbers(t *testing.T) {
	constant, other, one := momentsOf([]float64{2, 2, 2}), momentsOf([]float64{3, 3, 3}), momentsOf([]float64{1})
	if o := Welch(constant, constant, 0.05); o.P != 1 || o.Effect != 0 {
		t.Errorf("equal constants: %+v", o)
	}
	if o := Welch(constant, other, 0.05); o.P != 0 || o.Low != 1 || o.High != 1 {
		t.Errorf("other constants: %+v", o)
	}
	if o := Welch(one, other, 0.05); o.P.Known() || o.Effect.Known() {
		t.Errorf("one row: %+v", o)
	}
	if o := Welch(&Moments{}, other, 0.05); o.P.Known() {
		t.Errorf("no row: %+v", o)
	}
	if o := KolmogorovSmirnov(nil, []float64{1}); o.P.Known() {
		t.Errorf("no row: %+v", o)
	}
	if o := Wilcoxon([]float64{0, 0}); o.P != 1 {
		t.Errorf("zeros: %+v", o)
	}
	if o := Shares(0, 0, 1, 2, 0.05); o.P.Known() {
		t.Errorf("empty arm: %+v", o)
	}
	if o := ChiSquare([][2]int64{{5, 6}}); o.P != 1 {
		t.Errorf("one class: %+v", o)
	}
	if m := (&Moments{}); !math.IsNaN(m.Mean()) || !math.IsNaN(m.Variance()) {
		t.Error("a mean of nothing")
	}
}

func TestNumberInJSON(t *testing.T) {
	text, err := json.Marshal([]Number{1.5, None, Number(math.Inf(1))})
	if err != nil || string(text) != "[1.5,null,null]" {
		t.Errorf("%s, error %v", text, err)
	}
	var back []Number
	if err := json.Unmarshal(text, &back); err != nil || back[0] != 1.5 || back[1].Known() {
		t.Errorf("%v, error %v", back, err)
	}
}
