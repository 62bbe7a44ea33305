// SPDX-License-Identifier: Apache-2.0

package jsonkeys_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/internal/jsonkeys"
)

func TestCheck(t *testing.T) {
	for _, c := range []struct{ text, fault string }{
		{`{}`, ""},
		{`{"a": {"a": 1}, "b": [{"a": 1}, {"a": 2}], "linux_amd64": "a"}`, ""},
		{`["a", "a", {"c": "c"}]`, ""},
		{`{"a": 1e999}`, ""},
		{`{"a": 1, "a": 2}`, "twice"},
		{`{"a": 1, "\u0061": 2}`, "twice"},
		{`{"a": [{"b": 1, "c": {}, "b": 2}]}`, "twice"},
		{`{"a": {"b": 1}, "a": {"c": 1}}`, "twice"},
		{`{"A": 1}`, "unknown field"},
		{`{"ſummary": 1}`, "unknown field"}, // encoding/json takes it for "summary"
		{`{"": 1}`, "unknown field"},
		{`{"a b": 1}`, "unknown field"},
		{`{"a"`, "EOF"},
	} {
		err := jsonkeys.Check([]byte(c.text))
		if (err == nil) != (c.fault == "") || err != nil && !strings.Contains(err.Error(), c.fault) {
			t.Errorf("%s: %v, want %q", c.text, err, c.fault)
		}
	}
}

// FuzzCheck holds it to what it promises: encoding/json reads what passed into the
// same struct as into a map.
func FuzzCheck(f *testing.F) {
	f.Add([]byte(`{"name": "a", "Name": "b"}`))
	f.Add([]byte(`{"name": "a", "name": "b"}`))
	f.Add([]byte(`{"name": "a"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var known struct {
			Name string `json:"name"`
		}
		var all map[string]any
		if jsonkeys.Check(data) != nil || json.Unmarshal(data, &known) != nil || json.Unmarshal(data, &all) != nil {
			return
		}
		if text, _ := all["name"].(string); text != known.Name {
			t.Errorf("%s is read as %q and as %q", data, text, known.Name)
		}
	})
}
