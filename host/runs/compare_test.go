// SPDX-License-Identifier: Apache-2.0

package runs

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// changed is a run that differs from full in one way, and comes out otherwise
// from its second node on.
func changed(change func(*Record)) *Record {
	r := full()
	r.ID = "1111111111111111"
	r.Nodes[1].Output, r.Nodes[1].Metrics = sha("7"), map[string]float64{"quality_score": 0.4}
	r.Nodes[2].Metrics = map[string]float64{"rmse": 3}
	change(&r)
	return &r
}

func compared(t *testing.T, records ...*Record) *Comparison {
	t.Helper()
	c, err := Compare(records...)
	must(t, err)
	return c
}

func TestEqualRuns(t *testing.T) {
	a, b := full(), full()
	b.ID, b.StartedAt, b.Host.PID = "1111111111111111", noon.Add(1e9), 8
	b.Nodes[1].Status, b.Nodes[1].Cache = Restored, "miss"
	c := compared(t, &a, &b)
	if len(c.Changes) != 0 || c.First != nil || c.Same < 40 || len(c.Runs) != 2 || c.Runs[1].ID != b.ID {
		t.Errorf("%+v", c)
	}
	if _, err := Compare(&a); err == nil {
		t.Error("one run is compared")
	}
}

// TestWhatChangedFirst names the node and the cause.
func TestWhatChangedFirst(t *testing.T) {
	type cause struct {
		area           Area
		subject, field string
		from, to       string
	}
	for what, tt := range map[string]struct {
		change func(*Record)
		want   []cause
	}{
		"a setting": {func(r *Record) { r.Nodes[1].Config = json.RawMessage(`{"quality":0.8,"scale":{"kind":"none"}}`) }, []cause{{AreaNode, "clean", "config.scale.kind", `"robust"`, `"none"`}}},
		"a new setting": {func(r *Record) {
			r.Nodes[1].Config = json.RawMessage(`{"quality":0.8,"scale":{"kind":"robust","q":1}}`)
		}, []cause{{AreaNode, "clean", "config.scale.q", "", "1"}}},
		"the seed":       {func(r *Record) { r.Nodes[1].Seed = 5 }, []cause{{AreaNode, "clean", "seed", "18446744073709551615", "5"}}},
		"its plugin":     {func(r *Record) { r.Plugins[0].SHA256 = sha("9") }, []cause{{AreaPlugin, "data", "sha256", sha("2"), sha("9")}}},
		"another plugin": {func(r *Record) { r.Plugins[1].Version = "0.4.0" }, nil},
		"a later node":   {func(r *Record) { r.Nodes[2].Seed = 5 }, nil},
		"a variable":     {func(r *Record) { r.Variables["rows"] = json.RawMessage(`{"limit":6}`) }, []cause{{AreaVariable, "rows", "value.limit", "5", "6"}}},
		"a limit":        {func(r *Record) { r.Settings = json.RawMessage(`{"on_failure":"retry"}`) }, []cause{{AreaSettings, "", "on_failure", `"stop"`, `"retry"`}}},
		"the host":       {func(r *Record) { r.Host.Arch = "arm64" }, []cause{{AreaHost, "", "platform", "linux/amd64", "linux/arm64"}}},
		"only the file":  {func(r *Record) { r.Files[0].SHA256 = sha("9") }, nil},
	} {
		a := full()
		c := compared(t, &a, changed(func(r *Record) {
			r.Variables = map[string]json.RawMessage{"rows": r.Variables["rows"]}
			tt.change(r)
		}))
		if c.First == nil || c.First.Node != "clean" || len(c.First.Results) != 2 {
			t.Errorf("%s: %+v", what, c.First)
			continue
		}
		var got []cause
		for _, ch := range c.First.Causes {
			got = append(got, cause{ch.Area, ch.Subject, ch.Field, ch.Values[0], ch.Values[1]})
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, want %v", what, got, tt.want)
		}
	}
}

