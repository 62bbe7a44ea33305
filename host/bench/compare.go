// SPDX-License-Identifier: Apache-2.0

package bench

// Verdicts of a comparison.
const (
	Regression  = "slower"
	Improvement = "faster"
	Same        = "no change"
	Undecided   = "undecided"
	New         = "new"
)

// Comparison of one benchmark with a baseline.
type Comparison struct {
	Name    string `json:"name"`
	Verdict string `json:"verdict"`
	// Ratio is how much better it is now than then: 0.5 is half as fast.
	Ratio Estimate `json:"ratio"`
	// Then and Now are the medians.
	Then float64 `json:"then"`
	Now  float64 `json:"now"`
	Unit string  `json:"unit"`
}

// Compare holds results against those of a baseline, by name. What was skipped
// in either is left out.
func Compare(now, then []Result) []Comparison {
	before := map[string]Result{}
	for _, r := range then {
		before[r.Name] = r
	}
	var out []Comparison
	for _, r := range now {
		if r.Skipped != "" {
			continue
		}
		c := Comparison{Name: r.Name, Unit: r.Unit, Now: r.Median, Verdict: New}
		if b, ok := before[r.Name]; ok && b.Skipped == "" && b.Unit == r.Unit && len(b.Samples) > 0 {
			c.Then = median(b.Samples)
			c.Ratio = better(r, b)
			c.Verdict = verdict(c.Ratio)
		}
		out = append(out, c)
	}
	return out
}

// better is the ratio with more above 1, whichever way the unit goes.
func better(now, then Result) Estimate {
	if now.Lower {
		return Ratio(then.Samples, now.Samples)
	}
	return Ratio(now.Samples, then.Samples)
}

// verdict of a ratio. Without one, as of samples that are none, nothing is
// decided.
func verdict(r Estimate) string {
	switch {
	case r == Estimate{}:
		return Undecided
	case r.High < 1-Tolerance:
		return Regression
	case r.Low > 1+Tolerance:
		return Improvement
	case r.Low >= 1-Tolerance && r.High <= 1+Tolerance:
		return Same
	}
	return Undecided
}
