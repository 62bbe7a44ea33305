// SPDX-License-Identifier: Apache-2.0

package pipeline_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-ml/bulkhead/sdk/pipeline"
)

// body puts steps into a pipeline; they begin on line 2.
func body(steps string) string { return "pipeline \"p\" {\n" + steps + "\n}\n" }

// TestParseMistakes: each mistake is one error, with its place and its step.
func TestParseMistakes(t *testing.T) {
	const source, kernel = "source \"s\" { csv = \"s.csv\" }\n", "kernel \"k\" {\n use = data.prepare\n input = source.s\n"
	for src, want := range map[string]string{
		"x = ":                                 "f.hcl:1,5",
		"":                                     "The file has no pipeline block",
		"pipeline \"p\" {}\npipeline \"q\" {}": "f.hcl:2,1: pipeline.q: It is the second pipeline",
		"pipeline \"p\" {}\nhost {}":           "f.hcl:2,1: host: A block of type \"host\" cannot be expressed here",
		"pipeline \"p q\" {}":                  "f.hcl:1,1: pipeline.p q: \"p q\" is not a name",
		"pipeline \"p\" \"q\" {}":              "has 1 names",
		body("colour = 1"):                     "f.hcl:2,1: pipeline.p: colour: A block of type \"pipeline\" has no such setting.",
		body("batch_row = 1"):                  "Did you mean batch_rows?",
		body("batch_rows = 0"):                 "pipeline.p: batch_rows: It takes a whole number from 1 to 65536",
		body("batch_rows = 1.5"):               "whole number",
		body("max_memory = \"1MiB\""):          "pipeline.p: max_memory: 1MiB is too small",
		body("max_memory = \"1\""):             "no unit",
		body("max_memory = \"1.2.3MiB\""):      "not a number",
		body("batch_bytes = \"9MiB\""):         "too large",
		body("cache = \"perhaps\""):            "pipeline.p: cache: It takes a value of type bool",
		body("preflight = \"suite.x\""):        "names without quotes such as suite.training_box",
		body("preflight = kernel.x"):           "takes suite.NAME and require.NAME",
		body("source \"s\" {}"):                "f.hcl:2,1: source.s: It has no data",
		body("source \"s\" {\n csv = \"a\"\n arrow = \"b\"\n}"):                           "f.hcl:4,2: source.s: arrow: A source has one place",
		body("source \"s\" {\n csv = \"\"\n}"):                                            "source.s: csv: It is empty",
		body("source \"s\" {\n url = \"https://x\"\n allow_network = true\n}"):            "source.s: format: Say what is at the address",
		body("source \"s\" {\n url = \"https://x\"\n format = \"csv\"\n}"):                "source.s: allow_network: Nothing is fetched without consent",
		body("source \"s\" {\n csv = \"x\"\n format = \"csv\"\n}"):                        "source.s: format: It goes with an address",
		body("source \"s\" {\n parquet = \"x\"\n delimiter = \";\"\n}"):                   "source.s: delimiter: It is for csv, and this is parquet",
		body("source \"s\" {\n parquet = \"x\"\n compression = \"zstd\"\n}"):              "has none to choose",
		body("source \"s\" {\n sqlite = \"x\"\n table = \"t\"\n query = \"SELECT 1\"\n}"): "source.s: query: A query says itself",
		body("source \"s\" {\n csv = \"x\"\n types = 3\n}"):                               "source.s: types: It takes a value of type map of string",
		body(source + source):                                                                                      "f.hcl:3,1: source.s: The name is given to two blocks",
		body(source + kernel + "}"):                                                                                "",
		body(source + kernel + "budget = \"10\"\n}"):                                                               "kernel.k: budget: It takes a duration above zero",
		body(source + kernel + "budget = \"10s\"\n timeout = \"5s\"\n}"):                                           "kernel.k: budget: The kernel is killed after 5s",
		body(source + kernel + "seed = -1\n}"):                                                                     "kernel.k: seed: It takes a whole number from 0",
		body(source + kernel + "on_failure = \"explode\"\n}"):                                                      "kernel.k: on_failure: It must be one of stop, continue, retry, rollback, quarantine",
		body(source + kernel + "retries = 2\n}"):                                                                   "kernel.k: retries: It counts only with on_failure",
		body(source + kernel + "on_failure = \"retry\"\n retries = 11\n}"):                                         "from 1 to 10",
		body(source + kernel + "config {}\nconfig {}\n}"):                                                          "kernel.k: config: The settings stand twice",
		body(source + kernel + "surprise {}\n}"):                                                                   "kernel.k: surprise: A block of type \"surprise\" cannot be expressed",
		body(source + "kernel \"k\" {\n input = source.s\n}"):                                                      "f.hcl:3,1: kernel.k: use: The setting is missing",
		body(source + "kernel \"k\" {\n use = prepare\n input = source.s\n}"):                                      "takes one PLUGIN.KERNEL",
		body(source + "kernel \"k\" {\n use = \"data.prepare\"\n input = source.s\n}"):                             "names without quotes such as data.prepare",
		body(source + "kernel \"k\" {\n use = data.prepare\n input = \"source.s\"\n}"):                             "f.hcl:5,2: kernel.k: input: It takes source.NAME",
		body(source + "kernel \"k\" {\n use = data.prepare\n input = []\n}"):                                       "kernel.k: input: It takes source.NAME",
		body(source + "kernel \"k\" {\n use = data.prepare\n input = source.z\n}"):                                 "It reads source.z, which is not there. Did you mean source.s?",
		body(source + "kernel \"k\" {\n use = data.prepare\n input = source.s[\"a\"]\n}"):                          "source.s is one step and has no keys",
		body(source + "kernel \"k\" {\n use = data.prepare\n input = kernel.k\n}"):                                 "kernel.k: input: It needs its own result: kernel.k reads kernel.k",
		body(source + "kernel \"k\" {\n use = data.prepare\n input = suite.k\n}"):                                  "suite.k gives no table",
		body(source + "kernel \"k\" {\n use = data.prepare\n input = module.k\n}"):                                 "It takes source.NAME",
		body(source + "kernel \"k\" {\n use = data.prepare\n input = module.k.rows\n}"):                            "module.k, which is not there",
		body("source \"s\" {\n for_each = [1]\n csv = \"x\"\n}\nsink \"o\" {\n input = source.s\n csv = \"y\"\n}"): "sink.o: input: source.s stands for several steps",
		body(source + "sink \"o\" { input = source.s }"):                                                           "sink.o: It has no data",
		body(source + "sink \"o\" {\n input = source.s\n parquet = \"x\"\n compression = \"lz4\"\n}"):              "parquet knows none, snappy, gzip, zstd and auto, not \"lz4\"",
		body(source + "sink \"o\" {\n input = source.s\n csv = \"x\"\n target = \"y\"\n}"):                         "has no such setting",
		body("source \"s\" {\n csv = var.x\n}"):                                                                    "f.hcl:3,2: source.s: csv: var.x is not declared.",
		"locals {\n ab = 1\n}\n" + body("source \"s\" {\n csv = local.ad\n}"):                                      "local.ad is not declared. Did you mean local.ab?",
		body("source \"s\" {\n csv = each.key\n}"):                                                                 "each.key is there in a step with for_each only",
		body("source \"s\" {\n for_each = [1]\n csv = each.name\n}"):                                               "each has key and value",
		body("source \"s\" {\n csv = path.module\n}"):                                                              "\"path\" is not a name here",
		"variable \"v\" {}\nvariable \"v\" {}\n" + body(""):                                                        "f.hcl:2,1: var.v: The name is given twice",
		"variable \"v\" { type = strin }\n" + body(""):                                                             "variable.v: type:",
		"locals {\n a = 1\n}\nlocals {\n a = 2\n}\n" + body(""):                                                    "f.hcl:5,2: local.a: The name is given twice",
		body("kernel \"a\" {\n use = x.y\n input = kernel.b\n}\nkernel \"b\" {\n use = x.y\n input = kernel.a\n}"): "kernel.a reads kernel.b reads kernel.a",
		"x = " + strings.Repeat("(", 80) + strings.Repeat(")", 80):                                                 "Nested too deep",
		"x = " + strings.Repeat("!", 2000) + "true":                                                                "Nested too deep",
		strings.Repeat("#", pipeline.MaxFileBytes+1):                                                               "more than the 1048576 that are read",
	} {
		_, err := pipeline.Parse([]byte(src), "f.hcl")
		switch {
		case want == "" && err != nil:
			t.Errorf("%s\n%v", src, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%.300s\ngives %v\nwithout %q", src, err, want)
		case want != "" && !is[*pipeline.StepError](err):
			t.Errorf("%.300s\ngives %T", src, err)
		}
	}
}

func TestModuleMistakes(t *testing.T) {
	for src, want := range map[string]string{
		"pipeline \"p\" {}":                 "cannot be expressed here",
		"output \"o\" { value = kernel.k }": "output.o: value: It reads kernel.k, which is not there",
		"input \"i\" {}\nkernel \"k\" {\n use = a.b\n input = input.j\n}": "Did you mean input.i?",
		"input \"i\" {}\noutput \"o\" { value = input.i }":                "",
	} {
		_, err := pipeline.ParseModule([]byte(src), "m.hcl")
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s\ngives %v", src, err)
		}
	}
}

