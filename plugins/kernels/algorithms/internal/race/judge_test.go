// SPDX-License-Identifier: Apache-2.0

package race

import (
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/plugins/kernels/algorithms/internal/estimator"
)

// scored is an entry with given fold scores.
func scored(name string, kind estimator.Kind, scores ...float64) Entry {
	mean := 0.0
	for _, s := range scores {
		mean += s / float64(len(scores))
	}
	return Entry{Name: name, Kind: kind, Status: OK, ScoreMean: &mean, FoldScores: scores}
}

func TestVerdicts(t *testing.T) {
	best := scored("knn", estimator.KNN, .90, .92, .91, .90, .92)
	cases := []struct {
		name   string
		others []Entry
		beaten bool
		want   string
		lacks  string
	}{
		{"clear on both", []Entry{scored("logistic", estimator.Logistic, .70, .71, .70, .72, .70), scored("dummy", estimator.Dummy, .50, .51, .50, .50, .51)},
			true, "beats the baseline by 0.406 (p", "No significant"},
		{"runner-up level", []Entry{scored("logistic", estimator.Logistic, .91, .90, .92, .90, .91), scored("dummy", estimator.Dummy, .50, .51, .50, .50, .51)},
			true, "No significant difference from the runner-up logistic", "Nothing"},
		{"baseline level", []Entry{scored("dummy", estimator.Dummy, .60, 1.0, .80, .99, .95)},
			false, "no significant difference from the baseline", "beats"},
		{"baseline not scored", []Entry{{Name: "dummy", Kind: estimator.Dummy, Status: Failed}},
			false, "the baseline was not scored", "beats"},
		{"alone", nil, false, "nothing was compared", "baseline"},
	}
	for _, c := range cases {
		o := Outcome{Metric: "accuracy", Winner: best, Leaderboard: append([]Entry{best}, c.others...)}
		if err := o.judge(make([]estimator.Spec, 1+len(c.others)), []int{20, 20, 20, 20, 20}); err != nil {
			t.Fatal(err)
		}
		if o.Beaten != c.beaten || !strings.Contains(o.Verdict, c.want) || strings.Contains(o.Verdict, c.lacks) {
			t.Errorf("%s: beaten %v, verdict %q", c.name, o.Beaten, o.Verdict)
		}
	}
}

func TestEqualDifferencesHaveNoT(t *testing.T) {
	o := Outcome{Winner: scored("knn", estimator.KNN, 1, 1, 1)}
	base := scored("dummy", estimator.Dummy, .5, .5, .5)
	c, err := o.compare(&base, "baseline", []int{10, 10, 10})
	if err != nil || c.T != nil || c.P != 0 || !c.Significant {
		t.Errorf("comparison %+v, %v", c, err)
	}
}
