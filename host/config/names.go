// SPDX-License-Identifier: Apache-2.0

package config

import (
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// name is a reference as it was written: kernel.clean.output has three parts.
type name struct {
	parts []string
	at    hcl.Range
}

func (n name) String() string { return strings.Join(n.parts, ".") }

// exprs are the elements of an attribute that takes one reference or a list.
func (s section) exprs(attr string) []hcl.Expression {
	a, ok := s.attrs[attr]
	if !ok {
		return nil
	}
	if list, diags := hcl.ExprList(a.Expr); !diags.HasErrors() {
		return list
	}
	return []hcl.Expression{a.Expr}
}

// names reads one bare reference or a list of them; form says what they look
// like.
func (s section) names(attr, form string) []name {
	var out []name
	for _, expr := range s.exprs(attr) {
		if n, ok := s.name(expr, attr, form); ok {
			out = append(out, n)
		}
	}
	return out
}

func (s section) name(expr hcl.Expression, attr, form string) (name, bool) {
	if n, ok := bareName(expr); ok {
		return n, true
	}
	hint := ""
	if text, ok := literal(expr); ok {
		hint = " References are written without quotes: " + shorten(text) + "."
	}
	s.l.errorf(expr.Range(), "Not a reference", "%q takes %s.%s", attr, form, hint)
	return name{}, false
}

// bareName reads a.b.c. In JSON it is the text of a string.
func bareName(expr hcl.Expression) (name, bool) {
	t, diags := hcl.AbsTraversalForExpr(expr)
	if diags.HasErrors() {
		return name{}, false
	}
	out := name{parts: []string{t.RootName()}, at: expr.Range()}
	for _, step := range t[1:] {
		attr, ok := step.(hcl.TraverseAttr)
		if !ok {
			return name{}, false
		}
		out.parts = append(out.parts, attr.Name)
	}
	return out, true
}

// literal reads a quoted text without interpolation.
func literal(expr hcl.Expression) (string, bool) {
	v, diags := expr.Value(nil)
	if diags.HasErrors() || v.Type() != cty.String || v.IsNull() || !v.IsKnown() {
		return "", false
	}
	return v.AsString(), true
}

// use reads PLUGIN.KERNEL.
func (s section) use() Use {
	a, ok := s.attrs["use"]
	if !ok {
		return Use{}
	}
	n, ok := s.name(a.Expr, "use", "PLUGIN.KERNEL, for example data.prepare")
	if !ok {
		return Use{}
	}
	if len(n.parts) != 2 {
		s.l.errorf(n.at, "Not a kernel", "\"use\" takes PLUGIN.KERNEL, for example data.prepare, not %s.", n)
		return Use{}
	}
	return Use{Plugin: n.parts[0], Kernel: n.parts[1], Range: rangeOf(n.at)}
}

// selectors reads what a suite runs or skips. Besides bare names, codes in
// quotes are good: not every code is a name of the language.
func (s section) selectors(attr string) []Selector {
	var out []Selector
	for _, expr := range s.exprs(attr) {
		n, ok := bareName(expr)
		if text, quoted := literal(expr); !ok && quoted {
			n, ok = name{parts: strings.Split(text, "."), at: expr.Range()}, true
		}
		if !ok || len(n.parts) != 2 || n.parts[0] == "" || n.parts[1] == "" {
			s.l.errorf(expr.Range(), "Not a selector",
				"%q takes PLUGIN.all, PLUGIN.GROUP, GROUP.CHECK, require.NAME or suite.NAME.", attr)
			continue
		}
		out = append(out, Selector{First: n.parts[0], Second: n.parts[1], Range: rangeOf(n.at)})
	}
	return out
}
