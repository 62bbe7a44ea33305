// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// reference is a table that is named: kernel.model["ridge"] has the base
// kernel.model and a key, module.m.rows the base module.m and an output.
type reference struct {
	base  string
	keyed bool
	port  bool
}

// referencesOf reads one reference, or a list of alternatives.
func referencesOf(e Expr) ([]reference, bool) {
	node, diags := e.parse()
	if diags.HasErrors() {
		return nil, false
	}
	all := []hclsyntax.Expression{node}
	if list, ok := node.(*hclsyntax.TupleConsExpr); ok {
		all = list.Exprs
	}
	var out []reference
	for _, one := range all {
		r, ok := referenceOf(one)
		if !ok {
			return nil, false
		}
		out = append(out, r)
	}
	return out, len(out) > 0
}

func referenceOf(node hclsyntax.Expression) (reference, bool) {
	parts, keyed, ok := pathOf(node)
	if !ok || len(parts) < 2 {
		return reference{}, false
	}
	r := reference{base: parts[0] + "." + parts[1], keyed: keyed, port: len(parts) == 3}
	return r, r.port == (parts[0] == moduleBlock) && len(parts) <= 3
}

// pathOf flattens names; keyed tells of a key behind the second one.
func pathOf(node hclsyntax.Expression) (parts []string, keyed, ok bool) {
	switch n := node.(type) {
	case *hclsyntax.ScopeTraversalExpr:
		return extend([]string{n.Traversal.RootName()}, false, n.Traversal[1:])
	case *hclsyntax.RelativeTraversalExpr:
		if parts, keyed, ok = pathOf(n.Source); ok {
			return extend(parts, keyed, n.Traversal)
		}
	case *hclsyntax.IndexExpr:
		parts, keyed, ok = pathOf(n.Collection)
		return parts, true, ok && !keyed && len(parts) == 2
	}
	return nil, false, false
}

func extend(parts []string, keyed bool, rest hcl.Traversal) ([]string, bool, bool) {
	for _, t := range rest {
		switch t := t.(type) {
		case hcl.TraverseAttr:
			parts = append(parts, t.Name)
		case hcl.TraverseIndex:
			if keyed || len(parts) != 2 {
				return nil, false, false
			}
			keyed = true
		default:
			return nil, false, false
		}
	}
	return parts, keyed, true
}

// space resolves the references of the steps of a body.
func (c *checker) space(sp *space) {
	for _, n := range sp.body.items {
		switch n.kind {
		case kernelBlock, abBlock, sinkBlock:
			c.reads(sp, n, n.attr("input"))
		case outputBlock:
			c.reads(sp, n, n.attr("value"))
		case moduleBlock:
			c.moduleArguments(sp, n)
		}
	}
}

// moduleArguments checks those that look like a table of this file.
func (c *checker) moduleArguments(sp *space, n *node) {
	for _, it := range n.items {
		if isArgument(it) && isTable(*it.expr) {
			c.reads(sp, n, it)
		}
	}
}

// isArgument reports an attribute of a module block that is the module's own.
func isArgument(n *node) bool {
	return !n.isBlock() && !slices.ContainsFunc(specs[moduleBlock].attrs, func(a attrSpec) bool { return a.name == n.kind })
}

// tableBlocks give tables.
var tableBlocks = []string{sourceBlock, kernelBlock, abBlock, moduleBlock, inputBlock}

// isTable reports an expression that names a table, or alternatives.
func isTable(e Expr) bool {
	refs, ok := referencesOf(e)
	return ok && slices.Contains(tableBlocks, rootOf(refs[0].base))
}

func rootOf(name string) string {
	root, _, _ := strings.Cut(name, ".")
	return root
}

// reads checks what a step reads.
func (c *checker) reads(sp *space, n, attr *node) {
	if attr == nil || attr.expr.bad != "" {
		return
	}
	refs, ok := referencesOf(*attr.expr)
	if !ok {
		c.add(n.ref(), attr.kind, attr.at, "It takes source.NAME, kernel.NAME, ab.NAME or module.NAME.OUTPUT, without quotes, or a list of them, not %s.", shorten(attr.expr.text))
		return
	}
	for _, r := range refs {
		c.readsOne(sp, n, attr, r)
	}
}

