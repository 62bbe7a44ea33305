// SPDX-License-Identifier: Apache-2.0

package config

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
)

// repeat fills a file of the largest size.
func repeat(head, body, tail string) string {
	return head + strings.Repeat(body, (MaxFileBytes-len(head)-len(tail)-1)/len(body)) + tail
}

// TestBounded loads files of the largest size that are made to be slow.
func TestBounded(t *testing.T) {
	tests := map[string]string{
		"brackets":       repeat("locals {\n  a = ", "[", "\n}\n"),
		"braces":         repeat("", "a {\n", ""),
		"parentheses":    repeat("locals {\n  a = ", "(", "\n}\n"),
		"not":            repeat("locals {\n  a = ", "!", "true\n}\n"),
		"minus":          repeat("locals {\n  a = ", "- ", "1\n}\n"),
		"minus in loop":  repeat("locals {\n  a = { for x in [1] : x => ", "-\n", "1 }\n}\n"),
		"sum":            repeat("locals {\n  a = 1", "+1", "\n}\n"),
		"ternary":        repeat("locals {\n  a = true", " ? 1 : true", "\n}\n"),
		"index":          repeat("locals {\n  a = x", "[y]", "\n}\n"),
		"splat":          repeat("locals {\n  a = x", "[*]", "\n}\n"),
		"traversal":      repeat("locals {\n  a = x", ".y", "\n}\n"),
		"template":       repeat("locals {\n  a = ", `"${`, "\n}\n"),
		"directive":      repeat("locals {\n  a = \"", "%{if true}", "\"\n}\n"),
		"heredoc":        repeat("locals {\n  a = <<E\n", "%{if true}\n", "E\n}\n"),
		"quotes":         repeat("", "\"", ""),
		"blocks":         repeat("", "a{}\n", ""),
		"errors":         repeat("", "?\n", ""),
		"suites":         repeat("suite \"s\" {\n  run = [", "suite.s,", "]\n}\n"),
		"attributes":     repeat("locals {\n", "a = 1\n", "}\n"),
		"interpolations": repeat("locals {\n  b = \"b\"\n  a = \"", "${local.b}", "\"\n}\n"),
		"laughs":         repeat("locals {\n  b = \""+strings.Repeat("b", 1000)+"\"\n  a = \"", "${local.b}", "\"\n}\n"),
		"loops":          "locals {\n  l = [" + strings.Repeat("1,", 5000) + "]\n  a = [for x in local.l : [for y in local.l : [for z in local.l : 1]]]\n}\n",
	}
	maps.Copy(tests, expansions())
	for name, text := range tests {
		t.Run(name, func(t *testing.T) { bounded(t, "bulkhead.hcl", text) })
	}
}

// expansions are graphs that are made to be slow.
func expansions() map[string]string {
	many := "locals {\n  ten = toset([\"0\", \"1\", \"2\", \"3\", \"4\", \"5\", \"6\", \"7\", \"8\", \"9\"])\n" +
		"  all = toset(flatten([for a in local.ten : [for b in local.ten : [for c in local.ten : [for d in local.ten : \"${a}${b}${c}${d}\"]]]]))\n}\n" +
		"source \"s\" {\n  csv = \"x.csv\"\n}\n"
	each := func(name, input string) string {
		return fmt.Sprintf("kernel %q {\n  for_each = local.all\n  use = data.prepare\n  input = %s\n}\n", name, input)
	}
	sink := "sink \"out\" {\n  for_each = local.all\n  input = kernel.a[each.key]\n  csv = \"${each.key}.csv\"\n}\n"
	chain, pipelines, small := "source \"s\" {\n  csv = \"x.csv\"\n}\n", "", ""
	last := "source.s"
	for i := range 4000 {
		chain += fmt.Sprintf("kernel \"k%d\" {\n  use = a.b\n  input = %s\n}\n", i, last)
		last = fmt.Sprintf("kernel.k%d", i)
		pipelines += fmt.Sprintf("pipeline \"p%d\" {\n  kernel \"k\" {\n    use = a.b\n    input = kernel.k3999\n  }\n}\n", i)
		if i < 500 {
			small += fmt.Sprintf("pipeline \"p%d\" {\n  sink \"k\" {\n    input = source.s\n    csv = \"k.csv\"\n  }\n}\n", i)
		}
	}
	return map[string]string{
		"unknown instances": many + each("a", "kernel.a[\"x${each.key}\"]"),
		"no instances":      many + each("a", "kernel.a"),
		"many sinks":        many + each("a", "source.s") + sink + small,
		"one cycle":         many + each("a", "kernel.a[each.key]"),
		"shared chain":      chain + pipelines,
		"too many":          many + each("a", "source.s") + each("b", "kernel.a[each.key]"),
		"sources":           repeat(many, "source \"r\" {\n  for_each = local.all\n}\n", ""),
	}
}

