// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"slices"
)

// nodes are the sources and kernels of a pipeline or of the top level.
type nodes struct {
	sources []*Source
	kernels []*Kernel
}

func (n nodes) source(name string) (*Source, bool) {
	return find(n.sources, name, func(s *Source) string { return s.Name })
}

func (n nodes) kernel(name string) (*Kernel, bool) {
	return find(n.kernels, name, func(k *Kernel) string { return k.Name })
}

func (n nodes) names(kind RefKind) []string {
	var out []string
	for _, s := range n.sources {
		if kind == RefSource {
			out = append(out, s.Name)
		}
	}
	for _, k := range n.kernels {
		if kind == RefKernel {
			out = append(out, k.Name)
		}
	}
	return out
}

// resolve finds what every reference names and orders the kernels.
func (l *loader) resolve() {
	l.resolveSuites()
	shared := nodes{l.cfg.Sources, l.cfg.Kernels}
	l.resolveInputs(shared.kernels, shared, "at top level")
	l.order(shared, shared)
	for _, p := range l.cfg.Pipelines {
		own := l.owned[p]
		seen := nodes{
			sources: slices.Concat(own.sources, shared.sources),
			kernels: slices.Concat(own.kernels, shared.kernels),
		}
		l.resolveInputs(own.kernels, seen, fmt.Sprintf("in pipeline %q", p.Name))
		p.Sources, p.Kernels = l.order(own, seen).split()
		if len(own.kernels) == 0 {
			l.add(newDiagnostic(SeverityError, p.Range, "Pipeline without kernels",
				"Pipeline %q does nothing. Give it at least one kernel block.", p.Name))
		}
	}
}

func (n nodes) split() ([]*Source, []*Kernel) { return n.sources, n.kernels }

func (l *loader) resolveInputs(kernels []*Kernel, seen nodes, where string) {
	for _, k := range kernels {
		for _, n := range l.inputs[k] {
			ref, ok := l.input(n, seen, where)
			if !ok {
				continue
			}
			if slices.ContainsFunc(k.Inputs, func(r Ref) bool { return r.String() == ref.String() }) {
				l.errorf(n.at, "Duplicate input", "%s is named twice. Remove one of them.", ref)
				continue
			}
			k.Inputs = append(k.Inputs, ref)
		}
	}
}

func (l *loader) input(n name, seen nodes, where string) (Ref, bool) {
	kind := RefKind(n.parts[0])
	if kind != RefSource && kind != RefKernel || len(n.parts) < 2 {
		l.errorf(n.at, "Not an input", "%s is neither source.NAME nor kernel.NAME.%s", n, inputHint(n, seen))
		return Ref{}, false
	}
	if rest := n.parts[2:]; len(rest) > 0 && (kind == RefSource || len(rest) > 1 || rest[0] != "output") {
		l.errorf(n.at, "Unknown output", "%s has one output. Write %s.%s.", n.parts[0], n.parts[0], n.parts[1])
		return Ref{}, false
	}
	known := seen.names(kind)
	if !slices.Contains(known, n.parts[1]) {
		l.errorf(n.at, "Unknown "+string(kind), "There is no %s %q %s.%s", kind, n.parts[1], where, didYouMean(n.parts[1], known))
		return Ref{}, false
	}
	return Ref{Kind: kind, Name: n.parts[1], Range: rangeOf(n.at)}, true
}

// inputHint proposes a reference for a lone name that would be a good one.
func inputHint(n name, seen nodes) string {
	last := n.parts[len(n.parts)-1]
	for _, kind := range []RefKind{RefSource, RefKernel} {
		if slices.Contains(seen.names(kind), last) {
			return fmt.Sprintf(" Did you mean %s.%s?", kind, last)
		}
	}
	return ""
}

// ordering walks a graph of kernels depth first.
type ordering struct {
	l     *loader
	seen  nodes
	state map[*Kernel]visit
	path  []*Kernel
	out   nodes
}

// order puts each kernel of own after its inputs, and takes in what they use
// from elsewhere.
func (l *loader) order(own, seen nodes) nodes {
	o := &ordering{l: l, seen: seen, state: map[*Kernel]visit{}}
	o.out.sources = slices.Clone(own.sources)
	for _, k := range own.kernels {
		o.visit(k)
	}
	return o.out
}

func (o *ordering) visit(k *Kernel) {
	switch o.state[k] {
	case done:
		return
	case underway:
		o.cycle(k)
		return
	}
	o.state[k] = underway
	o.path = append(o.path, k)
	for _, in := range k.Inputs {
		o.input(in)
	}
	o.path = o.path[:len(o.path)-1]
	o.state[k] = done
	o.out.kernels = append(o.out.kernels, k)
}

func (o *ordering) input(in Ref) {
	if in.Kind == RefKernel {
		if k, ok := o.seen.kernel(in.Name); ok {
			o.visit(k)
		}
		return
	}
	s, ok := o.seen.source(in.Name)
	if ok && !slices.Contains(o.out.sources, s) {
		o.out.sources = append(o.out.sources, s)
	}
}

func (o *ordering) cycle(k *Kernel) {
	var loop []string
	for _, step := range o.path[slices.Index(o.path, k):] {
		loop = append(loop, "kernel."+step.Name)
	}
	loop = append(loop, "kernel."+k.Name)
	last := o.path[len(o.path)-1]
	at := last.Range
	for _, in := range last.Inputs {
		if in.Kind == RefKernel && in.Name == k.Name {
			at = in.Range
		}
	}
	if len(loop) == 2 {
		o.l.add(newDiagnostic(SeverityError, at, "Kernel that reads itself",
			"%s. A kernel reads a source or another kernel.", shortCycle(loop)))
		return
	}
	slices.Reverse(loop) // data flows from an input to its reader
	o.l.add(newDiagnostic(SeverityError, at, "Cycle of kernels",
		"%s. Take the input of one of them from elsewhere.", shortCycle(loop)))
}

// preflight resolves suites and requirements, which are all read by now.
func (l *loader) preflight(names []name) []Ref {
	var out []Ref
	for _, n := range names {
		if ref, ok := l.policy(n); ok {
			out = append(out, ref)
		}
	}
	return out
}

func (l *loader) policy(n name) (Ref, bool) {
	kind := RefKind(n.parts[0])
	if kind != RefSuite && kind != RefRequire || len(n.parts) != 2 {
		l.errorf(n.at, "Not a preflight", "%s is neither suite.NAME nor require.NAME.", n)
		return Ref{}, false
	}
	ref := Ref{Kind: kind, Name: n.parts[1], Range: rangeOf(n.at)}
	return ref, l.knownPolicy(ref)
}

// knownPolicy reports a suite or requirement that is not declared.
func (l *loader) knownPolicy(ref Ref) bool {
	var known []string
	if ref.Kind == RefSuite {
		for _, s := range l.cfg.Suites {
			known = append(known, s.Name)
		}
	} else {
		for _, r := range l.cfg.Requires {
			known = append(known, r.Name)
		}
	}
	if slices.Contains(known, ref.Name) {
		return true
	}
	l.add(newDiagnostic(SeverityError, ref.Range, "Unknown "+string(ref.Kind),
		"No %s %q is declared.%s", ref.Kind, ref.Name, didYouMean(ref.Name, known)))
	return false
}
