// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-ml/bulkhead/host/source"
)

// stepLines tells what a pipeline comes to: a line for each step, in order.
func stepLines(p *Pipeline) []string {
	var out []string
	for _, s := range p.Sources {
		out = append(out, "source "+s.Name)
	}
	for _, k := range p.Kernels {
		out = append(out, fmt.Sprintf("kernel %s <- %s", k.Name, k.Inputs[0]))
	}
	for _, s := range p.Sinks {
		out = append(out, fmt.Sprintf("sink %s <- %s", s.Name, s.Input))
	}
	for _, o := range p.Off {
		out = append(out, fmt.Sprintf("off %s: %s", o.Name, o.Reason))
	}
	return out
}

func wantLines(t *testing.T, p *Pipeline, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, stepLines(p)); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
}

func TestSources(t *testing.T) {
	cfg, diags, dir := load(t, map[string]string{"bulkhead.hcl": `
source "a" { jsonl = "a.jsonl.gz" }
source "b" { parquet = "/data/b.parquet" }
source "c" { arrow = "../c.arrow" }
source "d" {
  sqlite = "d.db"
  query  = "SELECT x FROM t"
}
source "e" {
  url           = "https://example.org/e.csv.zst"
  format        = "csv"
  allow_network = true
  compression   = "zstd"
  delimiter     = "\t"
}
source "g" {
  sqlite = "one-table.db"
}
source "f" {
  sqlite = "d.db"
  table  = "my table"
}
`}, LoadOptions{})
	if err := diags.Err(); err != nil {
		t.Fatal(err)
	}
	want := []Source{
		{Format: JSONL, Path: Path{Absolute: filepath.Join(dir, "a.jsonl.gz")}},
		{Format: Parquet, Path: Path{Absolute: "/data/b.parquet"}},
		{Format: Arrow, Path: Path{Absolute: filepath.Join(filepath.Dir(dir), "c.arrow")}},
		{Format: SQLite, Query: "SELECT x FROM t", Path: Path{Absolute: filepath.Join(dir, "d.db")}},
		{Format: CSV, Compression: Zstd, URL: "https://example.org/e.csv.zst"},
		{Format: SQLite, Path: Path{Absolute: filepath.Join(dir, "one-table.db")}},
		{Format: SQLite, Table: "my table", Path: Path{Absolute: filepath.Join(dir, "d.db")}},
	}
	for i, s := range cfg.Sources {
		w := want[i]
		if s.Format != w.Format || s.Compression != w.Compression || s.Path.Absolute != w.Path.Absolute ||
			s.URL != w.URL || s.Query != w.Query || s.Table != w.Table {
			t.Errorf("source %s = %+v", s.Name, s)
		}
	}
	if at := cfg.Sources[4].At(); at.Start.Line != 10 {
		t.Errorf("the address stands at %v", at)
	}
	if cfg.Sources[4].Delimiter != '\t' {
		t.Errorf("delimiter = %q", cfg.Sources[4].Delimiter)
	}
}

func TestSinks(t *testing.T) {
	cfg, diags, dir := load(t, map[string]string{"bulkhead.hcl": `
source "rows" { csv = "x.csv" }
kernel "shared" {
  use   = data.prepare
  input = source.rows
}
sink "all" {
  input   = kernel.shared
  parquet = "all.parquet"
}
pipeline "p" {
  kernel "b" {
    use   = data.prepare
    input = kernel.shared
  }
  sink "db" {
    for_each = toset(["x", "y"])
    input    = kernel.b
    sqlite   = "${each.key}.db"
  }
  sink "copy" {
    input       = source.rows
    csv         = "copy.csv"
    compression = "gzip"
  }
}
pipeline "q" {
  kernel "c" {
    use   = data.prepare
    input = source.rows
  }
}
`}, LoadOptions{})
	if err := diags.Err(); err != nil {
		t.Fatal(err)
	}
	p, q := cfg.Pipelines[0], cfg.Pipelines[1]
	wantLines(t, p, "source rows", "kernel shared <- source.rows", "kernel b <- kernel.shared",
		"sink db.x <- kernel.b", "sink db.y <- kernel.b", "sink copy <- source.rows", "sink all <- kernel.shared")
	wantLines(t, q, "source rows", "kernel c <- source.rows")
	s, ok := p.Sink("db.y")
	if !ok || s.Format != SQLite || s.Table != "db_y" || s.Path.Absolute != filepath.Join(dir, "y.db") || s.Compression != Auto || s.Input.Range.Start.Line != 18 {
		t.Errorf("sink = %+v", s)
	}
	if s, _ := p.Sink("copy"); s.Compression != Gzip || s.Format != CSV {
		t.Errorf("sink = %+v", s)
	}
}

