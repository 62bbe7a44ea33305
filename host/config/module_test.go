// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"maps"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// modules are two directories: features, which uses scale, which lies beside it.
var modules = map[string]string{
	"modules/features/main.hcl": `
variable "seed" {
  type    = number
  default = 1
}
variable "table" {
  type    = string
  default = "defaults.csv"
}
locals {
  doubled = var.seed * 2
}
input "rows" {
  description = "what is prepared"
}
source "defaults" {
  csv = var.table
}
kernel "clean" {
  use   = data.prepare
  input = input.rows
  seed  = local.doubled
}
module "scale" {
  source = "../scale"
  rows   = kernel.clean
  on     = false
}
sink "report" {
  input = kernel.clean
  csv   = "report-${var.seed}.csv"
}
output "rows" {
  value = module.scale.rows
}
output "raw" {
  value       = input.rows
  description = "as it came"
}
`,
	"modules/scale/scale.hcl": `
variable "on" {
  type = bool
}
input "rows" {
}
kernel "robust" {
  when  = var.on
  use   = data.prepare
  input = input.rows
}
output "rows" {
  value = [kernel.robust, input.rows]
}
`,
}

func withRoot(text string) map[string]string {
	out := map[string]string{"bulkhead.hcl": text}
	maps.Copy(out, modules)
	return out
}

func TestModule(t *testing.T) {
	cfg, diags, dir := load(t, withRoot(`
source "rows" { csv = "x.csv" }
pipeline "p" {
  kernel "model" {
    use   = data.prepare
    input = module.features.rows
  }
  kernel "plain" {
    use   = data.prepare
    input = module.features.raw
  }
  module "features" {
    source = "./modules/features"
    rows   = source.rows
    seed   = 4
  }
}
`), LoadOptions{})
	if err := diags.Err(); err != nil {
		t.Fatal(err)
	}
	p := cfg.Pipelines[0]
	wantLines(t, p, "source rows", "source features.defaults",
		"kernel features.clean <- source.rows", "kernel model <- kernel.features.clean", "kernel plain <- source.rows",
		"sink features.report <- kernel.features.clean",
		"off kernel.features.scale.robust: when = var.on is false")
	k, _ := p.Kernel("features.clean")
	if k.Seed != 8 || k.Origin != (Origin{Module: "features", Block: "clean"}) || k.Range.Start.Line != 19 ||
		k.Range.File != filepath.Join(dir, "modules/features/main.hcl") {
		t.Errorf("kernel = %+v", k)
	}
	if s, _ := p.Source("features.defaults"); s.Path.Absolute != filepath.Join(dir, "modules/features/defaults.csv") {
		t.Errorf("a path in a module is relative to its file: %+v", s.Path)
	}
	if m, _ := p.Kernel("model"); m.Inputs[0].Range.File != filepath.Join(dir, "bulkhead.hcl") || m.Inputs[0].Range.Start.Line != 6 {
		t.Errorf("input = %+v", m.Inputs[0])
	}
	for i := range cfg.Files {
		cfg.Files[i], _ = filepath.Rel(dir, cfg.Files[i])
	}
	want := []string{"bulkhead.hcl", filepath.Join("modules", "features", "main.hcl"), filepath.Join("modules", "scale", "scale.hcl")}
	if diff := cmp.Diff(want, cfg.Files); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

// TestModuleInstances uses a module at top level, once for each key, with one of
// them off.
func TestModuleInstances(t *testing.T) {
	cfg, diags, _ := load(t, withRoot(`
source "rows" {
  for_each = toset(["a", "b"])
  csv      = "${each.key}.csv"
}
module "f" {
  for_each = { a = 1, b = 2 }
  when     = each.value < 2
  source   = "./modules/features"
  rows     = source.rows[each.key]
  seed     = each.value
}
pipeline "p" {
  kernel "model" {
    for_each = toset(["a", "b"])
    use      = data.prepare
    input    = [module.f[each.key].rows, source.rows["b"]]
  }
}
`), LoadOptions{})
	if err := diags.Err(); err != nil {
		t.Fatal(err)
	}
	p := cfg.Pipelines[0]
	wantLines(t, p, "source rows.a", "source rows.b",
		"kernel f.a.clean <- source.rows.a", "kernel model.a <- kernel.f.a.clean", "kernel model.b <- source.rows.b",
		"sink f.a.report <- kernel.f.a.clean",
		"off kernel.f.a.scale.robust: when = var.on is false",
		"off kernel.f.b.clean: module f.b is off: when = each.value < 2 is false",
		"off kernel.f.b.scale.robust: module f.b is off: when = each.value < 2 is false",
		"off sink.f.b.report: module f.b is off: when = each.value < 2 is false")
}

// TestModuleOutside uses a directory that does not lie below the file.
func TestModuleOutside(t *testing.T) {
	files := map[string]string{
		"project/bulkhead.hcl": "pipeline \"p\" {\n  module \"m\" {\n    source = \"../shared\"\n  }\n}\n",
		"shared/a.hcl":         "source \"rows\" {\n  csv = \"x.csv\"\n}\n",
		"shared/b.hcl.json":    `{"kernel": {"k": {"use": "data.prepare", "input": "source.rows"}}}`,
		"shared/c.lock.hcl":    "this is no configuration",
	}
	dir := t.TempDir()
	for name, text := range files {
		write(t, filepath.Join(dir, name), text)
	}
	cfg, diags := Load(t.Context(), LoadOptions{Paths: []string{filepath.Join(dir, "project")}})
	if err := diags.Err(); err != nil {
		t.Fatal(err)
	}
	wantLines(t, cfg.Pipelines[0], "source m.rows", "kernel m.k <- source.m.rows")
}

// TestModulesBounded stops modules that multiply.
func TestModulesBounded(t *testing.T) {
	files := map[string]string{"bulkhead.hcl": "module \"m\" {\n  source = \"./0\"\n}\n"}
	for depth := range MaxModuleDepth {
		text := ""
		for i := range 10 {
			text += fmt.Sprintf("module \"m%d\" {\n  source = \"../%d\"\n}\n", i, depth+1)
		}
		files[fmt.Sprintf("%d/main.hcl", depth)] = text
	}
	files[fmt.Sprintf("%d/main.hcl", MaxModuleDepth)] = "locals {\n}\n"
	_, diags, _ := load(t, files, LoadOptions{})
	if !diags.HasErrors() {
		t.Error("ten million modules have no error")
	}
}