func TestBoundedJSON(t *testing.T) {
	tests := map[string]string{
		"brackets":   repeat(`{"locals": `, "[", "}"),
		"objects":    repeat(`{"locals": `, `{"a":`, "}"),
		"templates":  repeat(`{"locals": {"a": [`, `"${1}",`, `1]}}`),
		"deep text":  repeat(`{"locals": {"a": "${`, "[", `"}}`),
		"escaped":    repeat(`{"locals": {"a": "${`, `\u005b`, `"}}`),
		"not":        repeat(`{"locals": {"a": "${`, "!", `true}"}}`),
		"exponent":   `{"locals": {"a": 1e999999999}}`,
		"selector":   repeat(`{"suite": {"s": {"run": "a`, "[0", `"}}}`),
		"traversals": repeat(`{"suite": {"s": {"run": "a`, ".b", `"}}}`),
	}
	for name, text := range tests {
		t.Run(name, func(t *testing.T) { bounded(t, "bulkhead.hcl.json", text) })
	}
}

// bounded loads a text within two minutes and 2.5 GiB allocated in sum, most of
// it garbage at once, whatever comes out.
func bounded(t *testing.T, name, text string) {
	t.Helper()
	if testing.Short() {
		t.Skip("takes a second")
	}
	if len(text) > MaxFileBytes {
		t.Fatalf("%d bytes", len(text))
	}
	path := filepath.Join(t.TempDir(), name)
	write(t, path, text)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := time.Now()
	cfg, diags := Load(context.Background(), LoadOptions{Paths: []string{path}})
	elapsed := time.Since(start)
	runtime.ReadMemStats(&after)
	if allocated := (after.TotalAlloc - before.TotalAlloc) >> 20; elapsed > 2*time.Minute || allocated > 2560 {
		t.Errorf("%v and %d MiB allocated", elapsed, allocated)
	} else {
		t.Logf("%v, %d MiB allocated, %d messages", elapsed, allocated, len(diags))
	}
	if len(diags) > MaxDiagnostics+1 || cfg == nil && !diags.HasErrors() {
		t.Errorf("%d messages", len(diags))
	}
	var out strings.Builder
	if err := diags.WriteText(&out, 80, true); err != nil || out.Len() > 1<<20 {
		t.Errorf("%d bytes of text, %v", out.Len(), err)
	}
}

// seeds are the files of all golden tests.
func seeds(f *testing.F) {
	f.Helper()
	archives, _ := filepath.Glob("testdata/errors/*.txtar")
	for _, path := range archives {
		ar, err := txtar.ParseFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(ar.Files[0].Data), strings.HasSuffix(ar.Files[0].Name, ".json"))
	}
	f.Add(everything, false)
	f.Add("locals {\n  a = <<-E\n    %{for x in [1]}${x}%{endfor}\n  E\n}\n", false)
	f.Add("module \"m\" {\n  for_each = {a = 1}\n  source = \"./m\"\n  rows = module.m[\"a\"].rows\n}\n", false)
	f.Add("source \"s\" {\n  csv = \"x\"\n}\npipeline \"p\" {\n  module \"m\" {\n    source = \"./m\"\n    rows = source.s\n  }\n}\n", false)
	f.Add("require \"r\" {\n  condition = can(fact.a[*].b)\n  message = \"${fact.a}\"\n}\n", false)
}

// FuzzLoad loads, binds, judges and prints whatever text it is given.
func FuzzLoad(f *testing.F) {
	seeds(f)
	dir := f.TempDir()
	write(f, filepath.Join(dir, "m", "main.hcl"), modules["modules/scale/scale.hcl"])
	catalog := testCatalog()
	facts := factsOf(machine)
	f.Fuzz(func(t *testing.T, text string, asJSON bool) {
		path := filepath.Join(dir, "bulkhead.hcl")
		if asJSON {
			path += ".json"
		}
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		cfg, diags := Load(context.Background(), LoadOptions{Paths: []string{path}, Vars: map[string]string{"x": text}})
		printed(t, diags)
		if cfg == nil {
			return
		}
		printed(t, Bind(cfg, catalog))
		ordered(t, cfg)
		for _, r := range cfg.Requires {
			_, _, _, diags := r.Eval(facts)
			printed(t, diags)
			r.FactAddresses()
		}
	})
}

