// SPDX-License-Identifier: Apache-2.0

package config

import (
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// extent is how large a value is: its elements, when it is a collection, and
// its whole size in bytes of text plus eight for each value in it. Floats,
// because nested loops overflow integers.
type extent struct{ count, size float64 }

// valueSize is the size of a value apart from its text.
const valueSize = 8

// item is the extent of an average element.
func (e extent) item() extent {
	size := e.size/max(e.count, 1) + valueSize
	return extent{count: size / valueSize, size: size}
}

func (e extent) plus(o extent) extent { return extent{e.count + o.count, e.size + o.size} }

// extentOf measures a value.
func extentOf(v cty.Value) extent {
	v, _ = v.Unmark()
	e := extent{count: 1, size: valueSize}
	if v.IsNull() || !v.IsKnown() {
		return e
	}
	switch ty := v.Type(); {
	case ty == cty.String:
		e.size += float64(len(v.AsString()))
	case ty.IsCollectionType() || ty.IsTupleType() || ty.IsObjectType():
		e.count = 0
		for it := v.ElementIterator(); it.Next(); {
			k, elem := it.Element()
			e.count++
			e.size += extentOf(elem).size
			if k.Type() == cty.String && !ty.IsSetType() {
				e.size += extentOf(k).size
			}
		}
	}
	return e
}

// afford estimates what an expression expands to and refuses it when that is
// more than MaxExpansion, or more than is left for the whole configuration.
func (s *scope) afford(expr hcl.Expression, roots map[string]cty.Value) *Diagnostic {
	est := estimator{scope: s, roots: roots}
	size := est.expression(expr).size
	*s.spent += size
	if size <= MaxExpansion && *s.spent <= maxTotalExpansion {
		return nil
	}
	return errorAt(expr.Range(), "Expression too large",
		"This could expand to more than %d MiB. Repeat less, or loop over less.", MaxExpansion>>20)
}

// estimator bounds the size of the value of an expression from above, walking
// the expression instead of evaluating it.
type estimator struct {
	scope *scope
	roots map[string]cty.Value
	// loops are the variables of the loops around, innermost last.
	loops []loopVars
}

type loopVars struct {
	key, value string
	item       extent
}

func (e *estimator) expression(expr hcl.Expression) extent {
	if node, ok := expr.(hclsyntax.Expression); ok {
		return e.node(node)
	}
	return e.json(expr)
}

// json estimates a JSON value: without a context its strings come back as they
// are written, and each is a template.
func (e *estimator) json(expr hcl.Expression) extent {
	v, _ := expr.Value(nil)
	total := extentOf(v)
	_ = cty.Walk(v, func(_ cty.Path, part cty.Value) (bool, error) {
		if part.Type() == cty.String && part.IsKnown() && !part.IsNull() {
			total = total.plus(e.template(part.AsString()))
		}
		if part.Type().IsObjectType() && part.IsKnown() && !part.IsNull() {
			for name := range part.Type().AttributeTypes() {
				total = total.plus(e.template(name))
			}
		}
		return true, nil
	})
	return total
}

func (e *estimator) template(text string) extent {
	node, diags := hclsyntax.ParseTemplate([]byte(text), "", hcl.InitialPos)
	if diags.HasErrors() {
		return extent{}
	}
	return e.node(node)
}

func (e *estimator) nodes(nodes ...hclsyntax.Expression) extent {
	total := extent{count: 0, size: valueSize}
	for _, n := range nodes {
		if n != nil {
			total = total.plus(e.node(n))
		}
	}
	return total
}

func (e *estimator) node(node hclsyntax.Expression) extent {
	switch n := node.(type) {
	case *hclsyntax.LiteralValueExpr:
		return extentOf(n.Val)
	case *hclsyntax.ScopeTraversalExpr:
		return e.traversal(n.Traversal)
	case *hclsyntax.TemplateExpr:
		return e.nodes(n.Parts...)
	case *hclsyntax.TupleConsExpr:
		return e.tuple(n)
	case *hclsyntax.ObjectConsExpr:
		return e.object(n)
	case *hclsyntax.FunctionCallExpr:
		return e.call(n)
	case *hclsyntax.ForExpr:
		return e.loop(n)
	case *hclsyntax.SplatExpr:
		return e.splat(n)
	default:
		return e.wrapper(node)
	}
}

// wrapper estimates nodes that hold one or a few others.
func (e *estimator) wrapper(node hclsyntax.Expression) extent {
	switch n := node.(type) {
	case *hclsyntax.TemplateWrapExpr:
		return e.node(n.Wrapped)
	case *hclsyntax.TemplateJoinExpr:
		return e.node(n.Tuple)
	case *hclsyntax.ParenthesesExpr:
		return e.node(n.Expression)
	case *hclsyntax.ObjectConsKeyExpr:
		return e.node(n.Wrapped)
	case *hclsyntax.RelativeTraversalExpr:
		return e.node(n.Source)
	case *hclsyntax.ConditionalExpr:
		return e.nodes(n.Condition, n.TrueResult, n.FalseResult)
	case *hclsyntax.BinaryOpExpr:
		return e.nodes(n.LHS, n.RHS)
	case *hclsyntax.UnaryOpExpr:
		return e.node(n.Val)
	case *hclsyntax.IndexExpr:
		return e.nodes(n.Collection, n.Key)
	default:
		return extent{count: 1, size: valueSize}
	}
}

func (e *estimator) tuple(n *hclsyntax.TupleConsExpr) extent {
	return extent{count: float64(len(n.Exprs)), size: e.nodes(n.Exprs...).size}
}

func (e *estimator) object(n *hclsyntax.ObjectConsExpr) extent {
	total := extent{count: float64(len(n.Items)), size: valueSize}
	for _, item := range n.Items {
		total.size += e.nodes(item.KeyExpr, item.ValueExpr).size
	}
	return total
}

func (e *estimator) loop(n *hclsyntax.ForExpr) extent {
	coll := e.node(n.CollExpr)
	e.loops = append(e.loops, loopVars{n.KeyVar, n.ValVar, coll.item()})
	body := e.nodes(n.KeyExpr, n.ValExpr, n.CondExpr)
	e.loops = e.loops[:len(e.loops)-1]
	return extent{count: coll.count, size: coll.size + coll.count*body.size}
}

func (e *estimator) splat(n *hclsyntax.SplatExpr) extent {
	coll := e.node(n.Source)
	each := e.node(n.Each)
	return extent{count: coll.count, size: coll.size + coll.count*each.size}
}

func (e *estimator) traversal(t hcl.Traversal) extent {
	root := t.RootName()
	for _, l := range slices.Backward(e.loops) {
		if root == l.key || root == l.value {
			return l.item
		}
	}
	if v, ok := e.roots[root]; ok {
		return e.subtree(v, t)
	}
	name, _ := second(t)
	return e.scope.extents[root][name]
}

// subtree measures what the reference reaches, or the value as far as it does.
func (e *estimator) subtree(v cty.Value, t hcl.Traversal) extent {
	reached, diags := t[1:].TraverseRel(v)
	if diags.HasErrors() {
		return extent{count: 1, size: valueSize}
	}
	return extentOf(reached)
}
