// SPDX-License-Identifier: Apache-2.0

package abtest

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strconv"
)

// column collects one column.
type column struct {
	Column
	sides [2]side
	// Of pairs.
	pairs, equal int64
	differences  Moments
	most         float64
	rows         sample
	turns        map[[2]string]int64 // of texts that differ
	turnsLost    bool
}

// side is a column in one arm.
type side struct {
	values, missing int64
	moments         Moments
	rows            sample
	counts          map[string]int64
	many            bool // more texts than are counted
}

func newColumn(spec Column) *column {
	c := &column{Column: spec, turns: map[[2]string]int64{}}
	for i := range c.sides {
		c.sides[i].counts = map[string]int64{}
	}
	return c
}

func (c *column) add(arm Arm, row int64, v Value) {
	s := &c.sides[arm]
	switch {
	case v.missing():
		s.missing++
		return
	case c.Kind == Numeric:
		s.moments.Add(v.Number)
		s.rows.add(row, v.Number, 0)
	case c.Kind == Category:
		s.count(v.Text)
	}
	s.values++
}

func (s *side) count(text string) {
	if _, known := s.counts[text]; !known && len(s.counts) >= MaxCategories {
		s.many = true
		return
	}
	s.counts[text]++
}

// pair takes both values of a row and reports whether they are equal.
func (c *column) pair(row int64, a, b Value) bool {
	c.add(A, row, a)
	c.add(B, row, b)
	c.pairs++
	equal := a.same(b)
	if equal {
		c.equal++
	}
	if a.missing() || b.missing() {
		return equal
	}
	switch c.Kind {
	case Numeric:
		d := b.Number - a.Number
		if math.IsInf(d, 0) {
			return equal // beyond what a double holds
		}
		c.differences.Add(d)
		c.most = math.Max(c.most, math.Abs(d))
		c.rows.add(row, d, 0)
	case Category:
		if !equal {
			c.turn(a.Text, b.Text)
		}
	}
	return equal
}

func (c *column) turn(a, b string) {
	if len(c.turns) >= MaxCategories {
		c.turnsLost = true
		return
	}
	c.turns[[2]string{a, b}]++
}

// classes are the texts of both arms, sorted; nil when there are too many.
func (c *column) classes() []string {
	if c.sides[A].many || c.sides[B].many {
		return nil
	}
	all := maps.Clone(c.sides[A].counts)
	maps.Copy(all, c.sides[B].counts)
	return slices.Sorted(maps.Keys(all))
}

// result describes the column.
func (c *column) result(shadow bool) ColumnResult {
	out := ColumnResult{Name: c.Name, Kind: c.Kind, A: c.sides[A].summary(c.Kind), B: c.sides[B].summary(c.Kind)}
	if !shadow {
		return out
	}
	out.Pairs, out.Equal = c.pairs, c.equal
	if c.Kind == Numeric && c.differences.N > 0 {
		out.MaxDifference, out.MeanDifference = number(c.most), number(c.differences.Mean())
	}
	return out
}

func number(x float64) *Number {
	n := Number(x)
	return &n
}

// shownShares is how many texts a summary lists.
const shownShares = 5

func (s *side) summary(kind Kind) Summary {
	out := Summary{Values: s.values, Missing: s.missing}
	switch {
	case kind == Numeric && s.values > 0:
		out.Mean, out.Deviation = number(s.moments.Mean()), number(s.moments.Deviation())
	case kind == Category && s.values > 0:
		for text, n := range s.counts {
			out.Top = append(out.Top, Share{text, float64(n) / float64(s.values)})
		}
		slices.SortFunc(out.Top, func(x, y Share) int { return cmp.Or(cmp.Compare(y.Share, x.Share), cmp.Compare(x.Value, y.Value)) })
		out.Top = out.Top[:min(len(out.Top), shownShares)]
	}
	return out
}