// TestOutside: what other files declare is not missing.
func TestOutside(t *testing.T) {
	src := []byte(body("kernel \"k\" {\n use = a.b\n input = source.rows\n seed = var.seed\n}"))
	if _, err := pipeline.Parse(src, "f.hcl"); err == nil {
		t.Error("both are declared nowhere")
	}
	p, err := pipeline.Parse(src, "f.hcl", "source.rows", "var.seed")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.HCL(); err != nil {
		t.Error(err)
	}
	q := pipeline.New("p")
	q.Outside("source.rows", "var.seed")
	q.Kernel("k", "a.b", pipeline.Named("source.rows"), pipeline.Seed(pipeline.Raw("var.seed")))
	if err := q.Err(); err != nil || !p.Equal(q) {
		t.Error(err)
	}
}

// TestBuildMistakes: what is built wrongly is refused by name, and can put
// nothing else into the file.
func TestBuildMistakes(t *testing.T) {
	for want, build := range map[string]func(*pipeline.Pipeline){
		"kernel.k: input: It reads nothing": func(p *pipeline.Pipeline) { p.Kernel("k", "a.b", nil) },
		"kernel.z: input: It reads nothing": func(p *pipeline.Pipeline) { p.Kernel("z", "a.b", pipeline.FirstOf()) },
		"kernel.k: input: source.s is a step of another pipeline": func(p *pipeline.Pipeline) {
			p.Kernel("k", "a.b", pipeline.New("q").Source("s", pipeline.CSV("x")))
		},
		`source.a b: "a b" is not a name`:    func(p *pipeline.Pipeline) { p.Source("a b", pipeline.CSV("x")) },
		`variable.9: "9" is not a name`:      func(p *pipeline.Pipeline) { p.Variable("9") },
		`local.a-": "a-\"" is not a name`:    func(p *pipeline.Pipeline) { p.Local("a-\"", 1) },
		`suite.: "" is not a name`:           func(p *pipeline.Pipeline) { p.Suite("", nil) },
		"source.s: The name is given to two": func(p *pipeline.Pipeline) { p.Source("s", pipeline.CSV("x")); p.Source("s", pipeline.CSV("y")) },
		"kernel.k: use: \"a.b\\n} evil {\" is not an expression": func(p *pipeline.Pipeline) {
			p.Kernel("k", "a.b\n} evil {", p.Source("s", pipeline.CSV("x")))
		},
		"kernel.k: seed: \"1 +\" is not an expression": func(p *pipeline.Pipeline) {
			p.Kernel("k", "a.b", p.Source("s", pipeline.CSV("x")), pipeline.Seed(pipeline.Raw("1 +")))
		},
		"kernel.k: x: NaN is not a finite number": func(p *pipeline.Pipeline) {
			p.Kernel("k", "a.b", p.Source("s", pipeline.CSV("x")), pipeline.Config{"x": math.NaN()})
		},
		"kernel.k: x: a value of type chan int": func(p *pipeline.Pipeline) {
			p.Kernel("k", "a.b", p.Source("s", pipeline.CSV("x")), pipeline.Config{"x": make(chan int)})
		},
		"kernel.k: a b: \"a b\" is not the name": func(p *pipeline.Pipeline) {
			p.Kernel("k", "a.b", p.Source("s", pipeline.CSV("x")), pipeline.Config{"a b": 1})
		},
		"kernel.k: budget: It takes a duration above zero": func(p *pipeline.Pipeline) {
			p.Kernel("k", "a.b", p.Source("s", pipeline.CSV("x")), pipeline.Budget(-time.Second))
		},
		"source.s: csv: \"\\xff\" is not UTF-8": func(p *pipeline.Pipeline) { p.Source("s", pipeline.CSV("\xff")) },
		"pipeline.invalid":                      func(p *pipeline.Pipeline) { *p = *pipeline.New("a\"b") },
		"kernel.k: input: kernel.m stands for several": func(p *pipeline.Pipeline) {
			s := p.Source("s", pipeline.CSV("x"))
			p.Kernel("k", "a.b", p.Kernel("m", "a.b", s, pipeline.ForEach(map[string]int{"a": 1})))
		},
		"kernel.k: for_each: each.key is there in a step with for_each only": func(p *pipeline.Pipeline) {
			p.Kernel("k", "a.b", p.Source("s", pipeline.CSV("x")), pipeline.ForEach(pipeline.EachKey))
		},
	} {
		p := pipeline.New("p")
		build(p)
		text, err := p.HCL()
		if want == "pipeline.invalid" && err != nil {
			continue
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v\n%s", want, err, text)
			continue
		}
		if _, err := p.JSON(); err == nil || p.Err() == nil {
			t.Errorf("%s: written as JSON", want)
		}
	}
}
