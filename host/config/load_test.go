// SPDX-License-Identifier: Apache-2.0

package config

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const everything = `
host {
  log_level   = "debug"
  timeout     = "5s"
  plugin_dirs = ["plugins"]
}
plugin "data" {
  source  = "./bin/data"
  version = "~> 0.1"
  digest  = "sha256:0000000000000000000000000000000000000000000000000000000000000000"
  grants  = []
  timeout = "9s"
}
plugin "gpu" {
  source = "builtin/gpu"
}
variable "dir" {
  type        = string
  default     = "data"
  description = "where the tables are"
}
locals {
  table  = "${local.folder}/rows.csv"
  folder = "${var.dir}/v1"
}
check "gpu.nouveau" {
  enabled  = false
  severity = "warning"
  reason   = "known"
}
require "driver" {
  condition = semver(fact.gpu.driver.version, ">= 550")
  severity  = "warning"
  message   = "Driver ${fact.gpu.driver.version} is old."
}
suite "box" {
  run  = [gpu.all, require.driver]
  skip = "gpu.driver-missing"
}
source "rows" {
  csv       = local.table
  target    = "y"
  id        = "id"
  types     = { zip = "string" }
  nulls     = ["", "NA"]
  delimiter = ";"
}
pipeline "p" {
  description = "all of it"
  preflight   = [suite.box, require.driver]
  kernel "model" {
    use        = algorithms.auto
    input      = [kernel.clean.output]
    budget     = "60s"
    timeout    = "2m"
    seed       = 18446744073709551615
    on_failure = "retry"
    config {
      metric = "auc"
    }
  }
  kernel "clean" {
    use        = data.prepare
    input      = source.rows
    on_failure = "continue"
  }
}
`

func TestLoadEverything(t *testing.T) {
	cfg, diags, dir := load(t, map[string]string{"bulkhead.hcl": everything}, LoadOptions{})
	if len(diags) > 0 {
		t.Fatal(diags.Err())
	}
	if cfg.Host.LogLevel != "debug" || cfg.Host.Timeout != 5*time.Second ||
		cfg.Host.PluginDirs[0].Absolute != filepath.Join(dir, "plugins") {
		t.Errorf("host = %+v", cfg.Host)
	}
	p := cfg.Plugins[0]
	if p.Executable.Absolute != filepath.Join(dir, "bin/data") || p.Version != "~> 0.1" || p.Timeout != 9*time.Second {
		t.Errorf("plugin = %+v", p)
	}
	if p.Grants == nil || len(p.Grants) != 0 || cfg.Plugins[1].Grants != nil {
		t.Errorf("grants %v and %v; an empty list grants nothing, none does not narrow", p.Grants, cfg.Plugins[1].Grants)
	}
	if c, ok := cfg.Check("gpu.nouveau"); !ok || c.Enabled || c.Severity != SeverityWarning || c.Reason != "known" {
		t.Errorf("check = %+v", c)
	}
	checkSource(t, cfg.Sources[0], dir)
	checkPipeline(t, cfg.Pipelines[0])
}

func checkSource(t *testing.T, s *Source, dir string) {
	t.Helper()
	if s.Path.Absolute != filepath.Join(dir, "data/v1/rows.csv") || s.Path.Written != "data/v1/rows.csv" || s.Path.Range.Start.Line != 41 {
		t.Errorf("path = %+v", s.Path)
	}
	if s.Target != "y" || s.ID != "id" || s.Types["zip"] != "string" || s.Delimiter != ';' || !cmp.Equal(s.Nulls, []string{"", "NA"}) {
		t.Errorf("source = %+v", s)
	}
}

func checkPipeline(t *testing.T, p *Pipeline) {
	t.Helper()
	var order []string
	for _, k := range p.Kernels {
		order = append(order, k.Name)
	}
	if !cmp.Equal(order, []string{"clean", "model"}) {
		t.Errorf("order = %v, want inputs first", order)
	}
	if _, ok := p.Source("rows"); !ok {
		t.Error("the pipeline lacks the source of the top level that it uses")
	}
	if len(p.Preflight) != 2 || p.Preflight[0].String() != "suite.box" {
		t.Errorf("preflight = %v", p.Preflight)
	}
	k, _ := p.Kernel("model")
	if k.Use.String() != "algorithms.auto" || k.Inputs[0].String() != "kernel.clean" || k.Seed != 1<<64-1 ||
		k.Budget != time.Minute || k.Timeout != 2*time.Minute || k.OnFailure != Retry || k.Retries != 2 {
		t.Errorf("kernel = %+v", k)
	}
	if clean, _ := p.Kernel("clean"); clean.OnFailure != Continue || clean.Retries != 0 {
		t.Errorf("kernel = %+v", clean)
	}
}

