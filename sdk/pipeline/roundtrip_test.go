// SPDX-License-Identifier: Apache-2.0

package pipeline_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2/hclwrite"

	"github.com/bulkhead-ml/bulkhead/sdk/pipeline"
)

// stable is what `bulkhead fmt` makes of a file.
func stable(src []byte) []byte {
	for range 8 {
		next := hclwrite.Format(src)
		if bytes.Equal(next, src) {
			break
		}
		src = next
	}
	return src
}

func TestBuiltRoundTrip(t *testing.T) {
	for _, p := range []*pipeline.Pipeline{everything(), small(), ridge(), compared()} {
		text, err := p.HCL()
		if err != nil {
			t.Fatal(err)
		}
		q, err := pipeline.Parse(text, "x.hcl")
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if !p.Equal(q) || !q.Equal(p) {
			t.Errorf("%s reads back as another one", p.Name())
		}
		again, err := q.HCL()
		if err != nil || !bytes.Equal(again, text) || !bytes.Equal(stable(text), text) {
			t.Errorf("%s is written in another way the second time: %v\n%s", p.Name(), err, again)
		}
	}
	m := features()
	text, err := m.HCL()
	if err != nil {
		t.Fatal(err)
	}
	n, err := pipeline.ParseModule(text, "m.hcl")
	if err != nil || !m.Equal(n) {
		t.Errorf("the module reads back as another one: %v\n%s", err, text)
	}
}

// documented are the configurations of the documentation and the examples that
// have one pipeline.
func documented(t testing.TB) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	page, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	for i, part := range strings.Split(string(page), "\n```hcl")[1:] {
		body, _, _ := strings.Cut(part, "\n```")
		_, body, _ = strings.Cut(body, "\n")
		if strings.Count("\n"+body, "\npipeline \"") == 1 {
			out["configuration.md "+string(rune('a'+i))] = []byte(body + "\n")
		}
	}
	files, err := filepath.Glob("../../examples/*/*.hcl")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		out[file] = text
	}
	if len(out) < 8 {
		t.Fatalf("%d configurations were found", len(out))
	}
	return out
}

// TestDocumented parses them all, and writes them as they were.
func TestDocumented(t *testing.T) {
	for name, src := range documented(t) {
		p, err := pipeline.Parse(src, name)
		if err != nil {
			t.Errorf("%v\n%s", err, src)
			continue
		}
		got, err := p.HCL()
		if err != nil || !bytes.Equal(got, stable(src)) {
			t.Errorf("%s: %v\n%s", name, err, got)
		}
		if text, err := p.JSON(); err != nil || !json.Valid(text) {
			t.Errorf("%s as JSON: %v\n%s", name, err, text)
		}
	}
}

// untidy has everything that formatting and parsing could lose.
const untidy = `# what it is for

/* a
   block */ variable "x" {
default = <<EOT
line ${1 + 1}
  EOT
}
locals {
  a = 1 # one
  b = { x : 1, "y z" = [1,
     2, # two
  ] }


  c = (1 +
  2)
  d = [for k, v in local.b : v if k != "x"]
}
pipeline p {
  // input
  source "rows"{ csv="rows.csv" }
  kernel "k" {   # here
 use=data.prepare
    input   =   [ source.rows, # first
      source.rows ]
    config {
       deep {
 deeper "label" { x = -1.50 }
}
       list = [ "a","b" ]
    }
    # the end
  }
}
# after`

func TestUntidy(t *testing.T) {
	for _, src := range []string{untidy, strings.ReplaceAll(untidy, "\n", "\r\n")} {
		p, err := pipeline.Parse([]byte(src), "untidy.hcl")
		if err != nil {
			t.Fatal(err)
		}
		got, err := p.HCL()
		if err != nil || string(got) != string(stable([]byte(src))) {
			t.Errorf("%v\n%s", err, got)
		}
		tidy, err := pipeline.Parse([]byte(tidied), "tidy.hcl")
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(src, "\r") {
			continue // line ends inside the heredoc differ
		}
		if !p.Equal(tidy) {
			t.Error("without comments and white space it is another one")
		}
	}
}

const tidied = `
variable "x" {
  default = <<EOT
line ${1 + 1}
  EOT
}
locals {
  c = (1 + 2)
  d = [for k, v in local.b : v if k != "x"]
  a = 1
  b = {
    x : 1
    "y z" = [1, 2]
  }
}
pipeline "p" {
  source "rows" {
    csv = "rows.csv"
  }
  kernel "k" {
    input = [source.rows, source.rows]
    use   = data.prepare
    config {
      list = ["a", "b"]
      deep {
        deeper "label" {
          x = -1.50
        }
      }
    }
  }
}
`

