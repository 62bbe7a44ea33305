// SPDX-License-Identifier: Apache-2.0

package pipeline_test

import (
	"sync"
	"testing"
	"time"

	"github.com/bulkhead-ml/bulkhead/sdk/pipeline"
)

// small is a pipeline without mistakes.
func small() *pipeline.Pipeline {
	p := pipeline.New("small")
	rows := p.Source("rows", pipeline.CSV("rows.csv"))
	p.Kernel("clean", "data.prepare", rows)
	return p
}

// features is a module that everything uses.
func features() *pipeline.Module {
	m := pipeline.NewModule()
	threshold := m.Variable("threshold", pipeline.Type("number"), pipeline.Default(0.7))
	rows := m.Input("rows", "the table to prepare")
	clean := m.Kernel("clean", "data.prepare", rows, pipeline.Config{"quality_threshold": threshold})
	m.Output("rows", clean)
	return m
}

// everything uses all that can be expressed.
func everything() *pipeline.Pipeline {
	p := pipeline.New("everything", pipeline.About("All of \"it\": ${no} %{template}\n"), pipeline.Preflight("suite.box", "require.memory"),
		pipeline.Cache(true), pipeline.MaxMemory("256MiB"), pipeline.MaxSpill("20GiB"), pipeline.BatchRows(8192), pipeline.BatchBytes("4MiB"))
	p.Suite("box", []string{"system.all", "require.memory"}, "system.nofile-low")
	p.Require("memory", pipeline.Raw("fact.memory.total_bytes >= bytes(var.least)"), pipeline.Raw(`"only ${fact.memory.total_bytes}"`))
	least := p.Variable("least", pipeline.Type("string"), pipeline.Default("1GiB"), pipeline.Description("what we need"),
		pipeline.Validation(pipeline.Raw(`bytes(var.least) > 0`), "It must be above zero."))
	_ = least
	deep := p.Variable("deep", pipeline.Type("bool"), pipeline.Default(true))
	p.Variable("shape", pipeline.Type("object({ rows = number, tags = list(string) })"), pipeline.Default(map[string]any{"rows": 3, "tags": []string{"a", "b"}}))
	models := p.Local("models", map[string]any{"ridge": map[string]any{"alpha": 10}, "mild": map[string]any{"alpha": 0.1}})
	count := p.Local("count", pipeline.Raw("length(keys(local.models)) +\n 1"))
	p.Plugin("data", "builtin/data", ">= 0.1.0")

	rows := p.Source("rows", pipeline.CSV("rows.csv.gz"), pipeline.Target("y"), pipeline.ID("id"), pipeline.Compression("gzip"),
		pipeline.Types(map[string]string{"zip code": "string", "when": "timestamp[ms, UTC]"}), pipeline.Nulls("", "NA"), pipeline.Delimiter('\t'))
	p.Source("shared", pipeline.Shared(), pipeline.Parquet("history.parquet"))
	p.Source("orders", pipeline.SQLite("shop.db"), pipeline.Query("SELECT \"a\", b FROM t WHERE c = '${x}'"))
	p.Source("rates", pipeline.URL("https://example.org/rates.jsonl.zst", "jsonl"), pipeline.Compression("zstd"))
	parts := p.Source("part", pipeline.ForEach([]string{"north", "south"}), pipeline.Arrow(pipeline.Template("rows-", pipeline.EachKey, ".arrow")))

	used := p.Module("strict", "../features", pipeline.Args{"rows": rows, "threshold": 0.95}, pipeline.When(deep))
	clean := p.Kernel("clean", "data.prepare", pipeline.FirstOf(used.Output("rows"), rows),
		pipeline.OnFailure(pipeline.Quarantine), pipeline.Cache(false), pipeline.Timeout(90*time.Second))
	model := p.Kernel("model", "algorithms.ridge", clean, pipeline.ForEach(models), pipeline.Seed(uint64(1)<<53), pipeline.OnFailure(pipeline.Retry), pipeline.Retries(3),
		pipeline.Config{"alpha": pipeline.EachValue.Get("alpha")})
	p.Kernel("south", "data.prepare", parts.Key("south"), pipeline.When(pipeline.Call("anytrue", []pipeline.Expr{deep})), pipeline.Budget(time.Second),
		pipeline.Config{"quality_threshold": pipeline.Call("min", 0.5, count)})
	p.Sink("table", model.Key("ridge"), pipeline.Parquet("out/table.parquet"), pipeline.Compression("snappy"))
	p.Sink("each", model.At(pipeline.EachKey), pipeline.ForEach(models), pipeline.JSONL(pipeline.Template("out/", pipeline.EachKey, ".jsonl.gz")))
	p.Sink("database", clean, pipeline.SQLite("out/clean.db"), pipeline.Table("my rows"))
	return p
}

// TestConcurrentUse writes, compares and lists one pipeline at the same time,
// which the race detector watches.
func TestConcurrentUse(t *testing.T) {
	p, q := everything(), everything()
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			if _, err := p.HCL(); err != nil {
				t.Error(err)
			}
		})
		wait.Go(func() {
			if _, err := p.JSON(); err != nil {
				t.Error(err)
			}
		})
		wait.Go(func() {
			if !p.Equal(q) || p.Err() != nil || len(p.List()) != 12 {
				t.Error("it is another one")
			}
		})
	}
	wait.Wait()
}
