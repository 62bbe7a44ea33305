// SPDX-License-Identifier: Apache-2.0

package pipeline

import "slices"

// Step is what a file says of one of its steps.
type Step struct {
	// Kind is "source", "kernel", "ab", "sink" or "module", in a module also "input"
	// or "output".
	Kind string
	Name string
	// Kernel that a step of kind kernel uses: "data.prepare".
	Kernel string
	// Arms are the kernels of a step of kind ab, as they stand: of a, then of b.
	Arms []string
	// Inputs are the references that it reads, as written; of a module its
	// arguments that are tables.
	Inputs []string
	// File and Line are the place in what Parse read; zero in what was built.
	File string
	Line int
}

// Ref is the reference to the step: "kernel.clean".
func (s Step) Ref() string { return s.Kind + "." + s.Name }

// List is the steps in the order in which they stand, those beside the pipeline
// among them.
func (s *Steps) List() []Step {
	var out []Step
	for _, n := range s.doc.root.items {
		if n.kind != pipelineBlock {
			out = appendStep(out, n)
			continue
		}
		for _, it := range n.items {
			out = appendStep(out, it)
		}
	}
	return out
}

func appendStep(out []Step, n *node) []Step {
	if !slices.Contains(stepBlocks, n.kind) && n.kind != inputBlock && n.kind != outputBlock || len(n.labels) != 1 {
		return out
	}
	one := Step{Kind: n.kind, Name: n.labels[0], File: n.at.Filename, Line: n.at.Start.Line}
	for _, it := range n.items {
		switch rule, _ := specs[n.kind].attr(it.kind); {
		case it.kind == armBlock && it.attr("use") != nil:
			one.Arms = append(one.Arms, it.attr("use").expr.text)
		case it.isBlock():
		case it.kind == "use":
			one.Kernel = it.expr.text
		case rule.kind == aReference, n.kind == moduleBlock && isArgument(it) && isTable(*it.expr):
			one.Inputs = append(one.Inputs, sourcesOf(*it.expr)...)
		}
	}
	return append(out, one)
}
