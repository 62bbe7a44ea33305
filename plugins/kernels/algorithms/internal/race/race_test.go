// SPDX-License-Identifier: Apache-2.0

package race

import (
	"context"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-ml/bulkhead/plugins/kernels/algorithms/internal/dense"
	"github.com/bulkhead-ml/bulkhead/plugins/kernels/algorithms/internal/estimator"
	"github.com/bulkhead-ml/bulkhead/plugins/kernels/algorithms/internal/fixture"
	"github.com/bulkhead-ml/bulkhead/plugins/kernels/algorithms/internal/task"
	"github.com/bulkhead-ml/bulkhead/plugins/kernels/algorithms/internal/validation"
)

func run(t *testing.T, x dense.Matrix, y estimator.Target, lineUp []estimator.Spec, opt Options) *Outcome {
	t.Helper()
	out, err := Run(context.Background(), x, y, lineUp, opt)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// untimed removes what the clock puts into an outcome.
func untimed(o *Outcome) Outcome {
	c := *o
	c.Leaderboard = append([]Entry(nil), o.Leaderboard...)
	for i := range c.Leaderboard {
		c.Leaderboard[i].FitSeconds, c.Leaderboard[i].PredictSeconds = 0, 0
	}
	c.Winner.FitSeconds, c.Winner.PredictSeconds = 0, 0
	return c
}

func TestWorkersMakeNoDifference(t *testing.T) {
	x, y := fixture.Classification(t, "wine")
	lineUp := estimator.LineUp(task.Classification)
	one := untimed(run(t, x, y, lineUp, Options{Workers: 1}))
	many := untimed(run(t, x, y, lineUp, Options{Workers: 7}))
	if !reflect.DeepEqual(one, many) {
		t.Errorf("one worker:\n%+v\nseven workers:\n%+v", one, many)
	}
}

func TestVerdictOnWine(t *testing.T) {
	x, y := fixture.Classification(t, "wine")
	out := run(t, x, y, estimator.LineUp(task.Classification), Options{})
	if out.Winner.Name != "logistic_std" || !out.Beaten || len(out.Comparisons) != 2 {
		t.Fatalf("winner %s, beaten %v, comparisons %+v", out.Winner.Name, out.Beaten, out.Comparisons)
	}
	second := out.Comparisons[0]
	if second.Against != "knn5_std" || second.Role != "runner-up" || second.Significant {
		t.Errorf("comparison %+v", second)
	}
	if !strings.Contains(out.Verdict, "No significant difference from the runner-up knn5_std") {
		t.Errorf("verdict %q", out.Verdict)
	}
}

func TestFailedEntrantStaysOnTheBoard(t *testing.T) {
	x, y := fixture.Classification(t, "iris")
	lineUp := []estimator.Spec{
		{Name: "dummy", Kind: estimator.Dummy},
		{Name: "greedy", Kind: estimator.KNN, K: 1000, Weights: "uniform"},
	}
	out := run(t, x, y, lineUp, Options{})
	last := out.Leaderboard[1]
	if out.Winner.Name != "dummy" || last.Status != Failed || !strings.Contains(last.Reason, "k is 1000 but only 120") || last.Rank != 0 {
		t.Errorf("leaderboard %+v", out.Leaderboard)
	}
	if !strings.Contains(out.Verdict, "Nothing beats the baseline") || out.Beaten {
		t.Errorf("verdict %q", out.Verdict)
	}
}

func TestOverflowFails(t *testing.T) {
	x, y := fixture.Values(t, "diabetes")
	for i := range x.Data {
		x.Data[i] *= 1e306
	}
	for i := range y.Values {
		y.Values[i] *= 1e306
	}
	lineUp := []estimator.Spec{{Name: "dummy", Kind: estimator.Dummy}, {Name: "ols", Kind: estimator.Ridge}}
	out, err := Run(context.Background(), x, y, lineUp, Options{})
	if err == nil && out.Leaderboard[0].ScoreMean != nil && math.IsInf(*out.Leaderboard[0].ScoreMean, 0) {
		t.Errorf("an infinite score is ranked: %+v", out.Leaderboard)
	}
}

func TestBudgetIsKept(t *testing.T) {
	x, y := fixture.Classification(t, "digits")
	lineUp := estimator.LineUp(task.Classification)
	for _, budget := range []time.Duration{time.Nanosecond, 300 * time.Millisecond} {
		start := time.Now()
		out := run(t, x, y, lineUp, Options{Budget: budget, Workers: 1})
		if took := time.Since(start); took > budget+time.Minute {
			t.Errorf("a budget of %v took %v", budget, took)
		}
		if len(out.Leaderboard) != len(lineUp) || out.Model == nil {
			t.Errorf("leaderboard %+v", out.Leaderboard)
		}
		for _, e := range out.Leaderboard {
			if e.Status != OK && (e.Reason == "" || e.ScoreMean != nil) {
				t.Errorf("entry %+v", e)
			}
		}
	}
}

// A race whose final fit runs out of time hands over the model of a fold.
func TestFirstFoldStandsIn(t *testing.T) {
	x, y := fixture.Classification(t, "iris")
	spec := estimator.Spec{Name: "logistic", Kind: estimator.Logistic}
	folds, err := validation.Stratified(y.Codes, y.Classes, 5)
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	trials := compete(ctx, field{x, y, folds, ctx}, []estimator.Spec{spec}, Options{Folds: 5, Workers: 1})
	out := &Outcome{Leaderboard: rank(trials, y, folds)}
	if err := out.crown(ctx, x, y, trials, time.Nanosecond); err != nil {
		t.Fatal(err)
	}
	if out.Model != trials[0].first || len(out.Winner.Notes) != 1 || !strings.Contains(out.Winner.Notes[0], "without the rows of the first fold") {
		t.Errorf("notes %v", out.Winner.Notes)
	}
}

func TestCancelledRaceHasNoResult(t *testing.T) {
	x, y := fixture.Classification(t, "iris")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Run(ctx, x, y, estimator.LineUp(task.Classification), Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestNoWinner(t *testing.T) {
	x, y := fixture.Classification(t, "iris")
	lineUp := []estimator.Spec{{Name: "logistic", Kind: estimator.Logistic}}
	_, err := Run(context.Background(), x, y, lineUp, Options{Budget: time.Nanosecond})
	if !errors.Is(err, ErrNoWinner) || !strings.Contains(err.Error(), "logistic skipped") {
		t.Errorf("error %v", err)
	}
	if _, err := Run(context.Background(), x, y, nil, Options{}); !errors.Is(err, ErrNoWinner) {
		t.Errorf("an empty line-up: %v", err)
	}
}

func TestTooFewRows(t *testing.T) {
	_, err := Run(context.Background(), dense.New(3, 1), estimator.Target{Kind: task.Regression, Values: []float64{1, 2, 3}}, estimator.LineUp(task.Regression), Options{})
	if !errors.Is(err, validation.ErrTooFewRows) {
		t.Errorf("error %v", err)
	}
}

func TestTiesGoToLogLoss(t *testing.T) {
	mean := 0.9
	a := Entry{Name: "a", Status: OK, ScoreMean: &mean, Metrics: map[string]float64{"log_loss": 0.3}}
	b := Entry{Name: "b", Status: OK, ScoreMean: &mean, Metrics: map[string]float64{"log_loss": 0.2}}
	c := Entry{Name: "c", Status: Skipped}
	entries := []Entry{c, a, b}
	order(entries, task.Classification)
	if entries[0].Name != "b" || entries[1].Name != "a" || entries[2].Name != "c" || entries[2].Rank != 0 {
		t.Errorf("order %+v", entries)
	}
}

func TestPanicIsAFailure(t *testing.T) {
	spec := estimator.Spec{Kind: estimator.Logistic}
	bad := dense.Matrix{Rows: 2, Cols: 3, Data: []float64{1}} // too short: the fit panics
	_, err := guardedFit(context.Background(), spec, bad, estimator.Target{Kind: task.Classification, Classes: 2, Codes: []int{0, 1}})
	if err == nil || statusOf(err) != Failed || !strings.Contains(err.Error(), "gave up") {
		t.Errorf("error %v", err)
	}
}

func TestProgressCountsEveryFit(t *testing.T) {
	x, y := fixture.Classification(t, "iris")
	last := 0
	run(t, x, y, estimator.LineUp(task.Classification), Options{Workers: 1, Progress: func(done, total int, _ string) {
		if done != last+1 || total != 20 {
			t.Errorf("%d of %d after %d", done, total, last)
		}
		last = done
	}})
	if last != 20 {
		t.Errorf("%d fits told", last)
	}
}

func BenchmarkAutoBreastCancer(b *testing.B) {
	x, y := fixture.Classification(b, "breast_cancer")
	for b.Loop() {
		if _, err := Run(context.Background(), x, y, estimator.LineUp(task.Classification), Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
