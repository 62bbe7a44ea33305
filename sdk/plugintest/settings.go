// SPDX-License-Identifier: Apache-2.0

package plugintest

import (
	"encoding/json"
	"maps"
	"strconv"
	"strings"

	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

// defaults are the settings that a host sends when the user gives none: one JSON
// object.
func defaults(s *pluginv1.Schema) []byte { return encodeSettings(defaultValues(s)) }

func defaultValues(s *pluginv1.Schema) map[string]json.RawMessage {
	values := map[string]json.RawMessage{}
	for _, a := range s.GetAttributes() {
		if json.Valid([]byte(a.GetDefaultJson())) { // describe/settings tells of others
			values[a.GetName()] = json.RawMessage(a.GetDefaultJson())
		}
	}
	return values
}

func encodeSettings(values map[string]json.RawMessage) []byte {
	out, err := json.Marshal(values)
	if err != nil {
		panic(err) // all values are valid JSON
	}
	return out
}

// with are the defaults with another value of one setting, as JSON.
func with(s *pluginv1.Schema, name, value string) []byte {
	values := defaultValues(s)
	values[name] = json.RawMessage(value)
	return encodeSettings(values)
}

// merged are the defaults with the settings of an author over them.
func merged(s *pluginv1.Schema, settings map[string]json.RawMessage) []byte {
	values := defaultValues(s)
	maps.Copy(values, settings)
	return encodeSettings(values)
}

// kind is the outermost word of a type in cty's notation: "number", "list".
func kind(typ string) string {
	var word string
	var words []json.RawMessage
	if json.Unmarshal([]byte(typ), &word) == nil {
		return word
	}
	if json.Unmarshal([]byte(typ), &words) == nil && len(words) > 0 && json.Unmarshal(words[0], &word) == nil {
		return word
	}
	return ""
}

// wrongValues are JSON values of other types than the one of a setting.
func wrongValues(typ string) []string {
	switch kind(typ) {
	case "number":
		return []string{`"seven"`, `true`, `[1]`, `{}`}
	case "string":
		return []string{`7`, `true`, `["x"]`, `{}`}
	case "bool":
		return []string{`"yes"`, `1`, `[true]`, `{}`}
	case "list", "set":
		return []string{`7`, `true`, `"x"`, `{"a": 1}`}
	case "map", "object":
		return []string{`7`, `true`, `"x"`, `[1]`}
	}
	return nil
}

// extremeValues are JSON values of a setting's type that nobody expects.
func extremeValues(typ string) []string {
	switch kind(typ) {
	case "number":
		return []string{`-1`, `0`, `-1e308`, `1e308`, `1e-308`, `0.5`, `9007199254740993`, `9223372036854775808`}
	case "string":
		return []string{`""`, `"\u0000"`, `"\u001b]0;x\u0007%s%n"`, strconv.Quote(strings.Repeat("x", 1<<20))}
	case "list", "set":
		return []string{`[]`, `[` + strings.Repeat(`null,`, 9999) + `null]`}
	case "map", "object":
		return []string{`{}`, `{"": null}`}
	}
	return nil
}

// allowedValues are the ends of what a description says that a setting takes.
func allowedValues(a *pluginv1.Attribute) []string {
	var out []string
	for _, bound := range []*float64{a.Minimum, a.Maximum} {
		if bound != nil {
			out = append(out, strconv.FormatFloat(*bound, 'g', -1, 64))
		}
	}
	for _, choice := range a.GetOneOf() {
		quoted, err := json.Marshal(choice)
		if err == nil {
			out = append(out, string(quoted))
		}
	}
	return out
}
