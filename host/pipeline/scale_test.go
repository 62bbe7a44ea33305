// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"
)

// wide makes a plan of n kernels: chains under one source, with sinks.
func wide(t testing.TB, n, chain int) []Node {
	t.Helper()
	nodes := []Node{labRowsNode(t, 3)}
	for i := range n {
		input := fmt.Sprintf("k%d", i-1)
		if i%chain == 0 {
			input = "rows"
		}
		nodes = append(nodes, labNode(fmt.Sprintf("k%d", i), []string{"add", "twice", "sum"}[i%3], input, labConfig{N: int64(i)}))
	}
	return nodes
}

// TestPlanOfTenThousandNodes: the time grows with the nodes, whatever the shape; the
// benchmark says how long it is.
func TestPlanOfTenThousandNodes(t *testing.T) {
	for _, chain := range []int{1, 10, 10_000} {
		nodes := wide(t, 10_000, chain)
		began := time.Now()
		plan, problems := MakePlan(context.Background(), Pipeline{Nodes: nodes}, &lab{}, Options{})
		if took := time.Since(began); plan == nil || took > slow*time.Second {
			t.Errorf("chains of %d: %s, problems %v", chain, took, problems)
		}
		if want := min(10_000, chain) + 1; len(plan.Levels) != want {
			t.Errorf("%d levels, want %d", len(plan.Levels), want)
		}
	}
	nodes := wide(t, 10_000, 10_000)
	nodes[1].Inputs = []string{"k9999"}
	began := time.Now()
	if plan, problems := MakePlan(context.Background(), Pipeline{Nodes: nodes}, nil, Options{}); plan != nil || len(problems) != 1 || time.Since(began) > slow*time.Second {
		t.Errorf("a cycle of 10,000 nodes took %s", time.Since(began))
	}
}

// BenchmarkPlanOfTenThousandNodes plans chains of ten kernels under one source.
func BenchmarkPlanOfTenThousandNodes(b *testing.B) {
	nodes := wide(b, 10_000, 10)
	for b.Loop() {
		if plan, problems := MakePlan(context.Background(), Pipeline{Nodes: nodes}, &lab{}, Options{}); plan == nil {
			b.Fatal(problems)
		}
	}
}

func TestRunOfManyNodes(t *testing.T) {
	began := time.Now()
	result, err := labRun(t, &lab{}, Options{Keep: KeepNone}, wide(t, 2000, 7)...)
	if err != nil || result.Status != OK || time.Since(began) > slow*time.Second {
		t.Errorf("status %s after %s, error %v", result.Status, time.Since(began), err)
	}
}

// TestTwoHundredRunsAtTheSameTime loses none, no row and no goroutine.
func TestTwoHundredRunsAtTheSameTime(t *testing.T) {
	f := newFleet(t)
	plan := mustPlan(t, f, rowsNode(t, 500), step("a", "scale", "rows"), step("b", "drop", "a"), step("c", "scale", "b"), step("d", "score", "b"))
	once := func() {
		result, err := Run(context.Background(), plan, f, Events{}, Options{MaxTableBytes: 20 << 10, TempDir: t.TempDir()})
		if err != nil || result.Node("c").RowsOut != 499 || result.Node("d").RowsIn != 499 {
			t.Errorf("result %+v, error %v", result, err)
		}
		result.Close()
	}
	once()
	before := runtime.NumGoroutine()
	var wg sync.WaitGroup
	for range 200 {
		wg.Go(once)
	}
	wg.Wait()
	settled(t, before)
}

// settled waits until no more goroutines are left than there were: the server's
// side of a call ends a moment later, on a busy machine a longer one.
func settled(t *testing.T, before int) {
	t.Helper()
	after := runtime.NumGoroutine()
	for began := time.Now(); after > before+2 && time.Since(began) < time.Minute; after = runtime.NumGoroutine() {
		time.Sleep(10 * time.Millisecond)
	}
	if after > before+2 {
		t.Errorf("%d goroutines became %d", before, after)
	}
}