// TestDesignExample loads the example of the design and binds it.
func TestDesignExample(t *testing.T) {
	cfg, diags := Load(context.Background(), LoadOptions{Paths: []string{"testdata/good/design"}})
	if err := diags.Err(); err != nil {
		t.Fatal(err)
	}
	if err := Bind(cfg, testCatalog()); err.HasErrors() && !strings.Contains(err.Err().Error(), "metric") {
		t.Error(err.Err())
	}
	p := cfg.Pipelines[0]
	if p.Name != "churn" || len(p.Kernels) != 3 || len(p.Sources) != 1 || p.Kernels[2].Inputs[0].Name != "model" {
		t.Errorf("pipeline = %+v", p)
	}
}

func TestDefaults(t *testing.T) {
	cfg := mustLoad(t, "# empty\n")
	if h := cfg.Host; h.LogLevel != "warn" || h.Timeout != time.Minute {
		t.Errorf("host = %+v", h)
	}
}

// TestJSON reads the JSON variant of what the native syntax says.
func TestJSON(t *testing.T) {
	text := `{
	  "locals": {"driver": ">= 550"},
	  "require": {"r": {"condition": "${semver(fact.gpu.driver.version, local.driver)}", "message": "old ${fact.gpu.driver.version}"}},
	  "suite": {"s": {"run": ["gpu.all", "require.r"], "skip": ["gpu.driver-missing"]}},
	  "source": {"rows": {"csv": "x.csv"}},
	  "pipeline": {"p": {"preflight": "suite.s", "kernel": {"k": {"use": "data.prepare", "input": ["source.rows"],
	    "config": {"quality_threshold": 0.5, "column": [{"name": "a"}, {"name": "b"}]}}}}}
	}`
	cfg, diags, _ := load(t, map[string]string{"bulkhead.hcl.json": text}, LoadOptions{})
	if err := diags.Err(); err != nil {
		t.Fatal(err)
	}
	k := cfg.Pipelines[0].Kernels[0]
	s, diags := k.Settings(prepareSchema())
	if err := diags.Err(); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(s.JSON), `"quality_threshold":0.5`) || s.Range([]string{"column", "1", "name"}).Start.Line != 7 {
		t.Errorf("settings = %s at %v", s.JSON, s.Range([]string{"column", "1", "name"}))
	}
	ok, message, missing, diags := cfg.Requires[0].Eval(factsOf(map[string]string{"gpu.driver.version": `"535.1"`}))
	if ok || message != "old 535.1" || missing != nil || diags.HasErrors() {
		t.Errorf("eval = %v %q %v %v", ok, message, missing, diags.Err())
	}
}

func TestVariableOrder(t *testing.T) {
	files := map[string]string{
		"bulkhead.hcl": `
variable "v" {
  type    = list(string)
  default = ["default"]
}
check "a.b" {
  reason = var.v[0]
}
`,
		"one.vars": `v = ["file"]`, "two.vars.json": `{"v": ["json"]}`,
	}
	env := func(name string) (string, bool) { return `["env"]`, name == "BULKHEAD_VAR_v" }
	tests := map[string]LoadOptions{
		"default": {},
		"env":     {LookupEnv: env},
		"file":    {LookupEnv: env, VarFiles: []string{"one.vars"}},
		"json":    {LookupEnv: env, VarFiles: []string{"one.vars", "two.vars.json"}},
		"flag":    {LookupEnv: env, VarFiles: []string{"one.vars"}, Vars: map[string]string{"v": `["flag"]`}},
	}
	for want, opts := range tests {
		t.Run(want, func(t *testing.T) {
			cfg, diags, _ := load(t, files, opts)
			if diags.HasErrors() {
				t.Fatal(diags.Err())
			}
			if got := cfg.Checks[0].Reason; got != want {
				t.Errorf("value = %q", got)
			}
		})
	}
}

