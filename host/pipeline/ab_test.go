// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/bulkhead-ml/bulkhead/host/abtest"
	"github.com/bulkhead-ml/bulkhead/host/dataplane"
	"github.com/bulkhead-ml/bulkhead/host/pipeline/edge"
)

// abNodes are two arms of one input and their comparison, "t".
func abNodes(o AB, a, b Node) []Node {
	if o.Split.Name == "" {
		o.Split.Name = "t"
	}
	for i, n := range []*Node{&a, &b} {
		n.Name = "t." + abtest.Arm(i).String()
		n.Arm = &Arm{Name: abtest.Arm(i)}
		if o.Mode == abtest.ModeSplit {
			n.Arm.Split = &o.Split
		} else {
			n.Arm.Tolerated = n.Arm.Name == abtest.B
		}
	}
	return []Node{a, b, {Name: "t", Kind: KindAB, Inputs: []string{a.Name, b.Name}, AB: &o}}
}

// armOf are the arms of rows by their numbers.
func armOf(s abtest.Split, rows int) []abtest.Arm {
	out := make([]abtest.Arm, rows)
	a := s.Assigner()
	for i := range out {
		a.Begin()
		a.Row(int64(i))
		out[i] = a.Arm()
	}
	return out
}

// abResult is the report of a comparison.
func abResult(t *testing.T, r *Result, node string) *abtest.Result {
	t.Helper()
	n := r.Node(node)
	if n == nil || n.Transform == nil {
		t.Fatalf("%s has no report: %+v", node, n)
	}
	var report struct{ AB *abtest.Result }
	if err := json.Unmarshal(n.Transform.Report, &report); err != nil || report.AB == nil {
		t.Fatalf("%s: %v", n.Transform.Report, err)
	}
	return report.AB
}

// TestSplitKeepsTheOrder has rows go to one arm each under random batches, memory
// and processors: the same rows to the same arm, in the order of the input.
func TestSplitKeepsTheOrder(t *testing.T) {
	const rows = 500
	for seed := range uint64(25) {
		r := rand.New(rand.NewPCG(seed, 3))
		split := abtest.Split{Name: "t", Seed: seed, Share: 0.05 + 0.9*r.Float64()}
		arms := armOf(split, rows)
		var want []int64
		for i, arm := range arms {
			x := int64(i) + 1
			if arm == abtest.B {
				var stays bool
				if x, stays = siftMul(int64(i), 2); !stays {
					continue
				}
			}
			want = append(want, x+7)
		}
		a := labNode("", "add", "rows", labConfig{N: 1, Silent: r.IntN(2) == 0})
		nodes := append([]Node{labRowsNode(t, rows)}, abNodes(AB{Mode: abtest.ModeSplit, Split: split}, a, labNode("", "siftmul", "rows", labConfig{N: 2, Trace: true}))...)
		nodes = append(nodes, labNode("out", "add", "t", labConfig{N: 7}))
		cache := openCache(t, t.TempDir())
		for range 4 {
			o := Options{Parallel: 1 + r.IntN(4), NoFusion: r.IntN(2) == 0, EdgeBytes: 1 + r.Int64N(5000), EdgeRows: 1 + r.Int64N(100), TempDir: t.TempDir()}
			if r.IntN(2) == 0 {
				o.MaxTableBytes = 1 + r.Int64N(6000)
			}
			if r.IntN(2) == 0 {
				o.Cache = cache
			}
			p := Pipeline{Nodes: nodes, Plugins: map[string]Plugin{"lab": {Digest: "sha256:1"}}, Batch: edge.Limits{Rows: r.Int64N(50), Bytes: r.Int64N(2000)}}
			result, err := labRunOf(t, &lab{}, o, p)
			if err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			if got := numbersOf(t, result.Node("out").Table()); !slices.Equal(got, want) {
				t.Fatalf("seed %d, %+v: %v\nwant %v", seed, o, got, want)
			}
			report := abResult(t, result, "t")
			in := report.Arms["a"].RowsIn + report.Arms["b"].RowsIn
			out := report.Arms["a"].RowsOut + report.Arms["b"].RowsOut + report.Arms["b"].RowsDropped
			if in != rows || out != rows {
				t.Errorf("seed %d: %d rows in, %d accounted for", seed, in, out)
			}
			result.Close()
			if left, _ := os.ReadDir(o.TempDir); len(left) > 0 {
				t.Errorf("seed %d: %v is left behind", seed, left)
			}
		}
	}
}

