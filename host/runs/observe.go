// SPDX-License-Identifier: Apache-2.0

package runs

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bulkhead-ml/bulkhead/host/state/leaves"
)

// key names one thing that can be compared.
type key struct {
	area           Area
	subject, field string
}

// observations are the values of a run, in the order in which they were made.
type observations struct {
	keys   []key
	values map[key]string
}

// observe lists what a record says, apart from what differs between any two runs:
// ids, times of the day and process ids.
func observe(r *Record) observations {
	o := observations{values: map[key]string{}}
	o.text(AreaHost, "", "version", r.Host.Version)
	o.text(AreaHost, "", "commit", r.Host.Commit)
	o.text(AreaHost, "", "platform", r.Host.OS+"/"+r.Host.Arch)
	o.text(AreaHost, "", "name", r.Host.Name)
	for _, f := range r.Files {
		o.text(AreaFile, f.Path, "sha256", f.SHA256)
	}
	for _, name := range slices.Sorted(maps.Keys(r.Variables)) {
		o.json(AreaVariable, name, "value", r.Variables[name])
	}
	o.json(AreaSettings, "", "", r.Settings)
	o.plugins(r.Plugins)
	o.text(AreaResult, "", "status", string(r.Status))
	o.duration("", "wall", r.Wall)
	for i := range r.Nodes {
		o.node(&r.Nodes[i])
	}
	o.tables(r)
	return o
}

func (o *observations) plugins(list []Plugin) {
	for _, p := range list {
		o.text(AreaPlugin, p.Name, "version", p.Version)
		o.text(AreaPlugin, p.Name, "sha256", p.SHA256)
		o.text(AreaPlugin, p.Name, "level", p.Level)
		o.text(AreaPlugin, p.Name, "overridden", p.Overridden)
		o.text(AreaPlugin, p.Name, "grants", strings.Join(p.Grants, ", "))
	}
}

// tables are the sources and the sinks. They stand under the names of their
// nodes.
func (o *observations) tables(r *Record) {
	for _, s := range r.Sources {
		o.text(AreaSource, s.Node, "path", s.Path)
		o.text(AreaSource, s.Node, "sha256", s.SHA256)
		o.number(AreaSource, s.Node, "rows", s.Rows)
	}
	for _, s := range r.Sinks {
		o.text(AreaNode, s.Node, "path", s.Path)
		o.text(AreaResult, s.Node, "sha256", s.SHA256)
		o.number(AreaResult, s.Node, "rows", s.Rows)
		if s.Replaced > 0 {
			o.number(AreaResult, s.Node, "replaced", s.Replaced)
		}
	}
}

func (o *observations) node(n *Node) {
	o.text(AreaNode, n.Name, "kind", n.Kind)
	o.text(AreaNode, n.Name, "use", n.Use)
	o.text(AreaNode, n.Name, "inputs", strings.Join(n.Inputs, ", "))
	o.text(AreaNode, n.Name, "seed", strconv.FormatUint(n.Seed, 10))
	o.json(AreaNode, n.Name, "config", n.Config)
	o.text(AreaResult, n.Name, "status", outcome(n.Status))
	o.text(AreaResult, n.Name, "state", n.State)
	o.text(AreaResult, n.Name, "output", n.Output)
	o.number(AreaResult, n.Name, "rows_out", n.RowsOut)
	o.number(AreaResult, n.Name, "rows_dropped", n.RowsDropped)
	o.number(AreaResult, n.Name, "rows_rejected", n.RowsRejected)
	for _, name := range slices.Sorted(maps.Keys(n.Metrics)) {
		o.text(AreaMetric, n.Name, name, strconv.FormatFloat(n.Metrics[name], 'g', -1, 64))
	}
	o.duration(n.Name, "wall", n.Wall)
	o.duration(n.Name, "cpu", n.CPU)
	o.number(AreaTime, n.Name, "peak_rss_bytes", n.PeakRSSBytes)
	o.text(AreaTime, n.Name, "cache", n.Cache)
}

// outcome makes no difference between what was made and what was found in the
// cache.
func outcome(s Status) string {
	if s == Restored {
		s = OK
	}
	return string(s)
}

// text notes a value, unless it is empty or was noted before.
func (o *observations) text(area Area, subject, field, value string) {
	k := key{area, subject, field}
	if _, twice := o.values[k]; twice || value == "" {
		return
	}
	o.keys = append(o.keys, k)
	o.values[k] = value
}

func (o *observations) number(area Area, subject, field string, v int64) {
	o.text(area, subject, field, strconv.FormatInt(v, 10))
}

// duration notes seconds.
func (o *observations) duration(subject, field string, d time.Duration) {
	o.text(AreaTime, subject, field+"_seconds", strconv.FormatFloat(d.Seconds(), 'g', -1, 64))
}

// json notes every value of a document under its path.
func (o *observations) json(area Area, subject, field string, document json.RawMessage) {
	if len(document) == 0 {
		return
	}
	for _, l := range leaves.Of(document) {
		o.text(area, subject, under(field, l.Path), l.Value)
	}
}

// under joins two paths.
func under(field, path string) string {
	switch {
	case field == "" || path == "":
		return field + path
	case strings.HasPrefix(path, "["):
		return field + path
	}
	return field + "." + path
}
