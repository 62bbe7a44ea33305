// SPDX-License-Identifier: Apache-2.0

package config

import (
	"maps"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// mark is the type of marks on values.
type mark string

// sensitiveMark is on values that are never shown.
const sensitiveMark = mark("sensitive")

// eachRoot is what the names of an instance's key and value start with.
const eachRoot = "each"

// scope holds the values that expressions may use, and what has been spent of
// the bound on their expansion.
type scope struct {
	// values maps "var" and "local" to names to values; an instance of a block
	// with for_each has "each" as well.
	values  map[string]map[string]cty.Value
	extents map[string]map[string]extent
	// spent is shared by the scopes of one configuration.
	spent *float64
}

func newScope() *scope {
	return &scope{
		values:  map[string]map[string]cty.Value{"var": {}, "local": {}},
		extents: map[string]map[string]extent{"var": {}, "local": {}},
		spent:   new(float64),
	}
}

func (s *scope) set(root, name string, v cty.Value) {
	s.values[root][name] = v
	s.extents[root][name] = extentOf(v)
}

// fork has the same values and a budget of its own.
func (s *scope) fork() *scope {
	return &scope{values: s.values, extents: s.extents, spent: new(float64)}
}

// sibling has no values yet and shares the budget: the inside of a module.
func (s *scope) sibling() *scope {
	out := newScope()
	out.spent = s.spent
	return out
}

// instance has each.key and each.value as well.
func (s *scope) instance(key string, value cty.Value) *scope {
	out := &scope{values: maps.Clone(s.values), extents: maps.Clone(s.extents), spent: s.spent}
	out.values[eachRoot], out.extents[eachRoot] = map[string]cty.Value{}, map[string]extent{}
	out.set(eachRoot, "key", cty.StringVal(key))
	out.set(eachRoot, "value", value)
	return out
}

// eval computes an expression of variables and locals. On errors the value is
// unknown, so that callers can go on and find more.
func (s *scope) eval(expr hcl.Expression) (cty.Value, Diagnostics) {
	uses := expr.Variables() // parses anew in JSON, so once
	if ds := s.check(expr, uses, nil); ds.HasErrors() {
		return cty.DynamicVal, ds
	}
	v, ds := expr.Value(s.context(uses, nil))
	if ds.HasErrors() {
		return cty.DynamicVal, s.conceal(expr, fromHCL(ds))
	}
	return v, fromHCL(ds)
}

// check looks for unknown names and for expressions that would expand beyond
// all measure. roots are further values, such as "fact".
func (s *scope) check(expr hcl.Expression, uses []hcl.Traversal, roots map[string]cty.Value) Diagnostics {
	if ds := s.checkNames(uses, keys(roots)); ds.HasErrors() {
		return ds
	}
	if d := s.afford(expr, roots); d != nil {
		return Diagnostics{d}
	}
	return nil
}

// context holds the values that the traversals use and no others: building it
// costs what the expression is long.
func (s *scope) context(uses []hcl.Traversal, roots map[string]cty.Value) *hcl.EvalContext {
	objects := map[string]map[string]cty.Value{}
	for _, t := range uses {
		name, ok := second(t)
		v, known := s.values[t.RootName()][name]
		if !ok || !known {
			continue
		}
		if objects[t.RootName()] == nil {
			objects[t.RootName()] = map[string]cty.Value{}
		}
		objects[t.RootName()][name] = v
	}
	ctx := &hcl.EvalContext{Variables: map[string]cty.Value{}, Functions: functions}
	for root, attrs := range objects {
		ctx.Variables[root] = cty.ObjectVal(attrs)
	}
	maps.Copy(ctx.Variables, roots)
	return ctx
}

// conceal takes values out of messages about expressions that use sensitive
// ones: functions quote their arguments.
func (s *scope) conceal(expr hcl.Expression, ds Diagnostics) Diagnostics {
	if !s.sensitive(expr) {
		return ds
	}
	for _, d := range ds {
		d.Detail = "The expression could not be evaluated. The reason is not shown because it uses a sensitive value."
	}
	return ds
}

func (s *scope) sensitive(expr hcl.Expression) bool {
	return slices.ContainsFunc(expr.Variables(), func(t hcl.Traversal) bool {
		name, _ := second(t)
		v, ok := s.values[t.RootName()][name]
		return ok && v.ContainsMarked()
	})
}

// second is the name after the root of a reference.
func second(t hcl.Traversal) (string, bool) {
	if len(t) < 2 {
		return "", false
	}
	attr, ok := t[1].(hcl.TraverseAttr)
	return attr.Name, ok
}

func (s *scope) checkNames(uses []hcl.Traversal, roots []string) Diagnostics {
	var out Diagnostics
	for _, t := range uses {
		if d := s.checkName(t, roots); d != nil {
			out = append(out, d)
		}
	}
	return out
}

func (s *scope) checkName(t hcl.Traversal, roots []string) *Diagnostic {
	root := t.RootName()
	if slices.Contains(roots, root) {
		return nil
	}
	known, ok := s.values[root]
	if !ok {
		return unknownRoot(t, roots)
	}
	name, ok := second(t)
	if !ok {
		return errorAt(t.SourceRange(), "Incomplete reference", "%q must be followed by a dot and a name.", root)
	}
	if _, ok := known[name]; ok {
		return nil
	}
	kind, where := "variable", "Declare it in a variable block."
	switch root {
	case "local":
		kind, where = "local value", "Declare it in a locals block."
	case eachRoot:
		kind, where = "attribute of each", "An instance has each.key and each.value."
	}
	return errorAt(t.SourceRange(), "Unknown "+kind, "There is no %s named %q.%s %s",
		kind, name, Suggest(name, keys(known)), where)
}

func unknownRoot(t hcl.Traversal, roots []string) *Diagnostic {
	if t.RootName() == "fact" {
		return errorAt(t.SourceRange(), "Fact out of place",
			"Facts are known only in the condition and the message of a require block.")
	}
	if t.RootName() == eachRoot {
		return errorAt(t.SourceRange(), "Instance out of place",
			"each.key and each.value are known only inside a block that has for_each.")
	}
	return errorAt(t.SourceRange(), "Unknown name",
		"%q is not a name that can stand here.%s Write text in quotes.",
		t.RootName(), Suggest(t.RootName(), append([]string{"var", "local"}, roots...)))
}

func keys[V any](m map[string]V) []string {
	return slices.Sorted(maps.Keys(m))
}
