// SPDX-License-Identifier: Apache-2.0

package race

import (
	"context"
	"math"
	"testing"

	"github.com/bulkhead-ml/bulkhead/plugins/kernels/algorithms/internal/estimator"
	"github.com/bulkhead-ml/bulkhead/plugins/kernels/algorithms/internal/fixture"
	"github.com/bulkhead-ml/bulkhead/plugins/kernels/algorithms/internal/neighbours"
	"github.com/bulkhead-ml/bulkhead/plugins/kernels/internal/reference"
)

// classifiers maps names of the reference to specs. Slack is the number of rows
// whose answer may differ, because distance ties are broken differently.
var classifiers = map[string]struct {
	spec  estimator.Spec
	slack float64
}{
	"Dummy_prior":               {estimator.Spec{Kind: estimator.Dummy}, 0},
	"LogisticRegression_C1_std": {estimator.Spec{Kind: estimator.Logistic, C: 1, ScaleInFold: true}, 0},
	"kNN5":                      {estimator.Spec{Kind: estimator.KNN, K: 5, Weights: neighbours.Uniform}, 1},
	"kNN5_std":                  {estimator.Spec{Kind: estimator.KNN, K: 5, Weights: neighbours.Uniform, ScaleInFold: true}, 1},
	"kNN1_std":                  {estimator.Spec{Kind: estimator.KNN, K: 1, Weights: neighbours.Uniform, ScaleInFold: true}, 1},
}

func TestClassifiersReproduceReference(t *testing.T) {
	ref := fixture.Load(t)
	for _, set := range []string{"iris", "wine", "breast_cancer", "digits"} {
		x, y := fixture.Classification(t, set)
		for name, c := range classifiers {
			t.Run(set+"/"+name, func(t *testing.T) {
				want := reference.Decode[fixture.Scores](t, ref.Classification[set][name])
				c.spec.Name = name
				out, err := Run(context.Background(), x, y, []estimator.Spec{c.spec}, Options{})
				if err != nil {
					t.Fatal(err)
				}
				checkScores(t, out.Winner, want, c.slack/float64(x.Rows), len(y.Codes)/5)
			})
		}
	}
}

// checkScores compares an entry with the reference. share is the share of rows
// that may differ.
func checkScores(t *testing.T, got Entry, want fixture.Scores, share float64, foldRows int) {
	t.Helper()
	near(t, "accuracy", *got.ScoreMean, want.Acc, 1e-9+share*1.02)
	changed := 0.0
	for f, acc := range got.FoldScores {
		changed += math.Abs(acc-want.AccFolds[f]) * float64(foldRows+1)
	}
	if changed > 1e-6+1.1*share*float64(5*foldRows+5) {
		t.Errorf("fold accuracies %v differ from %v in more than the rows allowed", got.FoldScores, want.AccFolds)
	}
	loose := math.Min(1, share*1e6) // 0 without slack, 1 with it
	near(t, "f1_macro", got.Metrics["f1_macro"], want.F1Macro, 1e-9+2*share)
	// The reference's fold fits stop at a gradient of 1e-4, ours at the answer.
	near(t, "log_loss", got.Metrics["log_loss"], want.LogLoss, 2e-5+36*share*loose)
	near(t, "roc_auc", got.Metrics["roc_auc"], want.ROCAUC, 2e-6+2*share)
}

func near(t *testing.T, what string, got, want, tol float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tol) {
		t.Errorf("%s = %.10f, reference %.10f, difference %.3g exceeds %.3g", what, got, want, math.Abs(got-want), tol)
	}
}

var regressors = map[string]estimator.Spec{
	"LinearRegression": {Kind: estimator.Ridge},
	"Ridge_a1":         {Kind: estimator.Ridge, Alpha: 1},
	"Ridge_a0.1":       {Kind: estimator.Ridge, Alpha: 0.1},
	"kNN5":             {Kind: estimator.KNN, K: 5, Weights: neighbours.Uniform},
	"kNN10_distance":   {Kind: estimator.KNN, K: 10, Weights: neighbours.Distance},
}

func TestRegressorsReproduceReference(t *testing.T) {
	ref := fixture.Load(t)
	for _, set := range []string{"diabetes", "friedman1_1000x10_noise1_seed0"} {
		x, y := fixture.Values(t, set)
		for name, spec := range regressors {
			t.Run(set+"/"+name, func(t *testing.T) {
				want := ref.Regression[set].CV5[name]
				spec.Name = name
				out, err := Run(context.Background(), x, y, []estimator.Spec{spec}, Options{})
				if err != nil {
					t.Fatal(err)
				}
				near(t, "r2", *out.Winner.ScoreMean, want.R2, 1e-9)
				near(t, "rmse", out.Winner.Metrics["rmse"], want.RMSE, 1e-8*want.RMSE)
			})
		}
	}
}