// tests of the column between arms that saw different rows.
func (c *column) tests(alpha float64) []Test {
	a, b := &c.sides[A], &c.sides[B]
	out := c.missingTest(alpha)
	switch c.Kind {
	case Numeric:
		if a.values == 0 || b.values == 0 {
			return out
		}
		sampled := !a.rows.whole() || !b.rows.whole()
		return append(out,
			c.test("mean", "Welch's t", Welch(&a.moments, &b.moments, alpha), false),
			c.test("distribution", "Kolmogorov-Smirnov", KolmogorovSmirnov(a.rows.values(), b.rows.values()), sampled))
	case Category:
		return append(out, c.shares(alpha)...)
	}
	return out
}

func (c *column) test(of, method string, o Outcome, sampled bool) Test {
	return testOf(AreaColumn, c.Name, of, method, o, sampled)
}

func testOf(area Area, subject, of, method string, o Outcome, sampled bool) Test {
	return Test{
		Area: area, Subject: subject, Of: of, Method: method, Statistic: o.Statistic, P: o.P, Adjusted: None,
		Effect: o.Effect, Low: o.Low, High: o.High, Size: o.Size, Sampled: sampled,
	}
}

// missingTest compares the shares of rows without a value, where there are any.
func (c *column) missingTest(alpha float64) []Test {
	a, b := &c.sides[A], &c.sides[B]
	if a.missing+b.missing == 0 || a.values+a.missing == 0 || b.values+b.missing == 0 {
		return nil
	}
	o := Shares(a.missing, a.values+a.missing, b.missing, b.values+b.missing, alpha)
	return []Test{c.test("share without a value", sharesMethod(o), o, false)}
}

func sharesMethod(o Outcome) string {
	if !o.Statistic.Known() {
		return "Fisher's exact"
	}
	return "chi-square"
}

// shares compares texts: the share of the second of two, or all of them.
func (c *column) shares(alpha float64) []Test {
	a, b := &c.sides[A], &c.sides[B]
	classes := c.classes()
	switch {
	case a.values == 0 || b.values == 0 || len(classes) < 2:
		return nil
	case len(classes) == 2:
		o := Shares(a.counts[classes[1]], a.values, b.counts[classes[1]], b.values, alpha)
		return []Test{c.test("share of "+strconv.Quote(classes[1]), sharesMethod(o), o, false)}
	}
	return []Test{c.test("shares of "+strconv.Itoa(len(classes))+" values", "chi-square", ChiSquare(joined(a, b, classes)), false)}
}

// joined counts classes, those of which chance would give a cell fewer than five
// together: the chi-square distribution is not theirs.
func joined(a, b *side, classes []string) [][2]int64 {
	var out [][2]int64
	var rest [2]int64
	least := float64(min(a.values, b.values)) / float64(a.values+b.values)
	for _, class := range classes {
		cell := [2]int64{a.counts[class], b.counts[class]}
		if float64(cell[0]+cell[1])*least < 5 {
			rest[0], rest[1] = rest[0]+cell[0], rest[1]+cell[1]
			continue
		}
		out = append(out, cell)
	}
	if rest != [2]int64{} {
		out = append(out, rest)
	}
	return out
}

// pairTests are those between arms that saw the same rows. A column that is the
// same in all of them needs none.
func (c *column) pairTests(alpha float64) []Test {
	if c.pairs == 0 || c.equal == c.pairs {
		return nil
	}
	switch c.Kind {
	case Numeric:
		if c.differences.N == 0 {
			return nil
		}
		return []Test{
			c.test("mean of differences", "paired t", PairedT(&c.differences, alpha), false),
			c.test("sign of differences", "Wilcoxon", Wilcoxon(c.rows.values()), !c.rows.whole()),
		}
	case Category:
		classes := c.classes()
		if len(classes) != 2 || c.turnsLost {
			return nil
		}
		onlyA, onlyB := c.turns[[2]string{classes[1], classes[0]}], c.turns[[2]string{classes[0], classes[1]}]
		o := McNemar(onlyA, onlyB, c.pairs, alpha)
		return []Test{c.test("share of "+strconv.Quote(classes[1]), "McNemar's exact", o, false)}
	}
	return nil
}
