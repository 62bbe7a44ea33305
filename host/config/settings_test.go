// SPDX-License-Identifier: Apache-2.0

package config

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

// settingsOf decodes the text of a config block that may use var.secret.
func settingsOf(text string, schema *pluginv1.Schema) (Settings, Diagnostics) {
	file, diags := parse([]byte(text), "test.hcl")
	if diags.HasErrors() {
		return Settings{}, diags
	}
	scope := newScope()
	scope.set("var", "secret", cty.StringVal("hunter2").Mark(sensitiveMark))
	scope.set("local", "five", cty.NumberIntVal(5))
	at := hcl.Range{Filename: "test.hcl", Start: hcl.InitialPos, End: hcl.InitialPos}
	return DecodeSettings(&Body{body: file.Body, at: at, scope: scope, sources: sources{"test.hcl": file}}, schema)
}

const written = `quality_threshold = 0.9
columns = ["age",
  "income"]
weights = {
  age = local.five / 10
}
column {
  name = "age"
}
column {
  name     = "income"
  strategy = "median"
}
token = var.secret
`

func TestSettings(t *testing.T) {
	s, diags := settingsOf(written, prepareSchema())
	if len(diags) > 0 {
		t.Fatal(diags.Err())
	}
	want := `{"column":[{"name":"age","strategy":"mean"},{"name":"income","strategy":"median"}],` +
		`"columns":["age","income"],"quality_threshold":0.9,"scale":null,"strategy":"median",` +
		`"threshold":null,"token":"hunter2","weights":{"age":0.5}}`
	if diff := cmp.Diff(want, string(s.JSON)); diff != "" {
		t.Errorf("JSON (-want +got):\n%s", diff)
	}
	if red := string(s.Redacted()); strings.Contains(red, "hunter2") || !strings.Contains(red, `"token":"(sensitive)"`) {
		t.Errorf("redacted = %s", red)
	}
}

func TestSettingsRange(t *testing.T) {
	s, _ := settingsOf(written, prepareSchema())
	tests := []struct {
		path         []string
		line, column int
	}{
		{nil, 1, 1},
		{[]string{"quality_threshold"}, 1, 21},
		{[]string{"columns"}, 2, 11},
		{[]string{"columns", "1"}, 3, 3},
		{[]string{"columns", "1", "deeper"}, 3, 3},
		{[]string{"weights", "age"}, 5, 9},
		{[]string{"column"}, 7, 1},
		{[]string{"column", "1"}, 10, 1},
		{[]string{"column", "1", "strategy"}, 12, 14},
		{[]string{"column", "0", "strategy"}, 7, 1}, // a default stands where its block does
		{[]string{"column", "7"}, 7, 1},
		{[]string{"scale", "robust"}, 1, 1},
	}
	for _, tt := range tests {
		r := s.Range(tt.path)
		if r.Start.Line != tt.line || r.Start.Column != tt.column {
			t.Errorf("Range(%q) = %v, want %d,%d", tt.path, r, tt.line, tt.column)
		}
	}
}

func TestSettingsWithoutBlock(t *testing.T) {
	s, diags := DecodeSettings(nil, prepareSchema())
	if diags.HasErrors() || !strings.Contains(string(s.JSON), `"quality_threshold":0.7`) {
		t.Errorf("settings %s, %v", s.JSON, diags.Err())
	}
	s, diags = settingsOf("", nil)
	if diags.HasErrors() || string(s.JSON) != "{}" {
		t.Errorf("settings %s, %v", s.JSON, diags.Err())
	}
	s, diags = settingsOf("strategy = null\n", prepareSchema())
	if diags.HasErrors() || !strings.Contains(string(s.JSON), `"strategy":"median"`) {
		t.Errorf("null does not give the default: %s, %v", s.JSON, diags.Err())
	}
}

func TestRequiredNull(t *testing.T) {
	_, diags := settingsOf("column {\n  name = null\n}\n", prepareSchema())
	if err := diags.Err(); err == nil || !strings.Contains(err.Error(), "test.hcl:2,10") {
		t.Errorf("error = %v", err)
	}
}

func TestSettingsConcealSecrets(t *testing.T) {
	for _, text := range []string{"strategy = var.secret\n", "quality_threshold = var.secret\n", "weights = { a = semver(var.secret, \"1\") }\n"} {
		_, diags := settingsOf(text, prepareSchema())
		if err := diags.Err(); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", text, err)
		}
	}
	s, diags := settingsOf("columns = [\"a\", var.secret]\n", prepareSchema())
	if diags.HasErrors() || strings.Contains(string(s.Redacted()), "hunter2") || !strings.Contains(string(s.Redacted()), `"a"`) {
		t.Errorf("redacted = %s, %v", s.Redacted(), diags.Err())
	}
}

