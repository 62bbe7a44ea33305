// SPDX-License-Identifier: Apache-2.0

package config

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hcldec"
	"github.com/zclconf/go-cty/cty"
)

// Settings are the decoded settings of a plugin.
type Settings struct {
	// JSON is one object with every default filled in; what has neither value
	// nor default is null, and a block list is a list.
	JSON []byte

	secret [][]string
	places map[string]Range
}

// Redacted is JSON with sensitive values replaced, fit for plans, reports and
// logs.
func (s Settings) Redacted() []byte {
	if len(s.secret) == 0 {
		return s.JSON
	}
	var tree any
	if json.Unmarshal(s.JSON, &tree) != nil {
		return []byte("null")
	}
	for _, path := range s.secret {
		tree = redact(tree, path)
	}
	out, err := json.Marshal(tree)
	if err != nil {
		return []byte("null")
	}
	return out
}

func redact(tree any, path []string) any {
	if len(path) == 0 {
		if tree == nil {
			return nil
		}
		return "(sensitive)"
	}
	switch t := tree.(type) {
	case map[string]any:
		if child, ok := t[path[0]]; ok {
			t[path[0]] = redact(child, path[1:])
		}
	case []any:
		if i, err := strconv.Atoi(path[0]); err == nil && i >= 0 && i < len(t) {
			t[i] = redact(t[i], path[1:])
		}
	}
	return tree
}

// Range is where a setting stands: path holds attribute names, block types and
// indices, as in a plugin's diagnostic. A setting that is not written, such as
// a default, is where the nearest enclosing one is; the empty path is the
// config block, or its owner when there is none.
func (s Settings) Range(path []string) Range {
	for n := len(path); n >= 0; n-- {
		if r, ok := s.places[placeKey(path[:n])]; ok {
			return r
		}
	}
	return Range{}
}

func placeKey(path []string) string { return strings.Join(path, "\x00") }

// DecodeSettings checks a config block against what the plugin declares and
// fills in the defaults. The schema is not trusted: what is wrong with it is an
// error about the plugin, at the config block. A nil body has no settings.
// Settings can be used for Range even when there are errors. A schema must not be
// changed once it was used.
func DecodeSettings(body *Body, schema SettingsSchema) (Settings, Diagnostics) {
	if body == nil {
		body = &Body{scope: newScope(), sources: sources{}}
	}
	if last := body.decoded.Load(); last != nil && last.schema == schema {
		return last.settings, slices.Clone(last.diags)
	}
	settings, diags := body.decode(schema)
	body.decoded.Store(&decoded{schema, settings, diags})
	return settings, slices.Clone(diags)
}

// decoded is an outcome of DecodeSettings, kept because a configuration is bound
// first and run then, and because it may have thousands of kernels.
type decoded struct {
	schema   SettingsSchema
	settings Settings
	diags    Diagnostics
}

func (body *Body) decode(schema SettingsSchema) (Settings, Diagnostics) {
	d := &settingsDecoder{scope: body.scope.fork(), out: Settings{places: map[string]Range{}}}
	d.out.places[""] = rangeOf(body.at)
	checked := body.schemas.check(schema)
	node, err := checked.node, checked.err
	if err != nil {
		d.add(errorAt(body.at, "Faulty plugin",
			"The plugin declares settings that cannot be read: %v. Tell its author, or use another version.", err))
		return d.out, body.sources.finish(d.diags)
	}
	hclBody := body.body
	if hclBody == nil {
		hclBody = emptyBody{hcl.EmptyBody(), body.at}
	}
	d.decode(hclBody, node, checked.spec)
	return d.out, body.sources.finish(d.diags)
}

// emptyBody is a body without settings that stands somewhere, so that a
// missing setting has a place.
type emptyBody struct {
	hcl.Body
	at hcl.Range
}

func (b emptyBody) MissingItemRange() hcl.Range { return b.at }

// Content reports missing attributes at the owner of the body.
func (b emptyBody) Content(schema *hcl.BodySchema) (*hcl.BodyContent, hcl.Diagnostics) {
	content, _ := b.Body.Content(&hcl.BodySchema{})
	content.MissingItemRange = b.at
	var diags hcl.Diagnostics
	for _, a := range schema.Attributes {
		if a.Required {
			diags = append(diags, &hcl.Diagnostic{
				Severity: hcl.DiagError,
				Summary:  "Missing required argument",
				Detail:   "The argument " + strconv.Quote(a.Name) + " is required, but there is no config block.",
				Subject:  &b.at,
			})
		}
	}
	return content, diags
}

// PartialContent is Content: nothing remains.
func (b emptyBody) PartialContent(schema *hcl.BodySchema) (*hcl.BodyContent, hcl.Body, hcl.Diagnostics) {
	content, diags := b.Content(schema)
	return content, b, diags
}

type settingsDecoder struct {
	scope *scope
	out   Settings
	diags Diagnostics
	// uses are the references in all expressions.
	uses []hcl.Traversal
}

func (d *settingsDecoder) add(ds ...*Diagnostic) { d.diags = append(d.diags, ds...) }

// decode walks the body once for places and names, then decodes it.
func (d *settingsDecoder) decode(body hcl.Body, node schemaNode, spec hcldec.Spec) {
	d.walk(body, node, nil)
	if d.diags.HasErrors() {
		return
	}
	v, diags := hcldec.Decode(body, spec, d.scope.context(d.uses, nil))
	d.add(d.concealed(diags)...)
	if d.diags.HasErrors() {
		return
	}
	d.encode(v, node)
}

