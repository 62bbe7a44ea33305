// SPDX-License-Identifier: Apache-2.0

package pipeline_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/bulkhead-ml/bulkhead/sdk/pipeline"
)

func TestValue(t *testing.T) {
	n := 3
	type text string
	for want, v := range map[string]any{
		"null":                            nil,
		"true":                            true,
		"-3":                              int8(-3),
		"18446744073709551615":            uint64(math.MaxUint64),
		"0.1":                             0.1,
		"0.3":                             float32(0.3),
		"1e+300":                          1e300,
		`"a"`:                             text("a"),
		`"1m30s"`:                         90 * time.Second,
		`["a", "b"]`:                      []string{"a", "b"},
		`[1, [true, null]]`:               []any{1, []any{true, nil}},
		`{ a = 1, "b c" = 2, "for" = 3 }`: map[string]int{"a": 1, "for": 3, "b c": 2},
		"{}":                              map[string]any{},
		"3":                               &n,
		"each.value.x":                    pipeline.EachValue.Get("x"),
		`kernel.k["a"]`:                   pipeline.Named("kernel.k").Key("a"),
		`toset([1, 2])`:                   pipeline.Call("toset", [2]int{1, 2}),
		`"a-${each.key}${1}\"$${x}"`:      pipeline.Template("a-", pipeline.EachKey, 1, `"${x}`),
		"(1 +\n 2\n)":                     pipeline.Raw("1 +\n 2"),
		"{\na = \"" + strings.Repeat("x", 90) + "\"\n}": map[string]string{"a": strings.Repeat("x", 90)},
	} {
		if got := pipeline.Value(v).String(); got != want {
			t.Errorf("%#v = %s, want %s", v, got, want)
		}
	}
}

// FuzzText: every text reads back as it was, in HCL and in JSON.
func FuzzText(f *testing.F) {
	for _, s := range []string{"", "a", "${x}", "$${", "%{ if", "\\", "\"\n\r\t\x00\x7f", "é\u2028\u202e😀", "$", "$$", "%%{", "a$"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p := pipeline.New("p")
		p.Source("s", pipeline.CSV("x.csv"), pipeline.Target(s))
		text, err := p.HCL()
		if err != nil {
			return
		}
		file, diags := hclsyntax.ParseConfig(text, "", hcl.InitialPos)
		if diags.HasErrors() {
			t.Fatalf("%v\n%s", diags, text)
		}
		source := file.Body.(*hclsyntax.Body).Blocks[0].Body.Blocks[0].Body
		v, diags := source.Attributes["target"].Expr.Value(nil)
		// The language knows texts in their composed form only.
		if diags.HasErrors() || !v.RawEquals(cty.StringVal(s)) {
			t.Fatalf("%q became %#v (%v)\n%s", s, v, diags, text)
		}
	})
}

func TestExpressions(t *testing.T) {
	for _, bad := range []pipeline.Expr{
		pipeline.Raw(""), pipeline.Raw("1 2"), pipeline.Raw("a = 1"), pipeline.Raw("}"), pipeline.EachKey.Get("a b"), pipeline.Call("a b"),
		pipeline.Call("f", make(chan int)), pipeline.Template(math.Inf(1)), pipeline.Value(func() {}), {},
	} {
		p := pipeline.New("p")
		p.Local("x", bad)
		if _, err := p.HCL(); !is[*pipeline.StepError](err) || !strings.HasPrefix(err.Error(), "locals: x: ") {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if !(pipeline.Expr{}).IsZero() || pipeline.EachKey.IsZero() {
		t.Error("IsZero")
	}
	cycle := map[string]any{}
	cycle["a"] = cycle
	p := pipeline.New("p")
	p.Local("x", cycle)
	if err := p.Err(); err == nil || !strings.Contains(err.Error(), "nests deeper than 32") {
		t.Errorf("a cycle: %v", err)
	}
}
