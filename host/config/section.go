// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"math"
	"math/big"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"github.com/bulkhead-ml/bulkhead/internal/pattern"
)

// section is one block on its way into the configuration. Its methods read
// attributes by the schema of the block; what is wrong goes to the loader, and
// the default comes back.
type section struct {
	l      *loader
	schema BlockSchema
	attrs  hcl.Attributes
	blocks hcl.Blocks
	at     hcl.Range
	scope  *scope
	// constant holds what attributes come to that are the same in every
	// instance of the block; nil when it has one instance.
	constant map[string]evaluated
}

// evaluated is the value of an attribute; false when it has none.
type evaluated struct {
	value cty.Value
	ok    bool
}

// section reads a block at top level or in a pipeline.
func (l *loader) section(schema BlockSchema, b *hcl.Block) section {
	return l.sectionIn(l.scope, schema, b)
}

func (l *loader) sectionIn(sc *scope, schema BlockSchema, b *hcl.Block) section {
	content, diags := b.Body.Content(schema.hclSchema())
	l.add(fromHCL(diags)...)
	s := section{l: l, schema: schema, attrs: hcl.Attributes{}, at: b.DefRange, scope: sc}
	if content != nil {
		s.attrs, s.blocks = content.Attributes, content.Blocks
	}
	return s
}

// in is the same block, evaluated in the scope of one of its instances.
func (s section) in(sc *scope) section {
	s.scope = sc
	return s
}

// rangeFor is where an attribute's value stands, or else the block.
func (s section) rangeFor(name string) hcl.Range {
	if a, ok := s.attrs[name]; ok {
		return a.Expr.Range()
	}
	return s.at
}

// value evaluates an attribute and converts it. False: it is absent, null or
// wrong.
func (s section) value(name string, ty cty.Type) (cty.Value, bool) {
	attr, ok := s.attrs[name]
	if !ok {
		return cty.NilVal, false
	}
	if known, ok := s.constant[name]; ok {
		return known.value, known.ok
	}
	v, ok := s.evaluate(name, attr, ty)
	if s.constant != nil && !usesEach(attr.Expr) {
		s.constant[name] = evaluated{v, ok}
	}
	return v, ok
}

func usesEach(expr hcl.Expression) bool {
	return slices.ContainsFunc(expr.Variables(), func(t hcl.Traversal) bool { return t.RootName() == eachRoot })
}

func (s section) evaluate(name string, attr *hcl.Attribute, ty cty.Type) (cty.Value, bool) {
	v, diags := s.scope.eval(attr.Expr)
	s.l.add(diags...)
	if diags.HasErrors() {
		return cty.NilVal, false
	}
	if v.ContainsMarked() {
		s.l.errorf(attr.Expr.Range(), "Sensitive value in plain sight",
			"%q is shown in plans and reports, so a sensitive value cannot stand there.", name)
		return cty.NilVal, false
	}
	v, err := convert.Convert(v, ty)
	if err != nil {
		s.l.errorf(attr.Expr.Range(), "Wrong type", "%q takes a value of type %s: %v.", name, typeName(ty), err)
		return cty.NilVal, false
	}
	return v, !v.IsNull() && v.IsWhollyKnown()
}

func (s section) text(name string) string {
	schema := s.schema.attribute(name)
	fallback, _ := schema.Default.(string)
	v, ok := s.value(name, cty.String)
	if !ok {
		return fallback
	}
	text := v.AsString()
	if !s.allowed(schema, text, s.rangeFor(name)) {
		return fallback
	}
	return text
}

// allowed reports a text that is not one of the values of an attribute.
func (s section) allowed(schema AttributeSchema, text string, at hcl.Range) bool {
	if len(schema.OneOf) == 0 || slices.Contains(schema.OneOf, text) {
		return true
	}
	s.l.errorf(at, "Value not allowed", "%q must be one of %s, not %q.%s",
		schema.Name, quotedList(schema.OneOf), shorten(text), nearSentence(text, schema.OneOf))
	return false
}

func (s section) flag(name string) bool {
	fallback, _ := s.schema.attribute(name).Default.(bool)
	if v, ok := s.value(name, cty.Bool); ok {
		return v.True()
	}
	return fallback
}

// whole reads a whole number within the bounds of the schema.
func (s section) whole(name string) uint64 {
	schema := s.schema.attribute(name)
	fallback, _ := schema.Default.(int)
	v, ok := s.value(name, cty.Number)
	if !ok {
		return uint64(fallback)
	}
	n := v.AsBigFloat()
	// IsInt, because Uint64 calls 1.5 exactly 1.
	u, accuracy := n.Uint64()
	if !n.IsInt() || accuracy != big.Exact || !within(n, schema.Minimum, schema.Maximum) {
		s.l.errorf(s.rangeFor(name), "Number out of range", "%q takes a whole number%s.", name, bounds(schema.Minimum, schema.Maximum))
		return uint64(fallback)
	}
	return u
}

// within compares with bounds that may be NaN or infinite, as a hostile schema
// has them: NaN bounds nothing.
func within(n *big.Float, minimum, maximum *float64) bool {
	return (minimum == nil || math.IsNaN(*minimum) || n.Cmp(big.NewFloat(*minimum)) >= 0) &&
		(maximum == nil || math.IsNaN(*maximum) || n.Cmp(big.NewFloat(*maximum)) <= 0)
}

func bounds(minimum, maximum *float64) string {
	switch {
	case minimum != nil && maximum != nil:
		return fmt.Sprintf(" from %v to %v", *minimum, *maximum)
	case minimum != nil:
		return fmt.Sprintf(" of at least %v", *minimum)
	case maximum != nil:
		return fmt.Sprintf(" of at most %v", *maximum)
	default:
		return ""
	}
}