// TestArmsFitOnTheirOwnRows has kernels learn the sum of what they read.
func TestArmsFitOnTheirOwnRows(t *testing.T) {
	const rows = 100
	split := abtest.Split{Name: "t", Share: 0.5}
	var sums [2]int64
	arms := armOf(split, rows)
	for i, arm := range arms {
		sums[arm] += int64(i)
	}
	nodes := append([]Node{labRowsNode(t, rows)}, abNodes(AB{Mode: abtest.ModeSplit, Split: split}, labNode("", "sum", "rows", labConfig{Trace: true}), labNode("", "sum", "rows", labConfig{Trace: true}))...)
	result, err := labRun(t, &lab{}, Options{}, nodes...)
	if err != nil {
		t.Fatal(err)
	}
	for i, x := range numbersOf(t, result.Node("t").Table()) {
		if want := int64(i) + sums[arms[i]]; x != want {
			t.Fatalf("row %d is %d, want %d", i, x, want)
		}
	}
	both := append([]Node{labRowsNode(t, rows)}, abNodes(AB{Mode: abtest.ModeShadow}, labNode("", "sum", "rows", labConfig{}), labNode("", "sum", "rows", labConfig{Trace: true}))...)
	result, err = labRun(t, &lab{}, Options{}, both...)
	if err != nil {
		t.Fatal(err)
	}
	if string(result.Node("t.a").State) != "4950" || string(result.Node("t.b").State) != "4950" {
		t.Errorf("arms of mode shadow learnt %s and %s", result.Node("t.a").State, result.Node("t.b").State)
	}
}

// TestArmsWithoutRows: what has nothing to learn from is told which arm it is, of how
// many rows, and what to change; what learns nothing goes on.
func TestArmsWithoutRows(t *testing.T) {
	learner, follower := labNode("", "sum", "rows", labConfig{}), labNode("", "add", "rows", labConfig{N: 1})
	tiny := abtest.Split{Name: "t", Share: 1e-9, Seed: 7}
	keyed := tiny
	keyed.Key = []string{"x"}
	for _, test := range []struct {
		name  string
		ab    AB
		a, b  Node
		wants []string
	}{
		{"by row", AB{Mode: abtest.ModeSplit, Split: tiny}, learner, learner, []string{"t.b", "Arm without rows", "share = 1e-09 and seed = 7", "all 50 rows to arm a, so arm b has nothing", "more rows"}},
		{"by key", AB{Mode: abtest.ModeSplit, Split: keyed}, learner, learner, []string{"the same x go to one arm", "key with more values", "leave key out"}},
		{"held out", AB{Mode: abtest.ModeShadow, Holdout: 1 - 1e-9}, learner, follower, []string{"t.a", "All 50 rows that arm a gets are held out", "smaller holdout"}},
		{"nothing is learnt", AB{Mode: abtest.ModeSplit, Split: tiny}, follower, follower, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			nodes := append([]Node{labRowsNode(t, 50)}, abNodes(test.ab, test.a, test.b)...)
			if test.ab.Holdout > 0 {
				nodes[1].Arm.Holdout = nodes[3].AB.HoldoutOf()
			}
			result, err := labRun(t, &lab{}, Options{}, nodes...)
			if len(test.wants) == 0 {
				if err != nil || result.Status != OK {
					t.Fatalf("status %s, error %v", result.Status, err)
				}
				return
			}
			for _, want := range test.wants {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("error %v, want %q", err, want)
				}
			}
		})
	}
}

