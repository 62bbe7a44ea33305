// SPDX-License-Identifier: Apache-2.0

package baseline_test

import (
	"slices"
	"testing"

	"github.com/bulkhead-ml/bulkhead/plugins/kernels/algorithms/internal/baseline"
)

func TestPrior(t *testing.T) {
	m, err := baseline.FitPrior([]int{0, 1, 1, 1}, 3)
	if err != nil {
		t.Fatal(err)
	}
	if got := m.Proba(2).Data; !slices.Equal(got, []float64{.25, .75, 0, .25, .75, 0}) {
		t.Errorf("probabilities %v", got)
	}
}

func TestMean(t *testing.T) {
	m, err := baseline.FitMean([]float64{1, 2, 6})
	if err != nil {
		t.Fatal(err)
	}
	if got := m.Predict(2); !slices.Equal(got, []float64{3, 3}) {
		t.Errorf("predictions %v", got)
	}
}

func TestNothingToLearnFrom(t *testing.T) {
	if _, err := baseline.FitPrior(nil, 2); err == nil {
		t.Error("no labels: no error")
	}
	if _, err := baseline.FitMean(nil); err == nil {
		t.Error("no targets: no error")
	}
}
