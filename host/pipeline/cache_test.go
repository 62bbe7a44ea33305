// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/bulkhead-ml/bulkhead/host/artifact"
)

func openCache(t testing.TB, dir string) Cache {
	t.Helper()
	store, err := artifact.Open(dir, artifact.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	return cacheIn(store)
}

// cachedNodes is a chain with a fit, a fork and three ends.
func cachedNodes(t testing.TB, rows Node) []Node {
	t.Helper()
	return []Node{
		rows, labNode("a", "add", "rows", labConfig{N: 1}), labNode("m", "sum", "a", labConfig{}), labNode("b", "twice", "m", labConfig{}),
		labNode("c", "add", "b", labConfig{N: 3}), labNode("d", "sift", "b", labConfig{N: 1}), labNode("e", "learn", "c", labConfig{}),
	}
}

// states lists what the cache did for each kernel.
func states(result *Result) string {
	var out []string
	for _, n := range result.Nodes {
		if n.Kind == KindKernel {
			out = append(out, n.Name+" "+string(n.Cache))
		}
	}
	return strings.Join(out, ", ")
}

// TestASecondRunDoesNothing and says the same.
func TestASecondRunDoesNothing(t *testing.T) {
	l, o := &lab{}, Options{Cache: openCache(t, t.TempDir())}
	nodes := cachedNodes(t, labRowsNode(t, 300))
	first, err := labRun(t, l, o, nodes...)
	if err != nil || !strings.Contains(states(first), "a miss, m miss") {
		t.Fatalf("%s, error %v", states(first), err)
	}
	made := l.calls.Load()
	second, err := labRun(t, l, o, nodes...)
	if err != nil || l.calls.Load() != made {
		t.Fatalf("%d calls, error %v", l.calls.Load()-made, err)
	}
	if got := states(second); got != "a hit, m hit, b hit, c hit, d hit, e hit" {
		t.Errorf("states %s", got)
	}
	if got, want := outputs(t, second), outputs(t, first); !slices.Equal(got, want) {
		t.Errorf("\n%v\nwant\n%v", got, want)
	}
	for _, n := range second.Nodes {
		if was := first.Node(n.Name); n.Kind == KindKernel && (n.CacheKey != was.CacheKey || len(n.CacheKey) != 64 || n.Attempts != 0) {
			t.Errorf("result %+v", n)
		}
	}
}

// TestWhatAChangeRunsAgain covers which nodes run after a change, and that a
// state is not learnt again.
func TestWhatAChangeRunsAgain(t *testing.T) {
	rows := labRowsNode(t, 300)
	for name, c := range map[string]struct {
		change func(nodes []Node)
		want   string
		fits   int64
	}{
		"the last kernel's settings":    {func(n []Node) { n[5].Config = []byte(`{"N":7}`) }, "a hit, m hit, b hit, c hit, d miss, e hit", 0},
		"a kernel in the middle":        {func(n []Node) { n[3].Config = []byte(`{"N":7}`) }, "a hit, m miss, b miss, c miss, d miss, e miss", 1},
		"a seed":                        {func(n []Node) { n[2].Seed = 7 }, "a hit, m miss, b miss, c miss, d miss, e miss", 2},
		"a budget":                      {func(n []Node) { n[6].Budget = 1 << 40 }, "a hit, m hit, b hit, c miss, d hit, e miss", 1},
		"the source":                    {func(n []Node) { n[0] = labRowsNode(t, 301) }, "a miss, m miss, b miss, c miss, d miss, e miss", 2},
		"how the source is read":        {func(n []Node) { s := *n[0].Source; s.ID = "x"; n[0].Source = &s }, "a miss, m miss, b miss, c miss, d miss, e miss", 2},
		"a name":                        {func(n []Node) { n[6].Name = "f" }, "a hit, m hit, b hit, c hit, d hit, f hit", 0},
		"a node that is not cached":     {func(n []Node) { n[4].NoCache = true }, "a hit, m hit, b hit, c off, d hit, e off", 1},
		"a kernel with a side effect":   {func(n []Node) { n[5].Description.Undoes = true }, "a hit, m hit, b hit, c hit, d off, e hit", 0},
		"the policy, which is no input": {func(n []Node) { n[1].OnFailure = Continue }, "a hit, m hit, b hit, c hit, d hit, e hit", 0},
	} {
		t.Run(name, func(t *testing.T) {
			l, o := &lab{}, Options{Cache: openCache(t, t.TempDir())}
			if _, err := labRun(t, l, o, cachedNodes(t, rows)...); err != nil {
				t.Fatal(err)
			}
			nodes := cachedNodes(t, rows)
			c.change(nodes)
			fits := l.fits.Load()
			result, err := labRun(t, l, o, nodes...)
			if err != nil || states(result) != c.want || l.fits.Load()-fits != c.fits {
				t.Errorf("%s, %d fits, error %v", states(result), l.fits.Load()-fits, err)
			}
			plain, err := labRun(t, l, Options{}, nodes...)
			if err != nil || !slices.Equal(outputs(t, result), outputs(t, plain)) {
				t.Errorf("another result than without a cache: %v", err)
			}
		})
	}
}

// TestPlanTellsWhatIsCached, and which edges stream.
func TestPlanTellsWhatIsCached(t *testing.T) {
	l, o := &lab{}, Options{Cache: openCache(t, t.TempDir())}
	nodes := cachedNodes(t, labRowsNode(t, 30))
	p := Pipeline{Nodes: nodes, Plugins: map[string]Plugin{"lab": {Digest: "sha256:1", Grants: []string{"read /data"}}}}
	before, _ := MakePlan(context.Background(), p, l, o)
	if _, err := labRunOf(t, l, o, p); err != nil {
		t.Fatal(err)
	}
	after, _ := MakePlan(context.Background(), p, l, o)
	edges := map[string]EdgeKind{}
	for _, e := range before.Edges {
		edges[e.From+e.To] = e.Kind
	}
	if edges["rowsa"] != EdgeFile || edges["am"] != EdgeKept || edges["mb"] != EdgeStream || edges["bc"] != EdgeKept || edges["ce"] != EdgeStream || before.Segments != 4 {
		t.Errorf("edges %v, %d segments", edges, before.Segments)
	}
	for i, n := range after.Nodes {
		was := before.Nodes[i]
		if n.Kind == KindKernel && (n.Cache != CacheHit || was.Cache != CacheMiss || n.Segment != 0 || was.Segment == 0 || n.Grants[0] != "read /data") {
			t.Errorf("node %+v, was %+v", n, was)
		}
	}
}

// brokenCache fails at every turn.
type brokenCache struct{ at string }

func (b brokenCache) Get(context.Context, []Ingredient) (CacheEntry, error) {
	if b.at == "get" {
		return nil, errTest
	}
	return nil, nil
}

func (b brokenCache) Create(context.Context, []Ingredient) (CacheDraft, error) {
	if b.at == "create" {
		return nil, errTest
	}
	return brokenDraft(b), nil
}

type brokenDraft brokenCache

func (b brokenDraft) fail(at string) error {
	if b.at == at {
		return errTest
	}
	return nil
}
func (b brokenDraft) State([]byte) error             { return b.fail("state") }
func (b brokenDraft) Table(*arrow.Schema) error      { return b.fail("table") }
func (b brokenDraft) Append(arrow.RecordBatch) error { return b.fail("append") }
func (b brokenDraft) Commit([]byte) error            { return b.fail("commit") }
func (b brokenDraft) Abort() error                   { return nil }

func TestABrokenCacheFailsNoRun(t *testing.T) {
	for _, at := range []string{"get", "create", "state", "table", "append", "commit"} {
		result, err := labRun(t, &lab{}, Options{Cache: brokenCache{at}}, cachedNodes(t, labRowsNode(t, 30))...)
		if err != nil || result.Status != OK {
			t.Errorf("%s: status %s, error %v", at, result.Status, err)
		}
		var told []*Problem
		for _, n := range result.Nodes {
			told = append(told, n.Problems...)
		}
		if len(told) == 0 || told[0].Severity != SeverityWarning || !errors.Is(told[0], errTest) {
			t.Errorf("%s: problems %v", at, told)
		}
	}
}

// vanishing loses an entry after it was found.
type vanishing struct {
	Cache
	looks map[string]int
	gone  string // the key that is not there at the second look
}

func (v vanishing) Get(ctx context.Context, of []Ingredient) (CacheEntry, error) {
	key := KeyOf(of)
	if v.looks[key]++; key == v.gone && v.looks[key] > 1 {
		return nil, nil
	}
	return v.Cache.Get(ctx, of)
}

// TestEntriesMayVanish between the look and the run: the node runs again, with
// all that it needs.
func TestEntriesMayVanish(t *testing.T) {
	l, cache := &lab{}, openCache(t, t.TempDir())
	nodes := cachedNodes(t, labRowsNode(t, 300))
	first, err := labRun(t, l, Options{Cache: cache}, nodes...)
	if err != nil {
		t.Fatal(err)
	}
	nodes[5].Config = []byte(`{"N":7}`) // so that b is read
	p := Pipeline{Name: "p", Nodes: nodes, Plugins: map[string]Plugin{"lab": {Digest: "sha256:1"}}}
	plan, _ := MakePlan(context.Background(), p, l, Options{Cache: cache})
	o := Options{Cache: vanishing{cache, map[string]int{}, first.Node("b").CacheKey}}
	result, err := Run(context.Background(), plan, l, Events{}, o)
	t.Cleanup(result.Close)
	if err != nil || states(result) != "a hit, m miss, b miss, c hit, d miss, e hit" {
		t.Errorf("%s, error %v", states(result), err)
	}
	if m := result.Node("m"); m.FitCache != CacheHit || m.Fit == nil || string(m.State) != string(first.Node("m").State) {
		t.Errorf("result %+v", m)
	}
}

func TestIngredientsOfANode(t *testing.T) {
	nodes := cachedNodes(t, labRowsNode(t, 3))
	p := Pipeline{Nodes: nodes, Plugins: map[string]Plugin{"lab": {Digest: "sha256:1"}}}
	plan, _ := MakePlan(context.Background(), p, &lab{}, Options{Cache: openCache(t, t.TempDir())})
	of := plan.Ingredients("a")
	if len(of) != 5 || of[0].Value != "lab sha256:1" || KeyOf(of) != plan.Nodes[1].CacheKey || plan.Ingredients("none") != nil || KeyOf(nil) != "" {
		t.Errorf("ingredients %v", of)
	}
	plan.nodes[0].source = undigested{plan.nodes[0].source}
	notes := plan.identify(context.Background())
	if len(notes) != 1 || notes[0].Severity != SeverityWarning || notes[0].Node != "rows" {
		t.Errorf("notes %v", notes)
	}
}

// undigested is a source whose digest cannot be told.
type undigested struct{ Source }

func (undigested) Digest(context.Context) (string, error) { return "", errTest }
