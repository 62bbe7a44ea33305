// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"context"
	"slices"
)

// nodeState is a node of the plan; the mutex of the run guards it.
type nodeState struct {
	done     chan struct{}
	result   *NodeResult
	err      error
	progress Progress
}

// settle gives the future its value, once. A nil state is that of a node that is
// in no plan, which a newer host may have.
func (s *nodeState) settle(name string, result *NodeResult, err error) {
	if s == nil {
		return
	}
	select {
	case <-s.done:
		return
	default:
	}
	s.result = result
	switch {
	case result == nil:
		s.err = &NodeError{Node: name, Status: StatusPending, Err: err}
	case result.Status != StatusOK:
		s.err = &NodeError{Node: name, Status: result.Status, Reason: result.Reason}
	}
	close(s.done)
}

// Node is the future of one node of a run.
type Node struct {
	run  *Run
	name string
}

// Node returns the future of a node: "clean", "kernel.clean", or
// "model.ridge" for an instance of a step with ForEach. Whether there is such a
// node is known when the host has planned the run.
func (r *Run) Node(name string) Node { return Node{r, name} }

// Wait returns what became of the node as soon as it ended, also while the others
// run on. The error is a *NodeError, beside the result, when it is not ok; an
// *UnknownNodeError when the run has no such node; that of the run when it never
// got that far; and the cause of ctx when that ends first.
func (n Node) Wait(ctx context.Context) (*NodeResult, error) {
	if _, err := n.run.Plan(ctx); err != nil {
		return nil, err
	}
	s, err := n.state()
	if err != nil {
		return nil, err
	}
	if err := await(ctx, s.done); err != nil {
		return nil, err
	}
	n.run.mu.Lock()
	defer n.run.mu.Unlock()
	return s.result, s.err
}

// Progress is the last that the node told of its call; the zero Progress before.
func (n Node) Progress() Progress {
	s, err := n.state()
	if err != nil {
		return Progress{}
	}
	n.run.mu.Lock()
	defer n.run.mu.Unlock()
	return s.progress
}

func (n Node) state() (*nodeState, error) {
	n.run.mu.Lock()
	defer n.run.mu.Unlock()
	var known []string
	for _, full := range fullNames(n.name) {
		if s, ok := n.run.nodes[full]; ok {
			return s, nil
		}
	}
	for name := range n.run.nodes {
		known = append(known, name)
	}
	slices.Sort(known)
	return nil, &UnknownNodeError{Name: n.name, Known: known}
}
