// SPDX-License-Identifier: Apache-2.0

package report

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/bulkhead-ml/bulkhead/host/abtest"
)

// comparison writes what a comparison of two arms came to: the verdict, the arms
// beside each other, and the tests.
func (p *page) comparison(key string, v any) {
	var r abtest.Result
	text, err := json.Marshal(v)
	if err != nil || json.Unmarshal(text, &r) != nil || len(r.Arms) == 0 {
		p.keyValue(key, v)
		return
	}
	for _, sentence := range r.Verdict {
		p.prose(2, sentence)
	}
	p.blank()
	p.arms(r)
	p.tests(r)
	for i, text := range slices.Concat(r.Schema, r.Warnings) {
		if i == 0 {
			p.blank()
		}
		p.hanging(2, "note: ", text)
	}
}

// arms sets both arms beside each other, a line for each thing that is known.
func (p *page) arms(r abtest.Result) {
	a, b := r.Arms["a"], r.Arms["b"]
	t := table{heads: []string{"", "arm a", "arm b"}, right: []bool{false, true, true}, keep: 3}
	t.add("kernel", titled(a.Use, a.Version), titled(b.Use, b.Version))
	number := func(name string, x, y int64) {
		if x+y > 0 || name == "rows in" {
			t.add(name, fmt.Sprint(x), fmt.Sprint(y))
		}
	}
	number("rows in", a.RowsIn, b.RowsIn)
	number("rows out", a.RowsOut, b.RowsOut)
	number("dropped", a.RowsDropped, b.RowsDropped)
	number("rejected", a.RowsRejected, b.RowsRejected)
	number("calls that failed", a.Errors, b.Errors)
	number("measured", a.RowsMeasured, b.RowsMeasured)
	all := maps.Clone(a.Metrics)
	if all == nil {
		all = map[string]abtest.Number{}
	}
	maps.Copy(all, b.Metrics)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		t.add(label(name), known(a.Metrics, name), known(b.Metrics, name))
	}
	for _, call := range []string{"fit", "transform"} {
		if x, y := latency(r, "a", call), latency(r, "b", call); x != "" || y != "" {
			t.add(call, x, y)
		}
	}
	p.table(2, t)
}

func known(metrics map[string]abtest.Number, name string) string {
	if v, ok := metrics[name]; ok {
		return v.String()
	}
	return ""
}

// latency of one kind of call; "" when there was none.
func latency(r abtest.Result, arm, call string) string {
	for _, l := range r.Latency {
		if l.Arm == arm && l.Call == call {
			return fmt.Sprintf("%s, %s us/row", duration(l.WallMS), l.MicrosPerRow)
		}
	}
	return ""
}

// shownTests is how many tests the terse text shows.
const shownTests = 8

// tests writes them in a table: those that tell a difference first in the terse
// text, all of them in their order with Verbose.
func (p *page) tests(r abtest.Result) {
	if len(r.Tests) == 0 {
		return
	}
	p.blank()
	all := slices.Clone(r.Tests)
	if !p.opt.Verbose {
		slices.SortStableFunc(all, func(x, y abtest.Test) int { return rankOf(x) - rankOf(y) })
	}
	t := table{
		heads: []string{"", "b less a", fmt.Sprintf("%g %% interval", 100*(1-r.Alpha)), "adj. p", "d", "test"},
		right: []bool{false, true, true, true, true, false}, keep: 4,
	}
	for i, test := range all {
		if i == shownTests && !p.opt.Verbose {
			break
		}
		interval := ""
		if test.Low.Known() {
			interval = test.Low.String() + " to " + test.High.String()
		}
		t.add(testName(test), blankless(test.Effect), interval, small(test.Adjusted), blankless(test.Size), test.Method)
	}
	p.table(2, t)
	if more := len(all) - shownTests; more > 0 && !p.opt.Verbose {
		p.line(2, fmt.Sprintf("and %s more with -v", plural(more, "test")))
	}
}

// rankOf puts metrics first, then what differs.
func rankOf(t abtest.Test) int {
	switch {
	case t.Area == abtest.AreaMetric:
		return 0
	case t.Different:
		return 1
	}
	return 2
}

func testName(t abtest.Test) string {
	name := t.Subject
	if t.Area != abtest.AreaMetric {
		name += ": " + t.Of
	}
	if t.Different {
		return "* " + name
	}
	return "  " + name
}

func blankless(n abtest.Number) string {
	if !n.Known() {
		return ""
	}
	return n.String()
}

// small writes a p value.
func small(p abtest.Number) string {
	switch {
	case !p.Known():
		return ""
	case p < 0.0001:
		return "<0.0001"
	}
	return fmt.Sprintf("%.4f", float64(p))
}
