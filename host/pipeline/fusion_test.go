// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/host/dataplane"
)

// fusedNodes are four row-wise kernels, a fit and another one.
func fusedNodes(t testing.TB) []Node {
	t.Helper()
	return []Node{
		labRowsNode(t, 1000), labNode("a", "add", "rows", labConfig{N: 1}), labNode("b", "sift", "a", labConfig{N: 1}), labNode("c", "mul", "b", labConfig{N: 3}),
		labNode("d", "sift", "c", labConfig{N: 2}), labNode("m", "sum", "d", labConfig{}), labNode("e", "add", "m", labConfig{N: 1}),
	}
}

// TestFusionMakesOneCall, and every node reports as it does alone.
func TestFusionMakesOneCall(t *testing.T) {
	nodes := fusedNodes(t)
	fused, apart := &lab{}, &lab{}
	one, err := labRun(t, fused, Options{}, nodes...)
	if err != nil {
		t.Fatal(err)
	}
	other, err := labRun(t, apart, Options{NoFusion: true}, nodes...)
	if err != nil {
		t.Fatal(err)
	}
	// The sum is not row-wise: what follows it is called alone.
	if fused.transforms.Load() != 3 || apart.transforms.Load() != 6 {
		t.Errorf("%d and %d transforms", fused.transforms.Load(), apart.transforms.Load())
	}
	if got, want := outputs(t, one), outputs(t, other); !slices.Equal(got, want) {
		t.Errorf("\n%v\nwant\n%v", got, want)
	}
	for _, n := range one.Nodes[1:5] {
		was := other.Node(n.Name)
		if string(n.Transform.Report) != string(was.Transform.Report) || n.RowsDropped != was.RowsDropped || n.Transform.Metrics.RowsOut != n.RowsOut || (n.Fused == "a") != (n.Name != "a") {
			t.Errorf("result %+v, alone %+v", n, was)
		}
	}
	for _, e := range one.Edges[1:4] {
		if e.Kind != EdgeFused || e.Rows != one.Node(e.From).RowsOut || e.Bytes != -1 {
			t.Errorf("edge %+v", e)
		}
	}
}

func TestWhatIsNotFused(t *testing.T) {
	for name, change := range map[string]func(a, b *Node){
		"another plugin":         func(_, b *Node) { b.Use.Plugin = "other" },
		"a kernel that sees all": func(_, b *Node) { b.Description.RowWise = false },
		"a side effect":          func(a, _ *Node) { a.Description.Undoes = true },
		"an unknown schema":      func(a, _ *Node) { a.Config = []byte(`{"N":1,"Silent":true}`) },
		"a budget":               func(_, b *Node) { b.Budget = 1 << 40 },
		"other policies":         func(_, b *Node) { b.OnFailure = Rollback },
		"one may go on":          func(a, b *Node) { a.OnFailure, b.OnFailure = Continue, Continue },
		"a retry":                func(a, b *Node) { a.OnFailure, b.OnFailure = Retry, Retry },
	} {
		nodes := fusedNodes(t)[:3]
		change(&nodes[1], &nodes[2])
		l := &lab{}
		result, err := labRun(t, l, Options{}, nodes...)
		if err != nil || l.transforms.Load() != 2 || result.Node("b").Fused != "" {
			t.Errorf("%s: %d transforms, error %v", name, l.transforms.Load(), err)
		}
	}
	nodes := append(fusedNodes(t)[:3], labNode("z", "learn", "a", labConfig{}))
	l := &lab{}
	if _, err := labRun(t, l, Options{}, nodes...); err != nil || l.transforms.Load() != 2 {
		t.Errorf("two consumers: %d transforms, error %v", l.transforms.Load(), err)
	}
}

// blaming makes a fused stage fail.
type blaming struct {
	*lab
	outcome func(o *dataplane.Outcome)
}

func (b blaming) Open(context.Context, string) (dataplane.Kernel, error) { return b, nil }

func (b blaming) Transform(ctx context.Context, open dataplane.Open, state []byte, in dataplane.Batches, out dataplane.Output) (*dataplane.Outcome, error) {
	o, err := b.lab.Transform(ctx, open, state, in, out)
	if len(open.Then) > 0 {
		b.outcome(o)
	}
	return o, err
}

// TestFusedFailuresNameTheNode, and what was before it is not to blame.
func TestFusedFailuresNameTheNode(t *testing.T) {
	for name, c := range map[string]struct {
		outcome func(*dataplane.Outcome)
		node    string
		says    string
		after   string
	}{
		"a stage refuses":          {func(o *dataplane.Outcome) { o.Then[1].Diagnostics = refusal() }, "c", "Refused", "ok ok failed skipped"},
		"the head refuses":         {func(o *dataplane.Outcome) { o.Diagnostics = refusal() }, "a", "Refused", "failed skipped skipped skipped"},
		"a stage rejects":          {func(o *dataplane.Outcome) { o.Then[0].RowsRejected = 2; o.Then[0].RowsDropped -= 2 }, "b", "2 of 1000 rows are rejected", "ok failed skipped skipped"},
		"the last one loses a row": {func(o *dataplane.Outcome) { o.Then[2].RowsDropped-- }, "d", "leave 1 unaccounted", "ok ok ok failed"},
		"a stage is not told of":   {func(o *dataplane.Outcome) { o.Then = o.Then[:2] }, "a", "2 fused kernels of 3", "failed skipped skipped skipped"},
	} {
		k := blaming{&lab{}, c.outcome}
		plan := mustPlan(t, k, fusedNodes(t)...)
		result, err := Run(context.Background(), plan, k, Events{}, Options{})
		result.Close()
		if p, ok := errors.AsType[*Problem](err); !ok || p.Node != c.node || !strings.Contains(p.Error(), c.says) {
			t.Errorf("%s: error %v", name, err)
		}
		var got []string
		for _, n := range result.Nodes[1:5] {
			got = append(got, string(n.Status))
		}
		if strings.Join(got, " ") != c.after {
			t.Errorf("%s: nodes are %v", name, got)
		}
	}
}

// TestPlanKnowsSchemasBehindTransforms, so that later kernels are checked before
// anything runs, and what they will take.
func TestPlanKnowsSchemasBehindTransforms(t *testing.T) {
	nodes := fusedNodes(t)
	bad := labNode("bad", "add", "e", labConfig{Fail: "refuse"})
	plan, problems := MakePlan(context.Background(), Pipeline{Nodes: append(nodes, bad)}, &lab{}, Options{})
	if plan != nil || len(problems) != 1 || problems[0].Node != "bad" || strings.Join(problems[0].Path, ".") != "config.N" {
		t.Fatalf("problems %v", problems)
	}
	plan = mustPlan(t, &lab{}, append(nodes, labNode("s", "add", "e", labConfig{Silent: true}), labNode("last", "add", "s", labConfig{}))...)
	for _, n := range plan.Nodes[1:8] {
		if n.Checked != CheckedNow || n.Name != "s" && (len(n.Columns) != 1 || n.Columns[0].Type != "int64") {
			t.Errorf("node %+v", n)
		}
	}
	if last := plan.Nodes[8]; last.Checked != CheckedLater || last.Columns != nil {
		t.Errorf("node %+v", last)
	}
	if e := plan.Nodes[4].Estimate; e.Rows != 1000 || e.TotalSeconds != 501 || e.TotalBytes != 8000 {
		t.Errorf("estimate %+v", e)
	}
	if e := plan.Nodes[6].Estimate; e.Rows != -1 || e.TotalSeconds != 0 {
		t.Errorf("estimate %+v", e)
	}
}
