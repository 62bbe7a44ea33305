// SPDX-License-Identifier: Apache-2.0

package graph

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// churn is a small pipeline after a run.
func churn() *Graph {
	ms := time.Millisecond
	g := &Graph{Name: "churn", Subtitle: "Run 20261122-090000 · ok · 2.4 s", Nodes: []Node{
		{ID: "rows", Detail: "data/churn.csv", Kind: "source", Status: OK, Wall: 41 * ms, Notes: []string{"8 columns"}},
		{ID: "clean", Detail: "data.prepare", Kind: "kernel", Compartment: "data", Status: OK, Wall: 212 * ms, CPU: 190 * ms, PeakBytes: 42 << 20, Cache: "miss", Notes: []string{"12 rows dropped"}},
		{ID: "model", Detail: "algorithms.auto", Kind: "kernel", Compartment: "algorithms", Status: OK, Wall: 1900 * ms, CPU: 3500 * ms, PeakBytes: 180 << 20},
		{ID: "drift", Detail: "infrastructure.monitor", Kind: "kernel", Compartment: "infrastructure", Status: Failed, Wall: 80 * ms, Notes: []string{"the column \"age\" is missing"}},
		{ID: "ship", Detail: "mlops.deploy", Kind: "kernel", Compartment: "mlops", Status: Skipped, Notes: []string{"drift failed"}},
		{ID: "out", Detail: "out/scores.parquet", Kind: "sink", Status: OK, Wall: 30 * ms},
	}, Edges: []Edge{
		{From: "rows", To: "clean", Rows: 10_000, Bytes: 812_331}, {From: "clean", To: "model", Rows: 9_988, Bytes: 640_000}, {From: "clean", To: "drift", Rows: 9_988, Bytes: 640_000},
		{From: "model", To: "ship", Rows: 9_988, Bytes: 79_904}, {From: "drift", To: "ship", Rows: -1, Bytes: -1}, {From: "model", To: "out", Rows: 9_988, Bytes: 79_904}, {From: "rows", To: "ship", Rows: 10_000, Bytes: 812_331},
	}}
	if _, err := Critical(g); err != nil {
		panic(err)
	}
	return g
}

var kinds = []string{"data", "infrastructure", "algorithms", "mlops"}

// random is a pipeline of n nodes in which most edges are short.
func random(n int, ran bool) *Graph {
	r := rand.New(rand.NewPCG(uint64(n), 7))
	g := &Graph{Name: fmt.Sprintf("random_%d", n), Subtitle: "Plan"}
	for i := range n {
		node := Node{ID: fmt.Sprintf("step_%03d", i), Detail: kinds[i%4] + ".kernel", Kind: "kernel", Compartment: kinds[i%4]}
		if ran {
			node.Status, node.Wall, node.CPU, node.PeakBytes = OK, time.Duration(r.IntN(4e9)), time.Duration(r.IntN(4e9)), r.Int64N(1<<30)
		}
		g.Nodes = append(g.Nodes, node)
		for k := 0; i > 0 && k < 1+r.IntN(2); k++ {
			from := i - 1 - min(i-1, int(r.ExpFloat64()*4))
			g.Edges = append(g.Edges, Edge{From: g.Nodes[from].ID, To: node.ID, Rows: r.Int64N(1e6), Bytes: r.Int64N(1 << 30)})
		}
	}
	return g
}

// fan is a source, n parallel branches of the given length, and a gather.
func fan(n, length int) *Graph {
	g := &Graph{Name: fmt.Sprintf("fan_%d", n), Subtitle: "Plan", Nodes: []Node{{ID: "rows", Detail: "rows.parquet", Kind: "source"}, {ID: "gather", Detail: "data.merge", Kind: "kernel", Compartment: "data"}}}
	for i := range n {
		before := "rows"
		for k := range length {
			id := fmt.Sprintf("train[%d].s%d", i, k)
			g.Nodes = append(g.Nodes, Node{ID: id, Detail: "algorithms.gbdt", Kind: "kernel", Compartment: "algorithms", Group: fmt.Sprintf("train[%d]", i)})
			g.Edges = append(g.Edges, Edge{From: before, To: id, Rows: 1_000_000, Bytes: 80 << 20})
			before = id
		}
		g.Edges = append(g.Edges, Edge{From: before, To: "gather", Rows: -1, Bytes: -1})
	}
	return g
}