func TestForEach(t *testing.T) {
	cfg := mustLoad(t, `
locals {
  models = { ridge = { alpha = 1 }, lasso = { alpha = 2 } }
}
source "part" {
  for_each = toset(["a", "b"])
  csv      = "part-${each.value}.csv"
}
pipeline "p" {
  kernel "model" {
    for_each = local.models
    use      = data.prepare
    input    = kernel.clean["b"]
    seed     = each.value.alpha
    config {
      columns = [each.key]
    }
  }
  kernel "clean" {
    for_each = { a = "a", b = "b" }
    use      = data.prepare
    input    = source.part[each.value]
  }
}
`)
	p := cfg.Pipelines[0]
	wantLines(t, p, "source part.b", "source part.a",
		"kernel clean.b <- source.part.b", "kernel model.lasso <- kernel.clean.b", "kernel model.ridge <- kernel.clean.b",
		"kernel clean.a <- source.part.a")
	k, ok := p.Kernel("model.ridge")
	if !ok || k.Seed != 1 || k.Origin != (Origin{Block: "model", Key: "ridge"}) {
		t.Fatalf("kernel = %+v", k)
	}
	s, diags := k.Settings(prepareSchema())
	if diags.HasErrors() || !strings.Contains(string(s.JSON), `"columns":["ridge"]`) {
		t.Errorf("settings = %s, %v", s.JSON, diags.Err())
	}
	if s.Range([]string{"columns"}).Start.Line != 16 {
		t.Errorf("columns stand at %v", s.Range([]string{"columns"}))
	}
}

func TestWhen(t *testing.T) {
	text := `
variable "deep" {
  type    = bool
  default = true
}
source "rows" { csv = "x.csv" }
pipeline "p" {
  kernel "flat" {
    use   = data.prepare
    input = source.rows
  }
  kernel "deep" {
    when  = var.deep
    use   = data.prepare
    input = kernel.flat
  }
  kernel "deeper" {
    use   = data.prepare
    input = kernel.deep
  }
  kernel "last" {
    use   = data.prepare
    input = [kernel.deeper, kernel.deep, kernel.flat]
  }
  sink "out" {
    when  = !var.deep
    input = kernel.last
    csv   = "out.csv"
  }
}
`
	wantLines(t, mustLoad(t, text).Pipelines[0], "source rows", "kernel flat <- source.rows", "kernel deep <- kernel.flat",
		"kernel deeper <- kernel.deep", "kernel last <- kernel.deeper", "off sink.out: when = !var.deep is false")
	cfg, diags, _ := load(t, map[string]string{"bulkhead.hcl": text}, LoadOptions{Vars: map[string]string{"deep": "false"}})
	if err := diags.Err(); err != nil {
		t.Fatal(err)
	}
	p := cfg.Pipelines[0]
	wantLines(t, p, "source rows", "kernel flat <- source.rows", "kernel last <- kernel.flat", "sink out <- kernel.last",
		"off kernel.deep: when = var.deep is false", "off kernel.deeper: its input kernel.deep is off")
	if p.Off[0].Range.Start.Line != 13 || p.Off[1].Range.Start.Line != 19 {
		t.Errorf("ranges %v and %v", p.Off[0].Range, p.Off[1].Range)
	}
}

// TestWhenShared leaves out what pipelines share, where they use it.
func TestWhenShared(t *testing.T) {
	cfg := mustLoad(t, `
source "rows" {
  when = false
  csv  = "x.csv"
}
source "other" { csv = "y.csv" }
kernel "clean" {
  use   = data.prepare
  input = source.rows
}
sink "kept" {
  input = kernel.clean
  csv   = "kept.csv"
}
pipeline "p" {
  kernel "a" {
    use   = data.prepare
    input = [kernel.clean, source.other]
  }
}
pipeline "q" {
  kernel "a" {
    use   = data.prepare
    input = source.other
  }
}
`)
	wantLines(t, cfg.Pipelines[0], "source other", "kernel a <- source.other",
		"off source.rows: when = false is false", "off kernel.clean: its input source.rows is off", "off sink.kept: its input kernel.clean is off")
	wantLines(t, cfg.Pipelines[1], "source other", "kernel a <- source.other")
	if len(cfg.Sources) != 1 || len(cfg.Kernels) != 0 || len(cfg.Sinks) != 0 {
		t.Errorf("at top level %v %v %v", cfg.Sources, cfg.Kernels, cfg.Sinks)
	}
}

func TestPolicies(t *testing.T) {
	cfg := mustLoad(t, `
source "rows" { csv = "x.csv" }
cache {
  max_size = "2GiB"
  max_age  = "48h"
}
pipeline "p" {
  cache       = false
  max_memory  = "256MiB"
  max_spill   = "20GiB"
  batch_rows  = 1000
  batch_bytes = "1MiB"
  kernel "a" {
    use        = data.prepare
    input      = source.rows
    on_failure = "rollback"
  }
  kernel "b" {
    use        = data.prepare
    input      = source.rows
    on_failure = "quarantine"
    cache      = true
  }
}
`)
	p := cfg.Pipelines[0]
	if p.MaxMemory != 256<<20 || p.MaxSpill != 20<<30 || p.BatchRows != 1000 || p.BatchBytes != 1<<20 {
		t.Errorf("bounds = %+v", p)
	}
	if cfg.Cache.MaxSize != 2<<30 || cfg.Cache.MaxAge != 48*time.Hour {
		t.Errorf("cache = %+v", cfg.Cache)
	}
	a, b := p.Kernels[0], p.Kernels[1]
	if a.OnFailure != Rollback || b.OnFailure != Quarantine || p.Caches(a) || !p.Caches(b) {
		t.Errorf("kernels = %+v, %+v", a, b)
	}
	if c := mustLoad(t, "").Cache; c.MaxSize != 10<<30 || c.MaxAge != 30*24*time.Hour || !c.Range.IsZero() {
		t.Errorf("without a block: %+v", c)
	}
}

