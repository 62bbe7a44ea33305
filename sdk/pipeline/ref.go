// SPDX-License-Identifier: Apache-2.0

package pipeline

import "strings"

// Input is what a step reads: a Ref, or alternatives made by FirstOf.
type Input interface{ input() Expr }

// Ref names the table of a step: what Source, Kernel and Module.Output return.
// The zero Ref names nothing, which the step that reads it reports.
type Ref struct {
	expr string
	bad  string
	// doc is the document that the step belongs to; nil for one that was named.
	doc *document
}

// Named is the table of a step by its reference, such as "kernel.clean",
// `kernel.model["ridge"]` or "module.features.rows": one that is declared later,
// or in another file (see Pipeline.Outside).
func Named(reference string) Ref { return Ref{expr: reference} }

// Key is one of the steps of a block with ForEach, by its key.
func (r Ref) Key(key string) Ref {
	r.expr += "[" + quote(key) + "]"
	return r
}

// At is one of the steps of a block with ForEach, by an expression such as
// EachKey.
func (r Ref) At(key Expr) Ref {
	r.expr += "[" + key.text + "]"
	if r.bad == "" {
		r.bad = key.bad
	}
	return r
}

// String is the reference as it is written, such as "kernel.clean".
func (r Ref) String() string { return r.expr }

func (r Ref) input() Expr {
	if r.expr == "" && r.bad == "" {
		r.bad = "It reads nothing: the reference is empty"
	}
	return Expr{text: r.expr, bad: r.bad}
}

// alternatives is the input that FirstOf makes.
type alternatives []Ref

// FirstOf reads the first of several tables whose step is on; see When.
func FirstOf(refs ...Ref) Input { return alternatives(refs) }

func (a alternatives) input() Expr {
	out := Expr{}
	parts := make([]string, len(a))
	for i, r := range a {
		e := r.input()
		parts[i] = e.text
		if out.bad == "" {
			out.bad = e.bad
		}
	}
	if len(a) == 0 {
		out.bad = "It reads nothing: the list of alternatives is empty"
	}
	out.text = "[" + strings.Join(parts, ", ") + "]"
	return out
}

// refsIn are the references of an input.
func refsIn(in Input) []Ref {
	switch in := in.(type) {
	case Ref:
		return []Ref{in}
	case alternatives:
		return in
	}
	return nil
}