// duration reads a positive duration; zero when there is none.
func (s section) duration(name string) time.Duration {
	fallback := time.Duration(0)
	if text, ok := s.schema.attribute(name).Default.(string); ok {
		fallback, _ = time.ParseDuration(text)
	}
	v, ok := s.value(name, cty.String)
	if !ok {
		return fallback
	}
	d, err := time.ParseDuration(v.AsString())
	if err != nil || d <= 0 {
		s.l.errorf(s.rangeFor(name), "Invalid duration",
			"%q takes a duration above zero such as \"90s\", \"5m\" or \"1h30m\", not %q.", name, shorten(v.AsString()))
		return fallback
	}
	return d
}

// texts reads a list of strings: nil when it is absent, never nil when it is
// there.
func (s section) texts(name string) []string {
	v, ok := s.value(name, cty.List(cty.String))
	if !ok {
		return nil
	}
	out := []string{}
	for it := v.ElementIterator(); it.Next(); {
		_, elem := it.Element()
		if elem.IsNull() {
			s.l.errorf(s.rangeFor(name), "Null in a list", "The elements of %q are texts; null is none.", name)
			continue
		}
		out = append(out, elem.AsString())
	}
	return out
}

// textMap reads a map of strings whose values the schema may bound.
func (s section) textMap(name string) map[string]string {
	v, ok := s.value(name, cty.Map(cty.String))
	if !ok {
		return nil
	}
	schema, out := s.schema.attribute(name), map[string]string{}
	for it := v.ElementIterator(); it.Next(); {
		key, elem := it.Element()
		if elem.IsNull() {
			s.l.errorf(s.rangeFor(name), "Null in a map", "%q has no value for %q.", name, key.AsString())
			continue
		}
		if s.allowed(schema, elem.AsString(), s.entryRange(name, key.AsString())) {
			out[key.AsString()] = elem.AsString()
		}
	}
	return out
}

// entryRange is where the value of a map's key stands, or else the map.
func (s section) entryRange(name, key string) hcl.Range {
	if p, ok := s.entry(name, key); ok {
		return p.Value.Range()
	}
	return s.rangeFor(name)
}

// keyRange is where a map's key stands, or else the map.
func (s section) keyRange(name, key string) hcl.Range {
	if p, ok := s.entry(name, key); ok {
		return p.Key.Range()
	}
	return s.rangeFor(name)
}

// entry finds a key in a map that is written out.
func (s section) entry(name, key string) (hcl.KeyValuePair, bool) {
	pairs, diags := hcl.ExprMap(s.attrs[name].Expr)
	if diags.HasErrors() {
		return hcl.KeyValuePair{}, false
	}
	for _, p := range pairs {
		if text, ok := literal(p.Key); ok && text == key {
			return p, true
		}
	}
	return hcl.KeyValuePair{}, false
}

func (s section) path(name string) Path {
	v, ok := s.value(name, cty.String)
	if !ok {
		return Path{}
	}
	return s.l.resolvePath(v.AsString(), s.rangeFor(name))
}

func (s section) paths(name string) []Path {
	var out []Path
	for _, text := range s.texts(name) {
		out = append(out, s.l.resolvePath(text, s.rangeFor(name)))
	}
	return out
}

// resolvePath makes a path absolute, from the directory of the file that it
// stands in.
func (l *loader) resolvePath(text string, at hcl.Range) Path {
	if text == "" || strings.ContainsRune(text, 0) {
		l.errorf(at, "Invalid path", "A path cannot be empty or hold a null character.")
		return Path{}
	}
	full := text
	if !filepath.IsAbs(full) {
		full = filepath.Join(filepath.Dir(at.Filename), full)
	}
	if abs, err := filepath.Abs(full); err == nil {
		full = abs
	}
	return Path{Absolute: full, Written: text, Range: rangeOf(at)}
}

// validLabel is the form of a block's name: an identifier that is also a file
// name everywhere, since results are saved under it.
var validLabel = pattern.Lazy(`^[A-Za-z][A-Za-z0-9_-]{0,55}$`)

// label reads the block's name, which must be fit to be referred to.
func (l *loader) label(b *hcl.Block, kind string) (string, bool) {
	return l.labelIn(b, kind, "")
}

// labelIn is label for a name that is unique within something only.
func (l *loader) labelIn(b *hcl.Block, kind, within string) (string, bool) {
	name := b.Labels[0]
	if !validLabel().MatchString(name) {
		l.errorf(b.LabelRanges[0], "Invalid name",
			"%q cannot be referred to. Names have letters, digits, dashes and underscores, start with a letter and are at most 56 long.", shorten(name))
		return name, false
	}
	return name, l.declareIn(within, kind, name, b.DefRange)
}

// config finds the block of a plugin's settings.
func (s section) config() *Body {
	body := &Body{at: s.at, scope: s.scope, sources: s.l.cfg.sources, schemas: s.l.schemas}
	var first *hcl.Block
	for _, b := range s.blocks.OfType("config") {
		if first != nil {
			s.l.errorf(b.DefRange, "Duplicate config",
				"The settings already stand at %s. Merge the two blocks.", rangeOf(first.DefRange))
			continue
		}
		first = b
		body.body, body.at = b.Body, b.DefRange
	}
	return body
}

func nearSentence(name string, known []string) string {
	if near := nearest(name, known); near != "" {
		return fmt.Sprintf(" Did you mean %q?", near)
	}
	return ""
}

func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
