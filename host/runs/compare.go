// SPDX-License-Identifier: Apache-2.0

package runs

import (
	"errors"
	"math"
	"slices"
	"strconv"
	"time"
)

// Area is what a change is about.
type Area string

// The areas, in the order in which changes are listed. Those up to AreaNode can
// be causes; AreaResult and AreaMetric are what came out.
const (
	AreaHost     Area = "host"
	AreaFile     Area = "file"
	AreaVariable Area = "variable"
	AreaSettings Area = "settings"
	AreaPlugin   Area = "plugin"
	AreaSource   Area = "source"
	AreaNode     Area = "node"
	AreaResult   Area = "result"
	AreaMetric   Area = "metric"
	AreaTime     Area = "time"
)

var areas = []Area{AreaHost, AreaFile, AreaVariable, AreaSettings, AreaPlugin, AreaSource, AreaNode, AreaResult, AreaMetric, AreaTime}

// Comparison of two or more runs.
type Comparison struct {
	// Runs in the order in which they were given; the first is the one that the
	// others are held against.
	Runs []Brief `json:"runs"`
	// Changes lists what is not the same in all runs, by area, then in the order
	// of the pipeline.
	Changes []Change `json:"changes"`
	// Same counts what is.
	Same int `json:"same"`
	// First says where the runs begin to come out differently; nil when they came
	// out the same.
	First *First `json:"first,omitempty"`
}

// Brief names a run.
type Brief struct {
	ID        string        `json:"id"`
	Pipeline  string        `json:"pipeline"`
	Status    Status        `json:"status"`
	StartedAt time.Time     `json:"started_at"`
	Wall      time.Duration `json:"wall_ns"`
}

// Change is one thing that differs.
type Change struct {
	Area Area `json:"area"`
	// Subject is the plugin, file, variable or node; "" for the run.
	Subject string `json:"subject,omitempty"`
	// Field that differs, such as "version", "config.alpha" or "metrics.rmse".
	Field string `json:"field"`
	// Values has one text for each run; "" where it has none.
	Values []string `json:"values"`
	// Deltas has for each run its value less that of the first, when all are
	// numbers. The one of the first is 0.
	Deltas []float64 `json:"deltas,omitempty"`
}

// First is the first node, in the order of the pipeline, that came out
// differently. All nodes before it came out the same, so what differs here began
// here.
type First struct {
	Node string `json:"node"`
	// Results of the node that differ.
	Results []Change `json:"results"`
	// Causes are the changes that can be why: of the node itself, its plugin, its
	// source, the settings, the variables and the host. When there are none, nothing
	// that is recorded explains it, and the kernel may not give the same twice.
	Causes []Change `json:"causes"`
}

// Compare compares runs with the first of them.
func Compare(records ...*Record) (*Comparison, error) {
	if len(records) < 2 {
		return nil, errors.New("a comparison needs two runs or more")
	}
	c := &Comparison{Changes: []Change{}}
	all := make([]observations, len(records))
	for i, r := range records {
		c.Runs = append(c.Runs, Brief{ID: r.ID, Pipeline: r.Pipeline, Status: r.Status, StartedAt: r.StartedAt, Wall: r.Wall})
		all[i] = observe(r)
	}
	for _, k := range keysOf(all) {
		if change, differs := changeAt(k, all); differs {
			c.Changes = append(c.Changes, change)
		} else {
			c.Same++
		}
	}
	c.First = c.first(records)
	return c, nil
}

// Compare compares runs of the store, by their ids or the beginnings of them.
func (s *Store) Compare(refs ...string) (*Comparison, error) {
	var records []*Record
	for _, ref := range refs {
		r, err := s.Get(ref)
		if err != nil {
			return nil, err
		}
		records = append(records, r)
	}
	return Compare(records...)
}

// keysOf is the union of what was observed, by area, each in the order in which it
// appears first.
func keysOf(all []observations) []key {
	var out []key
	seen := map[key]bool{}
	for _, area := range areas {
		for _, o := range all {
			for _, k := range o.keys {
				if k.area == area && !seen[k] {
					seen[k] = true
					out = append(out, k)
				}
			}
		}
	}
	return out
}

func changeAt(k key, all []observations) (Change, bool) {
	c := Change{Area: k.area, Subject: k.subject, Field: k.field}
	for _, o := range all {
		c.Values = append(c.Values, o.values[k])
	}
	told := slices.Clone(c.Values)
	if k.unknown() {
		told = slices.DeleteFunc(told, func(v string) bool { return v == "" })
	}
	if len(slices.Compact(told)) <= 1 {
		return c, false
	}
	c.Deltas = deltas(c.Values)
	return c, true
}

// unknown reports whether a run that does not tell a value may have had any: what
// comes from the cache has no digest of its own, and a plugin that was not needed
// no level.
func (k key) unknown() bool {
	return k.area != AreaHost && k.area != AreaFile && (k.field == "sha256" || k.field == "output" || k.field == "state" || k.field == "level")
}

// deltas of values that are all numbers, from the first; nil otherwise.
func deltas(values []string) []float64 {
	out := make([]float64, len(values))
	for i, text := range values {
		v, err := strconv.ParseFloat(text, 64)
		if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
			return nil
		}
		out[i] = v
	}
	first := out[0]
	for i := range out {
		out[i] -= first
	}
	return out
}

// first finds the first node of which a result differs.
func (c *Comparison) first(records []*Record) *First {
	for _, name := range nodeOrder(records) {
		results := c.of(name, AreaResult, AreaMetric)
		if len(results) == 0 {
			continue
		}
		f := &First{Node: name, Results: results, Causes: c.of(name, AreaNode, AreaSource)}
		for _, ch := range c.Changes {
			if ch.concerns(plugins(records, name)) {
				f.Causes = append(f.Causes, ch)
			}
		}
		f.Causes = listed(f.Causes)
		return f
	}
	return nil
}

// of lists the changes of a node in some areas.
func (c *Comparison) of(node string, areas ...Area) []Change {
	var out []Change
	for _, ch := range c.Changes {
		if ch.Subject == node && slices.Contains(areas, ch.Area) {
			out = append(out, ch)
		}
	}
	return out
}

// concerns reports whether a change is one of the whole run or of some plugins.
// Files are left out: what they say is in the settings, variables and nodes.
func (c Change) concerns(plugins []string) bool {
	switch c.Area {
	case AreaHost, AreaVariable, AreaSettings:
		return true
	case AreaPlugin:
		return slices.Contains(plugins, c.Subject)
	}
	return false
}

// plugins that serve a node in any of the runs.
func plugins(records []*Record, node string) []string {
	var out []string
	for _, r := range records {
		if n := r.Node(node); n != nil && n.Plugin != "" {
			out = append(out, n.Plugin)
		}
	}
	return out
}

// nodeOrder lists the nodes of all runs, those of the first in its order before
// those that only others have.
func nodeOrder(records []*Record) []string {
	var out []string
	seen := map[string]bool{}
	for _, r := range records {
		for _, n := range r.Nodes {
			if !seen[n.Name] {
				seen[n.Name] = true
				out = append(out, n.Name)
			}
		}
	}
	return out
}