func TestAnotherSourceComesFirst(t *testing.T) {
	a := full()
	c := compared(t, &a, changed(func(r *Record) {
		r.Sources[0].SHA256, r.Sources[0].Rows = sha("8"), 570
		r.Nodes[0].Output, r.Nodes[0].RowsOut = sha("8"), 570
	}))
	if c.First == nil || c.First.Node != "rows" || len(c.First.Causes) != 2 || c.First.Causes[0].Area != AreaSource {
		t.Errorf("%+v", c.First)
	}
}

func TestDeltas(t *testing.T) {
	a := full()
	b := changed(func(r *Record) { r.Wall *= 3 })
	d := changed(func(r *Record) { r.Nodes = r.Nodes[:2] })
	c := compared(t, &a, b, d)
	find := func(area Area, subject, field string) *Change {
		i := slices.IndexFunc(c.Changes, func(c Change) bool { return c.Area == area && c.Subject == subject && c.Field == field })
		if i < 0 {
			t.Fatalf("no change of %s %s in %+v", subject, field, c.Changes)
		}
		return &c.Changes[i]
	}
	if diff := cmp.Diff(&Change{AreaMetric, "clean", "quality_score", []string{"0.9", "0.4", "0.4"}, []float64{0, -0.5, -0.5}}, find(AreaMetric, "clean", "quality_score")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(&Change{AreaTime, "", "wall_seconds", []string{"2", "6", "2"}, []float64{0, 4, 0}}, find(AreaTime, "", "wall_seconds")); diff != "" {
		t.Error(diff)
	}
	if got := find(AreaNode, "model", "use"); !slices.Equal(got.Values, []string{"algorithms.auto", "algorithms.auto", ""}) || got.Deltas != nil {
		t.Errorf("%+v", got)
	}
	if got := find(AreaMetric, "model", "rmse"); got.Deltas != nil {
		t.Errorf("a run without the metric has a difference: %+v", got)
	}
	if !slices.IsSortedFunc(c.Changes, func(a, b Change) int { return slices.Index(areas, a.Area) - slices.Index(areas, b.Area) }) {
		t.Error("the areas are mixed")
	}
}

func TestCompareOfAStore(t *testing.T) {
	s := newStore(t)
	a := ended(t, s, Record{Pipeline: "p", Nodes: []Node{{Name: "n", Kind: "kernel", Status: OK, Output: sha("1")}}}, OK)
	b := ended(t, s, Record{Pipeline: "p", Nodes: []Node{{Name: "n", Kind: "kernel", Status: Failed}}}, Failed)
	c, err := s.Compare(a, b)
	must(t, err)
	if c.First == nil || c.First.Node != "n" || len(c.First.Results) != 1 || len(c.First.Causes) != 0 {
		t.Errorf("%+v", c.First)
	}
	if _, err := s.Compare(a, "ffffffffffffffff"); err == nil {
		t.Error("a run that is not there")
	}
}

// TestWhatIsNotTold: a digest that a run does not have, because the cache had the
// result, is no difference.
func TestWhatIsNotTold(t *testing.T) {
	whole := &Record{Nodes: []Node{{Name: "k", Status: OK, Output: "sha256:1", State: "sha256:2"}}, Plugins: []Plugin{{Name: "p", Level: "full"}}}
	cached := &Record{Nodes: []Node{{Name: "k", Status: OK, State: "sha256:2", Cache: "hit"}}, Plugins: []Plugin{{Name: "p"}}}
	c, err := Compare(whole, cached)
	if err != nil || c.First != nil || len(c.Changes) != 1 {
		t.Errorf("%+v, %v", c, err)
	}
	cached.Nodes[0].State = "sha256:3"
	if c, err = Compare(whole, cached); err != nil || c.First == nil || c.First.Node != "k" {
		t.Errorf("another state: %+v, %v", c, err)
	}
}
