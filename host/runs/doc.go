// SPDX-License-Identifier: Apache-2.0

// Package runs keeps a record of every run of a pipeline: what it was made of,
// what came out, and how long it took.
//
//	store := runs.Open(dir, runs.Options{})
//	run, err := store.Begin(runs.Record{Pipeline: "churn", Nodes: planned})
//	run.Node(runs.Node{Name: "clean", Status: runs.OK, RowsIn: 569})
//	err = run.End(runs.OK, "")
//
// # On disk
//
// A store is a directory, by default bulkhead/runs among the user's records:
//
//	lock              locked by whoever begins or removes a run
//	ID/record.json    the Record without its nodes; replaced as a whole
//	ID/nodes.jsonl    one line for every call of Node; the last of a name counts
//	ID/effects.jsonl  what nodes did outside of their outputs; see Effect
//	ID/live           locked by the host while the run goes on
//	.gone-*           runs that are being removed
//
// A run is there when its record.json is. Its host holds the lock of live, which
// the system gives back however the host ends. So a run that says that it is
// running while nobody holds the lock is shown as interrupted, with all nodes
// that ended before. Begin, Edit and End bring the record to disk before they
// return; lines of nodes are written at once and brought to disk with the next of
// these, so a host that is killed loses none, and a machine that loses power may
// lose the last. Lines that cannot be read are counted in Record.LostLines.
//
// A line of an effect is brought to disk before its node goes on. So after the death
// of a host Record.Owed has all effects whose results had come, and Undo takes them
// back in another process.
//
// A store keeps the latest 200 runs, or as many as Options.Keep says. Begin
// removes older ones that are not running and owe nothing.
//
// # Percentiles
//
// Latency has the 50th, 95th and 99th percentile of the times of calls, by the
// nearest rank: of n times in rising order the p-th percentile is the one at
// position ceil(p/100*n), counted from 1. It is a time that was measured, and
// exact for up to MaxTimes calls of a method on a node. Of more calls, a sample of
// MaxTimes that holds each with equal probability (Vitter's algorithm R with a
// fixed seed) stands for all, and Latency.Sampled says so; count, errors and the
// largest time are always exact.
//
// # Schema
//
// A record with its nodes is the JSON document of
// docs/schema/run-record.schema.json. It grows by fields and nothing else; a
// record of a later minor is read without the fields that are not known.
package runs
