// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

const schemaDir = "../../docs/schema"

// compiled reads a published schema, with formats asserted.
func compiled(t *testing.T, name string) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	path, err := filepath.Abs(filepath.Join(schemaDir, name+".schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile(path)
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

func validate(t judge, schema *jsonschema.Schema, document []byte) error {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(document))
	if err != nil {
		t.Fatal(err)
	}
	return schema.Validate(v)
}

func TestGoldenDocumentsFollowTheirSchemas(t *testing.T) {
	for name, schema := range map[string]string{
		"doctor": "doctor", "doctor-judged": "doctor", "doctor-healthy": "doctor", "run": "run", "run-failed": "run", "facts": "facts", "failure": "failure",
	} {
		t.Run(name, func(t *testing.T) {
			data, err := os.ReadFile(filepath.Join("testdata", name+".json"))
			if err != nil {
				t.Fatal(err)
			}
			if err := validate(t, compiled(t, schema), data); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestZeroDocumentsHaveListsAndNotNull(t *testing.T) {
	for name, d := range map[string]document{"doctor": Doctor{}, "run": Run{Preflight: &Preflight{}, Error: &ErrorInfo{}}, "facts": Facts{}, "failure": Failure{}} {
		if text := string(asJSON(t, d)); strings.Contains(text, "null") {
			t.Errorf("%s holds null:\n%s", name, text)
		}
	}
}

// TestSchemasRefuse changes one thing in a valid document and expects that the
// schema notices.
func TestSchemasRefuse(t *testing.T) {
	first := func(list string, change func(map[string]any)) func(map[string]any) {
		return func(d map[string]any) { change(d[list].([]any)[0].(map[string]any)) }
	}
	put := func(key string, v any) func(map[string]any) { return func(d map[string]any) { d[key] = v } }
	drop := func(key string) func(map[string]any) { return func(d map[string]any) { delete(d, key) } }
	for _, tt := range []struct {
		what, document string
		change         func(map[string]any)
	}{
		{"a misspelt name", "doctor", put("finding", []any{})},
		{"another major", "doctor", put("schema_version", "2.0")},
		{"no summary", "doctor", drop("summary")},
		{"a level out of range", "doctor", put("level", 9)},
		{"a time that is none", "doctor", put("started_at", "yesterday")},
		{"a null list", "doctor", put("findings", nil)},
		{"a severity that is none", "doctor", first("findings", put("severity", "fatal"))},
		{"a confidence over 1", "doctor", first("findings", put("confidence", 1.5))},
		{"a finding without an ID", "doctor", first("findings", drop("id"))},
		{"a code without a group", "doctor", first("findings", put("code", "missing"))},
		{"a root cause that is a note", "doctor", first("root_causes", put("severity", "info"))},
		{"a status that is none", "doctor", first("areas", put("status", "green"))},
		{"a digest without its kind", "doctor", first("plugins", put("digest", "0123"))},
		{"a skip without a reason", "doctor", first("skipped", drop("reason"))},
		{"a fact with an upper-case address", "facts", first("facts", put("address", "CPU.count"))},
		{"a fact with value and reason", "facts", first("facts", put("unknown", "why"))},
		{"a fact with neither", "facts", first("facts", drop("value"))},
		{"a target that is none", "facts", func(d map[string]any) { d["target"].(map[string]any)["kind"] = "cloud" }},
		{"a status of a run that is none", "run", put("status", "done")},
		{"an ok run with an error", "run", put("error", map[string]any{"summary": "x", "diagnostics": []any{}})},
		{"negative rows", "run", first("nodes", put("rows_in", -1))},
		{"a node without attempts", "run", first("nodes", drop("attempts"))},
		{"exit code 0", "failure", put("exit_code", 0)},
		{"an error without a summary", "failure", func(d map[string]any) { delete(d["error"].(map[string]any), "summary") }},
	} {
		t.Run(tt.what, func(t *testing.T) {
			var d map[string]any
			if err := json.Unmarshal(asJSON(t, documents[tt.document]), &d); err != nil {
				t.Fatal(err)
			}
			tt.change(d)
			data, err := json.Marshal(d)
			if err != nil {
				t.Fatal(err)
			}
			if validate(t, compiled(t, tt.document), data) == nil {
				t.Error("the schema accepts it")
			}
		})
	}
}

// TestSchemasAndStructsAgree compares the fields of every struct with the
// properties of the schema that stands for it.
func TestSchemasAndStructsAgree(t *testing.T) {
	for file, defs := range map[string]map[string]any{
		"doctor": {
			"": Doctor{}, "tool": Tool{}, "target": Target{}, "summary": Summary{}, "area": Area{}, "check": CheckResult{}, "waiver": Waiver{}, "root_cause": RootCause{}, "finding": Finding{},
			"remedy": Remedy{}, "skip": Skip{}, "plugin": Plugin{}, "wall": Wall{}, "diagnostic": Diagnostic{}, "position": Pos{},
			"fact": fact.Fact{}, "evidence": fact.Evidence{},
		},
		"run":     {"": Run{}, "node": Node{}, "preflight": Preflight{}, "error": ErrorInfo{}},
		"facts":   {"": Facts{}},
		"failure": {"": Failure{}},
	} {
		doc := schemaFile(t, file)
		for name, of := range defs {
			schema := doc
			if name != "" {
				schema, _ = doc["$defs"].(map[string]any)[name].(map[string]any)
			}
			properties, _ := schema["properties"].(map[string]any)
			if diff := cmp.Diff(fields(of), slices.Sorted(maps.Keys(properties))); diff != "" {
				t.Errorf("%s.schema.json, %q (-struct +schema):\n%s", file, name, diff)
			}
		}
	}
}

func schemaFile(t *testing.T, name string) map[string]any {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(schemaDir, name+".schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	var doc map[string]any
	if err := json.Unmarshal(data, &doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

func fields(v any) []string {
	var out []string
	for f := range reflect.TypeOf(v).Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}
