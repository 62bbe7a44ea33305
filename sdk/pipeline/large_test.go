// SPDX-License-Identifier: Apache-2.0

package pipeline_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/bulkhead-ml/bulkhead/sdk/pipeline"
)

// chain is a pipeline of n kernels, each of which reads the one before.
func chain(n int) *pipeline.Pipeline {
	p := pipeline.New("chain")
	ref := p.Source("rows", pipeline.CSV("rows.csv"))
	for i := range n {
		ref = p.Kernel(fmt.Sprint("k", i), "data.prepare", ref, pipeline.Config{"quality_threshold": 0.5})
	}
	return p
}

// TestLarge: what is built, written, read and compared takes time that grows as
// the pipeline does.
func TestLarge(t *testing.T) {
	began := time.Now()
	p := chain(3000)
	text, err := p.HCL()
	if err != nil {
		t.Fatal(err)
	}
	q, err := pipeline.Parse(text, "large.hcl")
	if err != nil || !p.Equal(q) {
		t.Fatalf("it reads back as another one: %v", err)
	}
	if _, err := q.JSON(); err != nil {
		t.Fatal(err)
	}
	if len(q.List()) != 3001 {
		t.Errorf("%d steps", len(q.List()))
	}
	took := time.Since(began)
	t.Logf("%d bytes in %v", len(text), took)
	if took > time.Minute {
		t.Errorf("took %v", took)
	}
}

// TestTooLarge: more than a file may hold is an error and no file that the host
// refuses.
func TestTooLarge(t *testing.T) {
	p := pipeline.New("p")
	p.Local("x", strings.Repeat("x", pipeline.MaxFileBytes))
	if _, err := p.HCL(); err == nil || !strings.Contains(err.Error(), "more than the 1048576 of a file") {
		t.Errorf("error = %v", err)
	}
}

// TestLongCycle names a cycle of many kernels once, and ends.
func TestLongCycle(t *testing.T) {
	p := pipeline.New("p")
	for i := range 500 {
		p.Kernel(fmt.Sprint("k", i), "a.b", pipeline.Named(fmt.Sprint("kernel.k", (i+1)%500)))
	}
	err := p.Err()
	if err == nil || strings.Count(err.Error(), "It needs its own result") != 1 {
		t.Errorf("error = %.200v", err)
	}
}

// kindsOf are the types of the blocks at the top of a file, with what stands in
// a pipeline.
func kindsOf(t *testing.T, text []byte) string {
	t.Helper()
	file, diags := hclsyntax.ParseConfig(text, "", hcl.InitialPos)
	if diags.HasErrors() {
		t.Fatalf("%v\n%s", diags, text)
	}
	var out []string
	for _, b := range file.Body.(*hclsyntax.Body).Blocks {
		out = append(out, b.Type)
		for name := range b.Body.Attributes {
			if b.Type == "pipeline" {
				out = append(out, name)
			}
		}
		for _, inner := range b.Body.Blocks {
			out = append(out, fmt.Sprintf("%s%d%d", inner.Type, len(inner.Body.Attributes), len(inner.Body.Blocks)))
		}
	}
	return strings.Join(out, " ")
}

// FuzzRaw: text that is taken for an expression, a name or a type stays what it
// is taken for, wherever it stands; nothing can follow it.
func FuzzRaw(f *testing.F) {
	for _, s := range []string{
		"1", "a.b", "var.x", "1\n}", "1 # c", "1 // c", "1 /* c", "[1,\n2]", "1 +\n 2", "(\n1\n)", "<<E\na\nE", "<<E\na\nE\n", "{ a = 1 }", "\"${", "x\r\ny = 2", "a.b\ninput = 1",
		"suite.x]\ncache = [1", "for x in y : x", "1, 2", "1)", "\"a\" \"b\"", "list(string)", "\x00", "a.b /*", "*/ a",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for i, build := range []func(*pipeline.Pipeline, pipeline.Ref){
			func(p *pipeline.Pipeline, _ pipeline.Ref) { p.Local("x", pipeline.Raw(s)) },
			func(p *pipeline.Pipeline, _ pipeline.Ref) {
				p.Local("x", []any{pipeline.Raw(s), map[string]any{"k": pipeline.Raw(s)}})
			},
			func(p *pipeline.Pipeline, _ pipeline.Ref) {
				p.Local("x", pipeline.Template("a", pipeline.Raw(s), "b"))
			},
			func(p *pipeline.Pipeline, _ pipeline.Ref) { p.Local("x", pipeline.Call("f", pipeline.Raw(s), 1)) },
			func(p *pipeline.Pipeline, r pipeline.Ref) { p.Kernel("k", s, r) },
			func(p *pipeline.Pipeline, r pipeline.Ref) { p.Kernel("k", "a.b", pipeline.Named(s)) },
			func(p *pipeline.Pipeline, r pipeline.Ref) {
				p.Kernel("m", "a.b", r, pipeline.ForEach([]string{"a"}))
				p.Kernel("k", "a.b", pipeline.Named("kernel.m").At(pipeline.Raw(s)))
			},
			func(p *pipeline.Pipeline, r pipeline.Ref) {
				p.Kernel("k", "a.b", p.Module("m", "./m", nil).Output(s))
			},
			func(p *pipeline.Pipeline, _ pipeline.Ref) { p.Variable("v", pipeline.Type(s)) },
			func(p *pipeline.Pipeline, _ pipeline.Ref) { p.Suite("s", []string{s}) },
			func(p *pipeline.Pipeline, _ pipeline.Ref) { *p = *pipeline.New("p", pipeline.Preflight(s, s)) },
		} {
			p := pipeline.New("p")
			build(p, p.Source("s", pipeline.CSV("x")))
			text, err := p.HCL()
			if err != nil {
				continue
			}
			want := []string{
				"locals pipeline source10", "locals pipeline source10", "locals pipeline source10", "locals pipeline source10",
				"pipeline source10 kernel20", "pipeline source10 kernel20", "pipeline source10 kernel30 kernel20", "pipeline source10 module10 kernel20",
				"variable pipeline source10", "suite pipeline source10", "pipeline preflight",
			}[i]
			if got := kindsOf(t, text); got != want {
				t.Fatalf("%d: %q makes %s\n%s", i, s, got, text)
			}
		}
	})
}

func BenchmarkHCL(b *testing.B) {
	p := chain(1000)
	for b.Loop() {
		if _, err := p.HCL(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	text, err := chain(1000).HCL()
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := pipeline.Parse(text, "b.hcl"); err != nil {
			b.Fatal(err)
		}
	}
}