// FuzzModule uses whatever text as a module.
func FuzzModule(f *testing.F) {
	for _, text := range modules {
		f.Add(text, false)
	}
	archives, _ := filepath.Glob("testdata/errors/*.txtar")
	for _, path := range archives {
		ar, err := txtar.ParseFile(path)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range ar.Files[1 : len(ar.Files)-1] {
			f.Add(string(file.Data), strings.HasSuffix(file.Name, ".json"))
		}
	}
	dir := f.TempDir()
	write(f, filepath.Join(dir, "bulkhead.hcl"), `
source "rows" { csv = "x.csv" }
pipeline "p" {
  module "m" {
    for_each = { a = 1, b = 2 }
    source   = "./m"
    rows     = source.rows
    seed     = each.value
  }
  sink "s" {
    input = module.m["b"].rows
    csv   = "out.csv"
  }
}
`)
	f.Fuzz(func(t *testing.T, text string, asJSON bool) {
		name := filepath.Join(dir, "m", "main.hcl")
		os.Remove(name)
		os.Remove(name + ".json")
		if asJSON {
			name += ".json"
		}
		write(t, name, text)
		cfg, diags := Load(context.Background(), LoadOptions{Paths: []string{dir}})
		printed(t, diags)
		if cfg != nil {
			ordered(t, cfg)
		}
	})
}

// ordered looks for a step that stands before its input or has none.
func ordered(t *testing.T, cfg *Config) {
	t.Helper()
	for _, p := range cfg.Pipelines {
		for i, k := range p.Kernels {
			if !before(p, k.Inputs, i) {
				t.Errorf("kernel %s reads %v, which does not stand before it", k.Name, k.Inputs)
			}
		}
		for _, s := range p.Sinks {
			if !before(p, []Ref{s.Input}, len(p.Kernels)) {
				t.Errorf("sink %s reads %v, which the pipeline lacks", s.Name, s.Input)
			}
		}
	}
}

// before reports that the one input is a source or one of the first n kernels.
func before(p *Pipeline, inputs []Ref, n int) bool {
	if len(inputs) != 1 {
		return false
	}
	if inputs[0].Kind == RefSource {
		_, ok := p.Source(inputs[0].Name)
		return ok
	}
	return slices.ContainsFunc(p.Kernels[:n], func(k *Kernel) bool { return k.Name == inputs[0].Name })
}

// printed writes messages in both forms and looks for what a terminal obeys.
func printed(t *testing.T, diags Diagnostics) {
	t.Helper()
	var out strings.Builder
	if err := diags.WriteText(&out, 80, false); err != nil {
		t.Fatal(err)
	}
	if out.String() != Clean(out.String()) {
		t.Errorf("control characters in %q", out.String())
	}
	if _, err := json.Marshal(diags); err != nil {
		t.Fatal(err)
	}
}

// FuzzFormat checks that formatting twice is formatting once.
func FuzzFormat(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, text string, asJSON bool) {
		name := "bulkhead.hcl"
		if asJSON {
			name += ".json"
		}
		once, diags := Format(name, []byte(text))
		if diags.HasErrors() {
			return
		}
		twice, diags := Format(name, once)
		if diags.HasErrors() || string(twice) != string(once) {
			t.Errorf("%q becomes %q becomes %q: %v", text, once, twice, diags.Err())
		}
	})
}

func FuzzFactTree(f *testing.F) {
	for address, value := range machine {
		f.Add(address, value, "a.b[c]", "1")
	}
	f.Add("a[[b]].c", `{"x":{"y":[1,2,{"z":null}]}}`, "a", `[]`)
	f.Fuzz(func(t *testing.T, a1, v1, a2, v2 string) {
		v := FactTree(map[string]json.RawMessage{a1: json.RawMessage(v1), a2: json.RawMessage(v2)})
		if !v.Type().IsObjectType() || !v.IsWhollyKnown() {
			t.Errorf("%#v is no object", v)
		}
	})
}