func TestBadVariableValues(t *testing.T) {
	files := map[string]string{
		"bulkhead.hcl": "variable \"count\" {\n  type = number\n}\n",
		"vars":         "coutn = 3\n",
	}
	tests := []struct {
		name, want string
		opts       LoadOptions
	}{
		{"unknown flag", `Did you mean "count"`, LoadOptions{Vars: map[string]string{"count": "1", "cont": "2"}}},
		{"unknown in file", `Did you mean "count"`, LoadOptions{VarFiles: []string{"vars"}, Vars: map[string]string{"count": "1"}}},
		{"not a number", "--var count", LoadOptions{Vars: map[string]string{"count": "[1]"}}},
		{"not a value", "--var count", LoadOptions{Vars: map[string]string{"count": "("}}},
		{"deep", "nest", LoadOptions{Vars: map[string]string{"count": strings.Repeat("(", 1000)}}},
		{"no file", "absent", LoadOptions{VarFiles: []string{"absent"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, diags, _ := load(t, files, tt.opts)
			if err := diags.Err(); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v lacks %q", err, tt.want)
			}
		})
	}
}

func TestFiles(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"bulkhead.hcl", "z.bulkhead.hcl", "a.bulkhead.hcl.json", "bulkhead.lock.hcl", "other.hcl", ".bulkhead.hcl"} {
		write(t, filepath.Join(dir, name), "{}")
	}
	got, diags := Files([]string{dir, filepath.Join(dir, "bulkhead.hcl"), filepath.Join(dir, "other.hcl")})
	if diags.HasErrors() {
		t.Fatal(diags.Err())
	}
	for i := range got {
		got[i] = filepath.Base(got[i])
	}
	want := []string{"a.bulkhead.hcl.json", "bulkhead.hcl", "z.bulkhead.hcl", "other.hcl"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

func TestUnreadable(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "large.hcl"), strings.Repeat("#", MaxFileBytes+1))
	if err := os.Mkdir(filepath.Join(dir, "empty"), 0o777); err != nil {
		t.Fatal(err)
	}
	tests := map[string]string{
		filepath.Join(dir, "empty"):     "has no bulkhead.hcl, no *.bulkhead.hcl",
		filepath.Join(dir, "absent"):    "absent: ",
		filepath.Join(dir, "large.hcl"): "larger than 1048576 bytes",
	}
	if runtime.GOOS != "windows" {
		tests[os.DevNull] = "not a regular file"
	}
	for path, want := range tests {
		_, diags := Load(context.Background(), LoadOptions{Paths: []string{path}})
		if err := diags.Err(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v lacks %q", path, err, want)
		}
	}
}

func TestTooManyFiles(t *testing.T) {
	files := map[string]string{}
	for i := range MaxFiles + 1 {
		files[fmt.Sprintf("%d.bulkhead.hcl", i)] = ""
	}
	_, diags, _ := load(t, files, LoadOptions{})
	if err := diags.Err(); err == nil || !strings.Contains(err.Error(), "at most 256 are read") {
		t.Errorf("error = %v", err)
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, diags := Load(ctx, LoadOptions{Paths: []string{"testdata/good/design"}}); !diags.HasErrors() {
		t.Error("a cancelled load has no error")
	}
}

// TestSharedKernels takes kernels of the top level into a pipeline.
func TestSharedKernels(t *testing.T) {
	cfg := mustLoad(t, `
source "a" { csv = "a.csv" }
source "b" { csv = "b.csv" }
kernel "clean" {
  use   = data.prepare
  input = source.a
}
pipeline "p" {
  kernel "model" {
    use   = algorithms.auto
    input = kernel.clean
  }
}
`)
	p := cfg.Pipelines[0]
	if len(p.Kernels) != 2 || p.Kernels[0] != cfg.Kernels[0] || len(p.Sources) != 1 || p.Sources[0].Name != "a" {
		t.Errorf("kernels %v, sources %v", p.Kernels, p.Sources)
	}
}
