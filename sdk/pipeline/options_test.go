// SPDX-License-Identifier: Apache-2.0

package pipeline_test

import (
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-ml/bulkhead/sdk/pipeline"
)

// block is the lines inside a block of what was built, without white space
// around them.
func block(t *testing.T, p *pipeline.Pipeline, head string) string {
	t.Helper()
	text, err := p.HCL()
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(text), head+" {\n")
	if !ok {
		t.Fatalf("no %s in\n%s", head, text)
	}
	indent := strings.Repeat(" ", len(rest)-len(strings.TrimLeft(rest, " "))-2)
	inner, _, _ := strings.Cut(rest, "\n"+indent+"}")
	var out []string
	for _, line := range strings.Split(inner, "\n") {
		out = append(out, strings.Join(strings.Fields(line), " "))
	}
	return strings.Join(out, "\n")
}

func TestSourceOptions(t *testing.T) {
	for want, options := range map[string][]pipeline.SourceOption{
		`csv = "a.csv"`:                                   {pipeline.CSV("a.csv")},
		`jsonl = "a.jsonl"`:                               {pipeline.JSONL("a.jsonl")},
		`parquet = var.path`:                              {pipeline.Parquet(pipeline.Raw("var.path"))},
		`arrow = "a-${var.x}"`:                            {pipeline.Arrow(pipeline.Template("a-", pipeline.Raw("var.x")))},
		"sqlite = \"a.db\"\ntable = \"t\"":                {pipeline.Table("t"), pipeline.SQLite("a.db")},
		"sqlite = \"a.db\"\nquery = \"SELECT \\\"x\\\"\"": {pipeline.SQLite("a.db"), pipeline.Query(`SELECT "x"`)},
		"url = \"https://x/y\"\nformat = \"arrow\"\nallow_network = true": {pipeline.URL("https://x/y", "arrow")},
		"csv = \"a\"\ncompression = \"auto\"":                             {pipeline.CSV("a"), pipeline.Compression("auto")},
		"csv = \"a\"\ntarget = \"y\"\nid = \"i\"":                         {pipeline.ID("i"), pipeline.Target("y"), pipeline.CSV("a")},
		"csv = \"a\"\ntypes = { a = \"int64\" }":                          {pipeline.CSV("a"), pipeline.Types(map[string]string{"a": "int64"})},
		"csv = \"a\"\nnulls = [\"\", \"NA\"]":                             {pipeline.CSV("a"), pipeline.Nulls("", "NA")},
		"csv = \"a\"\nnulls = []":                                         {pipeline.CSV("a"), pipeline.Nulls([]string{}...)},
		"csv = \"a\"\ndelimiter = \";\"":                                  {pipeline.CSV("a"), pipeline.Delimiter(';')},
		"for_each = toset([\"a\"])\ncsv = each.key":                       {pipeline.CSV(pipeline.EachKey), pipeline.ForEach([]string{"a"})},
		"for_each = { a = 1 }\ncsv = each.key":                            {pipeline.ForEach(map[string]int{"a": 1}), pipeline.CSV(pipeline.EachKey)},
		"when = false\ncsv = \"a\"":                                       {pipeline.When(false), pipeline.CSV("a")},
		"when = !var.x\ncsv = \"b\"":                                      {pipeline.CSV("a"), pipeline.When(pipeline.Raw("!var.x")), pipeline.CSV("b")},
	} {
		p := pipeline.New("p")
		p.Outside("var.x", "var.path")
		p.Source("s", options...)
		if got := block(t, p, `source "s"`); got != want {
			t.Errorf("%s\nwant\n%s", got, want)
		}
	}
}

