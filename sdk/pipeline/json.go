// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"
)

// json writes the document in the JSON form of the language, with its order.
func (d *document) json() ([]byte, error) {
	if err := d.check(); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := json.Indent(&out, bodyJSON(d.root).bytes(), "", "  "); err != nil {
		return nil, err
	}
	out.WriteByte('\n')
	return out.Bytes(), nil
}

// object is a JSON object whose keys stay in their order.
type object struct {
	keys   []string
	values map[string][]byte
}

func (o *object) set(key string, value []byte) {
	if o.values == nil {
		o.values = map[string][]byte{}
	}
	if _, ok := o.values[key]; !ok {
		o.keys = append(o.keys, key)
	}
	o.values[key] = value
}

func (o *object) bytes() []byte {
	parts := make([][]byte, len(o.keys))
	for i, key := range o.keys {
		parts[i] = slices.Concat(jsonText(key), []byte(":"), o.values[key])
	}
	return slices.Concat([]byte("{"), bytes.Join(parts, []byte(",")), []byte("}"))
}

func jsonText(s string) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // a text always has a form
	return bytes.TrimSpace(b.Bytes())
}

func jsonList(parts [][]byte) []byte {
	return slices.Concat([]byte("["), bytes.Join(parts, []byte(",")), []byte("]"))
}

// bodyJSON writes attributes as they are, and blocks gathered by type and name.
func bodyJSON(n *node) *object {
	out := &object{}
	for _, it := range n.items {
		if !it.isBlock() {
			out.set(it.kind, attributeJSON(n, it))
		} else if _, ok := out.values[it.kind]; !ok {
			out.set(it.kind, blocksJSON(n.blocks(it.kind)))
		}
	}
	return out
}

// blocksJSON writes all blocks of a type: under their names where these differ,
// else as a list.
func blocksJSON(all []*node) []byte {
	if len(all) == 1 {
		return labelled(all[0], 0)
	}
	if len(all[0].labels) == 1 && !repeated(all) {
		out := &object{}
		for _, n := range all {
			out.set(n.labels[0], labelled(n, 1))
		}
		return out.bytes()
	}
	parts := make([][]byte, len(all))
	for i, n := range all {
		parts[i] = labelled(n, 0)
	}
	return jsonList(parts)
}

func repeated(all []*node) bool {
	seen := map[string]bool{}
	for _, n := range all {
		if len(n.labels) != 1 || seen[n.labels[0]] {
			return true
		}
		seen[n.labels[0]] = true
	}
	return false
}

// labelled wraps a body into the names of its block from the given one on.
func labelled(n *node, from int) []byte {
	if from == len(n.labels) {
		return bodyJSON(n).bytes()
	}
	out := &object{}
	out.set(n.labels[from], labelled(n, from+1))
	return out.bytes()
}

func attributeJSON(parent, n *node) []byte {
	rule, _ := specs[parent.kind].attr(n.kind)
	switch {
	case rule.kind == aType:
		return jsonText(n.expr.text)
	case rule.kind == aReference, rule.kind == aName, parent.kind == moduleBlock && isArgument(n) && isTable(*n.expr):
		return referencesJSON(*n.expr)
	}
	node, diags := n.expr.parse()
	if diags.HasErrors() {
		return []byte("null") // reported by the check before
	}
	return valueJSON(node, n.expr.text, []byte(n.expr.text))
}

// referencesJSON writes names as texts, which is what they are in JSON.
func referencesJSON(e Expr) []byte {
	names := sourcesOf(e)
	parts := make([][]byte, len(names))
	for i, name := range names {
		parts[i] = jsonText(name)
	}
	if node, _ := e.parse(); len(parts) == 1 && !isTuple(node) {
		return parts[0]
	}
	return jsonList(parts)
}

func isTuple(node hclsyntax.Expression) bool {
	_, ok := node.(*hclsyntax.TupleConsExpr)
	return ok
}

// sourcesOf are the elements of a list, or the one expression, as written; texts
// without their quotes.
func sourcesOf(e Expr) []string {
	node, diags := e.parse()
	if diags.HasErrors() {
		return nil
	}
	list, ok := node.(*hclsyntax.TupleConsExpr)
	if !ok {
		return []string{e.text}
	}
	var out []string
	for _, one := range list.Exprs {
		if text, ok := textOf(one); ok {
			out = append(out, text)
			continue
		}
		out = append(out, string(one.Range().SliceBytes([]byte(e.text))))
	}
	return out
}

// valueJSON writes what is plain as JSON, and everything else as a template with
// one expression, which keeps its type. Written is the text of node, src that of
// the whole expression.
func valueJSON(node hclsyntax.Expression, written string, src []byte) []byte {
	switch n := node.(type) {
	case *hclsyntax.TupleConsExpr:
		parts := make([][]byte, len(n.Exprs))
		for i, e := range n.Exprs {
			parts[i] = valueJSON(e, string(e.Range().SliceBytes(src)), src)
		}
		return jsonList(parts)
	case *hclsyntax.ObjectConsExpr:
		if out, ok := objectJSON(n, src); ok {
			return out
		}
	}
	if v, ok := constantOf(node); ok && v.Type().IsPrimitiveType() || ok && v.IsNull() {
		return constantJSON(v)
	}
	if _, ok := node.(*hclsyntax.TemplateExpr); ok && strings.HasPrefix(written, `"`) && !strings.Contains(written, `\`) {
		return jsonText(strings.Trim(written, `"`)) // reads the same without quotes
	}
	if strings.ContainsAny(written, "\n#/") {
		written += "\n" // ends a comment or a heredoc
	}
	return jsonText("${" + written + "}")
}

func constantJSON(v cty.Value) []byte {
	if v.IsNull() {
		return []byte("null")
	}
	if v.Type() == cty.String {
		return jsonText(escapeTemplate(v.AsString()))
	}
	out, err := ctyjson.Marshal(v, v.Type())
	if err != nil {
		return []byte("null") // booleans and numbers have a form
	}
	return out
}

// escapeTemplate makes a template of a text.
func escapeTemplate(s string) string {
	return strings.NewReplacer("${", "$${", "%{", "%%{").Replace(s)
}

// objectJSON writes an object whose keys are known.
func objectJSON(n *hclsyntax.ObjectConsExpr, src []byte) ([]byte, bool) {
	out := &object{}
	for _, it := range n.Items {
		key, ok := keyOf(it.KeyExpr)
		if _, twice := out.values[key]; !ok || twice {
			return nil, false
		}
		out.set(escapeTemplate(key), valueJSON(it.ValueExpr, string(it.ValueExpr.Range().SliceBytes(src)), src))
	}
	return out.bytes(), true
}

func keyOf(e hclsyntax.Expression) (string, bool) {
	if word := hcl.ExprAsKeyword(e); word != "" {
		return word, true
	}
	return textOf(e)
}
