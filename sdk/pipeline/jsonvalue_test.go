// SPDX-License-Identifier: Apache-2.0

package pipeline_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	hcljson "github.com/hashicorp/hcl/v2/json"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"

	"github.com/bulkhead-ml/bulkhead/sdk/pipeline"
)

// world is what expressions of these tests can use.
var world = &hcl.EvalContext{
	Variables: map[string]cty.Value{
		"var":   cty.ObjectVal(map[string]cty.Value{"n": cty.NumberIntVal(7), "s": cty.StringVal("text"), "b": cty.True}),
		"local": cty.ObjectVal(map[string]cty.Value{"l": cty.TupleVal([]cty.Value{cty.Zero, cty.NumberIntVal(1)}), "m": cty.MapVal(map[string]cty.Value{"k": cty.Zero})}),
	},
	Functions: map[string]function.Function{"upper": stdlib.UpperFunc, "min": stdlib.MinFunc},
}

// bothValues evaluates the local x of a pipeline in its two forms.
func bothValues(t *testing.T, p *pipeline.Pipeline) (native, inJSON cty.Value, text string) {
	t.Helper()
	first, err := p.HCL()
	if err != nil {
		t.Fatal(err)
	}
	second, err := p.JSON()
	if err != nil {
		t.Fatal(err)
	}
	file, diags := hclsyntax.ParseConfig(first, "x.hcl", hcl.InitialPos)
	if diags.HasErrors() {
		t.Fatalf("%v\n%s", diags, first)
	}
	other, diags := hcljson.Parse(second, "x.hcl.json")
	if diags.HasErrors() {
		t.Fatalf("%v\n%s", diags, second)
	}
	return localOf(t, file.Body), localOf(t, other.Body), string(first) + string(second)
}

func localOf(t *testing.T, body hcl.Body) cty.Value {
	t.Helper()
	schema := &hcl.BodySchema{Blocks: []hcl.BlockHeaderSchema{{Type: "locals"}}}
	content, _, diags := body.PartialContent(schema)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	attrs, diags := content.Blocks[0].Body.JustAttributes()
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	v, diags := attrs["x"].Expr.Value(world)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	return v
}

// TestJSONValues: an expression has the same value in both forms, with its type.
func TestJSONValues(t *testing.T) {
	for _, text := range []string{
		`1`, `-1.5`, `1e3`, `12345678901234567890`, `0.1`, `true`, `null`, `""`, `"a"`, `"$${x}"`, `"%%{if}"`, `"a\nb\"c\\d"`, `"\u00e9"`,
		`"n is ${var.n}"`, `"${var.n}"`, `"${var.s}${var.s}"`, `"a\t${var.s}"`, `"%{if var.b}yes%{else}no%{endif}"`, `"${"${var.s}"}"`,
		`var.n`, `!var.b`, `-var.n`, `(1 + 2) * 3`, `var.b ? "x" : "y"`, `upper("a")`, `min(1, var.n)`, `local.l[0]`, `local.m["k"]`, `local.l[*]`,
		`[]`, `[1, "a", [true]]`, `[var.n, "${var.s}!"]`, `{}`, `{ a = 1, "b c" = [2] }`, `{ "$${k}" = var.s }`, `{ (var.s) = 1 }`, `{ a = 1, a = 2 }`,
		`[for x in local.l : x + 1]`, `{ for k, v in local.m : k => v }`, "{\n a = 1 # one\n b = 2\n}", "(1 + # one\n 2)", "[\n 1, // one\n 2,\n]",
		"<<EOT\nline ${var.n}\n  two\nEOT", "<<-EOT\n    a\n      b\n  EOT", "1 /* two */", "(var.n) # seven", `"a # b"`, `"a // ${var.n}"`, `"a/${var.n}"`,
		`{ a = "${var.n}", b = { c = "x${1}" } }`, `[null, -0, 1 == 1.0]`, `(("x"))`, `(var.b) ? 1 : 2`,
	} {
		p := pipeline.New("p", pipeline.About("x"))
		p.Variable("n", pipeline.Default(7))
		p.Variable("s", pipeline.Default("text"))
		p.Variable("b", pipeline.Default(true))
		p.Local("l", []int{0, 1})
		p.Local("m", map[string]int{"k": 0})
		p.Local("x", pipeline.Raw(text))
		native, inJSON, both := bothValues(t, p)
		if !native.RawEquals(inJSON) {
			t.Errorf("%s is %#v in HCL and %#v in JSON\n%s", text, native, inJSON, both)
		}
	}
}

