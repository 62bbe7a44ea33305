// SPDX-License-Identifier: Apache-2.0

package abtest

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// numbers makes one Value of each.
func numbers(x ...float64) []Value {
	var out []Value
	for _, v := range x {
		out = append(out, Value{Number: v, Numeric: true})
	}
	return out
}

// compare runs a comparison of one numeric column "x" with a label.
func compare(mode Mode, rows int, a, b func(r *rand.Rand, truth float64) float64) *Result {
	r := rand.New(rand.NewPCG(3, 4))
	d := Design{Mode: mode, Split: Split{Name: "t", Share: 0.5}, Columns: []Column{{"x", Numeric}}, Metrics: []string{RMSE, MAE}}
	c := NewCollector(d)
	assign := d.Split.Assigner()
	var arms [2]ArmResult
	for row := range int64(rows) {
		truth := r.NormFloat64()
		x, y := a(r, truth), b(r, truth)
		label := Value{Number: truth, Numeric: true}
		if mode == ModeShadow {
			c.Pair(row, numbers(x), numbers(y))
			c.ScorePair(row, label, numbers(x)[0], numbers(y)[0])
			arms[A].RowsIn, arms[B].RowsIn = arms[A].RowsIn+1, arms[B].RowsIn+1
			continue
		}
		assign.Begin()
		assign.Row(row)
		arm := assign.Arm()
		v := numbers(x)
		if arm == B {
			v = numbers(y)
		}
		c.Row(arm, row, v)
		c.Score(arm, row, label, v[0])
		arms[arm].RowsIn++
	}
	for i := range arms {
		arms[i].RowsOut = arms[i].RowsIn
	}
	return c.Finish(arms, nil, nil)
}

func noisy(sd float64) func(*rand.Rand, float64) float64 {
	return func(r *rand.Rand, truth float64) float64 { return truth + sd*r.NormFloat64() }
}

