// SPDX-License-Identifier: Apache-2.0

package report

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/host/abtest"
)

// compared is the report of a comparison of two arms.
func compared(t *testing.T) string {
	t.Helper()
	c := abtest.NewCollector(abtest.Design{
		Mode: abtest.ModeSplit, Split: abtest.Split{Name: "model", Share: 0.5}, Metrics: []string{abtest.RMSE},
		Columns: []abtest.Column{{Name: "x", Kind: abtest.Numeric}, {Name: "a column with a name that is much too long for a page", Kind: abtest.Numeric}},
	})
	number := func(x float64) abtest.Value { return abtest.Value{Number: x, Numeric: true} }
	for row := range int64(200) {
		arm := abtest.Arm(row % 2)
		x := float64(row%7) + float64(arm)*float64(row%3)
		c.Row(arm, row, []abtest.Value{number(x), number(3)})
		c.Score(arm, row, number(float64(row%7)), number(x))
	}
	a := abtest.ArmResult{Use: "old.forest", Version: "1.2.0", RowsIn: 100, RowsOut: 100}
	b := abtest.ArmResult{Use: "fresh.forest", Version: "1.3.0", RowsIn: 100, RowsOut: 98, RowsDropped: 2, Errors: 1}
	r := c.Finish([2]abtest.ArmResult{a, b}, []abtest.Latency{
		{Arm: "a", Call: "transform", Calls: 1, WallMS: 12, MicrosPerRow: 120}, {Arm: "b", Call: "transform", Calls: 2, WallMS: 30, MicrosPerRow: 300},
	}, nil)
	text, err := json.Marshal(map[string]any{"ab": r})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func textOf(t *testing.T, report string, opt Options) string {
	t.Helper()
	o, ok := decode(Raw(report)).(object)
	if !ok {
		t.Fatalf("%s is no object", report)
	}
	return rendered(opt, func(p *page) { p.kernelReport(o) })
}

func TestComparisonText(t *testing.T) {
	text := textOf(t, compared(t), Options{Width: 80})
	for _, line := range []string{
		"b is worse on rmse by 1.", "old.forest (1.2.0)  fresh.forest (1.3.0)", "rows in", "dropped", "calls that failed",
		"measured", "rmse", "12 ms, 120 us/row", "* rmse", "* x: mean", "adj. p", "<0.0001",
	} {
		if !strings.Contains(text, line) {
			t.Errorf("%q is missing in\n%s", line, text)
		}
	}
	for line := range strings.Lines(text) {
		if columns(strings.TrimSuffix(line, "\n")) > 80 {
			t.Errorf("too wide: %s", line)
		}
	}
}

// TestComparisonOfAPlugin: the key is free for plugins, which may put anything
// there.
func TestComparisonOfAPlugin(t *testing.T) {
	for _, report := range []string{
		`{"ab": 7}`, `{"ab": "\u001b[31mred"}`, `{"ab": {"arms": {}}}`, `{"ab": {"arms": {"z": {}}, "tests": [{}], "verdict": ["\u001b]0;x\u0007"]}}`,
		`{"ab": {"arms": 1}}`, `{"ab": {"arms": {"a": {"metrics": {"m": null}}}, "latency": [{}], "alpha": 1e300}}`,
	} {
		if text := textOf(t, report, Options{Width: 60, Verbose: true}); strings.ContainsAny(text, "\x1b\a") || text == "" {
			t.Errorf("%s: %q", report, text)
		}
	}
}

// FuzzComparisonText writes whatever a plugin puts under the key of comparisons.
func FuzzComparisonText(f *testing.F) {
	f.Add([]byte(`{"arms": {"a": {}, "b": {"metrics": {"rmse": 1}}}, "tests": [{"subject": "x", "low": 1}]}`))
	f.Add([]byte(`{"arms": {"a": {}}, "verdict": ["\u001b[2J"], "warnings": ["x"], "alpha": -1}`))
	f.Fuzz(func(t *testing.T, report []byte) {
		if !json.Valid(report) {
			return
		}
		o, ok := decode(Raw(`{"ab":` + string(report) + `}`)).(object)
		if !ok {
			return
		}
		text := rendered(Options{Width: 80}, func(p *page) { p.kernelReport(o) })
		if strings.ContainsAny(text, "\x1b\a\x00") {
			t.Errorf("%q", text)
		}
	})
}
