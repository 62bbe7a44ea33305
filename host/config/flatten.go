// SPDX-License-Identifier: Apache-2.0

package config

import (
	"cmp"
	"path/filepath"
	"slices"
	"strings"
)

// flattener puts the nodes of one pipeline in order: each after its input.
type flattener struct {
	l    *loader
	p    *Pipeline
	seen map[*node]bool
	// names has the node of each name in small letters: names become those of
	// files, which some systems write in either.
	names map[string]*node
	// shared are sinks at top level that may take what was visited.
	shared []*node
}

// sharedSinks finds the sinks at top level by what they may take.
func sharedSinks(top []*node) map[*node][]*node {
	out := map[*node][]*node{}
	for i, n := range top {
		if n.kind != RefSink {
			continue
		}
		n.place = i
		for _, a := range n.alternatives {
			out[a.node] = append(out[a.node], n)
		}
	}
	return out
}

// flatten fills a pipeline with its own nodes and those at top level that they
// use.
func (l *loader) flatten(p *Pipeline, own *space) {
	f := &flattener{l: l, p: p, seen: map[*node]bool{}, names: map[string]*node{}}
	p.index = nodeIndex{map[string]*Source{}, map[string]*Kernel{}, map[string]*Sink{}}
	for _, n := range own.nodes() {
		f.visit(n)
	}
	f.addShared()
	f.collisions()
	l.idle(p, own)
	l.crowd(p)
}

// crowd counts the steps of all pipelines together, which may share each of
// those at top level.
func (l *loader) crowd(p *Pipeline) {
	l.flat += len(p.Sources) + len(p.Kernels) + len(p.Sinks) + len(p.Off)
	if l.flat > maxFlat {
		l.add(newDiagnostic(SeverityError, p.Range, "Too many steps",
			"The pipelines of the configuration, up to this one, have more than %d steps together. Put the steps that they share into a pipeline of their own.", maxFlat))
	}
}

// idle reports a pipeline that does nothing.
func (l *loader) idle(p *Pipeline, own *space) {
	written := slices.ContainsFunc(own.order, func(st *member) bool { return st.kind != RefSource })
	switch {
	case !written:
		l.add(newDiagnostic(SeverityError, p.Range, "Pipeline without kernels",
			"Pipeline %q does nothing. Give it at least one kernel block.", p.Name))
	case len(p.Kernels)+len(p.Sinks) == 0 && !l.diags.HasErrors():
		l.add(newDiagnostic(SeverityWarning, p.Range, "Pipeline that is off",
			"Every step of pipeline %q is off or has no instance, so that it does nothing.", p.Name))
	}
}

// visit adds a node after its input, or notes that it is off after those that
// it could have read.
func (f *flattener) visit(n *node) {
	if f.seen[n] {
		return
	}
	f.seen[n] = true
	f.shared = append(f.shared, f.l.sinksOf[n]...)
	for i := range n.alternatives {
		if a := &n.alternatives[i]; n.taken == a || a.node.off != nil {
			f.visit(a.node)
		}
	}
	if n.off != nil {
		f.p.Off = append(f.p.Off, *n.off)
		return
	}
	if f.named(n) {
		f.add(n)
	}
}

// named reports two nodes of one name.
func (f *flattener) named(n *node) bool {
	key := strings.ToLower(n.String())
	if first, ok := f.names[key]; ok {
		why := "which differs in capitals only. Results are saved under the names of steps, and some systems know no capitals."
		if first.name == n.name {
			why = "which expands to a step of the same name."
		}
		f.l.add(newDiagnostic(SeverityError, n.at, "Duplicate "+string(n.kind), "%s stands beside %s, at %s, %s Rename one of them.", n, first, first.at, why))
		return false
	}
	f.names[key] = n
	return true
}