// randomValue makes values that Value takes.
func randomValue(r *rand.Rand, depth int) any {
	texts := []string{"", "a", "${x}", "%{ y", "\"\\\n", "é", "a b", "$$${", "#", "//"}
	switch k := r.IntN(8); {
	case k == 0:
		return texts[r.IntN(len(texts))]
	case k == 1:
		return r.IntN(2000) - 1000
	case k == 2:
		return r.NormFloat64()
	case k == 3:
		return r.IntN(2) == 0
	case k == 4 && depth > 0:
		out := map[string]any{}
		for range r.IntN(4) {
			out[texts[r.IntN(len(texts))]] = randomValue(r, depth-1)
		}
		return out
	case k == 5 && depth > 0:
		out := []any{}
		for range r.IntN(4) {
			out = append(out, randomValue(r, depth-1))
		}
		return out
	case k == 6:
		return pipeline.Raw([]string{"var.n", "min(1, var.n)", `"${var.s}/\n"`, "var.b ? 1 : 2"}[r.IntN(4)])
	}
	return nil
}

// TestRandomValues: whatever is built has one meaning in both forms.
func TestRandomValues(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 15))
	for range 400 {
		p := pipeline.New("p")
		p.Outside("var.n", "var.s", "var.b")
		p.Local("x", randomValue(r, 4))
		native, inJSON, both := bothValues(t, p)
		if !native.RawEquals(inJSON) {
			t.Fatalf("%#v in HCL and %#v in JSON\n%s", native, inJSON, both)
		}
	}
}

// TestJSONConfig: blocks that repeat, with and without names, stay what they are.
func TestJSONConfig(t *testing.T) {
	p, err := pipeline.Parse([]byte(body(`source "s" { csv = "x" }
kernel "k" {
  use = a.b
  input = source.s
  config {
    one {
      x = 1
    }
    many {
      x = 1
    }
    many {
      x = 2
    }
    named "a" {}
    named "b" {
      deep "c" "d" {}
    }
    twice "a" {}
    twice "a" {}
  }
}`)), "f.hcl")
	if err != nil {
		t.Fatal(err)
	}
	text, err := p.JSON()
	if err != nil {
		t.Fatal(err)
	}
	compact := strings.Join(strings.Fields(string(text)), "")
	for _, want := range []string{
		`"one":{"x":1}`, `"many":[{"x":1},{"x":2}]`, `"named":{"a":{},"b":{"deep":{"c":{"d":{}}}}}`, `"twice":[{"a":{}},{"a":{}}]`,
	} {
		if !strings.Contains(compact, want) {
			t.Errorf("no %s in %s", want, text)
		}
	}
}

// randomPipeline has steps of all kinds that read each other.
func randomPipeline(r *rand.Rand) *pipeline.Pipeline {
	p := pipeline.New(fmt.Sprint("p", r.IntN(100)))
	v := p.Variable("v", pipeline.Default(randomValue(r, 0)))
	p.Outside("var.n", "var.s", "var.b")
	refs := []pipeline.Ref{p.Source("first", pipeline.CSV("x.csv"))}
	any := func() pipeline.Ref { return refs[r.IntN(len(refs))] }
	for i := range 3 + r.IntN(20) {
		name := fmt.Sprint("s", i)
		switch r.IntN(6) {
		case 0:
			refs = append(refs, p.Source(name, pipeline.JSONL(name), pipeline.When(v), pipeline.Shared()))
		case 1:
			refs = append(refs, p.Kernel(name, "a.b", pipeline.FirstOf(any(), any()), pipeline.ForEach([]string{"a"})).Key("a"))
		case 2:
			p.Sink(name, any(), pipeline.SQLite(name), pipeline.Table("t"))
		case 3:
			refs = append(refs, p.Module(name, "./m", pipeline.Args{"rows": any(), "n": randomValue(r, 2)}).Output("out"))
		case 4:
			p.Local(name, randomValue(r, 3))
		default:
			refs = append(refs, p.Kernel(name, "a.b", any(), pipeline.Config{"x": randomValue(r, 3), "deep": pipeline.Config{"y": v}, "many": []pipeline.Config{{}, {"z": 1}}}))
		}
	}
	return p
}

// TestRandomPipelines: Parse(HCL()) is Equal, and is written as it was.
func TestRandomPipelines(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 150 {
		p := randomPipeline(r)
		text, err := p.HCL()
		if err != nil {
			t.Fatal(err)
		}
		q, err := pipeline.Parse(text, "f.hcl", "var.n", "var.s", "var.b")
		if err != nil || !p.Equal(q) {
			t.Fatalf("%v\n%s", err, text)
		}
		again, err := q.HCL()
		if err != nil || string(again) != string(text) || string(stable(text)) != string(text) {
			t.Fatalf("%v\n%s\n%s", err, text, again)
		}
		one, err1 := p.JSON()
		two, err2 := q.JSON()
		if err1 != nil || err2 != nil || string(one) != string(two) {
			t.Fatalf("%v, %v\n%s\n%s", err1, err2, one, two)
		}
		if a, b := len(p.List()), len(q.List()); a != b {
			t.Fatalf("%d steps and %d", a, b)
		}
	}
}
