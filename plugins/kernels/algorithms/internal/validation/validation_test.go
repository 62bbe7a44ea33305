// SPDX-License-Identifier: Apache-2.0

package validation_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"math"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/bulkhead-ml/bulkhead/plugins/kernels/algorithms/internal/dense"
	"github.com/bulkhead-ml/bulkhead/plugins/kernels/algorithms/internal/fixture"
	"github.com/bulkhead-ml/bulkhead/plugins/kernels/algorithms/internal/validation"
)

// The reference hashes the fold numbers as one byte per row.
func TestStratifiedEqualsReferenceFolds(t *testing.T) {
	ref := fixture.Load(t)
	for _, set := range []string{"iris", "wine", "breast_cancer", "digits"} {
		_, y := fixture.Classification(t, set)
		f, err := validation.Stratified(y.Codes, y.Classes, 5)
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(f.Row)
		if got := hex.EncodeToString(sum[:]); got != ref.Datasets[set].FoldSHA256 {
			t.Errorf("%s: folds hash to %s, reference %s", set, got, ref.Datasets[set].FoldSHA256)
		}
		if got := f.Sizes(); !reflect.DeepEqual(got, ref.Datasets[set].FoldSizes) {
			t.Errorf("%s: fold sizes %v, reference %v", set, got, ref.Datasets[set].FoldSizes)
		}
	}
}

func TestStratifiedSpreadsEveryClass(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := rapid.IntRange(2, 6).Draw(t, "k")
		y := rapid.SliceOfN(rapid.IntRange(0, 3), 4*k, 80).Draw(t, "y")
		f, err := validation.Stratified(y, 4, k)
		if errors.Is(err, validation.ErrTooFewRows) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		for c := range 4 {
			per := make([]int, k)
			for i, label := range y {
				if label == c {
					per[f.Row[i]]++
				}
			}
			if slices.Max(per)-slices.Min(per) > 1 {
				t.Fatalf("class %d is spread %v", c, per)
			}
		}
	})
}

func TestContiguous(t *testing.T) {
	f, err := validation.Contiguous(7, 3)
	if err != nil {
		t.Fatal(err)
	}
	if want := []uint8{0, 0, 0, 1, 1, 2, 2}; !slices.Equal(f.Row, want) {
		t.Errorf("folds %v, want %v", f.Row, want)
	}
	train, test := f.Split(1)
	if !slices.Equal(train, []int{0, 1, 2, 5, 6}) || !slices.Equal(test, []int{3, 4}) {
		t.Errorf("train %v, test %v", train, test)
	}
}

func TestFoldsRefuse(t *testing.T) {
	if _, err := validation.Stratified([]int{0, 0, 0, 1}, 2, 2); !errors.Is(err, validation.ErrTooFewRows) {
		t.Errorf("a class of one row: %v", err)
	}
	if _, err := validation.Stratified([]int{0, 5, 0, 1}, 2, 2); err == nil || errors.Is(err, validation.ErrTooFewRows) {
		t.Errorf("a code out of range: %v", err)
	}
	if _, err := validation.Contiguous(3, 5); !errors.Is(err, validation.ErrTooFewRows) {
		t.Errorf("three rows in five folds: %v", err)
	}
	for _, k := range []int{0, 1, 256} {
		if _, err := validation.Contiguous(1000, k); err == nil {
			t.Errorf("%d folds: no error", k)
		}
	}
}

func TestMetrics(t *testing.T) {
	want := []int{0, 0, 1, 1}
	p, _ := dense.Wrap(4, 2, []float64{.9, .1, .6, .4, .65, .35, .2, .8})
	got := validation.Argmax(p)
	check := func(name string, got, want float64) {
		t.Helper()
		if math.Abs(got-want) > 1e-12 {
			t.Errorf("%s = %v, want %v", name, got, want)
		}
	}
	check("accuracy", validation.Accuracy(want, got), .75)
	check("f1", validation.F1Macro(want, got, 2), (0.8+2.0/3)/2)
	check("auc", validation.ROCAUC(want, p, 2), .75)
	check("log-loss", validation.LogLoss(want, p), -(math.Log(.9)+math.Log(.6)+math.Log(.35)+math.Log(.8))/4)
	check("r2", validation.R2([]float64{1, 2, 3}, []float64{1, 2, 4}), .5)
	check("rmse", validation.RMSE([]float64{1, 2, 3, 4}, []float64{1, 2, 3, 6}), 1)
	check("mae", validation.MAE([]float64{1, 2, 3, 4}, []float64{1, 2, 3, 6}), .5)
}

func TestMetricsAtTheEdges(t *testing.T) {
	tied, _ := dense.Wrap(2, 2, []float64{.5, .5, .5, .5})
	if got := validation.Argmax(tied); !slices.Equal(got, []int{0, 0}) {
		t.Errorf("ties go to %v, want the lowest class", got)
	}
	if got := validation.ROCAUC([]int{0, 1}, tied, 2); got != .5 {
		t.Errorf("auc of constant scores = %v", got)
	}
	sure, _ := dense.Wrap(1, 2, []float64{1, 0})
	if got := validation.LogLoss([]int{1}, sure); math.Abs(got+math.Log(1e-15)) > 1e-9 {
		t.Errorf("log-loss of a certain mistake = %v", got)
	}
	if got := validation.R2([]float64{2, 2}, []float64{2, 2}); got != 1 {
		t.Errorf("r2 of an exact constant = %v", got)
	}
	if got := validation.R2([]float64{2, 2}, []float64{2, 3}); got != 0 {
		t.Errorf("r2 of a missed constant = %v", got)
	}
}

// Worked by hand: d = (.1 .2 .3 .2 .2), mean .2, sd sqrt(.005);
// spread = sd*sqrt(1/5+1/4), t = .2/.0474342 = 4.21637, p(4) = .0135.
func TestCorrectedT(t *testing.T) {
	a, b := []float64{.9, .9, .9, .9, .9}, []float64{.8, .7, .6, .7, .7}
	got, err := validation.CorrectedT(a, b, []int{20, 20, 20, 20, 20})
	if err != nil {
		t.Fatal(err)
	}
	if math.Abs(got.T-4.2163702) > 1e-6 || got.DF != 4 || math.Abs(got.P-0.013497) > 1e-4 {
		t.Errorf("got %+v", got)
	}
}

func TestCorrectedTWithoutSpread(t *testing.T) {
	same := []float64{.5, .6}
	if got, _ := validation.CorrectedT(same, same, []int{5, 5}); got.P != 1 || got.T != 0 {
		t.Errorf("equal scores: %+v", got)
	}
	if got, _ := validation.CorrectedT([]float64{0, 0}, []float64{1, 1}, []int{5, 5}); got.P != 0 || !math.IsInf(got.T, -1) {
		t.Errorf("constant difference: %+v", got)
	}
	if _, err := validation.CorrectedT(same, same[:1], []int{5, 5}); err == nil {
		t.Error("different folds: no error")
	}
}

func TestMeanSD(t *testing.T) {
	if m, sd := validation.MeanSD([]float64{1, 3}); m != 2 || sd != math.Sqrt2 {
		t.Errorf("got %v, %v", m, sd)
	}
	if _, sd := validation.MeanSD([]float64{1}); sd != 0 {
		t.Errorf("sd of one value = %v", sd)
	}
}