// TestPipelineJSON reads what a pipeline may hold in JSON.
func TestPipelineJSON(t *testing.T) {
	files := map[string]string{
		"bulkhead.hcl.json": `{
	  "source": {"rows": {"for_each": {"a": 1, "b": 2}, "csv": "${each.key}.csv"}},
	  "pipeline": {"p": {
	    "module": {"m": {"source": "./m", "rows": "source.rows[\"a\"]", "seed": "${1 + 1}"}},
	    "kernel": {
	      "k": {"for_each": "${toset([\"x\"])}", "use": "data.prepare", "input": ["kernel.off", "module.m.rows"]},
	      "off": {"when": "${1 > 2}", "use": "data.prepare", "input": "source.rows[\"b\"]"}
	    },
	    "sink": {"s": {"for_each": {"x": 1}, "input": "kernel.k[each.key]", "csv": "out.csv"}}
	  }}
	}`,
		"m/main.hcl.json": `{
	  "variable": {"seed": {"type": "number"}},
	  "input": {"rows": {}},
	  "kernel": {"clean": {"use": "data.prepare", "input": "input.rows", "seed": "${var.seed}"}},
	  "output": {"rows": {"value": "kernel.clean"}}
	}`,
	}
	cfg, diags, _ := load(t, files, LoadOptions{})
	if err := diags.Err(); err != nil {
		t.Fatal(err)
	}
	p := cfg.Pipelines[0]
	wantLines(t, p, "source rows.a", "kernel m.clean <- source.rows.a", "kernel k.x <- kernel.m.clean", "sink s.x <- kernel.k.x",
		"off kernel.off: when = \"${1 > 2}\" is false")
	if k, _ := p.Kernel("m.clean"); k.Seed != 2 || !strings.HasSuffix(k.Range.File, "main.hcl.json") {
		t.Errorf("kernel = %+v", k)
	}
}

// TestOrder wants each step after its input in a graph that is written in an
// order that has nothing to do with it, for many graphs.
func TestOrder(t *testing.T) {
	for seed := range uint64(20) {
		cfg := mustLoad(t, randomGraph(seed))
		ordered(t, cfg)
		p := cfg.Pipelines[0]
		if all := len(p.Kernels) + len(p.Sinks) + len(p.Off); all < 40 {
			t.Errorf("seed %d: %d steps", seed, all)
		}
	}
}

// randomGraph has kernels, some with instances and some off, that read earlier
// ones, in the order of a shuffle.
func randomGraph(seed uint64) string {
	r := rand.New(rand.NewPCG(seed, 1))
	var blocks []string
	refs := []string{"source.rows"}
	for i := range 40 {
		input := refs[r.IntN(len(refs))]
		attrs, ref := "", fmt.Sprintf("kernel.k%d", i)
		switch r.IntN(4) {
		case 0:
			attrs, ref = "  for_each = toset([\"x\", \"y\"])\n", ref+"[\"y\"]"
		case 1:
			attrs = fmt.Sprintf("  when = %v\n", r.IntN(2) == 0)
		}
		blocks = append(blocks, fmt.Sprintf("kernel \"k%d\" {\n  use   = data.prepare\n  input = %s\n%s}\n", i, input, attrs))
		if r.IntN(4) == 0 {
			blocks = append(blocks, fmt.Sprintf("sink \"s%d\" {\n  input = %s\n  csv   = \"%d.csv\"\n}\n", i, ref, i))
		}
		refs = append(refs, ref)
	}
	r.Shuffle(len(blocks), func(i, j int) { blocks[i], blocks[j] = blocks[j], blocks[i] })
	return "source \"rows\" {\n  csv = \"x.csv\"\n}\npipeline \"p\" {\n" + strings.Join(blocks, "") + "}\n"
}

// TestColumnTypes wants the types that readers know, and no others.
func TestColumnTypes(t *testing.T) {
	names := source.TypeNames()
	for _, name := range append(slices.Clone(ColumnTypes), "timestamp[ms]", "timestamp[us, UTC]", "timestamp[ns,Europe/Berlin]") {
		if _, err := source.ParseType(name); err != nil {
			t.Errorf("readers refuse %q: %v", name, err)
		}
		mustLoad(t, fmt.Sprintf("source \"s\" {\n  csv   = \"x.csv\"\n  types = { a = %q }\n}\n", name))
	}
	for _, name := range names {
		if !slices.Contains(ColumnTypes, name) {
			t.Errorf("readers know %q", name)
		}
	}
}
