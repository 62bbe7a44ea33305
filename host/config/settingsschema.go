// SPDX-License-Identifier: Apache-2.0

package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/hashicorp/hcl/v2/hcldec"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

// SettingsSchema is what a plugin declares of its settings. It comes from
// outside, and nothing in it is taken on trust.
type SettingsSchema = *pluginv1.Schema

const (
	maxSchemaDepth = 8
	maxSchemaNames = 2000
	maxSchemaJSON  = 64 << 10
)

// schemaNode is a checked schema.
type schemaNode struct {
	attrs  []schemaAttr
	blocks []schemaBlock
}

type schemaAttr struct {
	wire     *pluginv1.Attribute
	ty       cty.Type
	fallback cty.Value
}

type schemaBlock struct {
	wire *pluginv1.Block
	list bool
	body schemaNode
}

// schemaCheck turns a wire schema into a checked one.
type schemaCheck struct{ names int }

// schemaCache holds schemas that were checked: thousands of kernels may share
// one.
type schemaCache struct{ checked sync.Map }

// checkedSchema is a schema with its decoder, or what is wrong with it.
type checkedSchema struct {
	node schemaNode
	spec hcldec.Spec
	err  error
}

// check is checkSchema, once for each schema. A nil cache keeps nothing.
func (c *schemaCache) check(schema SettingsSchema) checkedSchema {
	if c == nil {
		return newCheckedSchema(schema)
	}
	if known, ok := c.checked.Load(schema); ok {
		return known.(checkedSchema)
	}
	out := newCheckedSchema(schema)
	c.checked.Store(schema, out)
	return out
}

func newCheckedSchema(schema SettingsSchema) checkedSchema {
	node, err := checkSchema(schema)
	return checkedSchema{node: node, spec: node.spec(), err: err}
}

// checkSchema reports what is wrong with a schema that a plugin declares: a
// name that is used twice or is none, a type or default that cannot be read, a
// default that breaks its own bounds, absurd size or depth. The error is the
// plugin author's to mend.
func checkSchema(schema SettingsSchema) (schemaNode, error) {
	c := &schemaCheck{}
	return c.node(schema, 1)
}

func (c *schemaCheck) node(schema *pluginv1.Schema, depth int) (schemaNode, error) {
	var out schemaNode
	if depth > maxSchemaDepth {
		return out, fmt.Errorf("blocks nest deeper than %d", maxSchemaDepth)
	}
	seen := map[string]bool{}
	for _, a := range schema.GetAttributes() {
		if err := c.name(a.GetName(), seen); err != nil {
			return out, err
		}
		attr, err := checkAttribute(a)
		if err != nil {
			return out, fmt.Errorf("attribute %q: %w", a.GetName(), err)
		}
		out.attrs = append(out.attrs, attr)
	}
	for _, b := range schema.GetBlocks() {
		if err := c.name(b.GetType(), seen); err != nil {
			return out, err
		}
		block, err := c.block(b, depth)
		if err != nil {
			return out, fmt.Errorf("block %q: %w", b.GetType(), err)
		}
		out.blocks = append(out.blocks, block)
	}
	return out, nil
}

func (c *schemaCheck) block(b *pluginv1.Block, depth int) (schemaBlock, error) {
	out := schemaBlock{wire: b}
	switch b.GetNesting() {
	case pluginv1.Block_NESTING_SINGLE:
	case pluginv1.Block_NESTING_LIST:
		out.list = true
	default:
		return out, fmt.Errorf("unknown nesting %d", b.GetNesting())
	}
	body, err := c.node(b.GetSchema(), depth+1)
	out.body = body
	return out, err
}

func (c *schemaCheck) name(name string, seen map[string]bool) error {
	if c.names++; c.names > maxSchemaNames {
		return fmt.Errorf("more than %d names", maxSchemaNames)
	}
	if !hclsyntax.ValidIdentifier(name) {
		return fmt.Errorf("%q is not a name", shorten(name))
	}
	if seen[name] {
		return fmt.Errorf("%q is declared twice", name)
	}
	seen[name] = true
	return nil
}

