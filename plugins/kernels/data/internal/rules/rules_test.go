// SPDX-License-Identifier: Apache-2.0

package rules_test

import (
	"math"
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/plugins/kernels/data/internal/rules"
)

func TestNumbers(t *testing.T) {
	c := rules.Column{Min: -1, Max: 2}
	for x, want := range map[float64]string{-1: "", 2: "", -1.5: "range", 2.25: "range", math.Inf(1): "finite", math.NaN(): "null"} {
		got := ""
		if b := c.Number(x); b != nil {
			got = b.Rule
		}
		if got != want {
			t.Errorf("%g breaks %q, want %q", x, got, want)
		}
	}
	c.Nulls = true
	if c.Number(math.NaN()) != nil || c.Missing() != nil {
		t.Error("missing values are allowed now")
	}
	if b := c.Number(3); !strings.Contains(b.Detail, "3 is above 2") {
		t.Errorf("detail %q", b.Detail)
	}
}

func TestTexts(t *testing.T) {
	c := rules.Column{Categories: map[string]bool{"a": true}}
	if c.Text("a") != nil || c.Text("b").Rule != "category" {
		t.Error("a is known and b is not")
	}
	if b := c.Text(strings.Repeat("x\n", 1000)); len(b.Detail) > 300 || strings.Contains(b.Detail, "\n") {
		t.Errorf("detail %q", b.Detail)
	}
	if (&rules.Column{}).Text("anything") != nil {
		t.Error("without categories every text will do")
	}
}

func TestWiden(t *testing.T) {
	c := rules.Column{Min: 0, Max: 10}
	c.Widen(0.1)
	if c.Min != -1 || c.Max != 11 {
		t.Errorf("bounds %g to %g", c.Min, c.Max)
	}
	open := rules.Column{Min: math.Inf(-1), Max: math.Inf(1), Nulls: true}
	open.Widen(0.1)
	if !math.IsInf(open.Min, -1) || open.Checks() || !c.Checks() {
		t.Errorf("open bounds %g to %g", open.Min, open.Max)
	}
}
