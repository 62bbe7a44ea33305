// SPDX-License-Identifier: Apache-2.0

package tables

import (
	"bytes"
	"os"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

const schemaFile = "testdata/tables.schema.json"

func compileSchema(t *testing.T, table string) *jsonschema.Schema {
	t.Helper()
	data, err := os.ReadFile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("tables.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("tables.json#/$defs/" + table)
	if err != nil {
		t.Fatalf("no schema for %s: %v", table, err)
	}
	return s
}

// TestTablesFitTheirSchema: every data file has a schema and fits it.
func TestTablesFitTheirSchema(t *testing.T) {
	entries, err := files.ReadDir(".")
	if err != nil || len(entries) < 7 {
		t.Fatalf("%d tables, %v", len(entries), err)
	}
	for _, e := range entries {
		data, err := files.ReadFile(e.Name())
		if err != nil {
			t.Fatal(err)
		}
		table, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
		if err != nil {
			t.Fatalf("%s: %v", e.Name(), err)
		}
		if err := compileSchema(t, e.Name()).Validate(table); err != nil {
			t.Errorf("%s: %v", e.Name(), err)
		}
	}
}

// TestSchemaRefuses: a row without a source, or with a field that nobody reads,
// does not pass.
func TestSchemaRefuses(t *testing.T) {
	const head = `{"version": "2026.11", "about": "A table for this test only.", "rows": [`
	s := compileSchema(t, "numpy2.json")
	for name, row := range map[string]string{
		"no source":     `{"name": "pandas", "since": "2.2.2"}`,
		"no address":    `{"name": "pandas", "since": "2.2.2", "source": "memory"}`,
		"unknown field": `{"name": "pandas", "since": "2.2.2", "source": "https://numpy.org", "until": "3"}`,
		"no release":    `{"name": "pandas", "since": "soon", "source": "https://numpy.org"}`,
	} {
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader([]byte(head + row + "]}")))
		if err != nil {
			t.Fatal(err)
		}
		if s.Validate(doc) == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestNewestTorch(t *testing.T) {
	if got := Archs().NewestTorch(); got != "2.15" {
		t.Errorf("newest torch is %s", got)
	}
	rows := []ArchRow{{Torch: "==2.9.*"}, {Torch: "==2.10.*"}, {Torch: ">=3.0,<4.0"}}
	if got := newestIn(rows); got != "2.10" {
		t.Errorf("newest of %v is %s", rows, got)
	}
}

func TestPythons(t *testing.T) {
	if row, ok := Pythons().Row("3.13.2"); !ok || row.First != "2.5" || row.Last != "" {
		t.Errorf("3.13: %+v %v", row, ok)
	}
	if row, ok := Pythons().Row("3.9"); !ok || row.Last != "2.8.0" {
		t.Errorf("3.9: %+v %v", row, ok)
	}
	for version, beyond := range map[string]bool{"3.16": true, "3.15.0": false, "3.7": false, "4.0": true, "": false, "x.y": false} {
		if got := Pythons().Beyond(version); got != beyond {
			t.Errorf("Beyond(%q) = %v", version, got)
		}
	}
}

func TestPairs(t *testing.T) {
	if got, ok := Pairs().Torch("torchvision", "0.20.1"); !ok || got != "2.5" {
		t.Errorf("torchvision 0.20.1: %s %v", got, ok)
	}
	for name, version := range map[string]string{"torchvision": "9.9.9", "torchaudio": "2.11.0", "other": "1.0"} {
		if got, ok := Pairs().Torch(name, version); ok {
			t.Errorf("%s %s: %s", name, version, got)
		}
	}
}

func TestBuildersAndRuntimes(t *testing.T) {
	c, cuda := Builders().Names(BuildsC), Builders().Names(BuildsCUDA)
	if len(c) <= len(cuda) || len(cuda) == 0 || cuda[0] != "deepspeed" {
		t.Errorf("c %v, cuda %v", c, cuda)
	}
	if row, ok := Runtimes().For(12); !ok || row.CUDNN != 9 {
		t.Errorf("CUDA 12: %+v %v", row, ok)
	}
	if _, ok := Runtimes().For(14); ok {
		t.Error("CUDA 14 is beyond the table")
	}
}
