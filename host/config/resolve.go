// SPDX-License-Identifier: Apache-2.0

package config

import "slices"

// resolve finds what every reference names and makes the pipelines flat.
func (l *loader) resolve() {
	l.resolveSuites()
	w := &walk{l: l}
	top := l.top.nodes()
	l.wire(w, top)
	for _, p := range l.cfg.Pipelines {
		l.wire(w, l.owned[p].nodes())
	}
	l.flattenTop(top)
	l.sinksOf = sharedSinks(top)
	for _, p := range l.cfg.Pipelines {
		if l.flat <= maxFlat {
			l.flatten(p, l.owned[p])
		}
	}
	l.idleSinks(top)
}

// wire links nodes and decides which are on.
func (l *loader) wire(w *walk, nodes []*node) {
	l.link(nodes)
	for _, n := range nodes {
		w.visit(n)
	}
	if w.cycles {
		return
	}
	for _, n := range nodes {
		l.unread(n)
	}
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
		"No %s %q is declared.%s", ref.Kind, ref.Name, Suggest(ref.Name, known)))
	return false
}
