// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-ml/bulkhead/host/dataplane"
	"github.com/bulkhead-ml/bulkhead/host/pipeline/edge"
)

// TestKernelsThatMisbehave breaks the contract in the middle of a stream: the
// node is named, what depends on it is skipped, and its input did its work.
func TestKernelsThatMisbehave(t *testing.T) {
	for name, c := range map[string]struct {
		config labConfig
		says   string
	}{
		"lies about its columns":         {labConfig{Fail: "lie"}, "it said that it would write [other utf8]"},
		"changes its columns":            {labConfig{Fail: "drift", Silent: true}, "it wrote before [x int64]"},
		"loses a row":                    {labConfig{Fail: "lose"}, "leave 1 unaccounted for"},
		"loses a row and tells which":    {labConfig{Fail: "lose", Trace: true, Silent: true}, "leave 1 unaccounted for"},
		"refuses rows":                   {labConfig{Fail: "reject"}, `40 of 200 rows are rejected: row 0 breaks range in "x": 0; row 1 breaks range`},
		"refuses its settings mid-chain": {labConfig{Fail: "refuse"}, "does not like"},
	} {
		t.Run(name, func(t *testing.T) {
			first := labNode("first", "twice", "rows", labConfig{Silent: true})
			bad := labNode("bad", "add", "first", c.config)
			p0 := Pipeline{Nodes: []Node{labRowsNode(t, 100), first, bad, labNode("next", "twice", "bad", labConfig{})}, Batch: edge.Limits{Rows: 10}}
			result, err := labRunOf(t, &lab{}, Options{Keep: KeepNone}, p0)
			p, ok := errors.AsType[*Problem](err)
			if !ok || p.Node != "bad" || !strings.Contains(p.Error(), c.says) {
				t.Errorf("error %v does not say %q", err, c.says)
			}
			if result.Status != Failed || result.Node("bad").Status != Failed || result.Node("next").Status != Skipped {
				t.Errorf("result %+v %+v", result.Node("bad"), result.Node("next"))
			}
		})
	}
}

// TestContinueLetsTheInputEnd: a reader of a stream that fails does not keep
// its writer from ending well.
func TestContinueLetsTheInputEnd(t *testing.T) {
	bad := labNode("bad", "add", "first", labConfig{Fail: "lose"})
	bad.OnFailure = Continue
	batch := edge.Limits{Rows: 10}
	p := Pipeline{Nodes: []Node{labRowsNode(t, 1000), labNode("first", "twice", "rows", labConfig{}), bad, labNode("next", "add", "bad", labConfig{}), labNode("end", "learn", "next", labConfig{})}, Batch: batch}
	result, err := labRunOf(t, &lab{}, Options{EdgeRows: 10}, p)
	if err != nil || result.Status != Partial {
		t.Fatalf("status %s, error %v", result.Status, err)
	}
	if first := result.Node("first"); first.Status != OK || first.RowsOut != 2000 {
		t.Errorf("result %+v", first)
	}
	for _, name := range []string{"next", "end"} {
		if n := result.Node(name); n.Status != Skipped || n.Reason != "bad failed" {
			t.Errorf("%s is %s: %s", name, n.Status, n.Reason)
		}
	}
}

// TestRetryShowsNobodyARowTwice lets a process die in the middle of its output.
func TestRetryShowsNobodyARowTwice(t *testing.T) {
	n := labNode("a", "add", "first", labConfig{N: 1})
	n.OnFailure, n.Retries = Retry, 3
	l := &lab{}
	nodes := []Node{labRowsNode(t, 100), labNode("first", "hold", "rows", labConfig{}), n, labNode("next", "twice", "a", labConfig{})}
	plan := mustPlan(t, l, nodes...)
	plan.batch = edge.Limits{Rows: 4}
	o := Options{Backoff: time.Millisecond}
	result, err := Run(context.Background(), plan, &dying{lab: l, node: "a", times: 2}, Events{}, o)
	t.Cleanup(result.Close)
	if err != nil || result.Node("a").Attempts != 3 || result.Node("a").RowsOut != 100 {
		t.Fatalf("result %+v, error %v", result.Node("a"), err)
	}
	rows := numbersOf(t, result.Node("next").Table())
	if len(rows) != 200 || !slices.IsSorted(rows) || rows[0] != 1 || rows[199] != 100 {
		t.Errorf("rows %v", rows)
	}
	calls := result.Node("a").Calls
	if len(calls) != 3 || calls[0].Error == "" || calls[2].Error != "" {
		t.Errorf("calls %+v", calls)
	}
	for _, e := range result.Edges {
		if e.To == "a" && e.Kind != EdgeKept || e.From == "a" && e.Kind != EdgeKept {
			t.Errorf("edge %+v", e)
		}
	}
}

