// SPDX-License-Identifier: Apache-2.0

package impute_test

import (
	"errors"
	"math"
	"testing"

	"github.com/bulkhead-ml/bulkhead/plugins/kernels/data/internal/fixture"
	"github.com/bulkhead-ml/bulkhead/plugins/kernels/data/internal/impute"
)

func TestStatisticsReproduceReference(t *testing.T) {
	for _, set := range fixture.Sets {
		cols := fixture.Table(t, set)
		features := fixture.WithHoles(cols[:len(cols)-1])
		ref := fixture.Statistics(t, set)
		missing := 0
		for _, c := range features {
			missing += c.MissingCells()
		}
		if missing != ref.MissingCells {
			t.Errorf("%s: %d missing cells, reference %d", set, missing, ref.MissingCells)
		}
		for s, want := range map[impute.Strategy][]float64{impute.Mean: ref.Mean, impute.Median: ref.Median, impute.MostFrequent: ref.MostFrequent} {
			for j, w := range want {
				got, err := impute.Number(s, features[j].Finite())
				// The reference has ten digits.
				if err != nil || math.Abs(got-w) > 1e-9*math.Abs(w)+1e-13 {
					t.Errorf("%s: %s of column %d = %v, %v, reference %v", set, s, j, got, err, w)
				}
			}
		}
	}
}

func TestTies(t *testing.T) {
	if got, _ := impute.Number(impute.MostFrequent, []float64{3, 1, 3, 1, 2}); got != 1 {
		t.Errorf("tie of 1 and 3 goes to %v", got)
	}
	if got, _ := impute.Text([]string{"b", "a", "c", "b", "a"}); got != "a" {
		t.Errorf("tie of a and b goes to %v", got)
	}
	if got, _ := impute.Number(impute.Auto, []float64{4, 1, 3, 2}); got != 2.5 {
		t.Errorf("auto of an even count = %v, want the median 2.5", got)
	}
}

func TestMeanDoesNotOverflow(t *testing.T) {
	if got, err := impute.Number(impute.Mean, []float64{1e308, 1.5e308}); err != nil || math.Abs(got-1.25e308) > 1e294 {
		t.Errorf("mean = %v, %v", got, err)
	}
}

func TestNothingPresent(t *testing.T) {
	if _, err := impute.Number(impute.Mean, nil); !errors.Is(err, impute.ErrNothingPresent) {
		t.Errorf("numbers: %v", err)
	}
	if _, err := impute.Text(nil); !errors.Is(err, impute.ErrNothingPresent) {
		t.Errorf("text: %v", err)
	}
	if _, err := impute.Number(impute.Constant, []float64{1}); err == nil {
		t.Error("a constant has no statistic, but no error came")
	}
}
