// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// maxReferenceSteps bounds what one reference chains.
const maxReferenceSteps = 8

// reference names the table of a step: kernel.x, kernel.x["a"], module.m.rows.
type reference struct {
	steps []refStep
	at    hcl.Range
}

// refStep is a name and, where one is written, the key after it.
type refStep struct {
	name  string
	key   string
	keyed bool
}

func (s refStep) String() string {
	if s.keyed {
		return fmt.Sprintf("%s[%q]", s.name, shorten(s.key))
	}
	return s.name
}

// direct reports that the reference names a step itself and not a port of a
// module.
func (r reference) direct() bool {
	root := RefKind(r.steps[0].name)
	return root == RefSource || root == RefKernel || root == RefAB
}

func (r reference) String() string {
	parts := make([]string, len(r.steps))
	for i, s := range r.steps {
		parts[i] = s.String()
	}
	return strings.Join(parts, ".")
}

// references reads an attribute that takes one reference or a list of them.
func (s section) references(attr string) []reference {
	var out []reference
	for _, expr := range s.exprs(attr) {
		if r, ok := s.reference(expr, attr); ok {
			out = append(out, r)
		}
	}
	if _, ok := s.attrs[attr]; ok && len(s.exprs(attr)) == 0 {
		s.l.errorf(s.rangeFor(attr), "Not a reference", "%q is an empty list. Name what is read.", attr)
	}
	return out
}

func (s section) reference(expr hcl.Expression, attr string) (reference, bool) {
	p := refParser{scope: s.scope}
	out := reference{at: expr.Range()}
	node, ok := p.native(expr)
	if ok {
		out.steps, ok = p.steps(node)
	}
	if ok && len(out.steps) > 1 && len(out.steps) <= maxReferenceSteps {
		return out, true
	}
	if len(p.diags) > 0 {
		s.l.add(p.diags...)
		return out, false
	}
	if ok && len(out.steps) == 1 {
		return out, true // a lone name, which whoever resolves it reports best
	}
	hint := ""
	if text, quoted := literal(expr); quoted && node == nil {
		hint = " References are written without quotes: " + shorten(text) + "."
	}
	s.l.errorf(expr.Range(), "Not a reference", "%q takes source.NAME, kernel.NAME, ab.NAME or module.NAME.OUTPUT.%s", attr, hint)
	return out, false
}

// refParser reads a reference; keys in brackets are values of the scope.
type refParser struct {
	scope *scope
	diags Diagnostics
}

// native is the syntax tree of a reference. In JSON it is the text of a string.
func (p *refParser) native(expr hcl.Expression) (hclsyntax.Expression, bool) {
	if node, ok := expr.(hclsyntax.Expression); ok {
		_, template := node.(*hclsyntax.TemplateExpr)
		if template {
			return nil, false
		}
		return node, true
	}
	text, ok := literal(expr)
	if !ok {
		return nil, false
	}
	tokens, _ := hclsyntax.LexExpression([]byte(text), "", hcl.InitialPos)
	if d := checkTokens(tokens); d != nil {
		p.diags = append(p.diags, errorAt(expr.Range(), d.Summary, "%s", d.Detail))
		return nil, false
	}
	node, diags := hclsyntax.ParseExpression([]byte(text), expr.Range().Filename, expr.Range().Start)
	return node, !diags.HasErrors()
}

// steps flattens names, indices and what follows them.
func (p *refParser) steps(node hclsyntax.Expression) ([]refStep, bool) {
	switch n := node.(type) {
	case *hclsyntax.ScopeTraversalExpr:
		return p.traversal([]refStep{{name: n.Traversal.RootName()}}, n.Traversal[1:])
	case *hclsyntax.RelativeTraversalExpr:
		if before, ok := p.steps(n.Source); ok {
			return p.traversal(before, n.Traversal)
		}
	case *hclsyntax.IndexExpr:
		before, ok := p.steps(n.Collection)
		if !ok {
			return nil, false
		}
		v, diags := p.scope.eval(n.Key)
		p.diags = append(p.diags, diags...)
		return p.key(before, v, n.Key.Range())
	}
	return nil, false
}

func (p *refParser) traversal(out []refStep, rest hcl.Traversal) ([]refStep, bool) {
	for _, t := range rest {
		switch t := t.(type) {
		case hcl.TraverseAttr:
			out = append(out, refStep{name: t.Name})
		case hcl.TraverseIndex:
			var ok bool
			if out, ok = p.key(out, t.Key, t.SrcRange); !ok {
				return nil, false
			}
		default:
			return nil, false
		}
	}
	return out, true
}

// key puts a key on the last name.
func (p *refParser) key(out []refStep, v cty.Value, at hcl.Range) ([]refStep, bool) {
	last := &out[len(out)-1]
	if p.diags.HasErrors() || last.keyed || len(out) < 2 {
		return nil, false
	}
	if v.ContainsMarked() {
		p.diags = append(p.diags, errorAt(at, "Sensitive value in plain sight", "A key is part of a name, which plans and reports show, so it cannot be sensitive."))
		return nil, false
	}
	text, err := convert.Convert(v, cty.String)
	if err != nil || text.IsNull() || !text.IsKnown() {
		p.diags = append(p.diags, errorAt(at, "Wrong type", "A key of an instance is a text."))
		return nil, false
	}
	last.key, last.keyed = text.AsString(), true
	return out, true
}
