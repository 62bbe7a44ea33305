// SPDX-License-Identifier: Apache-2.0

package runs

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
)

const schemaFile = "../../docs/schema/run-record.schema.json"

func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	path, err := filepath.Abs(schemaFile)
	must(t, err)
	schema, err := c.Compile(path)
	must(t, err)
	return schema
}

// valid says what the schema has against a document.
func valid(t *testing.T, document any) error {
	t.Helper()
	data, err := json.Marshal(document)
	must(t, err)
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	must(t, err)
	return compiled(t).Validate(v)
}

func TestRecordsFollowTheSchema(t *testing.T) {
	if err := valid(t, full()); err != nil {
		t.Error(err)
	}
	s := newStore(t)
	run, err := s.Begin(Record{Pipeline: "p", Nodes: []Node{{Name: "a", Kind: "kernel", Status: Pending}}})
	must(t, err)
	for range 2 { // running, then ended
		r, err := s.Get(run.ID())
		must(t, err)
		if err := valid(t, r); err != nil {
			t.Error(err)
		}
		_ = run.End(OK, "")
	}
	killed(t, s, "", 0)
	r, err := s.Get(victim)
	must(t, err)
	r.Nodes[0].Kind, r.Nodes[1].Kind = "kernel", "kernel" // the victim left it out
	if err := valid(t, r); err != nil {
		t.Error(err)
	}
}

func TestSchemaRefuses(t *testing.T) {
	node := func(change func(map[string]any)) func(map[string]any) {
		return func(d map[string]any) { change(d["nodes"].([]any)[1].(map[string]any)) }
	}
	put := func(key string, v any) func(map[string]any) { return func(d map[string]any) { d[key] = v } }
	drop := func(key string) func(map[string]any) { return func(d map[string]any) { delete(d, key) } }
	for what, change := range map[string]func(map[string]any){
		"a misspelt name":     put("node", []any{}),
		"another major":       put("schema_version", "2.0"),
		"a short id":          put("id", "abc"),
		"no status":           drop("status"),
		"a status of a node":  put("status", "pending"),
		"no list":             put("sources", nil),
		"a time that is none": put("started_at", "noon"),
		"a negative wall":     put("wall_ns", -1),
		"a bare digest":       node(put("state", strings.Repeat("0", 64))),
		"an unknown kind":     node(put("kind", "model")),
		"half a row":          node(put("rows_in", 0.5)),
		"a seed that is 0":    node(put("seed", "0")),
		"a metric as text":    node(put("metrics", map[string]any{"a": "1"})),
		"a config in a list":  node(put("config", []any{})),
		"no calls":            node(drop("calls")),
		"a cache of its own":  node(put("cache", "warm")),
		"a nameless node":     node(put("name", "")),
	} {
		data, err := json.Marshal(full())
		must(t, err)
		var d map[string]any
		must(t, json.Unmarshal(data, &d))
		change(d)
		if valid(t, d) == nil {
			t.Errorf("%s: the schema accepts it", what)
		}
	}
}

// TestSchemaAndStructsAgree compares the fields of every struct with the
// properties of the schema that stands for it.
func TestSchemaAndStructsAgree(t *testing.T) {
	data, err := os.ReadFile(schemaFile)
	must(t, err)
	var doc map[string]any
	must(t, json.Unmarshal(data, &doc))
	for name, of := range map[string]any{
		"": Record{}, "host": Host{}, "file": File{}, "plugin": Plugin{}, "source": Source{}, "sink": Sink{}, "node": Node{}, "latency": Latency{},
	} {
		schema := doc
		if name != "" {
			schema, _ = doc["$defs"].(map[string]any)[name].(map[string]any)
		}
		properties, _ := schema["properties"].(map[string]any)
		if diff := cmp.Diff(fields(of), slices.Sorted(maps.Keys(properties))); diff != "" {
			t.Errorf("%q (-struct +schema):\n%s", name, diff)
		}
	}
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

// FuzzRecord: any bytes in the place of a run's files are read or refused, and
// what is read can be compared and written.
func FuzzRecord(f *testing.F) {
	head, err := json.Marshal(full())
	must(f, err)
	line, err := json.Marshal(full().Nodes[1])
	must(f, err)
	f.Add(head, line)
	f.Add([]byte(`{"id":"0123456789abcdef","status":"running","nodes":[{}]}`), []byte("{\"name\":\"a\"}\n{"))
	s := newStore(f)
	dir := filepath.Join(s.dir, full().ID)
	must(f, os.MkdirAll(dir, 0o700))
	other := full()
	f.Fuzz(func(t *testing.T, record, nodes []byte) {
		must(t, os.WriteFile(filepath.Join(dir, recordName), record, 0o600))
		must(t, os.WriteFile(filepath.Join(dir, nodesName), nodes, 0o600))
		r, err := s.Get(full().ID)
		if err != nil {
			return
		}
		if r.Status == Running {
			t.Error("nobody runs")
		}
		var b bytes.Buffer
		must(t, WritePrometheus(&b, r))
		parse(t, b.String())
		if _, err := Compare(&other, r); err != nil {
			t.Error(err)
		}
	})
}
