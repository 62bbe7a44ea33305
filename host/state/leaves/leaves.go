// SPDX-License-Identifier: Apache-2.0

// Package leaves takes JSON documents apart into the values at their ends, so
// that two can be compared value by value.
//
// The path of a leaf is the keys that lead to it with dots between them, and an
// index in brackets: "model.layers[2].units". A key with other characters than
// letters, digits, - and _ stands in brackets as a JSON string: `a["b.c"]`. The
// path of the document itself is "". An empty object or list is a leaf.
package leaves

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// Leaf is a value at the end of a path, as compact JSON.
type Leaf struct{ Path, Value string }

// Of lists the leaves of a document, objects in the order of their keys. Bytes
// that are not JSON are one leaf, as a JSON string.
func Of(document []byte) []Leaf {
	dec := json.NewDecoder(bytes.NewReader(document))
	dec.UseNumber()
	var v any
	if dec.Decode(&v) != nil || !ended(dec) {
		return []Leaf{{Value: text(string(document))}}
	}
	return walk(nil, "", v)
}

// ended reports whether nothing but white space is left.
func ended(dec *json.Decoder) bool {
	_, err := dec.Token()
	return errors.Is(err, io.EOF)
}

func walk(out []Leaf, path string, v any) []Leaf {
	switch v := v.(type) {
	case map[string]any:
		if len(v) > 0 {
			for _, key := range slices.Sorted(maps.Keys(v)) {
				out = walk(out, Join(path, key), v[key])
			}
			return out
		}
	case []any:
		if len(v) > 0 {
			for i, e := range v {
				out = walk(out, fmt.Sprintf("%s[%d]", path, i), e)
			}
			return out
		}
	}
	return append(out, Leaf{Path: path, Value: text(v)})
}

// Join leads a path on to a key.
func Join(path, key string) string {
	if key == "" || strings.ContainsFunc(key, special) {
		return path + "[" + text(key) + "]"
	}
	if path == "" {
		return key
	}
	return path + "." + key
}

func special(r rune) bool {
	return !(r == '-' || r == '_' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z')
}

// text is a value as compact JSON.
func text(v any) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return fmt.Sprint(v) // a json.Decoder makes no such value
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// Change is a leaf that two documents do not share; Old or New is "" where there
// is none.
type Change struct{ Path, Old, New string }

// Diff lists what differs, in the order of old, then what only new has.
func Diff(old, new []byte) []Change {
	before, after := Of(old), Of(new)
	was, is := index(before), index(after)
	var out []Change
	for _, l := range before {
		if now, ok := is[l.Path]; !ok || now != l.Value {
			out = append(out, Change{l.Path, l.Value, now})
		}
	}
	for _, l := range after {
		if _, ok := was[l.Path]; !ok {
			out = append(out, Change{l.Path, "", l.Value})
		}
	}
	return out
}

func index(leaves []Leaf) map[string]string {
	out := make(map[string]string, len(leaves))
	for _, l := range leaves {
		out[l.Path] = l.Value
	}
	return out
}