func TestKernelOptions(t *testing.T) {
	const start = "use = a.b\ninput = source.s\n"
	for want, options := range map[string][]pipeline.KernelOption{
		start + `budget = "1m0s"`:                     {pipeline.Budget(time.Minute)},
		start + `timeout = var.x`:                     {pipeline.Timeout(pipeline.Raw("var.x"))},
		start + `seed = 18446744073709551615`:         {pipeline.Seed(uint64(1<<64 - 1))},
		start + "on_failure = \"retry\"\nretries = 3": {pipeline.Retries(3), pipeline.OnFailure(pipeline.Retry)},
		start + `on_failure = "continue"`:             {pipeline.OnFailure(pipeline.Continue)},
		start + `on_failure = "rollback"`:             {pipeline.OnFailure(pipeline.Rollback)},
		start + `on_failure = "stop"`:                 {pipeline.OnFailure(pipeline.Quarantine), pipeline.OnFailure(pipeline.Stop)},
		start + `cache = false`:                       {pipeline.Cache(false)},
		"when = var.x\n" + start + `seed = 1`:         {pipeline.Seed(1), pipeline.When(pipeline.Raw("var.x"))},
		start + "config {}":                           {pipeline.Config{}},
		start + "config {\na = 1\nb = [true]\n}":      {pipeline.Config{"z": 1}, pipeline.Config{"b": []bool{true}, "a": 1}},
		start + "config {\na = 1\n\nrule {\nx = 1\n}\n\nrule {\nx = 2\n}\n}": {
			pipeline.Config{"a": 1, "rule": []pipeline.Config{{"x": 1}, {"x": 2}}}},
		start + "config {\none {\ntwo {\nx = { a = 1 }\n}\n}\n}": {
			pipeline.Config{"one": pipeline.Config{"two": pipeline.Config{"x": map[string]int{"a": 1}}}}},
	} {
		p := pipeline.New("p")
		p.Outside("var.x")
		p.Kernel("k", "a.b", p.Source("s", pipeline.CSV("x")), options...)
		if got := block(t, p, `kernel "k"`); got != want {
			t.Errorf("%s\nwant\n%s", got, want)
		}
	}
}

func TestInputs(t *testing.T) {
	for want, input := range map[string]func(p *pipeline.Pipeline) pipeline.Input{
		`source.s`:          func(*pipeline.Pipeline) pipeline.Input { return pipeline.Named("source.s") },
		`kernel.m["a b"]`:   func(*pipeline.Pipeline) pipeline.Input { return pipeline.Named("kernel.m").Key("a b") },
		`kernel.m["$${x}"]`: func(*pipeline.Pipeline) pipeline.Input { return pipeline.Named("kernel.m").Key("${x}") },
		`kernel.m[var.x]`:   func(*pipeline.Pipeline) pipeline.Input { return pipeline.Named("kernel.m").At(pipeline.Raw("var.x")) },
		`[kernel.m["a"], source.s]`: func(*pipeline.Pipeline) pipeline.Input {
			return pipeline.FirstOf(pipeline.Named("kernel.m").Key("a"), pipeline.Named("source.s"))
		},
		`module.u.rows`: func(p *pipeline.Pipeline) pipeline.Input { return p.Module("u", "./m", nil).Output("rows") },
		`module.u["a"].rows`: func(p *pipeline.Pipeline) pipeline.Input {
			return p.Module("u", "./m", nil, pipeline.ForEach([]string{"a"})).Key("a").Output("rows")
		},
		`module.u[var.x].rows`: func(p *pipeline.Pipeline) pipeline.Input {
			return p.Module("u", "./m", nil, pipeline.ForEach([]string{"a"})).At(pipeline.Raw("var.x")).Output("rows")
		},
	} {
		p := pipeline.New("p")
		p.Outside("var.x")
		s := p.Source("s", pipeline.CSV("x"))
		p.Kernel("m", "a.b", s, pipeline.ForEach([]string{"a"}))
		p.Kernel("k", "a.b", input(p))
		if got := block(t, p, `kernel "k"`); got != "use = a.b\ninput = "+want {
			t.Errorf("%s\nwant %s", got, want)
		}
	}
}

