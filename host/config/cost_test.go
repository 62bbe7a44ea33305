// SPDX-License-Identifier: Apache-2.0

package config

import (
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// TestEstimate checks that no value is larger than the estimate of its
// expression, and that the estimate is not absurdly higher.
func TestEstimate(t *testing.T) {
	s := newScope()
	s.set("local", "text", cty.StringVal(strings.Repeat("x", 500)))
	s.set("local", "list", cty.ListVal([]cty.Value{cty.StringVal("aaaa"), cty.StringVal("bbbb"), cty.StringVal("cccc")}))
	s.set("local", "rows", cty.TupleVal([]cty.Value{
		cty.ObjectVal(map[string]cty.Value{"n": cty.StringVal("one")}),
		cty.ObjectVal(map[string]cty.Value{"n": cty.StringVal("two")}),
	}))
	exprs := []string{
		`1 + 2`, `-(3)`, `!true`, `"a"`, `"${local.text}${local.text}"`, `[local.text, local.list]`,
		`{ a = local.text, (local.list[0]) = 1 }`, `[for x in local.list : "${x}${x}"]`,
		`{ for i, x in local.list : x => local.text if i > 0 }`, `[for x in local.list : [for y in local.list : "${x}${y}"]]`,
		`local.rows[*].n`, `local.rows.*.n`, `true ? local.text : ""`, `concat(local.list, local.list)`,
		`"%{for x in local.list}${x}%{endfor}"`, `[local.list][0][1]`, `"${[local.text][0]}"`,
		`join("--", local.list)`, `split("", local.text)`, `format("%s %5d", "a", 1)`, `regexall("x", "axxb")`, `distinct(local.list)`,
		`flatten([local.list, [local.list]])`, `setunion(local.list, ["z"])`, `merge({ a = local.text }, { b = 1 })`,
	}
	for _, text := range exprs {
		expr, diags := hclsyntax.ParseExpression([]byte(text), "x", hcl.InitialPos)
		if diags.HasErrors() {
			t.Fatalf("%s: %v", text, diags)
		}
		v, ds := s.eval(expr)
		if ds.HasErrors() {
			t.Fatalf("%s: %v", text, ds.Err())
		}
		est := estimator{scope: s}
		got, real := est.expression(expr).size, extentOf(v).size
		if got < real || got > 20*real+5000 {
			t.Errorf("%s: estimate %v for a value of size %v", text, got, real)
		}
	}
}

// TestEstimateAll bounds the sum over many expressions that are small enough
// one by one.
func TestEstimateAll(t *testing.T) {
	text := "locals {\n  b = \"" + strings.Repeat("b", 400_000) + "\"\n"
	for i := range 20 {
		text += "  x" + string(rune('a'+i)) + " = [" + strings.Repeat("local.b, ", 38) + "]\n"
	}
	_, diags, _ := load(t, map[string]string{"bulkhead.hcl": text + "}\n"}, LoadOptions{})
	if err := diags.Err(); err == nil || !strings.Contains(err.Error(), "Expression too large") {
		t.Errorf("error = %v", err)
	}
}

// TestFunctionsAreBounded refuses calls whose value is the product of their
// arguments rather than the sum.
func TestFunctionsAreBounded(t *testing.T) {
	for name, expression := range map[string]string{
		"separators":      `join(local.big, [for x in split("", local.big) : x])`,
		"split in a loop": `[for x in split("", local.big) : local.big]`,
		"nested groups":   `regexall(local.big, local.big)`,
		"repeated format": `format(local.big, local.big)`,
	} {
		t.Run(name, func(t *testing.T) {
			text := "locals {\n  big = \"" + strings.Repeat("b", 20_000) + "\"\n  x = " + expression + "\n}\n"
			_, diags, _ := load(t, map[string]string{"bulkhead.hcl": text}, LoadOptions{})
			if err := diags.Err(); err == nil || !strings.Contains(err.Error(), "Expression too large") {
				t.Errorf("error = %v", err)
			}
		})
	}
}
