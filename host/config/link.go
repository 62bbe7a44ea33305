// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"slices"
	"strings"
)

// flood is the number of messages after which looking for more has no use.
const flood = 2 * MaxDiagnostics

// link finds what every node may read.
func (l *loader) link(nodes []*node) {
	for _, n := range nodes {
		if len(l.diags) > flood {
			return
		}
		for _, ref := range n.refs {
			for _, found := range n.space.resolve(ref) {
				l.linkTo(n, found, ref)
			}
		}
	}
}

// linkTo adds an alternative, once: the same node may also stand behind a module.
func (l *loader) linkTo(n, found *node, ref reference) {
	if slices.ContainsFunc(n.alternatives, func(a alternative) bool { return a.node == found }) {
		if ref.direct() {
			l.errorf(ref.at, "Duplicate input", "%s is named twice. Remove one of them.", found)
		}
		return
	}
	n.alternatives = append(n.alternatives, alternative{node: found, at: rangeOf(ref.at), given: RefKind(ref.steps[0].name) == refInput})
}

// resolve finds the nodes that a reference stands for: one, or the alternatives
// of a port of a module. What is wrong with it is reported, and nothing comes
// back.
func (sp *space) resolve(ref reference) []*node {
	kind := RefKind(ref.steps[0].name)
	if ref.steps[0].keyed || len(ref.steps) < 2 {
		return sp.notAnInput(ref)
	}
	switch {
	case kind == refInput && sp.caller != nil:
		return sp.throughInput(ref)
	case kind != RefSource && kind != RefKernel && kind != RefAB && kind != RefModule:
		return sp.notAnInput(ref)
	}
	in := sp.find(kind, ref)
	switch {
	case in == nil:
		return nil
	case kind == RefModule:
		return in.space.output(sp, ref)
	case !plainOutput(kind, ref.steps[2:]):
		sp.l.errorf(ref.at, "Unknown output", "%s has one output. Write %s.%s.", kind, kind, ref.steps[1])
		return nil
	}
	return []*node{in.node}
}

// refInput is the root of the references to inputs of a module.
const refInput RefKind = "input"

// plainOutput reports that nothing follows a step, or the name of the only
// output of a kernel.
func plainOutput(kind RefKind, rest []refStep) bool {
	return len(rest) == 0 || (kind == RefKernel || kind == RefAB) && len(rest) == 1 && rest[0] == refStep{name: "output"}
}

func (sp *space) notAnInput(ref reference) []*node {
	forms := "none of source.NAME, kernel.NAME, ab.NAME and module.NAME.OUTPUT"
	if sp.caller != nil {
		forms = "none of source.NAME, kernel.NAME, ab.NAME, input.NAME and module.NAME.OUTPUT"
	}
	sp.l.errorf(ref.at, "Not an input", "%s is %s.%s", ref, forms, sp.inputHint(ref))
	return nil
}

// inputHint proposes a reference for a lone name that would be a good one.
func (sp *space) inputHint(ref reference) string {
	last := ref.steps[len(ref.steps)-1].name
	for _, kind := range []RefKind{RefSource, RefKernel, RefAB, RefModule} {
		if st, ok := sp.step(kind, last); ok {
			return fmt.Sprintf(" Did you mean %s?", st.example())
		}
	}
	if _, ok := sp.inputs[last]; ok {
		return fmt.Sprintf(" Did you mean input.%s?", last)
	}
	return ""
}

// example is a reference to the first table of a step.
func (st *member) example() string {
	key := ""
	if len(st.keys) > 0 {
		key = st.keys[0]
	}
	text := st.ref(key)
	if in := st.byKey[key]; in != nil && in.space != nil {
		if outputs := keys(in.space.outputs); len(outputs) > 0 {
			text += "." + outputs[0]
		}
	}
	return text
}

// find is the instance of a step that a reference means.
func (sp *space) find(kind RefKind, ref reference) *instance {
	named := ref.steps[1]
	st, ok := sp.step(kind, named.name)
	if !ok {
		sp.l.errorf(ref.at, "Unknown "+string(kind), "There is no %s %q %s.%s", kind, named.name, sp.where, Suggest(named.name, sp.names(kind)))
		return nil
	}
	in, ok := st.byKey[named.key]
	switch {
	case ok && st.each == named.keyed:
		return in
	case len(st.instances) == 0 && sp.l.diags.HasErrors() || sp.l.full(kind):
		return nil // what is wrong with the step has been reported
	case !st.each:
		sp.l.errorf(ref.at, "Unknown instance", "%s %q has no for_each, so it has one instance. Write %s.", capital(string(kind)), st.name, st.ref(""))
	case len(st.instances) == 0:
		sp.l.errorf(ref.at, "Unknown instance", "The for_each of %s %q is empty, so it has no instance.", kind, st.name)
	case !named.keyed:
		sp.l.errorf(ref.at, "Instance not named", "%s %q has an instance for each key. Write %s.%s", capital(string(kind)), st.name, st.example(), knownNames(st.keys))
	default:
		sp.l.errorf(ref.at, "Unknown instance", "%s %q has no instance %q.%s", capital(string(kind)), st.name, shorten(named.key), Suggest(named.key, st.keys))
	}
	return nil
}