func (f *flattener) add(n *node) {
	switch p := f.p; n.kind {
	case RefSource:
		p.Sources, p.index.sources[n.name] = append(p.Sources, n.source), n.source
	case RefKernel:
		p.Kernels, p.index.kernels[n.name] = append(p.Kernels, n.kernel), n.kernel
	case RefAB:
		for _, k := range n.ab.arms() {
			p.Kernels = append(p.Kernels, k)
			f.names[strings.ToLower(k.Node())] = n
		}
	case RefSink:
		p.Sinks, p.index.sinks[n.name] = append(p.Sinks, n.sink), n.sink
	}
}

// addShared adds the sinks at top level whose input the pipeline runs.
func (f *flattener) addShared() {
	slices.SortFunc(f.shared, func(a, b *node) int { return cmp.Compare(a.place, b.place) })
	for _, n := range slices.Compact(f.shared) {
		if f.feeds(n) {
			f.visit(n)
			n.fed = true
		}
	}
}

// feeds reports that the pipeline has what a sink takes, or when it is off what
// it could have taken.
func (f *flattener) feeds(n *node) bool {
	for i := range n.alternatives {
		if a := &n.alternatives[i]; f.seen[a.node] && (n.off != nil || n.taken == a) {
			return true
		}
	}
	return false
}

// flattenTop lists what is on at top level.
func (l *loader) flattenTop(nodes []*node) {
	for _, n := range nodes {
		switch {
		case n.off != nil:
		case n.source != nil:
			l.cfg.Sources = append(l.cfg.Sources, n.source)
		case n.kernel != nil:
			l.cfg.Kernels = append(l.cfg.Kernels, n.kernel)
		case n.ab != nil:
			l.cfg.Kernels = append(l.cfg.Kernels, n.ab.arms()...)
		case n.sink != nil:
			l.cfg.Sinks = append(l.cfg.Sinks, n.sink)
		}
	}
}

// idleSinks warns of sinks at top level that no pipeline fills.
func (l *loader) idleSinks(nodes []*node) {
	if len(l.cfg.Pipelines) == 0 || l.diags.HasErrors() {
		return
	}
	for _, n := range nodes {
		if n.kind == RefSink && !n.fed && n.off == nil {
			l.add(newDiagnostic(SeverityWarning, n.at, "Sink that nothing fills",
				"No pipeline runs %s, the input of this sink, so it is never written. Move it into a pipeline, or use its input in one.", n.sink.Input))
		}
	}
}

// collisions reports a file that two sinks write, or that is read as well.
func (f *flattener) collisions() {
	if len(f.p.Sinks) == 0 {
		return
	}
	ids := fileIdentity{dirs: map[string]string{}}
	read, written := map[string]*Source{}, map[string]*Sink{}
	for _, s := range f.p.Sources {
		if s.Path.Absolute != "" {
			read[ids.of(s.Path.Absolute)] = s
		}
	}
	for _, s := range f.p.Sinks {
		if s.Path.Absolute == "" {
			continue
		}
		id := ids.of(s.Path.Absolute)
		if src, ok := read[id]; ok {
			f.l.add(newDiagnostic(SeverityError, s.Path.Range, "Sink over a source",
				"Pipeline %q reads %q, at %s, and would write over it. Write to another file.", f.p.Name, src.Path.Written, src.Path.Range))
		}
		if first, ok := written[id]; ok {
			f.l.add(newDiagnostic(SeverityError, s.Path.Range, "Two sinks of one file",
				"Sink %q writes %q too, at %s. Write to another file.", first.Name, first.Path.Written, first.Path.Range))
		}
		written[id] = s
	}
}

// fileIdentity compares files that may be written in several ways. Directories
// are looked at once.
type fileIdentity struct{ dirs map[string]string }

// of follows the links of the file when it is there, else those of its
// directory. Capitals make no difference, as on systems where they make none.
func (f fileIdentity) of(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return strings.ToLower(real)
	}
	dir := filepath.Dir(path)
	real, ok := f.dirs[dir]
	if !ok {
		real = dir
		if end, err := filepath.EvalSymlinks(dir); err == nil {
			real = end
		}
		f.dirs[dir] = real
	}
	return strings.ToLower(filepath.Join(real, filepath.Base(path)))
}
