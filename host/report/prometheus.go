// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// WritePrometheus writes metrics in the text exposition format 0.0.4, for a
// textfile collector or a push gateway. Numbers and truth values of the facts
// are among them when the report has facts. Waived findings are counted apart.
func (d Doctor) WritePrometheus(w io.Writer) error {
	var m metrics
	m.about(d.Tool, d.Target, fmt.Sprint(d.Level))
	m.family("bulkhead_doctor_healthy", "Whether no error, no warning and no time-out was reported.")
	m.sample(truth(d.Summary.Errors+d.Summary.Warnings == 0 && !d.Summary.TimedOut))
	m.family("bulkhead_doctor_findings", "Findings by severity, folded ones included and waived ones not.")
	for _, s := range []struct {
		severity string
		n        int
	}{{Error, d.Summary.Errors}, {Warning, d.Summary.Warnings}, {Unknown, d.Summary.Unknown}, {Info, d.Summary.Infos}} {
		m.sample(float64(s.n), "severity", s.severity)
	}
	m.family("bulkhead_doctor_findings_waived", "Findings that the user accepts for a time.")
	m.sample(float64(d.Summary.Waived))
	m.findings(d.Findings)
	m.family("bulkhead_doctor_checks", "Checks by what became of them.")
	m.sample(float64(d.Summary.ChecksRun), "status", "run")
	m.sample(float64(d.Summary.ChecksSkipped), "status", "skipped")
	m.family("bulkhead_doctor_timed_out", "Whether the time ran out, so that the diagnosis is incomplete.")
	m.sample(truth(d.Summary.TimedOut))
	m.family("bulkhead_doctor_duration_seconds", "Time that the diagnosis took.")
	m.sample(d.DurationMS / 1000)
	m.family("bulkhead_doctor_timestamp_seconds", "When the diagnosis began, in Unix time.")
	m.sample(unix(d.StartedAt.UnixMilli()))
	m.facts(d.Facts)
	m.notes(d.Diagnostics)
	return m.flush(w, "the diagnosis")
}

// WritePrometheus writes the facts that are numbers or truth values; see
// Doctor.WritePrometheus.
func (f Facts) WritePrometheus(w io.Writer) error {
	var m metrics
	m.about(f.Tool, f.Target, "")
	m.family("bulkhead_facts_timestamp_seconds", "When the facts were collected, in Unix time.")
	m.sample(unix(f.CollectedAt.UnixMilli()))
	m.facts(f.Facts)
	m.notes(f.Diagnostics)
	return m.flush(w, "the facts")
}

// WritePrometheus writes the run and its nodes; see Doctor.WritePrometheus.
func (r Run) WritePrometheus(w io.Writer) error {
	var m metrics
	m.family("bulkhead_run_ok", "Whether the run succeeded.")
	m.sample(truth(r.Status == RunOK), "pipeline", r.Pipeline, "status", r.Status)
	m.family("bulkhead_run_duration_seconds", "Time that the run took.")
	m.sample(r.DurationMS/1000, "pipeline", r.Pipeline)
	m.family("bulkhead_run_timestamp_seconds", "When the run began, in Unix time.")
	m.sample(unix(r.StartedAt.UnixMilli()), "pipeline", r.Pipeline)
	for _, of := range []struct {
		name, help string
		value      func(Node) float64
	}{
		{"duration_seconds", "Time that a node took.", func(n Node) float64 { return n.WallMS / 1000 }},
		{"rows_in", "Rows that a node read.", func(n Node) float64 { return float64(n.RowsIn) }},
		{"rows_out", "Rows that a node wrote.", func(n Node) float64 { return float64(n.RowsOut) }},
		{"rows_dropped", "Rows that a node dropped.", func(n Node) float64 { return float64(n.RowsDropped) }},
	} {
		m.family("bulkhead_run_node_"+of.name, of.help)
		for _, n := range r.Nodes {
			m.sample(of.value(n), "pipeline", r.Pipeline, "node", n.Name, "status", n.Status)
		}
	}
	m.notes(r.Diagnostics)
	return m.flush(w, "the run")
}

// metrics gathers an exposition. Every metric is a gauge: a report is what was
// true at one time.
type metrics struct {
	buf  bytes.Buffer
	name string
	// seen are the series written, since the format allows each once.
	seen map[string]bool
}

func (m *metrics) family(name, help string) {
	m.name = name
	fmt.Fprintf(&m.buf, "# HELP %s %s\n# TYPE %s gauge\n", name, help, name)
}

// sample writes one value with pairs of label names and values.
func (m *metrics) sample(value float64, labels ...string) {
	var b strings.Builder
	b.WriteString(m.name)
	for i := 0; i < len(labels); i += 2 {
		sep := ","
		if i == 0 {
			sep = "{"
		}
		fmt.Fprintf(&b, `%s%s="%s"`, sep, labels[i], labelEscaper.Replace(Clean(labels[i+1])))
	}
	if len(labels) > 0 {
		b.WriteByte('}')
	}
	series := b.String()
	if m.seen[series] {
		return
	}
	if m.seen == nil {
		m.seen = map[string]bool{}
	}
	m.seen[series] = true
	fmt.Fprintf(&m.buf, "%s %s\n", series, metricNumber(value))
}

// labelEscaper escapes what the format says, and nothing else.
var labelEscaper = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)

// metricNumber spells the values that are not numbers as the format does.
func metricNumber(f float64) string {
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

func (m *metrics) about(tool Tool, target Target, level string) {
	m.family("bulkhead_info", "The program and what it examined.")
	labels := []string{"version", tool.Version, "target", target.String(), "os", target.OS, "arch", target.Arch}
	if level != "" {
		labels = append(labels, "level", level)
	}
	m.sample(1, labels...)
}

func (m *metrics) findings(findings []Finding) {
	if len(findings) == 0 {
		return
	}
	m.family("bulkhead_doctor_finding", "One series for each finding; folded ones name the root cause that explains them.")
	for _, f := range findings {
		m.sample(1, "code", f.Code, "area", f.Area, "severity", f.Severity, "subject", f.Subject,
			"root_cause", f.RootCause, "waived", strconv.FormatBool(f.Waived != nil))
	}
}

// notes writes what the host said beside the result, such as what ran in place of a
// plugin.
func (m *metrics) notes(notes []Diagnostic) {
	if len(notes) == 0 {
		return
	}
	m.family("bulkhead_note", "One series for each note beside the result.")
	for _, n := range notes {
		m.sample(1, "severity", n.Severity, "plugin", n.Plugin, "summary", n.Summary)
	}
}

// facts writes the facts that are numbers or truth values.
func (m *metrics) facts(facts []fact.Fact) {
	numeric := slices.DeleteFunc(slices.Clone(facts), func(f fact.Fact) bool {
		_, ok := numberOf(f)
		return !ok
	})
	if len(numeric) == 0 {
		return
	}
	m.family("bulkhead_fact", "Facts that are numbers, or true (1) and false (0). Sizes are bytes, durations seconds.")
	for _, f := range fact.NewSet(numeric).All() {
		value, _ := numberOf(f)
		m.sample(value, "address", f.Address)
	}
}

func numberOf(f fact.Fact) (float64, bool) {
	switch v := decode(f.Value).(type) {
	case bool:
		return truth(v), true
	case json.Number:
		return float(v)
	}
	return 0, false
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// unix turns milliseconds since the epoch into seconds.
func unix(ms int64) float64 { return float64(ms) / 1000 }

func (m *metrics) flush(w io.Writer, what string) error {
	return emit(w, what, m.buf.Bytes())
}
