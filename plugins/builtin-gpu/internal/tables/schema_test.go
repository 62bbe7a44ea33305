// SPDX-License-Identifier: Apache-2.0

package tables

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// TestSchemas holds every table to the JSON Schema of its name, and every
// schema to a table.
func TestSchemas(t *testing.T) {
	schemas, err := filepath.Glob("schema/*.json")
	if err != nil || len(schemas) != len(Versions()) {
		t.Fatalf("%d schemas for %d tables, %v", len(schemas), len(Versions()), err)
	}
	for _, name := range schemas {
		data, err := files.ReadFile(filepath.Base(name))
		if err != nil {
			t.Errorf("%s is the schema of no table: %v", name, err)
			continue
		}
		if err := validate(t, name, data); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestSchemasRefuse: a row without its source, with a key that nobody reads, or
// of another form does not pass.
func TestSchemasRefuse(t *testing.T) {
	data, err := files.ReadFile("xid.json")
	if err != nil {
		t.Fatal(err)
	}
	for what, change := range map[string][2]string{
		"source":   {`"source": "https://`, `"source": "memory of `},
		"key":      {`"xid": 13,`, `"xid": 13, "note": "x",`},
		"severity": {`"severity": "info"`, `"severity": "bad"`},
		"action":   {`"action": "RESTART_APP"`, `"action": "REBOOT"`},
		"number":   {`"xid": 13,`, `"xid": "13",`},
	} {
		if !strings.Contains(string(data), change[0]) {
			t.Fatalf("%s: the table has no %s", what, change[0])
		}
		if validate(t, "schema/xid.json", bytes.Replace(data, []byte(change[0]), []byte(change[1]), 1)) == nil {
			t.Errorf("a wrong %s passes", what)
		}
	}
}

func validate(t *testing.T, schema string, data []byte) error {
	t.Helper()
	text, err := os.ReadFile(schema)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("table.json", parsed); err != nil {
		t.Fatal(err)
	}
	compiled, err := compiler.Compile("table.json")
	if err != nil {
		t.Fatalf("%s: %v", schema, err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		return err
	}
	return compiled.Validate(document)
}
