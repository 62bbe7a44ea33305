// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/agext/levenshtein"

	"github.com/bulkhead-ml/bulkhead/internal/pattern"
)

var nodeName = pattern.Lazy(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$`)

// link draws the edges and checks everything that needs no file and no plugin.
func link(p Pipeline) (*Plan, []*Problem) {
	plan := &Plan{Pipeline: p.Name, byName: map[string]*node{}}
	problems := plan.add(p.Nodes)
	for _, n := range plan.nodes {
		problems = append(problems, plan.connect(n)...)
	}
	if HasErrors(problems) {
		return nil, problems
	}
	if cycle := plan.cycle(); cycle != nil {
		return nil, []*Problem{problemf(cycle[0], "Cycle in the pipeline", "%s: each of these nodes waits for the next one. Give one of them another input.", strings.Join(cycle, " <- ")).at("input")}
	}
	plan.level()
	return plan, problems
}

// add takes the nodes one by one, without their edges.
func (p *Plan) add(nodes []Node) []*Problem {
	if len(nodes) == 0 {
		return []*Problem{problemf("", "Empty pipeline", "Pipeline %q has no nodes. Add a source and a kernel.", p.Pipeline)}
	}
	var problems []*Problem
	folded := map[string]bool{}
	for _, n := range nodes {
		if n.OnFailure == "" {
			n.OnFailure = Stop
		}
		problems = append(problems, n.check()...)
		if key := strings.ToLower(n.Name); folded[key] {
			problems = append(problems, problemf(n.Name, "Node name that stands twice", "Another node has this name, or differs only in case. Rename one of them."))
			continue
		} else {
			folded[key] = true
		}
		one := &node{Node: n, public: n.public()}
		p.nodes, p.Nodes, p.byName[n.Name] = append(p.nodes, one), append(p.Nodes, one.public), one
	}
	return problems
}

func (n *Node) public() *PlannedNode {
	p := &PlannedNode{
		Name: n.Name, Kind: n.Kind, Use: n.Use.String(), Inputs: slices.Clone(n.Inputs),
		Compartment: n.Description.GetCompartment(), Fits: n.Description.GetFits(), Transforms: n.Description.GetTransforms(),
		Budget: n.Budget, Timeout: n.Timeout, OnFailure: n.OnFailure, Retries: n.retries(), Seed: n.Seed,
	}
	if n.Source != nil {
		p.Path = n.Source.Path
	}
	return p
}

// check looks at one node alone.
func (n *Node) check() []*Problem {
	var problems []*Problem
	add := func(p *Problem) { problems = append(problems, p) }
	if !nodeName().MatchString(n.Name) {
		add(problemf(n.Name, "Node name that cannot be used", "%q must be 1 to 64 letters, digits, '_', '-' or '.', and begin with a letter, a digit or '_'.", n.Name))
	}
	if n.Budget < 0 || n.Timeout < 0 || n.Retries < 0 {
		add(problemf(n.Name, "Negative limit", "Budget, timeout and retries cannot be negative."))
	}
	switch n.OnFailure {
	case Stop, Continue, Retry:
	default:
		add(problemf(n.Name, "Unknown failure policy", "%q is none of stop, continue and retry.", n.OnFailure).at("on_failure"))
	}
	switch n.Kind {
	case KindSource:
		if n.Source == nil || len(n.Inputs) > 0 {
			add(problemf(n.Name, "Source that cannot be read", "A source names a file and takes no input."))
		}
	case KindKernel:
		problems = append(problems, n.checkKernel()...)
	default:
		add(problemf(n.Name, "Unknown kind of node", "%q is neither source nor kernel.", n.Kind))
	}
	return problems
}

func (n *Node) checkKernel() []*Problem {
	var problems []*Problem
	add := func(p *Problem) { problems = append(problems, p) }
	if n.Description == nil || !n.Description.GetFits() && !n.Description.GetTransforms() {
		add(problemf(n.Name, "Kernel that does nothing", "%s neither fits nor transforms. Use another kernel.", n.Use).at("use"))
	}
	switch len(n.Inputs) {
	case 1:
	case 0:
		add(problemf(n.Name, "Kernel without input", "Kernel %s has no table to work on. Set input to a source or to another kernel.", n.Name).at("input"))
	default:
		add(problemf(n.Name, "Kernel with several inputs", "Kernel %s takes one table and has %d: %s. Keep one of them.", n.Name, len(n.Inputs), strings.Join(n.Inputs, ", ")).at("input"))
	}
	if n.Config != nil && !(json.Valid(n.Config) && bytes.HasPrefix(bytes.TrimSpace(n.Config), []byte{'{'})) {
		add(problemf(n.Name, "Settings that are no JSON object", "The settings of %s cannot be sent to its plugin.", n.Name).at("config"))
	}
	return problems
}

// connect finds the input of a kernel.
func (p *Plan) connect(n *node) []*Problem {
	if n.Kind != KindKernel || len(n.Inputs) != 1 {
		return nil
	}
	name := n.Inputs[0]
	from := p.byName[name]
	if from == nil {
		return []*Problem{problemf(n.Name, "Unknown input", "There is no node %q.%s", name, p.suggest(name)).at("input")}
	}
	if from.Kind == KindKernel && !from.Description.GetTransforms() {
		return []*Problem{problemf(n.Name, "Input without a table", "%s only fits, so it has no table to give. Take the input of %s instead.", name, name).at("input")}
	}
	n.input = from
	from.consumers = append(from.consumers, n)
	from.public.Consumers = append(from.public.Consumers, n.Name)
	return nil
}

func (p *Plan) suggest(name string) string {
	best, distance := "", (len(name)+2)/3+1
	for _, n := range p.nodes {
		if d := levenshtein.Distance(n.Name, name, nil); d < distance {
			best, distance = n.Name, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(" Did you mean %q?", best)
}

// cycle returns the names along a cycle, the first one again at the end, or
// nil. Every node has at most one input, so following inputs finds it.
func (p *Plan) cycle() []string {
	for _, start := range p.nodes {
		path := []string{start.Name}
		for n := start.input; n != nil && len(path) <= len(p.nodes); n = n.input {
			path = append(path, n.Name)
			if n == start {
				return path
			}
		}
	}
	return nil
}

// level numbers the nodes by their distance from a source.
func (p *Plan) level() {
	for _, n := range p.nodes {
		for up := n.input; up != nil; up = up.input {
			n.public.Level++
		}
		for len(p.Levels) <= n.public.Level {
			p.Levels = append(p.Levels, nil)
		}
	}
	for _, n := range p.nodes {
		p.Levels[n.public.Level] = append(p.Levels[n.public.Level], n.Name)
	}
}
