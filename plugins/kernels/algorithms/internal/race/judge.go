// SPDX-License-Identifier: Apache-2.0

package race

import (
	"fmt"
	"math"

	"github.com/bulkhead-ml/bulkhead/plugins/kernels/algorithms/internal/estimator"
	"github.com/bulkhead-ml/bulkhead/plugins/kernels/algorithms/internal/validation"
)

// significance is the level below which a difference counts.
const significance = 0.05

// Comparison of the winner with another entrant on the same folds.
type Comparison struct {
	Against        string   `json:"against"`
	Role           string   `json:"role"` // runner-up or baseline
	MeanDifference float64  `json:"mean_difference"`
	T              *float64 `json:"t"` // null when every fold differs by the same amount
	DF             int      `json:"df"`
	P              float64  `json:"p"`
	Significant    bool     `json:"significant"`
	Method         string   `json:"method"`
}

// judge compares the winner with the runner-up and the baseline and puts the
// outcome into words.
func (o *Outcome) judge(lineUp []estimator.Spec, sizes []int) error {
	var base, second *Entry
	for i := range o.Leaderboard {
		e := &o.Leaderboard[i]
		if e.Status != OK || e.Name == o.Winner.Name {
			continue
		}
		if e.Kind == estimator.Dummy {
			base = e
		} else if second == nil {
			second = e
		}
	}
	runnerUp, err := o.compare(second, "runner-up", sizes)
	if err != nil {
		return err
	}
	baseline, err := o.compare(base, "baseline", sizes)
	if err != nil {
		return err
	}
	o.Beaten = baseline != nil && baseline.Significant
	o.Verdict = o.verdict(len(lineUp), runnerUp, baseline)
	return nil
}

func (o *Outcome) compare(e *Entry, role string, sizes []int) (*Comparison, error) {
	if e == nil {
		return nil, nil
	}
	t, err := validation.CorrectedT(o.Winner.FoldScores, e.FoldScores, sizes)
	if err != nil {
		return nil, err
	}
	c := Comparison{
		Against: e.Name, Role: role, MeanDifference: t.MeanDifference, DF: t.DF, P: t.P,
		Significant: t.P < significance, Method: "corrected resampled t test (Nadeau-Bengio), two-sided",
	}
	if !math.IsInf(t.T, 0) {
		c.T = &t.T
	}
	o.Comparisons = append(o.Comparisons, c)
	return &c, nil
}

func (o *Outcome) verdict(entrants int, runnerUp, baseline *Comparison) string {
	if entrants == 1 {
		return fmt.Sprintf("%s alone was scored; nothing was compared.", o.Winner.Name)
	}
	return o.againstBaseline(baseline) + o.againstRunnerUp(runnerUp)
}

func (o *Outcome) againstBaseline(c *Comparison) string {
	switch {
	case o.Winner.Kind == estimator.Dummy:
		return "Nothing beats the baseline: the columns say nothing that these models can use."
	case c == nil:
		return fmt.Sprintf("%s has the best %s; the baseline was not scored.", o.Winner.Name, o.Metric)
	case c.Significant:
		return fmt.Sprintf("%s has the best %s and beats the baseline by %.3g (p = %.2g).", o.Winner.Name, o.Metric, c.MeanDifference, c.P)
	default:
		return fmt.Sprintf("%s has the best %s, but no significant difference from the baseline (p = %.2g).", o.Winner.Name, o.Metric, c.P)
	}
}

func (o *Outcome) againstRunnerUp(c *Comparison) string {
	switch {
	case c == nil || o.Winner.Kind == estimator.Dummy:
		return ""
	case c.Significant:
		return fmt.Sprintf(" It beats the runner-up %s by %.3g (p = %.2g).", c.Against, c.MeanDifference, c.P)
	default:
		return fmt.Sprintf(" No significant difference from the runner-up %s (p = %.2g): the cheaper of the two is as good a choice.", c.Against, c.P)
	}
}
