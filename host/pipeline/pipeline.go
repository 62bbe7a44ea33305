// SPDX-License-Identifier: Apache-2.0

// Package pipeline plans and runs graphs of sources, kernels and sinks.
//
// # Graph
//
// A pipeline is a set of nodes. A source node reads a table; a kernel node
// takes the table of exactly one other node, and fits, transforms or both; a
// sink node writes the table of another node to a file; an ab node compares the
// tables of two kernels that read one table. An edge is the name of a node in
// Inputs. As every other node has at most one input, the graph is a forest but
// for these.
//
// MakePlan checks it before any data moves: names, cycles, inputs, what each
// kernel can do, and, where the columns of the input are known, the kernel's own
// Validate. The columns behind a transform are known when the kernel tells them
// in its verdict, which it is then held to; otherwise they are known when it
// writes its first batch, and then Validate runs before the next kernel is
// called. MakePlan and Run take the same Options, and
// the plan says what Run will do.
//
// # Edges
//
// The table of a node reaches its consumers in one of these ways:
//
//   - fused: both are row-wise kernels of one plugin. The plugin hands the rows
//     on in its own process, and they do not come to the host;
//   - stream: there is one consumer, which reads once. At most the credits of
//     the edge, in bytes and rows, are on their way, in a dataplane.Pool where
//     there is shared memory;
//   - kept: there are several readers, or one that reads twice because it fits
//     and then transforms. The table stays in memory until the last reader has
//     ended, and what does not fit into Options.MaxTableBytes goes to a file;
//   - file: a source, which is read from its file by every consumer. One that is
//     small and read several times is kept instead, if memory has room for it;
//   - cache: the table of an earlier run.
//
// A node with a budget, a time-out or the policy Retry stands alone: it reads a
// table that is complete, and nobody reads its own before it has ended. So its
// clock does not run while it waits for others, and a second attempt reads the
// same rows again and shows nobody a row twice. A node with the policy Quarantine
// has its input kept, from which the rejected rows are copied at the end.
//
// # Segments
//
// Kernels that are joined by streams run at the same time: they are a segment,
// and Options.Parallel bounds the segments that run. A segment starts when its
// input is there, or earlier when a processor is free and its input is a kept
// table whose columns are known.
//
// No run waits for itself. A segment is a chain, since a stream has one writer
// and one reader. A writer of a stream waits only while its reader has rows to
// read; the last node of the chain writes to a kept table, a file or nothing,
// and none of them ever makes it wait for a reader. The first node reads a file,
// or a kept table whose writer belongs to a segment that was started before. So
// the segments can be put in an order in which each waits for earlier ones
// only, and the first that has not ended can always go on.
//
// # Rows
//
// Nothing is lost silently. Each node reports rows in, out, dropped and
// rejected. A kernel that is row-wise, or that tells where its rows come from,
// must account for every row, and fails when it does not; for any other, rows
// that are unaccounted for are a warning. A row that a kernel rejects fails its
// node, with the first of them listed by row, unless the node's policy is
// Quarantine: then it is put aside with all of its columns.
//
// Between nodes, tiny batches are joined and big ones are cut. The rows and
// their order stay, so that the outputs of a run depend on neither
// Options.Parallel nor fusion, limits of memory or sizes of batches.
//
// # Comparisons
//
// The two inputs of an ab node are kernels, its arms, with the same input. In mode
// split each arm reads the rows that package abtest assigns to it, to learn and to
// transform, and the ab node gives the rows of both in the order of the input. In
// mode shadow both read all rows, the ab node gives those of arm a, and a failure
// of arm b that is tolerated is told and does not fail the run. The table of an arm
// has the number of the row behind its columns, from the origins that its kernel
// tells; one that neither tells them nor works row by row can be compared in mode
// shadow only, without pairs. Tables of arms are kept, never streamed, so the ab
// node starts when both have ended and waits for nobody.
//
// # Cache
//
// With Options.Cache, what a kernel did is kept by the digest of all that it
// depends on: the plugin's digest, the kernel, its settings, seed and budget,
// and, through the key of its input, everything before it down to the digest of
// the source. Kernels with side effects are not cached, nor is what comes behind
// them. A state is kept as soon as it was learnt, a table where an edge is kept
// or a branch ends. A node whose entry is there does not run, nor does what only
// it needs. So a run that was killed goes on from the last of these points when
// it is run again.
//
// # Failure
//
// A kernel that refuses its settings or data fails its node with diagnostics.
// What follows is the node's OnFailure: Stop ends the pipeline, Continue skips
// the nodes that depend on it, Retry calls a lost process again, on a fresh
// one, and then stops. A refusal is never retried: it would come again. Rollback
// stops, and takes back what the nodes did outside of their outputs, last one
// first. Quarantine stops as well, except for rejected rows.
//
// Sinks are put in their place at the end, when every node that had to succeed
// has: all of them are brought to disk first, and then renamed. Before that
// nobody sees them. Options.Together covers the time between the first rename and
// the last, for a death of this process and for a rename that fails, and
// Options.Effects keeps what nodes did outside of their outputs for
// the case that this process does not live to take it back.
//
// # Time
//
// Budget is what a kernel is told it may use for one call, its fit or its
// transform, and the host ends a call that exceeds it by BudgetGrace. Timeout
// bounds a node with all its calls and retries. Cancelling the context of Run
// ends every call.
//
// # Pilots
//
// Plan.Pilot runs the kernels on the beginning of each source, twice, and tells what
// each node would take of the whole: rows, bytes, time and memory. It has no effect
// outside: sinks write where the caller says, and kernels that can undo what they do
// are left out, with all that is behind them.
//
// # Accounts
//
// With Recorded, every call of a kernel leaves a record with digests of its
// settings and of its rows.
package pipeline

