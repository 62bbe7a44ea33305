// SPDX-License-Identifier: Apache-2.0

// Package pipeline plans and runs graphs of sources and kernels.
//
// # Graph
//
// A pipeline is a set of nodes. A source node reads a table; a kernel node
// takes the table of exactly one other node, and fits, transforms or both. An
// edge is the name of a node in Inputs. MakePlan checks the graph before any
// data moves: names, cycles, inputs, what each kernel can do, and, where the
// schema of the input is known, the kernel's own Validate. The schema behind a
// transform is known only after it ran, and then Validate runs before the fit.
//
// # Run
//
// Run executes the plan. A node starts when its input is there, and nodes that
// do not depend on each other run at the same time, up to Options.Parallel. A
// kernel that fits is fitted on its input first, and then transforms the same
// input with the state that it learnt.
//
// Tables between nodes stay in memory until their last consumer has ended;
// together they take at most Options.MaxTableBytes. A source that would not
// fit is read from its file again by each consumer instead.
//
// # Failure
//
// A kernel that refuses its settings or data fails its node with diagnostics.
// What follows is the node's OnFailure: Stop ends the pipeline, Continue skips
// the nodes that depend on it, Retry calls a lost process again, on a fresh
// one, and then stops. A refusal is never retried: it would come again.
//
// # Time
//
// Budget is what a kernel is told it may use for one call, its fit or its
// transform, and the host ends a call that exceeds it by BudgetGrace. Timeout
// bounds a node with all its calls and retries. Cancelling the context of Run
// ends every call.
//
// # Accounts
//
// Nothing is lost silently. Each node reports rows in, out and dropped; where
// a transform leaves rows unaccounted for, the node carries a warning. With
// Recorded, every call of a kernel leaves a record with digests of its settings
// and of its rows.
package pipeline

import (
	"time"

	"github.com/bulkhead-ml/bulkhead/host/source"
	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

// Pipeline is what a user wrote, with defaults filled in.
type Pipeline struct {
	Name  string
	Nodes []Node
}

// Kind of a node.
type Kind string

// A node reads a table or runs a kernel.
const (
	KindSource Kind = "source"
	KindKernel Kind = "kernel"
)

// OnFailure says what becomes of a pipeline when a node fails.
type OnFailure string

// The policies; the empty one is Stop.
const (
	Stop     OnFailure = "stop"
	Continue OnFailure = "continue"
	Retry    OnFailure = "retry"
)

// DefaultRetries is the number of retries of a Retry node that names none.
const DefaultRetries = 2

// BudgetGrace is how far a call may exceed its budget before the host ends it.
const BudgetGrace = time.Second

// Use names a kernel inside a plugin.
type Use struct {
	Plugin, Kernel string
}

// String gives "plugin.kernel".
func (u Use) String() string {
	if u == (Use{}) {
		return ""
	}
	return u.Plugin + "." + u.Kernel
}

// Node is one step.
type Node struct {
	// Name is unique in the pipeline, in any case: letters, digits, '_', '-'
	// and '.', at most 64, the first one a letter, a digit or '_'.
	Name string
	Kind Kind
	// Source of a source node.
	Source *source.Spec
	// Use and Description of a kernel node.
	Use         Use
	Description *pluginv1.KernelDescription
	// Inputs are names of nodes: none for a source, one for a kernel.
	Inputs []string
	// Config is a JSON object; nil takes the kernel's defaults.
	Config []byte
	Seed   uint64
	// Budget of each call of the kernel, and Timeout of the node; 0 for none.
	Budget, Timeout time.Duration
	OnFailure       OnFailure
	// Retries of a Retry node; 0 is DefaultRetries.
	Retries int
}

func (n *Node) retries() int {
	switch {
	case n.OnFailure != Retry:
		return 0
	case n.Retries > 0:
		return n.Retries
	}
	return DefaultRetries
}