func TestModuleArguments(t *testing.T) {
	p := pipeline.New("p")
	s := p.Source("s", pipeline.CSV("x"))
	p.Module("m", "../m", pipeline.Args{"rows": s, "more": pipeline.FirstOf(s, s), "n": 1, "text": "source.s", "deep": map[string]any{"a": nil}}, pipeline.When(true))
	want := "when = true\nsource = \"../m\"\ndeep = { a = null }\nmore = [source.s, source.s]\nn = 1\nrows = source.s\ntext = \"source.s\""
	if got := block(t, p, `module "m"`); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	text, err := p.JSON()
	if err != nil || !strings.Contains(string(text), `"rows": "source.s"`) || !strings.Contains(string(text), `"n": 1`) {
		t.Errorf("%v\n%s", err, text)
	}
	p.Module("bad", "./m", pipeline.Args{"rows": pipeline.Named("source.z"), "n": pipeline.Raw("var.none")})
	err = p.Err()
	for _, want := range []string{"module.bad: rows: It reads source.z", "module.bad: n: var.none is not declared"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v\nlacks %s", err, want)
		}
	}
}

func TestPipelineOptions(t *testing.T) {
	for want, option := range map[string]pipeline.Option{
		`description = "x"`:                pipeline.About("x"),
		`preflight = suite.a`:              pipeline.Preflight("suite.a"),
		`preflight = [suite.a, require.b]`: pipeline.Preflight("suite.a", "require.b"),
		`cache = var.x`:                    pipeline.Cache(pipeline.Raw("var.x")),
		`max_memory = "64MiB"`:             pipeline.MaxMemory("64MiB"),
		`max_spill = "1GB"`:                pipeline.MaxSpill("1GB"),
		`batch_rows = 10`:                  pipeline.BatchRows(10),
		`batch_bytes = "1MiB"`:             pipeline.BatchBytes("1MiB"),
	} {
		p := pipeline.New("p", option)
		p.Outside("var.x")
		if got := block(t, p, `pipeline "p"`); got != want {
			t.Errorf("%s\nwant %s", got, want)
		}
	}
}

func TestVariableOptions(t *testing.T) {
	p := pipeline.New("p")
	v := p.Variable("v", pipeline.Sensitive(), pipeline.Description("d"), pipeline.Default([]int{1}), pipeline.Type("list(number)"),
		pipeline.Validation(pipeline.Raw("length(var.v) > 0"), "too short"), pipeline.Validation(pipeline.Raw("true"), "never"))
	if v.String() != "var.v" {
		t.Error(v)
	}
	want := "type = list(number)\ndefault = [1]\ndescription = \"d\"\nsensitive = true\n\nvalidation {\ncondition = length(var.v) > 0\nerror_message = \"too short\"\n}\n\nvalidation {\ncondition = true\nerror_message = \"never\"\n}"
	if got := block(t, p, `variable "v"`); got != want {
		t.Errorf("%q\nwant\n%q", got, want)
	}
	for _, bad := range []string{"number number", "strin", "list(", "object({})\n}", "var.x"} {
		q := pipeline.New("p")
		q.Variable("v", pipeline.Type(bad))
		if _, err := q.HCL(); !is[*pipeline.StepError](err) || !strings.Contains(err.Error(), "variable.v: type: ") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestPolicy(t *testing.T) {
	p := pipeline.New("p", pipeline.Preflight("suite.s"))
	p.Suite("s", []string{"gpu.all", "gpu.persistence-off", "2d.x"}, "system.*")
	p.Require("r", pipeline.Raw(`fact.gpu.count > 0`), pipeline.Value("no GPU"))
	p.Plugin("own", "./own-plugin", "")
	for head, want := range map[string]string{
		`suite "s"`:    "run = [gpu.all, gpu.persistence-off, \"2d.x\"]\nskip = [\"system.*\"]",
		`require "r"`:  "condition = fact.gpu.count > 0\nmessage = \"no GPU\"",
		`plugin "own"`: "source = \"./own-plugin\"",
	} {
		if got := block(t, p, head); got != want {
			t.Errorf("%s\nwant\n%s", got, want)
		}
	}
	text, err := p.JSON()
	if err != nil || !strings.Contains(string(text), `"2d.x"`) || !strings.Contains(string(text), `"preflight": "suite.s"`) {
		t.Errorf("%v\n%s", err, text)
	}
	p.Suite("s", []string{"a.b"})
	if err := p.Err(); err == nil || !strings.Contains(err.Error(), "suite.s: The name is given twice") {
		t.Error(err)
	}
}
