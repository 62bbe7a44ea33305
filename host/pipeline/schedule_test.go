// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/bulkhead-ml/bulkhead/host/dataplane"
	"github.com/bulkhead-ml/bulkhead/sdk/diag"
)

// local is a kernel without a process: another data plane behind the same
// seam. It copies its input, and fails when told to.
type local struct {
	failing map[string]bool

	mu      sync.Mutex
	segment map[string]int // of a node
	running map[int]int    // calls by segment
	most    int            // segments with calls
}

// enter counts a call of a node until the function that it returns is called.
func (l *local) enter(node string) func() {
	count := func(by int) {
		l.mu.Lock()
		defer l.mu.Unlock()
		s := l.segment[node]
		if l.running[s] += by; l.running[s] == 0 {
			delete(l.running, s)
		}
		l.most = max(l.most, len(l.running))
	}
	count(1)
	return func() { count(-1) }
}

func (l *local) Open(context.Context, string) (dataplane.Kernel, error) { return l, nil }

func (l *local) Validate(context.Context, dataplane.Open) (*dataplane.Verdict, error) {
	return &dataplane.Verdict{}, nil
}

func (l *local) Undo(context.Context, dataplane.Open, []byte) ([]*diag.Diagnostic, error) {
	return nil, nil
}

func (l *local) Fit(context.Context, dataplane.Open, dataplane.Batches, func(dataplane.Progress)) ([]byte, *dataplane.Outcome, error) {
	return nil, nil, errors.New("it does not fit")
}

func (l *local) Transform(_ context.Context, open dataplane.Open, _ []byte, in dataplane.Batches, out dataplane.Output) (*dataplane.Outcome, error) {
	defer l.enter(open.Node)()
	if l.failing[string(open.Config)] {
		return nil, errors.New("it fails")
	}
	o := &dataplane.Outcome{Report: []byte("{}")}
	for batch, err := range in {
		if err == nil {
			err = out.Batch(dataplane.Part{Batch: batch})
		}
		if err != nil {
			return nil, err
		}
		o.Metrics.RowsIn += batch.NumRows()
		o.Metrics.RowsOut += batch.NumRows()
	}
	return o, nil
}

// TestScheduleOfRandomTrees checks what must hold of every run, on random
// trees with random failures and policies.
func TestScheduleOfRandomTrees(t *testing.T) {
	rows := rowsNode(t, 3)
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 2))
		nodes, l := []Node{rows}, &local{failing: map[string]bool{}}
		for i := range 1 + r.IntN(12) {
			n := step(fmt.Sprintf("k%d", i), "drop", nodes[r.IntN(len(nodes))].Name)
			n.Config = fmt.Appendf(nil, `{"i":%d}`, i)
			if r.IntN(4) == 0 {
				l.failing[string(n.Config)] = true
			}
			n.OnFailure = []OnFailure{Continue, Continue, Stop}[r.IntN(3)]
			nodes = append(nodes, n)
		}
		r.Shuffle(len(nodes), func(i, j int) { nodes[i], nodes[j] = nodes[j], nodes[i] })
		o := Options{Parallel: 1 + r.IntN(4), Keep: Keep(r.IntN(3))}
		plan, problems := MakePlan(context.Background(), Pipeline{Nodes: nodes}, l, o)
		if plan == nil {
			t.Fatal(problems)
		}
		l.segment, l.running = map[string]int{}, map[int]int{}
		for _, n := range plan.Nodes {
			l.segment[n.Name] = n.Segment
		}
		ended := map[string]int{}
		result, err := Run(context.Background(), plan, l, Events{NodeEnded: func(r *NodeResult) { ended[r.Name]++ }}, o)
		if l.most > o.Parallel {
			t.Errorf("seed %d: %d segments ran at once, of %d", seed, l.most, o.Parallel)
		}
		checkTree(t, seed, plan, l, result, err, ended)
		checkKept(t, seed, plan, o.Keep, result)
		result.Close()
	}
}

// checkTree compares the status of each node with those above it.
func checkTree(t *testing.T, seed uint64, plan *Plan, l *local, result *Result, err error, ended map[string]int) {
	t.Helper()
	for _, n := range plan.nodes {
		got := result.Node(n.Name)
		above := OK
		if n.input != nil {
			above = result.Node(n.input.Name).Status
		}
		fails := l.failing[string(n.Config)]
		switch {
		case ended[n.Name] != 1:
			t.Errorf("seed %d: %s ended %d times", seed, n.Name, ended[n.Name])
		case got.Status == OK && (above != OK || fails):
			t.Errorf("seed %d: %s is ok under %s", seed, n.Name, above)
		case got.Status == Failed && !fails: // its input may have failed at the same time
			t.Errorf("seed %d: %s failed: %s", seed, n.Name, got.Reason)
		case got.Status == Skipped && got.Reason == "":
			t.Errorf("seed %d: %s is skipped without a reason", seed, n.Name)
		case err == nil && got.Status == Skipped && above == OK:
			t.Errorf("seed %d: %s is skipped, and its input is there", seed, n.Name)
		case err == nil && got.Status == Failed && n.OnFailure != Continue:
			t.Errorf("seed %d: %s failed, and the run has no error", seed, n.Name)
		}
	}
	if (err != nil) != (result.Status == Failed) {
		t.Errorf("seed %d: status %s, error %v", seed, result.Status, err)
	}
}

// checkKept checks which tables the result holds.
func checkKept(t *testing.T, seed uint64, plan *Plan, keep Keep, result *Result) {
	t.Helper()
	for _, n := range plan.nodes {
		got := result.Node(n.Name)
		want := got.Status == OK && (keep == KeepAll || keep == KeepEnds && len(n.consumers) == 0)
		if have := got.Table() != nil; have != want {
			t.Errorf("seed %d: the table of %s is kept: %t, want %t", seed, n.Name, have, want)
		}
	}
}
