// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/agext/levenshtein"

	"github.com/bulkhead-ml/bulkhead/internal/pattern"
)

var nodeName = pattern.Lazy(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$`)

// link draws the edges and checks everything that needs no file and no plugin.
func link(p Pipeline) (*Plan, []*Problem) {
	plan := &Plan{Pipeline: p.Name, byName: make(map[string]*node, len(p.Nodes)), plugins: p.Plugins, batch: p.Batch}
	problems := plan.add(p.Nodes)
	for _, n := range plan.nodes {
		problems = append(problems, plan.connect(n)...)
	}
	problems = append(problems, plan.collisions()...)
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
		one := &node{Node: n, public: n.public(p.plugins), index: len(p.nodes)}
		p.nodes, p.Nodes, p.byName[n.Name] = append(p.nodes, one), append(p.Nodes, one.public), one
	}
	return problems
}

func (n *Node) public(plugins map[string]Plugin) *PlannedNode {
	p := &PlannedNode{
		Name: n.Name, Kind: n.Kind, Use: n.Use.String(), Inputs: slices.Clone(n.Inputs),
		Compartment: n.Description.GetCompartment(), Fits: n.Description.GetFits(), Transforms: n.Description.GetTransforms(),
		Budget: n.Budget, Timeout: n.Timeout, OnFailure: n.OnFailure, Retries: n.retries(), Seed: n.Seed, AB: n.AB, Arm: n.Arm,
	}
	if n.Source != nil {
		p.Path = n.Source.Path
	}
	if n.Sink != nil {
		p.Path = n.Sink.Path
	}
	if n.Kind == KindKernel {
		p.RowWise, p.Undoes, p.Grants = n.Description.GetRowWise(), n.Description.GetUndoes(), plugins[n.Use.Plugin].Grants
	}
	return p
}

// check looks at one node alone.
func (n *Node) check() []*Problem {
	var problems []*Problem
	add := func(p *Problem) { problems = append(problems, p) }
	if !nodeName().MatchString(n.Name) {
		add(problemf(n.Name, "Node name that cannot be used", "%q must be 1 to 128 letters, digits, '_', '-' or '.', and begin with a letter, a digit or '_'.", n.Name))
	}
	if n.Budget < 0 || n.Timeout < 0 || n.Retries < 0 {
		add(problemf(n.Name, "Negative limit", "Budget, timeout and retries cannot be negative."))
	}
	switch n.OnFailure {
	case Stop, Continue, Retry, Rollback, Quarantine:
	default:
		add(problemf(n.Name, "Unknown failure policy", "%q is none of stop, continue, retry, rollback and quarantine.", n.OnFailure).at("on_failure"))
	}
	switch n.Kind {
	case KindSource:
		if n.Source == nil || len(n.Inputs) > 0 {
			add(problemf(n.Name, "Source that cannot be read", "A source names a file and takes no input."))
		}
	case KindKernel:
		problems = append(problems, n.checkKernel()...)
	case KindSink:
		if n.Sink == nil || n.Sink.Create == nil {
			add(problemf(n.Name, "Sink that cannot be written", "A sink names a file."))
		}
		problems = append(problems, n.checkInput("Sink")...)
	case KindAB:
		problems = append(problems, n.checkAB()...)
	default:
		add(problemf(n.Name, "Unknown kind of node", "%q is none of source, kernel, sink and ab.", n.Kind))
	}
	return problems
}

func (n *Node) checkKernel() []*Problem {
	var problems []*Problem
	add := func(p *Problem) { problems = append(problems, p) }
	if n.Description == nil || !n.Description.GetFits() && !n.Description.GetTransforms() {
		add(problemf(n.Name, "Kernel that does nothing", "%s neither fits nor transforms. Use another kernel.", n.Use).at("use"))
	}
	problems = append(problems, n.checkInput("Kernel")...)
	if n.Config != nil && !(json.Valid(n.Config) && bytes.HasPrefix(bytes.TrimSpace(n.Config), []byte{'{'})) {
		add(problemf(n.Name, "Settings that are no JSON object", "The settings of %s cannot be sent to its plugin.", n.Name).at("config"))
	}
	return problems
}

// checkInput wants one input; what says what kind of node has it.
func (n *Node) checkInput(what string) []*Problem {
	switch len(n.Inputs) {
	case 1:
		return nil
	case 0:
		return []*Problem{problemf(n.Name, what+" without input", "%s %s has no table to work on. Set input to a source or to another kernel.", what, n.Name).at("input")}
	}
	return []*Problem{problemf(n.Name, what+" with several inputs", "%s %s takes one table and has %d: %s. Keep one of them.", what, n.Name, len(n.Inputs), strings.Join(n.Inputs, ", ")).at("input")}
}

// connect finds the input of a kernel or a sink.
func (p *Plan) connect(n *node) []*Problem {
	if n.Kind == KindAB {
		return p.connectAB(n)
	}
	if n.Kind != KindKernel && n.Kind != KindSink || len(n.Inputs) != 1 {
		return nil
	}
	name := n.Inputs[0]
	from := p.byName[name]
	if from == nil {
		return []*Problem{problemf(n.Name, "Unknown input", "There is no node %q.%s", name, p.suggest(name)).at("input")}
	}
	if from.Kind == KindSink {
		return []*Problem{problemf(n.Name, "Input without a table", "%s is a sink and has no table to give. Take the input of %s instead.", name, name).at("input")}
	}
	if from.Kind == KindKernel && !from.Description.GetTransforms() {
		return []*Problem{problemf(n.Name, "Input without a table", "%s only fits, so it has no table to give. Take the input of %s instead.", name, name).at("input")}
	}
	n.input = from
	from.consumers = append(from.consumers, n)
	from.public.Consumers = append(from.public.Consumers, n.Name)
	return nil
}

// collisions refuses two sinks that write one file.
func (p *Plan) collisions() []*Problem {
	var problems []*Problem
	writers := map[string]*node{}
	for _, n := range p.nodes {
		if n.Kind != KindSink || n.Sink == nil || n.Sink.Path == "" {
			continue
		}
		path := filepath.Clean(n.Sink.Path)
		if other := writers[path]; other != nil {
			problems = append(problems, problemf(n.Name, "File that two sinks write", "%s is written by %s, too. Give one of them another file.", path, other.Name))
		}
		writers[path] = n
	}
	return problems
}

// maxSuggestions bounds the search for a name that was meant: it looks at every
// node.
const maxSuggestions = 20

func (p *Plan) suggest(name string) string {
	if p.suggested++; p.suggested > maxSuggestions {
		return ""
	}
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
// nil. Every node has at most one input, and the two arms of a comparison have the
// same, so following first inputs finds it; a node that was passed before is not
// followed again.
func (p *Plan) cycle() []string {
	passed := make([]int, len(p.nodes)) // the walk that passed a node, from 1
	for i, start := range p.nodes {
		for n := start; n != nil && passed[n.index] == 0; n = n.input {
			passed[n.index] = i + 1
			if n.input != nil && passed[n.input.index] == i+1 {
				return n.input.around()
			}
		}
	}
	return nil
}

// around names the nodes of the cycle that n is on.
func (n *node) around() []string {
	path := []string{n.Name}
	for up := n.input; ; up = up.input {
		path = append(path, up.Name)
		if up == n {
			return path
		}
	}
}

// level sorts the nodes by their distance from a source, and those of one
// distance as the pipeline is written.
func (p *Plan) level() {
	current := []*node{}
	for _, n := range p.nodes {
		if n.input == nil {
			current = append(current, n)
		}
	}
	for level := 0; len(current) > 0; level++ {
		slices.SortFunc(current, func(a, b *node) int { return a.index - b.index })
		current = slices.Compact(current) // a comparison follows two arms of one level
		var names []string
		var next []*node
		for _, n := range current {
			n.public.Level = level
			names = append(names, n.Name)
			next = append(next, n.consumers...)
		}
		p.Levels, p.order = append(p.Levels, names), append(p.order, current...)
		current = next
	}
}
