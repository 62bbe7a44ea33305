// SPDX-License-Identifier: Apache-2.0

package config

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

func factsOf(facts map[string]string) cty.Value {
	raw := map[string]json.RawMessage{}
	for k, v := range facts {
		raw[k] = json.RawMessage(v)
	}
	return FactTree(raw)
}

var machine = map[string]string{
	"gpu.driver.version":                   `"535.183"`,
	"gpu.device[0000:01:00.0].name":        `"RTX 4090"`,
	"gpu.device[0000:01:00.0].memory":      `25757220864`,
	"gpu.device[0000:02:00.0].name":        `"T4"`,
	"python.env[/opt/[x]/venv].packages":   `{"torch": "2.5.1+cu124"}`,
	"python.env[/opt/[x]/venv].packages.x": `1`,
	"system.shm":                           `67108864`,
	"system.limits":                        `["a", "b"]`,
	"docker.version":                       `null`,
	"broken":                               `{`,
}

func TestRequireEval(t *testing.T) {
	tests := []struct {
		name, condition string
		ok              bool
		missing         []string
		err             string
	}{
		{name: "two-part version", condition: `semver(fact.gpu.driver.version, ">= 535, < 550")`, ok: true},
		{name: "false", condition: `semver(fact.gpu.driver.version, ">= 550")`},
		{name: "instance key", condition: `fact.gpu.device["0000:01:00.0"].name == "RTX 4090"`, ok: true},
		{name: "bytes", condition: `fact.system.shm >= bytes("64MiB")`, ok: true},
		{name: "every device", condition: `alltrue([for d in fact.gpu.device : length(d.name) > 1])`, ok: true},
		{name: "nested key", condition: `pep440(fact.python.env["/opt/[x]/venv"].packages.torch, ">=2.5")`, ok: true},
		{name: "list", condition: `contains(fact.system.limits, "b") && length(fact.system.limits) == 2`, ok: true},
		{name: "try", condition: `try(fact.docker.absent, 1) == 1 && !can(fact.nothing)`, ok: true},
		{name: "coalesce", condition: `coalesce(try(fact.none, null), "x") == "x"`, ok: true},
		{name: "sum over a map of facts", condition: `sum([for d in fact.gpu.device : try(d.memory, 0)]) == 25757220864`, ok: true},
		{name: "sum with a hole", condition: `sum([for d in fact.gpu.device : d.memory]) > 1`, missing: []string{"d.memory"}},
		{name: "names by key", condition: `join(",", [for k, d in fact.gpu.device : "${k}=${d.name}"]) == "0000:01:00.0=RTX 4090,0000:02:00.0=T4"`, ok: true},
		{name: "one kind only", condition: `length(distinct([for d in fact.gpu.device : d.name])) == 1`},
		{name: "lookup of an absent group", condition: `lookup(fact.nothing.packages, "torch", "") == ""`, missing: []string{"nothing.packages"}},
		{name: "absent", condition: `semver(fact.docker.engine.version, ">= 20")`, missing: []string{"docker.engine.version"}},
		{name: "null is absent", condition: `fact.docker.version == "1"`, missing: []string{"docker.version"}},
		{name: "not JSON is absent", condition: `fact.broken`, missing: []string{"broken"}},
		{name: "two absent", condition: `fact.b.x == fact.a.y`, missing: []string{"a.y", "b.x"}},
		{name: "absent in a loop", condition: `alltrue([for d in fact.gpu.device : d.memory > 1])`, missing: []string{"d.memory"}},
		{name: "absent key", condition: `fact.gpu.device["x"].name == ""`, missing: []string{"gpu.device[x].name"}},
		{name: "absent index", condition: `fact.system.limits[9] == ""`, missing: []string{"system.limits[9]"}},
		{name: "not a version", condition: `semver(fact.gpu.device["0000:02:00.0"].name, ">= 1")`, err: `"T4" is not a version`},
		{name: "not a condition", condition: `fact.gpu.driver.version`, err: "a bool is required"},
		{name: "local at fault", condition: `local.a.b == 1`, err: "does not have an attribute"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := mustLoad(t, "locals {\n  a = {}\n}\nrequire \"r\" {\n  condition = "+tt.condition+"\n  message = \"no\"\n}\n")
			ok, message, missing, diags := cfg.Requires[0].Eval(factsOf(machine))
			if ok != tt.ok || !cmp.Equal(missing, tt.missing) {
				t.Errorf("ok %v, missing %q, %v", ok, missing, diags.Err())
			}
			if tt.err == "" && diags.HasErrors() || tt.err != "" && (!diags.HasErrors() || !strings.Contains(diags.Err().Error(), tt.err)) {
				t.Errorf("error = %v, want %q", diags.Err(), tt.err)
			}
			if want := !ok && missing == nil && tt.err == ""; want != (message == "no") {
				t.Errorf("message = %q", message)
			}
		})
	}
}