// TestHeldOutRows are transformed and measured, and not learnt from.
func TestHeldOutRows(t *testing.T) {
	const rows = 200
	for _, mode := range []abtest.Mode{abtest.ModeSplit, abtest.ModeShadow} {
		o := AB{Mode: mode, Split: abtest.Split{Name: "t", Share: 0.5}, Holdout: 0.25, Label: "x", Prediction: "x", Metrics: []string{abtest.RMSE}}
		out := armOf(*o.HoldoutOf(), rows)
		arms := armOf(o.Split, rows)
		var sums [2]int64
		measured := map[abtest.Arm]int64{}
		for i := range out {
			for arm := range sums {
				mine := mode == abtest.ModeShadow || arms[i] == abtest.Arm(arm)
				if mine && out[i] == abtest.B {
					measured[abtest.Arm(arm)]++
				} else if mine {
					sums[arm] += int64(i)
				}
			}
		}
		nodes := append([]Node{labRowsNode(t, rows)}, abNodes(o, labNode("", "sum", "rows", labConfig{Trace: true}), labNode("", "sum", "rows", labConfig{Trace: true}))...)
		nodes[1].Arm.Holdout, nodes[2].Arm.Holdout = o.HoldoutOf(), o.HoldoutOf()
		result, err := labRun(t, &lab{}, Options{}, nodes...)
		if err != nil {
			t.Fatal(err)
		}
		if a, b := string(result.Node("t.a").State), string(result.Node("t.b").State); a != fmt.Sprint(sums[0]) || b != fmt.Sprint(sums[1]) {
			t.Errorf("%s: learnt %s and %s, want %v", mode, a, b, sums)
		}
		r := abResult(t, result, "t")
		if len(numbersOf(t, result.Node("t").Table())) != rows || r.Arms["a"].RowsMeasured != measured[abtest.A] || r.Arms["b"].RowsMeasured != measured[abtest.B] || len(r.Warnings) > 0 {
			t.Errorf("%s: %+v", mode, r)
		}
	}
}

// TestShadowGivesArmA compares all rows and hands on those of arm a.
func TestShadowGivesArmA(t *testing.T) {
	nodes := append([]Node{labRowsNode(t, 200)}, abNodes(AB{Mode: abtest.ModeShadow},
		labNode("", "add", "rows", labConfig{N: 1}), labNode("", "sift", "rows", labConfig{N: 3, Trace: true}))...)
	nodes = append(nodes, labNode("out", "mul", "t", labConfig{N: 2}))
	result, err := labRun(t, &lab{}, Options{}, nodes...)
	if err != nil {
		t.Fatal(err)
	}
	got := numbersOf(t, result.Node("out").Table())
	for i, x := range got {
		if x != 2*(int64(i)+1) {
			t.Fatalf("row %d is %d", i, x)
		}
	}
	r := abResult(t, result, "t")
	if len(got) != 200 || r.Pairs.Both+r.Pairs.OnlyA != 200 || r.Pairs.OnlyB != 0 || r.Pairs.OnlyA == 0 || r.Pairs.Equal != 0 {
		t.Errorf("%d rows, pairs %+v", len(got), r.Pairs)
	}
	if c := r.Columns[0]; *c.MaxDifference != 1 || *c.MeanDifference != -1 {
		t.Errorf("differences of %v and %v", *c.MaxDifference, *c.MeanDifference)
	}
}

// TestArmBThatFails ends the run only when it is not tolerated.
func TestArmBThatFails(t *testing.T) {
	for _, strict := range []bool{false, true} {
		nodes := append([]Node{labRowsNode(t, 50)}, abNodes(AB{Mode: abtest.ModeShadow},
			labNode("", "add", "rows", labConfig{N: 1}), labNode("", "add", "rows", labConfig{Fail: "reject"}))...)
		nodes[2].Arm.Tolerated = !strict
		nodes = append(nodes, labNode("out", "mul", "t", labConfig{N: 2}))
		result, err := labRun(t, &lab{}, Options{}, nodes...)
		if strict {
			if err == nil || result.Status != Failed || !strings.Contains(err.Error(), "Rows that break a rule") {
				t.Errorf("strict: status %s, error %v", result.Status, err)
			}
			continue
		}
		if err != nil || result.Status != OK || len(numbersOf(t, result.Node("out").Table())) != 50 {
			t.Fatalf("status %s, error %v", result.Status, err)
		}
		r := abResult(t, result, "t")
		if !strings.Contains(r.Verdict[0], "Arm b failed") || r.Arms["b"].Failed == "" || result.Node("t.b").Status != Failed {
			t.Errorf("%+v", r)
		}
		if p := result.Node("t").Problems; len(p) != 1 || p[0].Severity != SeverityWarning {
			t.Errorf("problems %v", p)
		}
	}
}

// brittle are kernels one plugin of which cannot be started during a run.
type brittle struct {
	*lab
	broken *atomic.Bool
}