// TestHostileSchema gives schemas that no honest plugin has.
func TestHostileSchema(t *testing.T) {
	str := `"string"`
	deep := &pluginv1.Schema{}
	for range 100 {
		deep = &pluginv1.Schema{Blocks: []*pluginv1.Block{{Type: "b", Nesting: pluginv1.Block_NESTING_SINGLE, Schema: deep}}}
	}
	many := &pluginv1.Schema{}
	for i := range maxSchemaNames + 1 {
		many.Attributes = append(many.Attributes, &pluginv1.Attribute{Name: "a" + strings.Repeat("x", i), Type: str})
	}
	attr := func(a *pluginv1.Attribute) *pluginv1.Schema {
		return &pluginv1.Schema{Attributes: []*pluginv1.Attribute{a}}
	}
	tests := map[string]struct {
		schema *pluginv1.Schema
		want   string
	}{
		"duplicate": {&pluginv1.Schema{Attributes: []*pluginv1.Attribute{{Name: "a", Type: str}},
			Blocks: []*pluginv1.Block{{Type: "a", Nesting: pluginv1.Block_NESTING_LIST}}}, "declared twice"},
		"deep":           {deep, "nest deeper"},
		"many":           {many, "more than"},
		"name":           {attr(&pluginv1.Attribute{Name: "a b", Type: str}), "not a name"},
		"no type":        {attr(&pluginv1.Attribute{Name: "a"}), "not a type"},
		"type":           {attr(&pluginv1.Attribute{Name: "a", Type: `["lost","string"]`}), "not a type"},
		"deep type":      {attr(&pluginv1.Attribute{Name: "a", Type: strings.Repeat(`["list",`, 99) + str + strings.Repeat("]", 99)}), "not a type"},
		"default":        {attr(&pluginv1.Attribute{Name: "a", Type: str, DefaultJson: "{"}), "not JSON"},
		"default type":   {attr(&pluginv1.Attribute{Name: "a", Type: `"number"`, DefaultJson: `"x"`}), "another type"},
		"default bounds": {attr(&pluginv1.Attribute{Name: "a", Type: `"number"`, DefaultJson: "2", Maximum: number(1)}), "must be a number of at most 1"},
		"huge default":   {attr(&pluginv1.Attribute{Name: "a", Type: str, DefaultJson: "1e999999999"}), "not JSON"},
		"choices":        {attr(&pluginv1.Attribute{Name: "a", Type: `"bool"`, OneOf: []string{"x"}}), "for texts only"},
		"bounds":         {attr(&pluginv1.Attribute{Name: "a", Type: str, Minimum: number(0)}), "for numbers only"},
		"nesting":        {&pluginv1.Schema{Blocks: []*pluginv1.Block{{Type: "b"}}}, "unknown nesting"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if _, err := checkSchema(tt.schema); err == nil {
				t.Error("checkSchema passes it")
			}
			_, diags := settingsOf("a = 1\n", tt.schema)
			if err := diags.Err(); err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "Tell its author") {
				t.Errorf("error %v lacks %q", err, tt.want)
			}
		})
	}
}

func TestOddBounds(t *testing.T) {
	schema := &pluginv1.Schema{Attributes: []*pluginv1.Attribute{
		{Name: "a", Type: "number", Minimum: number(math.NaN()), Maximum: number(math.Inf(1))},
	}}
	if s, diags := settingsOf("a = 1\n", schema); diags.HasErrors() || string(s.JSON) != `{"a":1}` {
		t.Errorf("settings %s, %v", s.JSON, diags.Err())
	}
}

func FuzzDecodeSettings(f *testing.F) {
	f.Add(written, `["list","number"]`, "[1]", "columns", 0.5)
	f.Add("a = [1, {b = 2}]\n", `"dynamic"`, "{}", "a", 1.0)
	f.Add("a { \n}\n", `["set","string"]`, `["x"]`, "a", math.NaN())
	f.Add("a = null\n", `["object",{"x":"string"},["x"]]`, `{"x":"y"}`, "a", -1.0)
	f.Add("column {\n name = \"${var.secret}\"\n}\n", `["tuple",["bool"]]`, `[true]`, "z", 2.0)
	f.Fuzz(func(t *testing.T, text, ty, def, name string, limit float64) {
		schema := prepareSchema()
		schema.Attributes = append(schema.Attributes, &pluginv1.Attribute{Name: name, Type: ty, DefaultJson: def})
		schema.Attributes[0].Maximum = &limit
		schema.Blocks[0].Schema.Attributes = append(schema.Blocks[0].Schema.Attributes, &pluginv1.Attribute{Name: name, Type: ty})
		s, diags := settingsOf(text, schema)
		if !diags.HasErrors() && !json.Valid(s.JSON) {
			t.Errorf("not JSON: %q", s.JSON)
		}
		_ = s.Redacted()
		_ = s.Range([]string{"column", "0", name})
	})
}