func TestVerdicts(t *testing.T) {
	same := func(_ *rand.Rand, truth float64) float64 { return truth }
	for _, c := range []struct {
		name string
		r    *Result
		want string
		not  string
	}{
		{"worse", compare(ModeSplit, 2000, noisy(1), noisy(2)), "b is worse on rmse by ", "better"},
		{"better", compare(ModeSplit, 2000, noisy(2), noisy(1)), "b is better on rmse by ", "worse"},
		{"no difference", compare(ModeSplit, 2000, noisy(1), noisy(1)), "No difference that could be told on rmse", "worse"},
		{"too few", compare(ModeSplit, 20, noisy(1), noisy(9)), "Too few rows to tell: arm ", "worse"},
		{"shadow worse", compare(ModeShadow, 500, noisy(1), noisy(1.5)), "b is worse on rmse by ", "to the bit, in all"},
		{"equal", compare(ModeShadow, 500, same, same), "The arms wrote the same, to the bit, in all 500 rows.", "differs"},
		{"one row", compare(ModeShadow, 1, same, noisy(1)), "Too few rows to tell: arm a has 1 row", "worse"},
		{"nothing", compare(ModeSplit, 0, same, same), "Too few rows to tell: arm a has 0 rows", "worse"},
	} {
		text := strings.Join(c.r.Verdict, "\n")
		if !strings.Contains(text, c.want) || strings.Contains(text, c.not) {
			t.Errorf("%s:\n%s", c.name, text)
		}
		if _, err := json.Marshal(c.r); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// TestFalseAlarms makes a hundred comparisons of equal arms: about one in twenty
// may be told apart.
func TestFalseAlarms(t *testing.T) {
	alarms := 0
	for seed := range uint64(100) {
		d := Design{Mode: ModeSplit, Split: Split{Name: "t", Seed: seed, Share: 0.3}}
		for i := range 8 {
			d.Columns = append(d.Columns, Column{fmt.Sprint("c", i), Numeric})
		}
		c, assign, r := NewCollector(d), d.Split.Assigner(), rand.New(rand.NewPCG(seed, 9))
		var arms [2]ArmResult
		for row := range int64(300) {
			assign.Begin()
			assign.Row(row)
			arm := assign.Arm()
			arms[arm].RowsIn++
			var x []float64
			for range d.Columns {
				x = append(x, r.ExpFloat64())
			}
			c.Row(arm, row, numbers(x...))
		}
		for _, test := range c.Finish(arms, nil, nil).Tests {
			if test.Different {
				alarms++
				break
			}
		}
	}
	if alarms > 12 {
		t.Errorf("%d of 100 comparisons of equal arms tell a difference", alarms)
	}
}

// TestOrderDoesNotMatter gives the same rows forwards and backwards.
func TestOrderDoesNotMatter(t *testing.T) {
	const rows = 2 * MaxSample
	var texts [2]string
	for way := range texts {
		c := NewCollector(Design{Mode: ModeSplit, Split: Split{Share: 0.5}, Columns: []Column{{"x", Numeric}, {"k", Category}}})
		for i := range int64(rows) {
			row := i
			if way == 1 {
				row = rows - 1 - i
			}
			arm := Arm(rank(row) >> 63)
			c.Row(arm, row, []Value{{Number: float64(row % 1000), Numeric: true}, {Text: fmt.Sprint(row % 3)}})
		}
		var ks []Number
		r := c.Finish([2]ArmResult{{RowsIn: rows / 2}, {RowsIn: rows / 2}}, nil, nil)
		for _, test := range r.Tests {
			if test.Method != "Welch's t" { // sums round by their order
				ks = append(ks, test.P)
			}
		}
		texts[way] = fmt.Sprint(ks)
	}
	if texts[0] != texts[1] {
		t.Errorf("%s forwards, %s backwards", texts[0], texts[1])
	}
}

func TestTextsAndMissingValues(t *testing.T) {
	c := NewCollector(Design{Mode: ModeSplit, Split: Split{Name: "t", Share: 0.5, Key: []string{"id"}}, Columns: []Column{{"k", Category}, {"x", Numeric}, {"id", Category}}})
	for row := range int64(400) {
		arm, text := Arm(row%2), "no"
		if row%8 < 1+6*int64(arm) {
			text = "yes"
		}
		x := Value{Number: math.NaN(), Numeric: true}
		if arm == A || row%3 == 0 {
			x.Number = 1
		}
		c.Row(arm, row, []Value{{Text: text}, x, {Text: fmt.Sprint(row)}})
	}
	r := c.Finish([2]ArmResult{{RowsIn: 200}, {RowsIn: 260, RowsRejected: 60}}, nil, nil)
	all := strings.Join(append(r.Verdict, r.Warnings...), "\n")
	for _, want := range []string{`share of "yes" in "k" differs by +`, `share without a value of "x" differs`, "share rejected differs by +0.2308", "Rows of one key", `Column "id" has more than 100`} {
		if !strings.Contains(all, want) {
			t.Errorf("%q is missing in\n%s", want, all)
		}
	}
}

func TestMismatchIsWarnedOf(t *testing.T) {
	c := NewCollector(Design{Mode: ModeSplit, Split: Split{Share: 0.5}})
	r := c.Finish([2]ArmResult{{RowsIn: 5000}, {RowsIn: 5600}}, nil, nil)
	if len(r.Warnings) != 1 || !strings.Contains(r.Warnings[0], "next to impossible") {
		t.Errorf("%q", r.Warnings)
	}
}

func TestFailedArm(t *testing.T) {
	c := NewCollector(Design{Mode: ModeShadow})
	r := c.Finish([2]ArmResult{{RowsIn: 500}, {Failed: "Kernel process lost."}}, nil, nil)
	if len(r.Verdict) != 1 || r.Verdict[0] != "Arm b failed, so there is nothing to compare: Kernel process lost." {
		t.Errorf("%q", r.Verdict)
	}
}

func TestAccuracy(t *testing.T) {
	yes, no := Value{Text: "true", Number: 1}, Value{Text: "false"}
	half := func(x float64) Value { return Value{Number: x, Numeric: true} }
	for _, c := range []struct {
		label, prediction Value
		want              float64
	}{
		{yes, yes, 1}, {yes, no, 0}, {yes, half(0.5), 1}, {no, half(0.5), 0}, {half(2), half(2), 1}, {half(2), half(3), 0},
		{Value{Text: "cat"}, Value{Text: "cat"}, 1}, {Value{Text: "cat"}, half(1), 0},
	} {
		if got := hit(c.label, c.prediction); got != c.want {
			t.Errorf("%+v of %+v is %v", c.prediction, c.label, got)
		}
	}
	m := &metric{name: Accuracy}
	for row := range int64(100) {
		a, b := no, no
		if row%10 > 0 {
			a = yes
		}
		if row%2 > 0 {
			b = yes
		}
		m.pair(row, yes, a, b)
	}
	if test, ok := m.test(true, 0.05); !ok || test.P > 1e-6 || math.Abs(float64(test.Effect)+0.4) > 1e-12 || test.Low > -0.4 || test.High < -0.4 {
		t.Errorf("%+v", test)
	}
}

// Arms of different rows that are never right, or always, may still differ by as
// much as so few rows tell: the interval has a width.
func TestAccuracyAtTheEnds(t *testing.T) {
	for _, c := range []struct {
		right   float64
		n       int64
		atLeast Number // width of the interval
	}{{0, 40, 0.08}, {1, 40, 0.08}, {0, 500, 0.007}} {
		m := &metric{name: Accuracy}
		for row := range 2 * c.n {
			m.arms[row%2].add(row, c.right)
		}
		got, ok := m.test(false, 0.05)
		if !ok || got.Effect != 0 || got.High-got.Low < c.atLeast || got.Low > 0 || got.High < 0 || got.P < 0.99 {
			t.Errorf("%v of %d rows right: %+v", c.right, c.n, got)
		}
	}
}
