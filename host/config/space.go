// SPDX-License-Identifier: Apache-2.0

package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
)

// space is a place where steps are declared and refer to each other: the top
// level, a pipeline, or an instance of a module.
type space struct {
	l *loader
	// scope has the values that expressions may use here.
	scope *scope
	// within makes the names of declarations unique; where is for people.
	within, where string
	// module is the name of the module and of those around it, with dots.
	module string
	// outer is the top level for a pipeline, whose steps are seen too.
	outer *space
	// caller is the space that uses the module, and dir what it is; nil outside
	// of modules.
	caller *space
	dir    *moduleDir
	// gates are the modules around that have a condition.
	gates []*gate

	// arguments are the values that a module is given, by name.
	arguments hcl.Attributes

	steps map[string]*member
	// order has the steps as they were written.
	order []*member
	// inputs and outputs are those of a module.
	inputs, outputs map[string]*port
}

// port is an input of a module, with what is given for it, or an output with
// what it stands for. Its references are read in its space.
type port struct {
	name  string
	space *space
	refs  []reference
	state visit
	nodes []*node
}

// member is one block of a space, with its instances.
type member struct {
	kind RefKind
	name string
	at   hcl.Range
	// each is set when the block has for_each; instances have keys then.
	each      bool
	instances []*instance
	byKey     map[string]*instance
	// keys of the instances, sorted.
	keys []string
}

// instance is a node of the graph, or for a module another space.
type instance struct {
	node  *node
	space *space
}

// stepKinds are the blocks that are steps.
var stepKinds = []RefKind{RefSource, RefKernel, RefAB, RefModule, RefSink}

func (l *loader) newSpace(sc *scope) *space {
	return &space{l: l, scope: sc, steps: map[string]*member{}, inputs: map[string]*port{}, outputs: map[string]*port{}}
}

// full is the name that a step has in the flat pipeline.
func (sp *space) full(name, key string) string {
	parts := []string{name}
	if sp.module != "" {
		parts = []string{sp.module, name}
	}
	if key != "" {
		parts = append(parts, key)
	}
	return strings.Join(parts, ".")
}

// read takes in the blocks of all steps, in the order written.
func (sp *space) read(byType map[string]hcl.Blocks) {
	var blocks hcl.Blocks
	for _, kind := range stepKinds {
		blocks = append(blocks, byType[string(kind)]...)
	}
	slices.SortStableFunc(blocks, func(a, b *hcl.Block) int {
		return cmp.Or(cmp.Compare(sp.l.fileOrder[a.DefRange.Filename], sp.l.fileOrder[b.DefRange.Filename]),
			cmp.Compare(a.DefRange.Start.Byte, b.DefRange.Start.Byte))
	})
	for _, b := range blocks {
		sp.readStep(b)
	}
}

// readStep takes in one block, unless it cannot be told from another one.
func (sp *space) readStep(b *hcl.Block) {
	if !sp.label(b) {
		return
	}
	st := &member{kind: RefKind(b.Type), name: b.Labels[0], at: b.DefRange, byKey: map[string]*instance{}}
	switch st.kind {
	case RefSource:
		sp.expand(st, sp.section(sourceBlock(), b), sp.source)
	case RefKernel:
		sp.expand(st, sp.section(kernelBlock(), b), sp.kernel)
	case RefAB:
		sp.expand(st, sp.section(abBlock(), b), sp.ab)
	case RefSink:
		sp.expand(st, sp.section(sinkBlock(), b), sp.sink)
	case RefModule:
		sp.readModule(st, b)
	}
	sp.steps[b.Type+" "+st.name] = st
	sp.order = append(sp.order, st)
}

func (sp *space) section(schema BlockSchema, b *hcl.Block) section {
	return sp.l.sectionIn(sp.scope, schema, b)
}

// label reads the name of a step. Inside a pipeline it must not hide one at top
// level.
func (sp *space) label(b *hcl.Block) bool {
	if sp.outer != nil {
		if first, ok := sp.outer.steps[b.Type+" "+b.Labels[0]]; ok {
			sp.l.errorf(b.DefRange, "Duplicate "+b.Type, "%s %q already stands at top level, at %s. Rename one of them.",
				capital(b.Type), b.Labels[0], rangeOf(first.at))
			return false
		}
	}
	_, ok := sp.l.labelIn(b, b.Type, sp.within)
	return ok
}

// step finds a step by its kind and name, here or at top level.
func (sp *space) step(kind RefKind, name string) (*member, bool) {
	if st, ok := sp.steps[string(kind)+" "+name]; ok {
		return st, true
	}
	if sp.outer != nil {
		return sp.outer.step(kind, name)
	}
	return nil, false
}

// names are the names of the steps of a kind that are seen here.
func (sp *space) names(kind RefKind) []string {
	var out []string
	for _, st := range sp.order {
		if st.kind == kind {
			out = append(out, st.name)
		}
	}
	if sp.outer != nil {
		out = append(out, sp.outer.names(kind)...)
	}
	return out
}

// nodes are all nodes of the space and of the modules in it, in the order
// written.
func (sp *space) nodes() []*node {
	var out []*node
	for _, st := range sp.order {
		for _, in := range st.instances {
			if in.space != nil {
				out = append(out, in.space.nodes()...)
			} else if in.node != nil {
				out = append(out, in.node)
			}
		}
	}
	return out
}

// ref is how an instance of the step is referred to.
func (st *member) ref(key string) string {
	if st.each {
		return fmt.Sprintf("%s.%s[%q]", st.kind, st.name, key)
	}
	return string(st.kind) + "." + st.name
}
