// SPDX-License-Identifier: Apache-2.0

package abtest

import (
	"fmt"
	"strings"
)

// verdict says in words what the tests say in numbers.
func (c *Collector) verdict(r *Result) []string {
	for _, name := range []string{"b", "a"} {
		if why := r.Arms[name].Failed; why != "" {
			return []string{fmt.Sprintf("Arm %s failed, so there is nothing to compare: %s.", name, strings.TrimSuffix(why, "."))}
		}
	}
	out := c.equality(r)
	arms := [2]ArmResult{r.Arms["a"], r.Arms["b"]}
	if why := c.short(arms, r.Pairs != nil); why != "" {
		return append(out, "Too few rows to tell: "+why+".")
	}
	level := percent(1 - r.Alpha)
	for _, m := range c.metrics {
		if t := find(r.Tests, AreaMetric, m.name); t != nil {
			out = append(out, m.sentence(*t, level))
		}
	}
	return append(out, others(r, level)...)
}

// equality says in mode shadow how many rows are the same.
func (c *Collector) equality(r *Result) []string {
	p := r.Pairs
	switch {
	case p == nil || p.Both+p.OnlyA+p.OnlyB == 0:
		return nil
	case p.Equal == p.Both && p.OnlyA+p.OnlyB == 0 && len(r.Schema) == 0:
		return []string{fmt.Sprintf("The arms wrote the same, to the bit, in all %s.", count(p.Both, "row"))}
	}
	text := fmt.Sprintf("%d of %s that both arms wrote are the same to the bit", p.Equal, count(p.Both, "row"))
	if p.OnlyA+p.OnlyB > 0 {
		text += fmt.Sprintf("; %d were written by a alone and %d by b alone", p.OnlyA, p.OnlyB)
	}
	return []string{text + "."}
}

func find(tests []Test, area Area, subject string) *Test {
	for i, t := range tests {
		if t.Area == area && t.Subject == subject {
			return &tests[i]
		}
	}
	return nil
}

// sentence about a metric.
func (m *metric) sentence(t Test, level string) string {
	interval := fmt.Sprintf("(%s CI %s to %s)", level, t.Low.signed(), t.High.signed())
	if !t.Different {
		return fmt.Sprintf("No difference that could be told on %s: %s %s.", m.name, t.Effect.signed(), interval)
	}
	word, size := "worse", t.Effect
	if m.better(t.Effect) {
		word = "better"
	}
	return fmt.Sprintf("b is %s on %s by %s %s.", word, m.name, strings.TrimPrefix(size.String(), "-"), interval)
}

// shownTests is how many differences the verdict tells.
const shownTests = 5

// others are the differences in rows and columns.
func others(r *Result, level string) (out []string) {
	var told, all int
	for _, t := range r.Tests {
		if t.Area == AreaMetric {
			continue
		}
		all++
		if !t.Different {
			continue
		}
		if told++; told <= shownTests {
			out = append(out, t.sentence(level))
		}
	}
	switch {
	case all == 0:
		return nil
	case told == 0:
		return []string{fmt.Sprintf("No difference that could be told in rows and columns (%s).", count(int64(all), "test"))}
	case told > shownTests:
		out = append(out, fmt.Sprintf("And %d more of %s tell a difference.", told-shownTests, count(int64(all), "test")))
	}
	return out
}

func (t Test) sentence(level string) string {
	what := t.Of
	if t.Area == AreaColumn {
		what = fmt.Sprintf("%s of %q", t.Of, t.Subject)
	}
	if strings.HasPrefix(t.Of, "share of") && t.Area == AreaColumn {
		what = fmt.Sprintf("%s in %q", t.Of, t.Subject)
	}
	if !t.Effect.Known() {
		return fmt.Sprintf("The %s differs (%s, adjusted p %s).", what, t.Method, chance(t.Adjusted))
	}
	return fmt.Sprintf("The %s differs by %s (%s CI %s to %s, adjusted p %s).", what, t.Effect.signed(), level, t.Low.signed(), t.High.signed(), chance(t.Adjusted))
}

// leastChance is the p value below which rounding has the last word.
const leastChance = 1e-12

func chance(p Number) string {
	if p < leastChance {
		return "< 1e-12"
	}
	return "= " + p.String()
}
