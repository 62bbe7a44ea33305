// SPDX-License-Identifier: Apache-2.0

package cli_test

import (
	"path/filepath"
	"strings"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// cmdJSONValid wants exactly one JSON document in a file, valid by a published
// schema, or of any shape that has schema_version: jsonvalid FILE SCHEMA|any
func cmdJSONValid(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 2, "jsonvalid FILE doctor|facts|run|failure|any")
	text := ts.ReadFile(args[0])
	document, err := unmarshal(text)
	if err != nil {
		ts.Fatalf("%s is not one JSON document: %v\n%s", args[0], err, text)
	}
	if args[1] == "any" {
		if object, ok := document.(map[string]any); !ok || object["schema_version"] == nil {
			ts.Fatalf("%s has no schema_version", args[0])
		}
		return
	}
	s, err := compileSchema(args[1])
	ts.Check(err)
	ts.Check(s.Validate(document))
}

// unmarshal reads one JSON document and refuses text after it.
func unmarshal(text string) (any, error) { return jsonschema.UnmarshalJSON(strings.NewReader(text)) }

// compiler is one for all scripts, which run at the same time.
var compiler struct {
	sync.Mutex
	*jsonschema.Compiler
}

func compileSchema(name string) (*jsonschema.Schema, error) {
	compiler.Lock()
	defer compiler.Unlock()
	if compiler.Compiler == nil {
		compiler.Compiler = jsonschema.NewCompiler()
		compiler.AssertFormat()
	}
	return compiler.Compile(filepath.Join(built.repo, "docs/schema", name+".schema.json"))
}
