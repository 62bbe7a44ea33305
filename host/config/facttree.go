// SPDX-License-Identifier: Apache-2.0

package config

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"
)

// maxFactDepth bounds the nesting of an address and of a value.
const maxFactDepth = 64

// FactTree makes the value that expressions see as "fact" of facts by address.
// An address is names with dots between, each followed by an instance key in
// brackets where there are several: gpu.device[0000:01:00.0].name is
// fact.gpu.device["0000:01:00.0"].name. Brackets in a key balance.
//
// The function is total. A value that is null, not JSON or nested too deep is
// absent, as is an unknown fact. An address that cannot be split is one name
// as a whole. Where one address is the beginning of another, the inner one is
// added to the value of the outer one; an outer value that is not an object
// then stands under the name "value".
func FactTree(facts map[string]json.RawMessage) cty.Value {
	root := &factNode{}
	for _, address := range keys(facts) {
		if v, ok := factValue(facts[address]); ok {
			root.insert(splitAddress(address), v)
		}
	}
	return root.value()
}

// factNode is a fact, a step on the way to others, or both.
type factNode struct {
	leaf     cty.Value
	children map[string]*factNode
}

func (n *factNode) insert(path []string, v cty.Value) {
	for _, step := range path {
		if n.children == nil {
			n.children = map[string]*factNode{}
		}
		next := n.children[step]
		if next == nil {
			next = &factNode{}
			n.children[step] = next
		}
		n = next
	}
	n.leaf = v
}

func (n *factNode) value() cty.Value {
	if len(n.children) == 0 {
		if n.leaf == cty.NilVal {
			return cty.EmptyObjectVal
		}
		return n.leaf
	}
	attrs := map[string]cty.Value{}
	if n.leaf != cty.NilVal {
		n.own(attrs)
	}
	for name, child := range n.children {
		attrs[cty.NormalizeString(name)] = child.value()
	}
	return cty.ObjectVal(attrs)
}

// own puts the node's own value beside its children.
func (n *factNode) own(attrs map[string]cty.Value) {
	if !n.leaf.Type().IsObjectType() {
		attrs["value"] = n.leaf
		return
	}
	for it := n.leaf.ElementIterator(); it.Next(); {
		k, v := it.Element()
		attrs[k.AsString()] = v
	}
}

func factValue(raw json.RawMessage) (cty.Value, bool) {
	if len(bytes.TrimSpace(raw)) == 0 || !json.Valid(raw) || jsonDepth(raw) > maxFactDepth || hugeNumber(raw) {
		return cty.NilVal, false
	}
	ty, err := ctyjson.ImpliedType(raw)
	if err != nil {
		return cty.NilVal, false
	}
	v, err := ctyjson.Unmarshal(raw, ty)
	if err != nil || v.IsNull() {
		return cty.NilVal, false
	}
	return v, true
}

// jsonDepth is the nesting of valid JSON.
func jsonDepth(raw []byte) int {
	depth, deepest := 0, 0
	for i := 0; i < len(raw); i++ {
		switch raw[i] {
		case '"':
			i = stringEnd(raw, i) - 1
		case '[', '{':
			depth++
			deepest = max(deepest, depth)
		case ']', '}':
			depth--
		}
	}
	return deepest
}

// hugeNumber reports a number whose decimal digits would fill the memory.
func hugeNumber(raw []byte) bool {
	for i := 0; i < len(raw); i++ {
		switch raw[i] {
		case '"':
			i = stringEnd(raw, i) - 1
		case 'e', 'E':
			if checkJSONExponent(raw, i, "") != nil {
				return true
			}
		}
	}
	return false
}

// splitAddress cuts "a.b[k].c" into a, b, k, c. What does not have that form
// comes back whole.
func splitAddress(address string) []string {
	var steps []string
	rest := address
	for {
		end := strings.IndexAny(rest, ".[]")
		if end < 0 {
			end = len(rest)
		}
		if end == 0 {
			return []string{address}
		}
		steps, rest = append(steps, rest[:end]), rest[end:]
		for strings.HasPrefix(rest, "[") {
			key, after, ok := instanceKey(rest)
			if !ok {
				return []string{address}
			}
			steps, rest = append(steps, key), after
		}
		if rest == "" && len(steps) <= maxFactDepth {
			return steps
		}
		if !strings.HasPrefix(rest, ".") || len(steps) > maxFactDepth {
			return []string{address}
		}
		rest = rest[1:]
	}
}

// instanceKey reads "[key]" at the start of text.
func instanceKey(text string) (key, after string, ok bool) {
	depth := 0
	for i, c := range text {
		switch c {
		case '[':
			depth++
		case ']':
			if depth--; depth == 0 {
				return text[1:i], text[i+1:], true
			}
		}
	}
	return "", "", false
}

// withoutKeys removes instance keys from an address.
func withoutKeys(address string) string {
	var out strings.Builder
	depth := 0
	for _, c := range address {
		switch {
		case c == '[':
			depth++
		case c == ']' && depth > 0:
			depth--
		case depth == 0:
			out.WriteRune(c)
		}
	}
	return out.String()
}

func sortedUnique(list []string) []string {
	slices.Sort(list)
	return slices.Compact(list)
}