// dying kills the process in the first transforms of one node.
type dying struct {
	*lab
	node  string
	times int
}

func (d *dying) Open(context.Context, string) (dataplane.Kernel, error) { return d, nil }

func (d *dying) Transform(ctx context.Context, open dataplane.Open, state []byte, in dataplane.Batches, out dataplane.Output) (*dataplane.Outcome, error) {
	if open.Node == d.node && d.times > 0 {
		d.times--
		d.deaths.Store(1)
	}
	return d.lab.Transform(ctx, open, state, in, out)
}

// TestHangingKernelsEndWithTheRun: a kernel in the middle of a stream that never
// answers ends with the context, and so do its neighbours.
func TestHangingKernelsEndWithTheRun(t *testing.T) {
	for _, kernelName := range []string{"add", "sum"} {
		nodes := []Node{labRowsNode(t, 100_000), labNode("first", "twice", "rows", labConfig{}), labNode("hung", kernelName, "first", labConfig{Fail: "hang"}), labNode("next", "add", "hung", labConfig{})}
		ctx, cancel := context.WithCancelCause(context.Background())
		plan := mustPlan(t, &lab{}, nodes...)
		var at time.Time
		time.AfterFunc(100*time.Millisecond, func() { at = time.Now(); cancel(errTest) })
		result, err := Run(ctx, plan, &lab{}, Events{}, Options{EdgeRows: 10, TempDir: t.TempDir()})
		if took := time.Since(at); took > slow*time.Second || !errors.Is(err, errTest) || result.Status != Cancelled {
			t.Errorf("%s: status %s, error %v, after %s", kernelName, result.Status, err, took)
		}
		for _, name := range []string{"hung", "next"} {
			if n := result.Node(name); n.Status != Cancelled {
				t.Errorf("%s is %s: %s", name, n.Status, n.Reason)
			}
		}
		result.Close()
	}
}

// TestRollbackTakesBackInReverse covers which side effects are taken back, and
// what is said of those that cannot be.
func TestRollbackTakesBackInReverse(t *testing.T) {
	effect := func(name, input string, policy OnFailure, fail string) Node {
		n := labNode(name, "add", input, labConfig{Token: "token of " + name, Fail: fail})
		n.OnFailure = policy
		n.Timeout = time.Minute // so it has ended before anything behind it starts
		return n
	}
	bad := labNode("bad", "learn", "c", labConfig{Fail: "refuse", Silent: true})
	for name, c := range map[string]struct {
		policy OnFailure
		want   string
	}{
		"rollback": {Rollback, "token of c, token of b, token of a"},
		"stop":     {Stop, ""},
	} {
		l := &lab{}
		bad.OnFailure = c.policy
		nodes := []Node{labRowsNode(t, 10), effect("a", "rows", Stop, ""), effect("b", "a", Rollback, "no undo"), labNode("m", "sum", "b", labConfig{Silent: true}), effect("c", "m", Stop, ""), bad}
		for i := range nodes {
			if nodes[i].Name != "bad" {
				continue
			}
			nodes[i].Inputs = []string{"c"}
		}
		plan, problems := MakePlan(context.Background(), Pipeline{Nodes: nodes}, nil, Options{})
		if plan == nil {
			t.Fatal(problems)
		}
		result, err := Run(context.Background(), plan, l, Events{}, Options{})
		result.Close()
		if got := strings.Join(l.undone, ", "); err == nil || got != c.want {
			t.Errorf("%s: undone %q, want %q, error %v", name, got, c.want, err)
		}
		if c.policy != Rollback {
			continue
		}
		if len(result.Undone) != 3 || result.Undone[1].Node != "b" || !strings.Contains(result.Undone[1].Problem.Error(), "still there") || result.Undone[0].Problem != nil {
			t.Errorf("undone %+v", result.Undone)
		}
	}
}

