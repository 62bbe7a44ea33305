// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
)

// Steps is what a Pipeline and a Module have in common: they hold steps, and
// the variables and locals that these use.
type Steps struct {
	doc *document
	// body is where steps are added.
	body *node
}

// Source adds a table that is read. One of CSV, JSONL, Parquet, Arrow,
// SQLite and URL says where it is.
func (s *Steps) Source(name string, options ...SourceOption) Ref {
	n := &node{kind: sourceBlock, labels: []string{name}}
	for _, o := range options {
		o.source(n)
	}
	return s.step(n)
}

// Kernel adds a step that runs a kernel of a plugin, named as "PLUGIN.KERNEL",
// on the table of another step.
func (s *Steps) Kernel(name, use string, input Input, options ...KernelOption) Ref {
	n := &node{kind: kernelBlock, labels: []string{name}}
	set(n, "use", Expr{text: use})
	s.reads(n, "input", input)
	for _, o := range options {
		o.kernel(n)
	}
	return s.step(n)
}

// Sink adds a file that the table of a step is written to. One of CSV, JSONL,
// Parquet, Arrow and SQLite says where.
func (s *Steps) Sink(name string, input Input, options ...SinkOption) {
	n := &node{kind: sinkBlock, labels: []string{name}}
	s.reads(n, "input", input)
	for _, o := range options {
		o.sink(n)
	}
	s.step(n)
}

// Use is a module in use: its outputs are tables.
type Use struct{ ref Ref }

// Output is a table that the module gives.
func (u Use) Output(name string) Ref {
	u.ref.expr += "." + name
	return u.ref
}

// Key is one of the instances of a module with ForEach, by its key.
func (u Use) Key(key string) Use { return Use{u.ref.Key(key)} }

// At is one of the instances of a module with ForEach, by an expression.
func (u Use) At(key Expr) Use { return Use{u.ref.At(key)} }

// Args are the arguments of a module by name: a Ref or FirstOf for an input, a
// value as Value takes it for a variable.
type Args map[string]any

// Module uses the steps of a directory, which starts with ./ or ../ or is
// absolute.
func (s *Steps) Module(name, source string, args Args, options ...StepOption) Use {
	n := &node{kind: moduleBlock, labels: []string{name}}
	set(n, "source", Value(source))
	for _, key := range slices.Sorted(maps.Keys(args)) {
		if in, ok := args[key].(Input); ok {
			s.reads(n, key, in)
			continue
		}
		set(n, key, Value(args[key]))
	}
	for _, o := range options {
		o.step(n)
	}
	return Use{s.step(n)}
}

// reads sets what a step reads, if it belongs to this file.
func (s *Steps) reads(n *node, attr string, in Input) {
	if in == nil {
		in = Ref{}
	}
	for _, r := range refsIn(in) {
		if r.doc != nil && r.doc != s.doc {
			s.doc.early.add(n.ref(), attr, hcl.Range{}, "%s is a step of another pipeline. Give it to this one as well, or write it to a file between the two.", r.expr)
		}
	}
	set(n, attr, in.input())
}

// step adds the block where it belongs.
func (s *Steps) step(n *node) Ref {
	n.sortAttributes(specs[n.kind].attrs)
	for _, label := range n.labels {
		if !validLabel().MatchString(label) {
			return s.refuse(n, label)
		}
	}
	body := s.body
	if n.shared {
		body = s.doc.root
	}
	body.add(n)
	relead(n)
	return Ref{expr: n.ref(), doc: s.doc}
}

// refuse keeps text out of the file that would change what it means.
func (s *Steps) refuse(n *node, label string) Ref {
	s.doc.early.add(n.kind+"."+shorten(label), "", hcl.Range{},
		"%q is not a name. Names have letters, digits, dashes and underscores, start with a letter and are at most 56 long.", shorten(label))
	return Ref{expr: n.kind + ".invalid", bad: "It reads a step that was refused", doc: s.doc}
}

// relead lays the items of a block out again after they were put in order.
func relead(n *node) {
	all := n.items
	n.items, n.tail = nil, ""
	for _, it := range all {
		n.add(it)
	}
}

// set gives a block an attribute; a second one of the same name replaces it.
func set(n *node, name string, e Expr) {
	if it := n.attr(name); it != nil {
		it.expr = &e
		return
	}
	n.items = append(n.items, &node{kind: name, expr: &e})
}

// Variable declares a value that whoever runs the pipeline may give, and returns
// the expression that uses it.
func (s *Steps) Variable(name string, options ...VariableOption) Expr {
	n := &node{kind: variableBlock, labels: []string{name}}
	for _, o := range options {
		o(n)
	}
	if !validLabel().MatchString(name) {
		s.refuse(n, name)
		return Expr{text: "var.invalid", bad: "It uses a variable that was refused"}
	}
	n.sortAttributes(specs[variableBlock].attrs)
	relead(n)
	s.declaration(n)
	return Expr{text: "var." + name}
}

// Local names a value, and returns the expression that uses it.
func (s *Steps) Local(name string, value any) Expr {
	if !validLabel().MatchString(name) {
		s.refuse(&node{kind: "local"}, name)
		return Expr{text: "local.invalid", bad: "It uses a local that was refused"}
	}
	e := Value(value)
	if all := s.doc.root.blocks(localsBlock); len(all) > 0 {
		all[len(all)-1].add(&node{kind: name, expr: &e})
	} else {
		n := &node{kind: localsBlock}
		n.add(&node{kind: name, expr: &e})
		s.declaration(n)
	}
	return Expr{text: "local." + name}
}

// declaration adds a block before the pipeline and the steps of the file.
func (s *Steps) declaration(n *node) {
	root := s.doc.root
	at := slices.IndexFunc(root.items, func(it *node) bool { return it.kind == pipelineBlock || slices.Contains(stepBlocks, it.kind) })
	if at < 0 {
		root.add(n)
		return
	}
	next := root.items[at]
	if at > 0 {
		n.lead = "\n\n"
	} else if !strings.Contains(next.lead, "\n") {
		next.lead = "\n\n" + next.lead
	}
	root.items = slices.Insert(root.items, at, n)
}

// Outside names what other files of the configuration declare: "source.rows",
// "var.threshold", "local.columns".
func (s *Steps) Outside(names ...string) {
	s.doc.outside = append(s.doc.outside, names...)
}

// Err is everything that is wrong so far: *StepError values, joined; nil when
// nothing is.
func (s *Steps) Err() error { return s.doc.check() }

// HCL writes the file in the form that `bulkhead fmt` gives it. The error is
// that of Err, or says that the file would be too large.
func (s *Steps) HCL() ([]byte, error) { return s.doc.hcl() }

// JSON writes the same in the JSON form of the language, for a file whose name
// ends in .hcl.json. Comments and layout are not in it.
func (s *Steps) JSON() ([]byte, error) { return s.doc.json() }