func TestRequireMessage(t *testing.T) {
	cfg := mustLoad(t, `
require "r" {
  condition = fact.system.shm > 1e12
  message   = "Driver ${fact.gpu.absent.version}."
}
`)
	_, message, missing, diags := cfg.Requires[0].Eval(factsOf(machine))
	want := `The requirement "r" is not met: fact.system.shm > 1e12. Its message needs the unknown gpu.absent.version.`
	if message != want || missing != nil || diags.HasErrors() {
		t.Errorf("message %q, missing %v, %v", message, missing, diags.Err())
	}
	if got := cfg.Requires[0].FactAddresses(); !cmp.Equal(got, []string{"gpu.absent.version", "system.shm"}) {
		t.Errorf("addresses = %q", got)
	}
}

func TestFactAddressesWithKeys(t *testing.T) {
	cfg := mustLoad(t, `
require "r" {
  condition = fact.gpu.device["0000:01:00.0"].name == "" && alltrue([for d in fact.gpu.device : d.ok])
  message   = "x"
}
`)
	want := []string{"gpu.device", "gpu.device[0000:01:00.0].name"}
	if diff := cmp.Diff(want, cfg.Requires[0].FactAddresses()); diff != "" {
		t.Errorf("addresses (-want +got):\n%s", diff)
	}
}

func TestFactTreeShape(t *testing.T) {
	v := factsOf(map[string]string{
		"a":           `{"x": 1, "y": 2}`,
		"a.x":         `3`,
		"b":           `"scalar"`,
		"b.c":         `true`,
		"bad[key":     `1`,
		"..":          `2`,
		"e[k][j].z":   `4`,
		"number.huge": `1e999999999`,
	})
	want := cty.ObjectVal(map[string]cty.Value{
		"a":       cty.ObjectVal(map[string]cty.Value{"x": cty.NumberIntVal(3), "y": cty.NumberIntVal(2)}),
		"b":       cty.ObjectVal(map[string]cty.Value{"value": cty.StringVal("scalar"), "c": cty.True}),
		"bad[key": cty.NumberIntVal(1),
		"..":      cty.NumberIntVal(2),
		"e": cty.ObjectVal(map[string]cty.Value{"k": cty.ObjectVal(map[string]cty.Value{
			"j": cty.ObjectVal(map[string]cty.Value{"z": cty.NumberIntVal(4)})})}),
	})
	if !v.RawEquals(want) {
		t.Errorf("tree = %#v", v)
	}
	if !FactTree(nil).RawEquals(cty.EmptyObjectVal) {
		t.Error("no facts make no empty tree")
	}
}

