// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// object is a JSON object of a plugin. Numbers are json.Number, so that large
// integers keep their digits.
type object = map[string]any

// decode reads JSON; nil when it is not.
func decode(data []byte) any {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var v any
	if dec.Decode(&v) != nil {
		return nil
	}
	return v
}

// short writes a value for a person on one line: strings without quotes,
// numbers rounded to four decimals, what is nested in a JSON-like form.
func short(v any) string {
	switch v := v.(type) {
	case nil:
		return "-"
	case string:
		return v
	case bool:
		return strconv.FormatBool(v)
	case json.Number:
		return number(v)
	case []any:
		return shortList(v)
	case object:
		return shortObject(v)
	}
	return fmt.Sprint(v)
}

func shortList(v []any) string {
	parts := make([]string, 0, len(v))
	for _, e := range v {
		parts = append(parts, nested(e))
	}
	return strings.Join(parts, ", ")
}

func shortObject(v object) string {
	parts := make([]string, 0, len(v))
	for _, key := range slices.Sorted(maps.Keys(v)) {
		parts = append(parts, key+" "+nested(v[key]))
	}
	return strings.Join(parts, ", ")
}

// nested puts brackets around what is inside something else.
func nested(v any) string {
	switch v.(type) {
	case []any:
		return "[" + short(v) + "]"
	case object:
		return "{" + short(v) + "}"
	}
	return short(v)
}

// number rounds to four decimals, or to four significant digits where that
// would be zero or unreadably long. Integers stay.
func number(n json.Number) string {
	if _, err := n.Int64(); err == nil {
		return n.String()
	}
	f, err := n.Float64()
	if err != nil {
		return n.String()
	}
	if a := math.Abs(f); a != 0 && (a < 0.001 || a >= 1e6) {
		return strconv.FormatFloat(f, 'g', 4, 64)
	}
	return strconv.FormatFloat(f, 'f', 4, 64)
}

// float returns a number, and whether v is one.
func float(v any) (float64, bool) {
	n, ok := v.(json.Number)
	if !ok {
		return 0, false
	}
	f, err := n.Float64()
	return f, err == nil
}

// isScalar reports whether v has no parts.
func isScalar(v any) bool {
	switch v.(type) {
	case []any, object:
		return false
	}
	return true
}

// objects returns a list of objects, and whether v is one with an element.
func objects(v any) ([]object, bool) {
	items, ok := v.([]any)
	if !ok || len(items) == 0 {
		return nil, false
	}
	out := make([]object, 0, len(items))
	for _, item := range items {
		o, ok := item.(object)
		if !ok {
			return nil, false
		}
		out = append(out, o)
	}
	return out, true
}