// concealed hides the details of errors when sensitive values are in play.
func (d *settingsDecoder) concealed(diags hcl.Diagnostics) Diagnostics {
	var out Diagnostics
	for _, hd := range diags {
		conv := fromHCL(hcl.Diagnostics{hd})
		if hd.Expression != nil {
			conv = d.scope.conceal(hd.Expression, conv)
		}
		out = append(out, conv...)
	}
	return out
}

// encode checks values against their bounds and writes the JSON.
func (d *settingsDecoder) encode(v cty.Value, node schemaNode) {
	v, marks := v.UnmarkDeepWithPaths()
	for _, m := range marks {
		d.out.secret = append(d.out.secret, pathText(m.Path))
	}
	d.bounds(v, node, nil)
	if d.diags.HasErrors() {
		return
	}
	raw, err := appendJSON(nil, v)
	if err != nil {
		at := d.out.places[""]
		d.add(newDiagnostic(SeverityError, at, "Settings that cannot be sent", "%v.", err))
		return
	}
	d.out.JSON = raw
}

// bounds checks each value against its attribute, and notes the sensitive ones.
func (d *settingsDecoder) bounds(v cty.Value, node schemaNode, path []string) {
	for _, a := range node.attrs {
		at := join(path, a.wire.GetName())
		if a.wire.GetSensitive() {
			d.out.secret = append(d.out.secret, at)
		}
		value := v.GetAttr(a.wire.GetName())
		reason := a.breach(value)
		if a.wire.GetRequired() && value.IsNull() {
			reason = "is required, so it cannot be null."
		}
		if reason == "" {
			continue
		}
		d.add(newDiagnostic(SeverityError, d.out.Range(at), "Value not allowed", "%q %s", a.wire.GetName(), reason))
	}
	for _, b := range node.blocks {
		d.blockBounds(v.GetAttr(b.wire.GetType()), b, join(path, b.wire.GetType()))
	}
}

func (d *settingsDecoder) blockBounds(v cty.Value, b schemaBlock, path []string) {
	if v.IsNull() || !v.IsKnown() {
		return
	}
	if !b.list {
		d.bounds(v, b.body, path)
		return
	}
	i := 0
	for it := v.ElementIterator(); it.Next(); i++ {
		_, elem := it.Element()
		d.bounds(elem, b.body, join(path, strconv.Itoa(i)))
	}
}

// walk notes where everything stands, and checks names and expansion before
// anything is evaluated.
func (d *settingsDecoder) walk(body hcl.Body, node schemaNode, path []string) {
	content, _, _ := body.PartialContent(node.hclSchema())
	for _, a := range node.attrs {
		attr, ok := content.Attributes[a.wire.GetName()]
		if !ok {
			continue
		}
		uses := attr.Expr.Variables()
		d.add(d.scope.check(attr.Expr, uses, nil)...)
		d.uses = append(d.uses, uses...)
		d.place(attr.Expr, join(path, attr.Name), attr.Expr.Range())
		if why := a.wire.GetDeprecated(); why != "" {
			d.add(warningAt(attr.NameRange, "Deprecated setting", "%q is deprecated: %s", attr.Name, why))
		}
	}
	for _, b := range node.blocks {
		for i, block := range content.Blocks.OfType(b.wire.GetType()) {
			at := join(path, block.Type)
			if b.list {
				d.first(at, block.DefRange)
				at = join(at, strconv.Itoa(i))
			}
			d.first(at, block.DefRange)
			d.walk(block.Body, b.body, at)
		}
	}
}

// first notes a place unless one is known.
func (d *settingsDecoder) first(path []string, at hcl.Range) {
	if _, ok := d.out.places[placeKey(path)]; !ok {
		d.out.places[placeKey(path)] = rangeOf(at)
	}
}

// place notes an expression and, for a written list or map, its elements.
func (d *settingsDecoder) place(expr hcl.Expression, path []string, at hcl.Range) {
	d.first(path, at)
	if list, diags := hcl.ExprList(expr); !diags.HasErrors() {
		for i, elem := range list {
			d.place(elem, join(path, strconv.Itoa(i)), elem.Range())
		}
		return
	}
	pairs, diags := hcl.ExprMap(expr)
	if diags.HasErrors() {
		return
	}
	for _, p := range pairs {
		if key, ok := literal(p.Key); ok {
			d.place(p.Value, join(path, key), p.Value.Range())
		}
	}
}

// hclSchema is for looking only: nothing is required.
func (n schemaNode) hclSchema() *hcl.BodySchema {
	out := &hcl.BodySchema{}
	for _, a := range n.attrs {
		out.Attributes = append(out.Attributes, hcl.AttributeSchema{Name: a.wire.GetName()})
	}
	for _, b := range n.blocks {
		out.Blocks = append(out.Blocks, hcl.BlockHeaderSchema{Type: b.wire.GetType()})
	}
	return out
}

// join appends without sharing memory.
func join(path []string, step string) []string {
	return append(slices.Clone(path), step)
}

// pathText writes a path as a plugin's diagnostic does. It ends before a set,
// whose elements have no name.
func pathText(path cty.Path) []string {
	var out []string
	for _, step := range path {
		switch s := step.(type) {
		case cty.GetAttrStep:
			out = append(out, s.Name)
		case cty.IndexStep:
			text, ok := stepText(s.Key)
			if !ok {
				return out
			}
			out = append(out, text)
		}
	}
	return out
}

func stepText(key cty.Value) (string, bool) {
	switch key.Type() {
	case cty.String:
		return key.AsString(), true
	case cty.Number:
		return key.AsBigFloat().Text('f', 0), true
	default:
		return "", false
	}
}