// TestDifferences: pipelines that mean something else are not equal.
func TestDifferences(t *testing.T) {
	base, err := pipeline.Parse([]byte(tidied), "a.hcl")
	if err != nil {
		t.Fatal(err)
	}
	for from, to := range map[string]string{
		"1 + 2":     "1 - 2",
		"a = 1":     "a = 2",
		`"label"`:   `"lebal"`,
		"[1, 2]":    "[1, 2, 3]",
		"line":      "lime",
		"-1.50":     "-1.5",
		"\"y z\"":   "\"y  z\"",
		"use   =":   "seed  = 1\n    use   =",
		"x : 1\n":   "x : 1\n    z : 1\n",
		"deeper \"": "deeper \"x\" {\n}\n        deeper \"",
	} {
		other, err := pipeline.Parse([]byte(strings.Replace(tidied, from, to, 1)), "b.hcl")
		if err != nil {
			t.Fatal(err)
		}
		if base.Equal(other) || other.Equal(base) {
			t.Errorf("%q for %q makes no difference", to, from)
		}
	}
}

// TestExtend adds steps to what was parsed, wherever they can stand.
func TestExtend(t *testing.T) {
	for src, want := range map[string]string{
		"pipeline \"p\" {}":                                      "pipeline \"p\" {\n  source \"s\" {\n    csv = \"s.csv\"\n  }\n}",
		"pipeline \"p\" { cache = true } # yes\n":                "pipeline \"p\" {\n  cache = true\n\n  source \"s\" {\n    csv = \"s.csv\"\n  }\n} # yes\n",
		"pipeline \"p\" {\n  cache = true\n  # nothing yet\n}\n": "pipeline \"p\" {\n  cache = true\n  # nothing yet\n\n  source \"s\" {\n    csv = \"s.csv\"\n  }\n}\n",
		"pipeline \"p\" {\n  source \"a\" { csv = \"a\" }\n}":    "pipeline \"p\" {\n  source \"a\" { csv = \"a\" }\n\n  source \"s\" {\n    csv = \"s.csv\"\n  }\n}",
	} {
		p, err := pipeline.Parse([]byte(src), "p.hcl")
		if err != nil {
			t.Fatal(err)
		}
		p.Source("s", pipeline.CSV("s.csv"))
		if got, err := p.HCL(); err != nil || string(got) != want {
			t.Errorf("%q gives %v\n%q\n%q", src, err, got, want)
		}
	}
	p, err := pipeline.Parse([]byte("pipeline \"p\" {\n}\n"), "p.hcl")
	if err != nil {
		t.Fatal(err)
	}
	v := p.Variable("v", pipeline.Default(1))
	p.Local("a", v)
	p.Local("b", pipeline.Raw("local.a + 1"))
	want := "variable \"v\" {\n  default = 1\n}\n\nlocals {\n  a = var.v\n  b = local.a + 1\n}\n\npipeline \"p\" {\n}\n"
	if got, err := p.HCL(); err != nil || string(got) != want {
		t.Errorf("%v\n%q\n%q", err, got, want)
	}
}

// TestExtendDocumented: no file that was parsed breaks when steps are added.
func TestExtendDocumented(t *testing.T) {
	all := documented(t)
	all["untidy"] = []byte(untidy)
	for name, src := range all {
		p, err := pipeline.Parse(src, name)
		if err != nil {
			t.Fatal(err)
		}
		before := len(p.List())
		local := p.Local("added_local", 1)
		rows := p.Source("added_rows", pipeline.CSV("x.csv"))
		p.Sink("added_sink", p.Kernel("added", "data.prepare", rows, pipeline.Config{"x": local}), pipeline.CSV("y.csv"))
		p.Source("added_shared", pipeline.Shared(), pipeline.CSV("z.csv"))
		text, err := p.HCL()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		q, err := pipeline.Parse(text, name)
		if err != nil || !q.Equal(p) || len(q.List()) != before+4 {
			t.Errorf("%s: %v\n%s", name, err, text)
		}
	}
}

func TestList(t *testing.T) {
	p, err := pipeline.Parse([]byte(untidy), "untidy.hcl")
	if err != nil {
		t.Fatal(err)
	}
	got := p.List()
	if len(got) != 2 || got[0].Ref() != "source.rows" || got[1].Kernel != "data.prepare" || len(got[1].Inputs) != 2 || got[1].Line != 23 {
		t.Errorf("steps = %+v", got)
	}
	for _, s := range everything().List() {
		if s.Kind == "module" && (len(s.Inputs) != 1 || s.Inputs[0] != "source.rows") {
			t.Errorf("module = %+v", s)
		}
	}
}

// FuzzParse: what is taken is written again as formatting leaves it, reads back
// as the same, and has a JSON form.
func FuzzParse(f *testing.F) {
	for _, src := range documented(f) {
		f.Add(src)
	}
	f.Add([]byte(untidy))
	f.Add([]byte(tidied))
	f.Fuzz(func(t *testing.T, src []byte) {
		p, err := pipeline.Parse(src, "fuzz.hcl")
		if err != nil {
			return
		}
		text, err := p.HCL()
		if err != nil {
			return // no layout that stays
		}
		if !bytes.Equal(text, stable(src)) {
			t.Fatalf("written as\n%q\nfor\n%q", text, src)
		}
		q, err := pipeline.Parse(text, "fuzz.hcl")
		if err != nil || !q.Equal(p) {
			t.Fatalf("reads back as another one: %v\n%q", err, text)
		}
		if out, err := p.JSON(); err != nil || !json.Valid(out) {
			t.Fatalf("JSON: %v\n%s", err, out)
		}
	})
}