// TestCancelledRunsTakeBackWhatAsksForIt leaves the rest.
func TestCancelledRunsTakeBackWhatAsksForIt(t *testing.T) {
	var nodes []Node
	for i, policy := range []OnFailure{Rollback, Stop, Rollback} {
		n := labNode(fmt.Sprintf("k%d", i), "add", "rows", labConfig{Token: fmt.Sprint("token ", i)})
		n.OnFailure = policy
		nodes = append(nodes, n)
	}
	nodes = append(nodes, labRowsNode(t, 10), labNode("hung", "add", "k2", labConfig{Fail: "hang"}))
	l := &lab{}
	ctx, cancel := context.WithCancelCause(context.Background())
	plan, left := mustPlan(t, l, nodes...), 3
	events := Events{NodeEnded: func(r *NodeResult) {
		if r.Kind == KindKernel && r.Status == OK {
			if left--; left == 0 {
				cancel(errTest)
			}
		}
	}}
	result, err := Run(ctx, plan, l, events, Options{Parallel: 1})
	t.Cleanup(result.Close)
	slices.Sort(l.undone)
	if !errors.Is(err, errTest) || fmt.Sprint(l.undone) != "[token 0 token 2]" || len(result.Undone) != 2 {
		t.Errorf("undone %q, error %v", l.undone, err)
	}
}

// TestSpilledTablesAreTold, and give back the disk.
func TestSpilledTablesAreTold(t *testing.T) {
	o := Options{MaxTableBytes: 4 << 10, TempDir: t.TempDir(), Keep: KeepNone}
	result, err := labRun(t, &lab{}, o, labRowsNode(t, 20_000), labNode("a", "twice", "rows", labConfig{}), labNode("b", "sum", "a", labConfig{}), labNode("c", "learn", "a", labConfig{}))
	if err != nil || result.PeakSpillBytes < 320_000 || result.PeakTableBytes > o.MaxTableBytes {
		t.Fatalf("%d bytes in memory, %d on disk, error %v", result.PeakTableBytes, result.PeakSpillBytes, err)
	}
	for _, e := range result.Edges {
		if e.From == "a" && (e.Kind != EdgeSpilled || e.Rows != 40_000 || e.Bytes < 320_000) {
			t.Errorf("edge %+v", e)
		}
	}
	if left, _ := os.ReadDir(o.TempDir); len(left) > 0 {
		t.Errorf("%v is left behind", left)
	}
	o.TempDir = filepath.Join(o.TempDir, "none")
	_, err = labRun(t, &lab{}, o, labRowsNode(t, 20_000), labNode("a", "twice", "rows", labConfig{}), labNode("b", "sum", "a", labConfig{}))
	if p, ok := errors.AsType[*Problem](err); !ok || p.Node != "a" || !strings.Contains(p.Summary, "cannot be kept") {
		t.Errorf("error %v", err)
	}
}

// TestStreamsTakeNoMemoryForTables, however long they are.
func TestStreamsTakeNoMemoryForTables(t *testing.T) {
	result, err := labRun(t, &lab{}, Options{MaxTableBytes: 1, MaxSpillBytes: 1, Keep: KeepNone}, labRowsNode(t, 300_000),
		labNode("a", "add", "rows", labConfig{Silent: true}), labNode("b", "add", "a", labConfig{Silent: true}), labNode("c", "learn", "b", labConfig{}))
	if err != nil || result.PeakTableBytes != 0 || result.Node("c").RowsIn != 300_000 {
		t.Errorf("%d bytes, error %v", result.PeakTableBytes, err)
	}
	for _, e := range result.Edges[1:] {
		if e.Kind != EdgeStream || e.Rows != 300_000 {
			t.Errorf("edge %+v", e)
		}
	}
}
