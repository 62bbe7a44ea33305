// SPDX-License-Identifier: Apache-2.0

package validation

import (
	"math"
	"sort"

	"gonum.org/v1/gonum/floats"

	"github.com/bulkhead-ml/bulkhead/plugins/kernels/algorithms/internal/dense"
)

// logLossFloor clips probabilities, the value scikit-learn used up to 1.2.
const logLossFloor = 1e-15

// Argmax returns the most probable class of each row; ties go to the lowest code.
func Argmax(p dense.Matrix) []int {
	out := make([]int, p.Rows)
	for i := range out {
		out[i] = floats.MaxIdx(p.Row(i))
	}
	return out
}

// Accuracy is the share of equal labels; NaN for no labels.
func Accuracy(want, got []int) float64 {
	hit := 0
	for i := range want {
		if want[i] == got[i] {
			hit++
		}
	}
	return float64(hit) / float64(len(want))
}

// F1Macro is the unweighted mean over classes of 2PR/(P+R). A class that is
// neither present nor predicted counts as 0, one that is never hit as 0.
func F1Macro(want, got []int, classes int) float64 {
	hit, truth, guess := make([]float64, classes), make([]float64, classes), make([]float64, classes)
	for i := range want {
		truth[want[i]]++
		guess[got[i]]++
		if want[i] == got[i] {
			hit[want[i]]++
		}
	}
	sum := 0.0
	for c := range hit {
		if both := truth[c] + guess[c]; both > 0 {
			sum += 2 * hit[c] / both
		}
	}
	return sum / float64(classes)
}

// LogLoss is the mean negative log-probability of the true class in nats, with
// probabilities clipped to [1e-15, 1-1e-15] and renormalised.
func LogLoss(want []int, p dense.Matrix) float64 {
	total := 0.0
	for i, c := range want {
		sum := 0.0
		for _, v := range p.Row(i) {
			sum += clip(v)
		}
		total -= math.Log(clip(p.Row(i)[c]) / sum)
	}
	return total / float64(len(want))
}

func clip(p float64) float64 { return math.Min(math.Max(p, logLossFloor), 1-logLossFloor) }

// ROCAUC is the area under the ROC curve of the last class for two classes,
// and the unweighted mean of one-against-rest areas for more. Ties count half.
// It is NaN when a class, or everything but one, is absent.
func ROCAUC(want []int, p dense.Matrix, classes int) float64 {
	if classes == 2 {
		return auc(want, p, 1)
	}
	sum := 0.0
	for c := range classes {
		sum += auc(want, p, c)
	}
	return sum / float64(classes)
}

// auc is the Mann-Whitney statistic of class c against the rest.
func auc(want []int, p dense.Matrix, c int) float64 {
	order := make([]int, len(want))
	for i := range order {
		order[i] = i
	}
	score := func(i int) float64 { return p.Row(i)[c] }
	sort.Slice(order, func(a, b int) bool { return score(order[a]) < score(order[b]) })
	rankSum, positives := 0.0, 0.0
	for lo := 0; lo < len(order); {
		hi := lo
		for hi < len(order) && score(order[hi]) == score(order[lo]) {
			hi++
		}
		rank := float64(lo+hi+1) / 2 // mean of ranks lo+1 .. hi
		for _, i := range order[lo:hi] {
			if want[i] == c {
				rankSum += rank
				positives++
			}
		}
		lo = hi
	}
	negatives := float64(len(want)) - positives
	return (rankSum - positives*(positives+1)/2) / (positives * negatives)
}

// R2 is the coefficient of determination, 1 - SSE/SST. For a target that does
// not vary it is 1 when the prediction is exact and 0 otherwise.
func R2(want, got []float64) float64 {
	mean := floats.Sum(want) / float64(len(want))
	var sse, sst float64
	for i, w := range want {
		sse += (w - got[i]) * (w - got[i])
		sst += (w - mean) * (w - mean)
	}
	switch {
	case sst > 0:
		return 1 - sse/sst
	case sse == 0:
		return 1
	default:
		return 0
	}
}

// RMSE is the root of the mean squared error, in the units of the target.
func RMSE(want, got []float64) float64 {
	return floats.Distance(want, got, 2) / math.Sqrt(float64(len(want)))
}

// MAE is the mean absolute error, in the units of the target.
func MAE(want, got []float64) float64 {
	return floats.Distance(want, got, 1) / float64(len(want))
}

// MeanSD returns the mean and the sample standard deviation (ddof 1) of fold
// scores; sd is 0 for a single score.
func MeanSD(v []float64) (mean, sd float64) {
	mean = floats.Sum(v) / float64(len(v))
	if len(v) < 2 {
		return mean, 0
	}
	for _, x := range v {
		sd += (x - mean) * (x - mean)
	}
	return mean, math.Sqrt(sd / float64(len(v)-1))
}
