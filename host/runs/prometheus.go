// SPDX-License-Identifier: Apache-2.0

package runs

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// WritePrometheus writes the metrics of runs in the text exposition format 0.0.4,
// for a textfile collector, a push gateway or an endpoint. Every series has the
// labels run and pipeline. Durations are seconds, sizes are bytes. Records without
// nodes, as List returns them, give the metrics of the runs alone.
func WritePrometheus(w io.Writer, records ...*Record) error {
	e := &exposition{records: records}
	e.runs()
	for _, m := range nodeGauges {
		e.nodes(m)
	}
	e.metrics()
	e.calls()
	if _, err := w.Write(e.buf.Bytes()); err != nil {
		return fmt.Errorf("writing the metrics of runs: %w", err)
	}
	return nil
}

// nodeGauge is a number that every node has.
type nodeGauge struct {
	name, help string
	value      func(*Node) float64
}

var nodeGauges = []nodeGauge{
	{"duration_seconds", "Time that a node took.", func(n *Node) float64 { return n.Wall.Seconds() }},
	{"cpu_seconds", "Processor time of a node.", func(n *Node) float64 { return n.CPU.Seconds() }},
	{"peak_rss_bytes", "Largest resident set of the process of a node.", func(n *Node) float64 { return float64(n.PeakRSSBytes) }},
	{"rows_in", "Rows that a node read.", func(n *Node) float64 { return float64(n.RowsIn) }},
	{"rows_out", "Rows that a node wrote.", func(n *Node) float64 { return float64(n.RowsOut) }},
	{"rows_dropped", "Rows that a node dropped.", func(n *Node) float64 { return float64(n.RowsDropped) }},
	{"rows_rejected", "Rows that a node put aside because they break a rule.", func(n *Node) float64 { return float64(n.RowsRejected) }},
	{"bytes_in", "Bytes that a node read.", func(n *Node) float64 { return float64(n.BytesIn) }},
	{"bytes_out", "Bytes that a node wrote.", func(n *Node) float64 { return float64(n.BytesOut) }},
	{"attempts", "Attempts that a node made.", func(n *Node) float64 { return float64(n.Attempts) }},
	{"errors", "Errors of all attempts of a node.", func(n *Node) float64 { return float64(len(n.Errors)) }},
	{"cache_hit", "Whether the output of a node came from the cache.", func(n *Node) float64 { return truth(n.Cache == "hit") }},
}

// exposition gathers the text. A family is written when its first sample comes.
type exposition struct {
	records []*Record
	buf     bytes.Buffer
	seen    map[string]bool
}

func (e *exposition) runs() {
	for _, m := range []struct {
		name, help string
		value      func(*Record) float64
	}{
		{"bulkhead_run_ok", "Whether a run succeeded.", func(r *Record) float64 { return truth(r.Status == OK) }},
		{"bulkhead_run_duration_seconds", "Time that a run took.", func(r *Record) float64 { return r.Wall.Seconds() }},
		{"bulkhead_run_timestamp_seconds", "When a run began, in Unix time.", func(r *Record) float64 { return float64(r.StartedAt.UnixMilli()) / 1000 }},
	} {
		for _, r := range e.records {
			e.sample(m.name, m.name, "gauge", m.help, m.value(r), "run", r.ID, "pipeline", r.Pipeline, "status", string(r.Status))
		}
	}
}

func (e *exposition) nodes(m nodeGauge) {
	name := "bulkhead_run_node_" + m.name
	for _, r := range e.records {
		for i := range r.Nodes {
			n := &r.Nodes[i]
			e.sample(name, name, "gauge", m.help, m.value(n), "run", r.ID, "pipeline", r.Pipeline, "node", n.Name, "status", string(n.Status))
		}
	}
}

func (e *exposition) metrics() {
	const name = "bulkhead_run_node_metric"
	for _, r := range e.records {
		for _, n := range r.Nodes {
			for _, metric := range slices.Sorted(maps.Keys(n.Metrics)) {
				e.sample(name, name, "gauge", "A number of the kernel's report.", n.Metrics[metric],
					"run", r.ID, "pipeline", r.Pipeline, "node", n.Name, "metric", metric)
			}
		}
	}
}

// calls writes the times of calls as summaries, then their errors.
func (e *exposition) calls() {
	e.each(func(labels []string, l Latency) { e.summary(labels, l) })
	const name = "bulkhead_run_node_call_errors"
	e.each(func(labels []string, l Latency) {
		e.sample(name, name, "gauge", "Calls of a node that failed.", float64(l.Errors), labels...)
	})
}

func (e *exposition) each(do func(labels []string, l Latency)) {
	for _, r := range e.records {
		for _, n := range r.Nodes {
			for _, l := range n.Calls {
				do([]string{"run", r.ID, "pipeline", r.Pipeline, "node", n.Name, "method", l.Method}, l)
			}
		}
	}
}

func (e *exposition) summary(labels []string, l Latency) {
	const name, help = "bulkhead_run_node_call_seconds", "Times of the calls of a node."
	for _, q := range []struct {
		quantile string
		at       time.Duration
	}{{"0.5", l.P50}, {"0.95", l.P95}, {"0.99", l.P99}, {"1", l.Max}} {
		e.sample(name, name, "summary", help, q.at.Seconds(), append(slices.Clone(labels), "quantile", q.quantile)...)
	}
	e.sample(name, name+"_sum", "summary", help, l.Total.Seconds(), labels...)
	e.sample(name, name+"_count", "summary", help, float64(l.Count), labels...)
}

// sample writes one value with pairs of label names and values; the format allows
// each series once.
func (e *exposition) sample(family, name, kind, help string, value float64, labels ...string) {
	var b strings.Builder
	b.WriteString(name + "{")
	for i := 0; i < len(labels); i += 2 {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `%s="%s"`, labels[i], labelEscaper.Replace(strings.ToValidUTF8(labels[i+1], "\uFFFD")))
	}
	series := b.String() + "}"
	if e.seen == nil {
		e.seen = map[string]bool{}
	}
	if e.seen[series] {
		return
	}
	if !e.seen[family] {
		fmt.Fprintf(&e.buf, "# HELP %s %s\n# TYPE %s %s\n", family, help, family, kind)
	}
	e.seen[series], e.seen[family] = true, true
	fmt.Fprintf(&e.buf, "%s %s\n", series, spelled(value))
}

// labelEscaper escapes what the format says, and nothing else.
var labelEscaper = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)

// spelled writes the values that are no numbers as the format does.
func spelled(f float64) string {
	switch {
	case math.IsInf(f, 1):
		return "+Inf"
	case math.IsInf(f, -1):
		return "-Inf"
	case math.IsNaN(f):
		return "NaN"
	}
	return strconv.FormatFloat(f, 'g', -1, 64)
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