func (c *checker) readsOne(sp *space, n, attr *node, r reference) {
	if slices.Contains(c.doc.outside, r.base) {
		return
	}
	if !slices.Contains(tableBlocks, rootOf(r.base)) {
		c.add(n.ref(), attr.kind, attr.at, "%s gives no table; sources, kernels, comparisons and outputs of modules do.", r.base)
		return
	}
	found, _ := sp.find(r.base)
	if found == nil {
		c.add(n.ref(), attr.kind, attr.at, "It reads %s, which is not there.%s", r.base, near(r.base, sp.refs()))
		return
	}
	switch many := found.has("for_each"); {
	case many && !r.keyed:
		c.add(n.ref(), attr.kind, attr.at, "%s stands for several steps; name one with its key, as in %s[\"KEY\"].", r.base, r.base)
	case !many && r.keyed:
		c.add(n.ref(), attr.kind, attr.at, "%s is one step and has no keys.", r.base)
	}
}

// expressions checks the names that expressions use. Step is the block that
// messages name, and the one whose for_each counts.
func (c *checker) expressions(n, step *node) {
	for _, it := range n.items {
		if it.isBlock() {
			next := step
			if n.kind == pipelineBlock {
				next = it
			}
			c.expressions(it, next)
			continue
		}
		rule, _ := specs[n.kind].attr(it.kind)
		if rule.kind == aReference || rule.kind == aName || rule.kind == aType || n.kind == moduleBlock && isTable(*it.expr) {
			c.keys(it, step)
			continue
		}
		c.uses(it, step)
	}
}

// keys checks the keys of references: kernel.x[each.key].
func (c *checker) keys(n, step *node) {
	node, diags := n.expr.parse()
	if diags.HasErrors() {
		return
	}
	for _, t := range node.Variables() {
		if root := t.RootName(); root == "var" || root == "local" || root == "each" {
			c.use(n, step, t)
		}
	}
}

func (c *checker) uses(n, step *node) {
	node, diags := n.expr.parse()
	if diags.HasErrors() {
		return // reported with the value
	}
	for _, t := range node.Variables() {
		c.use(n, step, t)
	}
}

func (c *checker) use(n, step *node, t hcl.Traversal) {
	root, second := t.RootName(), ""
	if len(t) > 1 {
		if attr, ok := t[1].(hcl.TraverseAttr); ok {
			second = attr.Name
		}
	}
	name := root + "." + second
	switch {
	case slices.Contains(c.doc.outside, name) || root == "fact" && step.kind == requireBlock:
	case root == "each":
		c.useEach(n, step, second)
	case root != "var" && root != "local":
		c.add(step.ref(), n.kind, n.at, "%q is not a name here; expressions use var.NAME, local.NAME and, with for_each, each.key and each.value.", shorten(root))
	case c.names[name] == nil:
		c.add(step.ref(), n.kind, n.at, "%s is not declared.%s", name, near(name, c.declared(root)))
	}
}

func (c *checker) useEach(n, step *node, second string) {
	switch {
	case !step.has("for_each") || n.kind == "for_each":
		c.add(step.ref(), n.kind, n.at, "each.%s is there in a step with for_each only.", second)
	case second != "key" && second != "value":
		c.add(step.ref(), n.kind, n.at, "each has key and value, not %q.", shorten(second))
	}
}

func (c *checker) declared(root string) []string {
	var out []string
	for name := range c.names {
		if strings.HasPrefix(name, root+".") {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// cycles reports kernels that read each other in a circle. Modules are left
// out: what a module gives may need only some of what it takes.
func (c *checker) cycles() {
	state := map[*node]int{}
	for _, sp := range c.spaces {
		for _, n := range sp.body.items {
			if works(n) {
				c.walk(sp, n, state, nil)
			}
		}
	}
}

// works reports a step that makes a table of another one.
func works(n *node) bool { return n.kind == kernelBlock || n.kind == abBlock }

// States of a kernel on the walk.
const (
	underway = iota + 1
	done
)

func (c *checker) walk(sp *space, n *node, state map[*node]int, path []string) {
	path = append(path, n.ref())
	if state[n] == done {
		return
	}
	if state[n] == underway {
		from := slices.Index(path, n.ref())
		c.add(n.ref(), "input", n.at, "It needs its own result: %s.", strings.Join(path[from:], " reads "))
		return
	}
	state[n] = underway
	if input := n.attr("input"); input != nil {
		refs, _ := referencesOf(*input.expr)
		for _, r := range refs {
			if next, home := sp.find(r.base); next != nil && works(next) {
				c.walk(home, next, state, path)
			}
		}
	}
	state[n] = done
}