func (b brittle) Open(ctx context.Context, plugin string) (dataplane.Kernel, error) {
	if plugin == "other" && b.broken.Load() {
		return nil, errors.New("it was removed")
	}
	return b.lab.Open(ctx, plugin)
}

// TestComparisonInTheCache keeps one with both arms, and none without arm b: the
// next run tries that again.
func TestComparisonInTheCache(t *testing.T) {
	o := Options{Cache: openCache(t, t.TempDir()), Parallel: 1}
	nodes := append([]Node{labRowsNode(t, 50)}, abNodes(AB{Mode: abtest.ModeShadow},
		labNode("", "add", "rows", labConfig{N: 1}), labNode("", "add", "rows", labConfig{N: 2}))...)
	nodes[2].Use.Plugin = "other"
	p := Pipeline{Name: "p", Nodes: nodes, Plugins: map[string]Plugin{"lab": {Digest: "sha256:1"}, "other": {Digest: "sha256:2", Version: "2.0.0"}}}
	var caches []CacheState
	var results []*abtest.Result
	var tables [][]int64
	for i := range 3 {
		k := brittle{&lab{}, &atomic.Bool{}}
		plan, problems := MakePlan(context.Background(), p, k, o)
		if plan == nil {
			t.Fatal(problems)
		}
		k.broken.Store(i == 0)
		result, err := Run(context.Background(), plan, k, Events{}, o)
		if err != nil {
			t.Fatal(err)
		}
		defer result.Close()
		caches = append(caches, result.Node("t").Cache)
		results = append(results, abResult(t, result, "t"))
		tables = append(tables, numbersOf(t, result.Node("t").Table()))
	}
	if !slices.Equal(caches, []CacheState{CacheMiss, CacheMiss, CacheHit}) {
		t.Errorf("cache: %v", caches)
	}
	if results[0].Arms["b"].Failed == "" || results[1].Pairs.Both != 50 || results[2].Pairs.Both != 50 || results[2].Arms["b"].Version != "2.0.0" {
		t.Errorf("%+v", results)
	}
	if !slices.Equal(tables[0], tables[1]) || !slices.Equal(tables[1], tables[2]) {
		t.Errorf("tables %v", tables)
	}
}

// TestArmsThatCannotBePutInOrder need mode shadow, which compares them without
// pairs.
func TestArmsThatCannotBePutInOrder(t *testing.T) {
	split := append([]Node{labRowsNode(t, 50)}, abNodes(AB{Mode: abtest.ModeSplit, Split: abtest.Split{Share: 0.5}},
		labNode("", "twice", "rows", labConfig{}), labNode("", "add", "rows", labConfig{}))...)
	if _, err := labRun(t, &lab{}, Options{}, split...); err == nil || !strings.Contains(err.Error(), `Compare it with mode = "shadow"`) {
		t.Errorf("error %v", err)
	}
	shadow := append([]Node{labRowsNode(t, 50)}, abNodes(AB{Mode: abtest.ModeShadow},
		labNode("", "twice", "rows", labConfig{}), labNode("", "add", "rows", labConfig{N: 1000}))...)
	result, err := labRun(t, &lab{}, Options{}, shadow...)
	if err != nil {
		t.Fatal(err)
	}
	r := abResult(t, result, "t")
	if r.Pairs != nil || len(r.Tests) != 2 || !r.Tests[0].Different || !strings.Contains(r.Warnings[0], "does not tell which rows") {
		t.Errorf("%+v", r)
	}
}