func checkAttribute(a *pluginv1.Attribute) (schemaAttr, error) {
	out := schemaAttr{wire: a}
	ty, err := attributeType(a.GetType())
	if err != nil {
		return out, err
	}
	out.ty = ty
	if len(a.GetOneOf()) > 0 && ty != cty.String {
		return out, errors.New("allowed values are for texts only")
	}
	if (a.Minimum != nil || a.Maximum != nil) && ty != cty.Number {
		return out, errors.New("bounds are for numbers only")
	}
	out.fallback, err = attributeDefault(a, ty)
	if err != nil {
		return out, err
	}
	if reason := out.breach(out.fallback); reason != "" {
		return out, fmt.Errorf("the default %s", reason)
	}
	return out, nil
}

// attributeType reads cty's JSON notation; a lone word such as string is good
// too.
func attributeType(text string) (cty.Type, error) {
	if slices.Contains([]string{"string", "number", "bool", "dynamic"}, text) {
		text = `"` + text + `"`
	}
	raw := []byte(text)
	if len(raw) > maxSchemaJSON || !json.Valid(raw) || jsonDepth(raw) > 2*maxSchemaDepth {
		return cty.NilType, fmt.Errorf("%q is not a type", shorten(text))
	}
	ty, err := ctyjson.UnmarshalType(raw)
	if err != nil {
		return cty.NilType, fmt.Errorf("%q is not a type: %w", shorten(text), err)
	}
	return ty.WithoutOptionalAttributesDeep(), nil
}

// attributeDefault reads the default; null of the type when there is none.
func attributeDefault(a *pluginv1.Attribute, ty cty.Type) (cty.Value, error) {
	raw := []byte(a.GetDefaultJson())
	if len(raw) == 0 {
		return cty.NullVal(ty), nil
	}
	if len(raw) > maxSchemaJSON || !json.Valid(raw) || jsonDepth(raw) > maxFactDepth || hugeNumber(raw) {
		return cty.NilVal, errors.New("the default is not JSON")
	}
	implied, err := ctyjson.ImpliedType(raw)
	if err != nil {
		return cty.NilVal, fmt.Errorf("the default cannot be read: %w", err)
	}
	v, err := ctyjson.Unmarshal(raw, implied)
	if err != nil {
		return cty.NilVal, fmt.Errorf("the default cannot be read: %w", err)
	}
	v, err = convert.Convert(v, ty)
	if err != nil {
		return cty.NilVal, fmt.Errorf("the default has another type: %w", err)
	}
	return v, nil
}

// breach says how a value breaks the bounds of the attribute; empty when it
// does not.
func (a schemaAttr) breach(v cty.Value) string {
	v, _ = v.Unmark()
	if v.IsNull() || !v.IsKnown() {
		return ""
	}
	if a.ty == cty.String && len(a.wire.GetOneOf()) > 0 && !slices.Contains(a.wire.GetOneOf(), v.AsString()) {
		return fmt.Sprintf("must be one of %s.%s", quotedList(a.wire.GetOneOf()), nearSentence(v.AsString(), a.wire.GetOneOf()))
	}
	if a.ty == cty.Number && !within(v.AsBigFloat(), a.wire.Minimum, a.wire.Maximum) {
		return fmt.Sprintf("must be a number%s.", bounds(a.wire.Minimum, a.wire.Maximum))
	}
	return ""
}

// spec is the decoder of the schema.
func (n schemaNode) spec() hcldec.ObjectSpec {
	out := hcldec.ObjectSpec{}
	for _, a := range n.attrs {
		out[a.wire.GetName()] = a.spec()
	}
	for _, b := range n.blocks {
		out[b.wire.GetType()] = b.spec()
	}
	return out
}

// spec leaves required attributes bare: a default would name them twice in the
// schema that hcldec derives, and the second one counts as missing.
func (a schemaAttr) spec() hcldec.Spec {
	attr := &hcldec.AttrSpec{Name: a.wire.GetName(), Type: a.ty, Required: a.wire.GetRequired()}
	if attr.Required {
		return attr
	}
	return &hcldec.DefaultSpec{Primary: attr, Default: &hcldec.LiteralSpec{Value: a.fallback}}
}

func (b schemaBlock) spec() hcldec.Spec {
	name, nested := b.wire.GetType(), b.body.spec()
	if !b.list {
		return &hcldec.BlockSpec{TypeName: name, Nested: nested, Required: b.wire.GetRequired()}
	}
	least := 0
	if b.wire.GetRequired() {
		least = 1
	}
	return &hcldec.BlockTupleSpec{TypeName: name, Nested: nested, MinItems: least}
}