func TestFunctions(t *testing.T) {
	tests := map[string]string{
		`semver("550.54.14", ">= 550")`:                      "true",
		`semver("535.183", "~> 535.0")`:                      "true",
		`semver("12", ">= 11.8")`:                            "true",
		`semver("5.10.0-23-amd64", ">= 5.4")`:                "true",
		`semver("1.0.0-rc1", ">= 1.0.0-rc2")`:                "false",
		`semver("1", "")`:                                    "error",
		`pep440("2.5.1+cu124", "==2.5.1")`:                   "true",
		`pep440("2.1.0a1", ">=2.0")`:                         "false",
		`pep440("2.1.0a1", ">=2.1.0a0")`:                     "true",
		`pep440("2.1.0.dev3", ">=2.0")`:                      "false",
		`pep440("1.0", "")`:                                  "true",
		`pep440("0.10", "~=0.9,<2")`:                         "true",
		`pep440("1.26.4", "<2||>=3")`:                        "error",
		`pep440("x", ">=1")`:                                 "error",
		`bytes("64MiB")`:                                     "67108864",
		`bytes("1.5 GiB")`:                                   "1610612736",
		`bytes("2kB")`:                                       "error",
		`bytes("2KB")`:                                       "2000",
		`bytes("7")`:                                         "7",
		`duration("1h30m")`:                                  "5400",
		`duration("1 hour")`:                                 "error",
		`anytrue([false, true])`:                             "true",
		`anytrue([])`:                                        "false",
		`alltrue([])`:                                        "true",
		`alltrue([true, "false"])`:                           "false",
		`length("abc") + length({a = 1})`:                    "4",
		`length(1)`:                                          "error",
		`coalesce(null, "x")`:                                "x",
		`regex("[0-9]+", "cu124")`:                           "124",
		`regex("(", "x")`:                                    "error",
		`lower("A") == "a" && upper("a") == "A"`:             "true",
		`startswith("abc", "ab") && endswith("abc", "bc")`:   "true",
		`max(1, 2) - min(1, 2)`:                              "1",
		`try(keys({b = 1, a = 2})[0], "none")`:               "a",
		`sum([1, 2.5, 3])`:                                   "6.5",
		`sum([])`:                                            "0",
		`sum(toset([1, 2]))`:                                 "3",
		`sum(["1"])`:                                         "error",
		`sum({a = 1})`:                                       "error",
		`sum([for k, v in {a = 1, b = 2} : v])`:              "3",
		`length(distinct(["a", "b", "a"]))`:                  "2",
		`join(",", distinct(["b", "a", "b"]))`:               "b,a",
		`length(distinct([1, "1", 1]))`:                      "2",
		`length(distinct(tolist([])))`:                       "0",
		`distinct("a")`:                                      "error",
		`join("-", sort(["b", "a"]))`:                        "a-b",
		`join(",", flatten([["a"], [["b"], "c"]]))`:          "a,b,c",
		`merge({a = 1}, {a = 2}).a`:                          "2",
		`lookup({a = "1"}, "b", "none")`:                     "none",
		`split(".", "550.54")[1]`:                            "54",
		`format("%s has %d GiB", "T4", 16)`:                  "T4 has 16 GiB",
		`format("%5.1f", 1)`:                                 "  1.0",
		`format("%999999999d", 1)`:                           "error",
		`format("%.999999999f", 1)`:                          "error",
		`format("%[1]999999999s", "a")`:                      "error",
		`format("%-0999999999d", 1)`:                         "error",
		`format("%%999999999d")`:                             "%999999999d",
		`one(["a"])`:                                         "a",
		`one([]) == null`:                                    "true",
		`one([1, 2])`:                                        "error",
		`length(setintersection(["a", "b"], ["b", "c"]))`:    "1",
		`length(setunion(["a", "b"], ["b", "c"]))`:           "3",
		`length(setsubtract(["a", "b"], ["b"]))`:             "1",
		`trimsuffix(trimprefix("libcuda.so", "lib"), ".so")`: "cuda",
		`join(",", regexall("[0-9]+", "12.4"))`:              "12,4",
		`strcontains("abc", "bc")`:                           "true",
		`slice(["a", "b", "c"], 1, 2)[0]`:                    "b",
		`substr("550.54", 0, 3)`:                             "550",
		`reverse(["a", "b"])[0]`:                             "b",
		`element(["a", "b"], 2)`:                             "a",
		`length(compact(["", "a"]))`:                         "1",
		`abs(-1) + ceil(1.2) + floor(1.8)`:                   "4",
		`tobool("true")`:                                     "true",
		`tomap({a = 1})["a"]`:                                "1",
		`chomp("a\n")`:                                       "a",
	}
	for text, want := range tests {
		if got := evalText(t, text); got != want {
			t.Errorf("%s = %s, want %s", text, got, want)
		}
	}
	if len(FunctionNames()) != len(functions) {
		t.Error("FunctionNames is not complete")
	}
}

func evalText(t *testing.T, text string) string {
	t.Helper()
	expr, diags := hclsyntax.ParseExpression([]byte("\"${"+text+"}\""), "x", hcl.InitialPos)
	if diags.HasErrors() {
		t.Fatalf("%s: %v", text, diags)
	}
	v, ds := newScope().eval(expr.(*hclsyntax.TemplateWrapExpr).Wrapped)
	if ds.HasErrors() {
		return "error"
	}
	switch {
	case v.Type() == cty.Bool:
		return strconv.FormatBool(v.True())
	case v.Type() == cty.Number:
		return v.AsBigFloat().Text('f', -1)
	default:
		return v.AsString()
	}
}