func TestComparisonsThatCannotBe(t *testing.T) {
	good := func() (Node, Node) {
		return labNode("", "add", "rows", labConfig{}), labNode("", "add", "rows", labConfig{})
	}
	for name, c := range map[string]struct {
		change func([]Node)
		want   string
	}{
		"share":   {func(n []Node) { n[3].AB.Split.Share = 1 }, "sends no row to one of the arms"},
		"mode":    {func(n []Node) { n[3].AB.Mode = "both" }, "neither split nor shadow"},
		"metric":  {func(n []Node) { n[3].AB.Metrics = []string{"auc"} }, "is none of accuracy"},
		"label":   {func(n []Node) { n[3].AB.Label = "x" }, "Name both columns"},
		"one":     {func(n []Node) { n[3].Inputs = n[3].Inputs[:1] }, "two inputs"},
		"unknown": {func(n []Node) { n[3].Inputs[1] = "t.c" }, `no node "t.c"`},
		"fits":    {func(n []Node) { n[2].Description.Transforms, n[2].Description.Fits = false, true }, "does not transform"},
		"inputs":  {func(n []Node) { n[2].Inputs = []string{"t.a"} }, "read different tables"},
		"key":     {func(n []Node) { n[3].AB.Split.Key = []string{"id"} }, `no column "id" to split`},
		"column":  {func(n []Node) { n[3].AB.Columns = []string{"zz"} }, `writes no column "zz"`},
		"schema":  {func(n []Node) { n[2].Config = []byte(`{"Fail":"lie"}`) }, `Arm a alone writes column`},
	} {
		a, b := good()
		nodes := append([]Node{labRowsNode(t, 10)}, abNodes(AB{Mode: abtest.ModeSplit, Split: abtest.Split{Share: 0.5}}, a, b)...)
		c.change(nodes)
		_, problems := MakePlan(context.Background(), Pipeline{Nodes: nodes}, &lab{}, Options{})
		var texts []string
		for _, p := range problems {
			texts = append(texts, p.Error())
		}
		if all := strings.Join(texts, "\n"); !HasErrors(problems) || !strings.Contains(all, c.want) {
			t.Errorf("%s: %s", name, all)
		}
	}
}

// TestPlanShowsBothArms has the comparison follow its arms.
func TestPlanShowsBothArms(t *testing.T) {
	nodes := append([]Node{labRowsNode(t, 10)}, abNodes(AB{Mode: abtest.ModeSplit, Split: abtest.Split{Share: 0.5}},
		labNode("", "add", "rows", labConfig{}), labNode("", "add", "rows", labConfig{}))...)
	plan, problems := MakePlan(context.Background(), Pipeline{Nodes: nodes}, &lab{}, Options{})
	if HasErrors(problems) {
		t.Fatal(problems)
	}
	if want := [][]string{{"rows"}, {"t.a", "t.b"}, {"t"}}; !slices.EqualFunc(plan.Levels, want, slices.Equal) {
		t.Errorf("levels %v", plan.Levels)
	}
	kept := 0
	for _, e := range plan.Edges {
		if e.To == "t" && e.Kind == EdgeKept {
			kept++
		}
	}
	if n := plan.Nodes[3]; kept != 2 || n.AB == nil || plan.Nodes[1].Arm == nil || len(n.Columns) != 1 {
		t.Errorf("edges %v, node %+v", plan.Edges, n)
	}
}

// siftMul multiplies by three and drops some rows.
func siftMul(x, n int64) (int64, bool) {
	return x * 3, uint64(x*3)*2654435761>>7%uint64(n+2) != 0
}

func init() { labRows["siftmul"] = siftMul }

// TestRowsOfAnArmThatArePutAside have the numbers of the input, whichever rows the
// arm got, in the result and in the file.
func TestRowsOfAnArmThatArePutAside(t *testing.T) {
	a, b := labNode("", "add", "rows", labConfig{}), labNode("", "add", "rows", labConfig{Fail: "reject", Trace: true})
	b.OnFailure = Quarantine
	nodes := append([]Node{labRowsNode(t, 100)}, abNodes(AB{Mode: abtest.ModeSplit, Split: abtest.Split{Name: "t", Share: 0.5}}, a, b)...)
	result, err := labRun(t, &lab{}, Options{}, nodes...)
	if err != nil {
		t.Fatal(err)
	}
	one := result.Node("t.b")
	if one.RowsRejected == 0 {
		t.Fatal("no row was rejected")
	}
	for _, r := range one.Rejected {
		if fmt.Sprint(r.Row) != r.Detail { // the value of a row is its number
			t.Errorf("row %d has the value %s", r.Row, r.Detail)
		}
	}
	dir := filepath.Join(t.TempDir(), "out")
	if _, err := result.Save(context.Background(), dir); err != nil {
		t.Fatal(err)
	}
	lines, err := os.ReadFile(filepath.Join(dir, "t.b.rejected.jsonl"))
	if err != nil || !strings.Contains(string(lines), fmt.Sprintf(`"row":%s,`, one.Rejected[0].Detail)) {
		t.Errorf("%s, error %v", lines, err)
	}
}