// output finds the nodes behind an output of the module, for a reference that
// stands in another space.
func (sp *space) output(from *space, ref reference) []*node {
	known := keys(sp.outputs)
	if len(ref.steps) != 3 || ref.steps[2].keyed {
		from.l.errorf(ref.at, "Output not named", "A module is read through its outputs, as %s.OUTPUT.%s",
			reference{steps: ref.steps[:2]}, knownNames(known))
		return nil
	}
	p, ok := sp.outputs[ref.steps[2].name]
	if !ok {
		from.l.errorf(ref.at, "Unknown output", "Module %q has no output %q.%s", ref.steps[1].name, ref.steps[2].name, Suggest(ref.steps[2].name, known))
		return nil
	}
	return p.resolve(ref)
}

// throughInput finds the nodes that the user of the module gives for an input.
func (sp *space) throughInput(ref reference) []*node {
	named := ref.steps[1]
	p, ok := sp.inputs[named.name]
	switch {
	case !ok:
		sp.l.errorf(ref.at, "Unknown input", "There is no input %q %s.%s", named.name, sp.where, Suggest(named.name, keys(sp.inputs)))
	case len(ref.steps) > 2 || named.keyed:
		sp.l.errorf(ref.at, "Unknown output", "An input is one table. Write input.%s.", named.name)
	default:
		return p.resolve(ref)
	}
	return nil
}

// resolve finds the nodes behind a port once. A port that stands for itself,
// through other modules, is an error.
func (p *port) resolve(ref reference) []*node {
	switch p.state {
	case done:
		return p.nodes
	case underway:
		p.space.l.errorf(ref.at, "Cycle of modules", "%s stands for itself: no kernel lies between the input and the output. Take it from a kernel or a source.", ref)
		return nil
	}
	p.state = underway
	for _, r := range p.refs {
		for _, n := range p.space.resolve(r) {
			if !slices.Contains(p.nodes, n) {
				p.nodes = append(p.nodes, n)
			}
		}
	}
	p.state = done
	return p.nodes
}

// cycleOf is the text of a cycle in the direction in which data flows.
func cycleOf(path []*node) string {
	loop := make([]string, 0, len(path)+1)
	for _, n := range path {
		loop = append(loop, n.String())
	}
	loop = append(loop, path[0].String())
	slices.Reverse(loop)
	return shortCycle(loop)
}

// walk decides, for each node after what it may read, whether it is on, and
// reports cycles.
type walk struct {
	l    *loader
	path []*node
	// cycles have been found, so that what depends on the graph is not known.
	cycles bool
}

func (w *walk) visit(n *node) {
	switch n.state {
	case done:
		return
	case underway:
		w.cycle(n)
		return
	}
	n.state = underway
	w.path = append(w.path, n)
	for _, a := range n.alternatives {
		w.visit(a.node)
	}
	w.path = w.path[:len(w.path)-1]
	n.state = done
	n.decide()
}

func (w *walk) cycle(n *node) {
	w.cycles = true
	path := w.path[slices.Index(w.path, n):]
	last := path[len(path)-1]
	at := last.at
	for _, a := range last.alternatives {
		if a.node == n {
			at = a.at
		}
	}
	if len(path) == 1 {
		w.l.add(newDiagnostic(SeverityError, at, "Kernel that reads itself",
			"%s. A kernel reads a source or another kernel.", cycleOf(path)))
		return
	}
	w.l.add(newDiagnostic(SeverityError, at, "Cycle of kernels",
		"%s. Take the input of one of them from elsewhere.", cycleOf(path)))
}

// decide finds out whether the node is on and what it reads; what it may read
// has been decided.
func (n *node) decide() {
	n.maybe = len(n.gates) > 0 || len(n.alternatives) > 0 && !slices.ContainsFunc(n.alternatives, func(a alternative) bool { return !a.node.maybe })
	for _, g := range n.gates {
		if !g.open {
			n.off = &Off{Name: n.String(), Reason: g.reason, Range: g.at}
			return
		}
	}
	for i, a := range n.alternatives {
		if a.node.off == nil {
			n.take(&n.alternatives[i])
			return
		}
	}
	if len(n.alternatives) > 0 {
		n.off = &Off{Name: n.String(), Reason: offInputs(n.alternatives), Range: n.alternatives[0].at}
	}
}

// take makes an alternative the input.
func (n *node) take(a *alternative) {
	n.taken = a
	ref := Ref{Kind: a.node.kind, Name: a.node.name, Range: a.at}
	switch {
	case n.kernel != nil:
		n.kernel.Inputs = []Ref{ref}
	case n.ab != nil:
		for _, k := range n.ab.arms() {
			k.Inputs = []Ref{ref}
		}
	default:
		n.sink.Input = ref
	}
}

func offInputs(all []alternative) string {
	if len(all) == 1 {
		return "its input " + all[0].node.String() + " is off"
	}
	var names []string
	for _, a := range all {
		names = append(names, a.node.String())
	}
	return "its inputs " + strings.Join(names, ", ") + " are off"
}

// unread reports a reference behind one that is always on.
func (l *loader) unread(n *node) {
	for i, a := range n.alternatives {
		if a.node.maybe || a.given {
			continue
		}
		behind := slices.IndexFunc(n.alternatives[i:], func(b alternative) bool { return b.at != a.at })
		if behind < 0 {
			return
		}
		next := n.alternatives[i+behind]
		l.add(newDiagnostic(SeverityError, next.at, "Input that is never read",
			"A step reads one table, the first of the list that is on, and %s is always on, so %s is never read. Remove one of them, or give the first one a \"when\".",
			a.node, next.node))
		return
	}
}