import (
	"time"

	"github.com/bulkhead-ml/bulkhead/host/pipeline/edge"
	"github.com/bulkhead-ml/bulkhead/host/source"
	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

// Pipeline is what a user wrote, with defaults filled in.
type Pipeline struct {
	Name  string
	Nodes []Node
	// Plugins tells of the plugins that the nodes use, by name. One that is not
	// in it is used all the same; what it makes is not cached.
	Plugins map[string]Plugin
	// Batch limits the batches between nodes; zeros take the limits of the wire.
	Batch edge.Limits
}

// Plugin is what the engine has to know of a plugin that it does not start
// itself.
type Plugin struct {
	Version string
	// Digest of its code; without one, nothing of it is cached.
	Digest string
	// Grants are what it may do, in the words of its manifest.
	Grants []string
}

// Kind of a node.
type Kind string

// A node reads a table, runs a kernel, writes a table or compares two.
const (
	KindSource Kind = "source"
	KindKernel Kind = "kernel"
	KindSink   Kind = "sink"
	// KindAB compares the tables of two kernels, its arms, and gives one table.
	KindAB Kind = "ab"
)

// OnFailure says what becomes of a pipeline when a node fails.
type OnFailure string

// The policies; the empty one is Stop.
const (
	Stop     OnFailure = "stop"
	Continue OnFailure = "continue"
	Retry    OnFailure = "retry"
	// Rollback is Stop, and takes back what was done outside.
	Rollback OnFailure = "rollback"
	// Quarantine is Stop, except for rejected rows, which are put aside.
	Quarantine OnFailure = "quarantine"
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
	// and '.', at most 128, the first one a letter, a digit or '_'.
	Name string
	Kind Kind
	// Source of a source node.
	Source *source.Spec
	// Sink of a sink node.
	Sink *Sink
	// Use and Description of a kernel node.
	Use         Use
	Description *pluginv1.KernelDescription
	// Inputs are names of nodes: none for a source, one for a kernel or a sink,
	// and the two arms for a comparison.
	Inputs []string
	// AB of a comparison, and Arm of a kernel that is a part of one.
	AB  *AB
	Arm *Arm
	// Config is a JSON object; nil takes the kernel's defaults.
	Config []byte
	Seed   uint64
	// Budget of each call of the kernel, and Timeout of the node; 0 for none.
	Budget, Timeout time.Duration
	OnFailure       OnFailure
	// Retries of a Retry node; 0 is DefaultRetries.
	Retries int
	// NoCache keeps the node, and what comes behind it, out of the cache.
	NoCache bool
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
