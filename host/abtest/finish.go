// SPDX-License-Identifier: Apache-2.0

package abtest

import "fmt"

// Finish makes the result. Arms, latency and schema are as the caller knows them;
// metrics are filled in.
func (c *Collector) Finish(arms [2]ArmResult, latency []Latency, schema []string) *Result {
	shadow := c.design.Mode == ModeShadow && !c.unpaired
	out := &Result{
		Mode: c.design.Mode, Alpha: c.design.Alpha, Latency: latency, Schema: schema, Columns: []ColumnResult{}, Tests: []Test{},
		Arms: map[string]ArmResult{},
	}
	if out.Latency == nil {
		out.Latency = []Latency{}
	}
	if shadow {
		pairs := c.pairs
		out.Pairs = &pairs
	}
	if c.design.Mode == ModeSplit {
		split := c.design.Split
		out.Split = &split
	}
	c.measure(arms[:])
	for i, arm := range arms {
		out.Arms[Arm(i).String()] = arm
	}
	for _, col := range c.columns {
		out.Columns = append(out.Columns, col.result(shadow))
	}
	if arms[A].Failed == "" && arms[B].Failed == "" {
		out.Tests = append(out.Tests, c.tests(arms, shadow)...)
	}
	c.adjust(out.Tests, arms, shadow)
	out.Warnings = c.warnings(arms)
	out.Verdict = c.verdict(out)
	return out
}

// measure fills in the metrics of the arms.
func (c *Collector) measure(arms []ArmResult) {
	for i := range arms {
		for _, m := range c.metrics {
			if m.arms[i].moments.N == 0 {
				continue
			}
			if arms[i].Metrics == nil {
				arms[i].Metrics = map[string]Number{}
			}
			arms[i].Metrics[m.name] = m.value(Arm(i))
			arms[i].RowsMeasured = m.arms[i].moments.N
		}
	}
}

// tests makes all of them: metrics, rows, columns.
func (c *Collector) tests(arms [2]ArmResult, shadow bool) (out []Test) {
	for _, m := range c.metrics {
		if t, ok := m.test(shadow, c.design.Alpha); ok {
			out = append(out, t)
		}
	}
	out = append(out, c.rowTests(arms, shadow)...)
	for _, col := range c.columns {
		if shadow {
			out = append(out, col.pairTests(c.design.Alpha)...)
		} else {
			out = append(out, col.tests(c.design.Alpha)...)
		}
	}
	return out
}

// rowTests compare how many rows were not written.
func (c *Collector) rowTests(arms [2]ArmResult, shadow bool) (out []Test) {
	a, b := arms[A], arms[B]
	if shadow {
		if p := c.pairs; p.OnlyA+p.OnlyB > 0 {
			o := McNemar(p.OnlyA, p.OnlyB, a.RowsIn, c.design.Alpha)
			out = append(out, testOf(AreaRows, "rows", "share written", "McNemar's exact", o, false))
		}
		return out
	}
	for _, kind := range []struct {
		name string
		a, b int64
	}{{"share dropped", a.RowsDropped, b.RowsDropped}, {"share rejected", a.RowsRejected, b.RowsRejected}} {
		if kind.a+kind.b > 0 && kind.a <= a.RowsIn && kind.b <= b.RowsIn && a.RowsIn > 0 && b.RowsIn > 0 {
			o := Shares(kind.a, a.RowsIn, kind.b, b.RowsIn, c.design.Alpha)
			out = append(out, testOf(AreaRows, "rows", kind.name, sharesMethod(o), o, false))
		}
	}
	return out
}

// adjust decides which differences are more than chance. A metric whose interval
// holds 0 is not told apart, whatever its p value.
func (c *Collector) adjust(tests []Test, arms [2]ArmResult, shadow bool) {
	p := make([]float64, len(tests))
	for i, t := range tests {
		p[i] = float64(t.P)
	}
	enough := c.short(arms, shadow) == ""
	for i, adjusted := range Holm(p) {
		t := &tests[i]
		t.Adjusted = Number(adjusted)
		t.Different = enough && adjusted < c.design.Alpha
		if t.Area == AreaMetric && t.Low <= 0 && t.High >= 0 {
			t.Different = false
		}
	}
}

// short says that an arm has too few rows, or nothing.
func (c *Collector) short(arms [2]ArmResult, shadow bool) string {
	rows := [2]int64{arms[A].RowsIn, arms[B].RowsIn}
	if shadow {
		rows[A], rows[B] = c.pairs.Both+c.pairs.OnlyA, c.pairs.Both+c.pairs.OnlyB
	}
	for i, n := range rows {
		if n < c.design.MinRows {
			return fmt.Sprintf("arm %s has %s, and %d are needed", Arm(i), count(n, "row"), c.design.MinRows)
		}
	}
	return ""
}

func count(n int64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// strangeSplit is the p value below which the sizes of a split are no chance.
const strangeSplit = 0.001

func (c *Collector) warnings(arms [2]ArmResult) (out []string) {
	s, split := c.design.Split, c.design.Mode == ModeSplit
	if c.unpaired {
		out = append(out, "An arm does not tell which rows of the input its own come from, so rows are not compared one by one.")
	}
	if p := mismatch(arms[A].RowsIn, arms[B].RowsIn, s.Share); split && p < strangeSplit {
		out = append(out, fmt.Sprintf("The arms got %d and %d rows, and a share of %s to b makes that next to impossible (p %s). %s",
			arms[A].RowsIn, arms[B].RowsIn, percent(s.Share), chance(Number(p)), mismatchRemedy(s)))
	}
	if split && len(s.Key) > 0 {
		out = append(out, "Rows of one key go to one arm together. If keys have several rows each, those are not independent, and the intervals are too narrow.")
	}
	if c.design.Seen && len(c.metrics) > 0 {
		out = append(out, "The arms learnt from the rows that the metrics are computed of. On other rows both are worse, and the one that adapts more loses more. Hold some out with \"holdout\".")
	}
	for _, m := range c.metrics {
		if m.unusable > 0 {
			out = append(out, fmt.Sprintf("%s without a usable label or prediction do not count for %s.", count(m.unusable, "row"), m.name))
		}
	}
	for _, col := range c.columns {
		if col.Kind == Category && col.classes() == nil {
			out = append(out, fmt.Sprintf("Column %q has more than %d different texts; their shares are not compared.", col.Name, MaxCategories))
		}
	}
	if more := len(c.design.Columns) - MaxColumns; more > 0 {
		out = append(out, fmt.Sprintf("The last %d columns are not compared; at most %d are.", more, MaxColumns))
	}
	return out
}

func mismatchRemedy(s Split) string {
	if len(s.Key) > 0 {
		return "Look for keys with very many rows."
	}
	return "Take another seed, and report it if that does not help."
}
