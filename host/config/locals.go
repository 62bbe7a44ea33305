// SPDX-License-Identifier: Apache-2.0

package config

import (
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// locals evaluates all locals blocks, each value after those that it uses.
func (sp *space) locals(blocks hcl.Blocks) {
	order := localOrder{l: sp.l, scope: sp.scope, attrs: map[string]*hcl.Attribute{}, state: map[string]visit{}}
	for _, b := range blocks {
		attrs, diags := b.Body.JustAttributes()
		sp.l.add(fromHCL(diags)...)
		for _, name := range keys(attrs) {
			if sp.l.declareIn(sp.within, "local value", name, attrs[name].NameRange) {
				order.attrs[name] = attrs[name]
				// Known from now on, so that an error in one is not an
				// unknown name in another.
				sp.scope.set("local", name, cty.DynamicVal)
			}
		}
	}
	for _, name := range keys(order.attrs) {
		order.visit(name)
	}
}

// visit is how far a node of a graph has been walked.
type visit int

const (
	unvisited visit = iota
	underway
	done
)

type localOrder struct {
	l     *loader
	scope *scope
	attrs map[string]*hcl.Attribute
	state map[string]visit
	path  []string
}

func (o *localOrder) visit(name string) {
	attr, ok := o.attrs[name]
	if !ok || o.state[name] == done {
		return
	}
	if o.state[name] == underway {
		o.cycle(name)
		return
	}
	o.state[name] = underway
	o.path = append(o.path, name)
	for _, t := range attr.Expr.Variables() {
		if used, ok := second(t); ok && t.RootName() == "local" {
			o.visit(used)
		}
	}
	o.path = o.path[:len(o.path)-1]
	o.state[name] = done
	v, diags := o.scope.eval(attr.Expr)
	o.l.add(diags...)
	o.scope.set("local", name, v)
}

func (o *localOrder) cycle(name string) {
	loop := append(slices.Clone(o.path[slices.Index(o.path, name):]), name)
	for i := range loop {
		loop[i] = "local." + loop[i]
	}
	o.l.errorf(o.attrs[name].Range, "Cycle of local values", "%s. Break it by writing one of them without the next.",
		shortCycle(loop))
}

// shortCycle prints a cycle; the middle of a very long one is left out.
func shortCycle(loop []string) string {
	const longest = 12
	if len(loop) > longest {
		half := longest / 2
		loop = slices.Concat(loop[:half], []string{"…"}, loop[len(loop)-half:])
	}
	return strings.Join(loop, " -> ")
}
