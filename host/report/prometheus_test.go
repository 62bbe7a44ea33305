// SPDX-License-Identifier: Apache-2.0

package report

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// The grammar of the text exposition format 0.0.4:
// https://github.com/prometheus/docs/blob/main/docs/instrumenting/exposition_formats.md
var (
	helpLine   = regexp.MustCompile(`^# HELP ([a-zA-Z_:][a-zA-Z0-9_:]*) (.*)$`)
	typeLine   = regexp.MustCompile(`^# TYPE ([a-zA-Z_:][a-zA-Z0-9_:]*) (counter|gauge|histogram|summary|untyped)$`)
	sampleLine = regexp.MustCompile(`^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{((?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\\\|\\"|\\n)*",?)*)\})? ([^ ]+)$`)
	labelPair  = regexp.MustCompile(`([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\\\|\\"|\\n)*)"`)
)

// exposition parses metrics strictly: series by their text, and every sample
// under the HELP and TYPE of its family.
func exposition(t judge, text string) map[string]float64 {
	t.Helper()
	out := map[string]float64{}
	family, typed := "", ""
	for line := range strings.SplitSeq(strings.TrimSuffix(text, "\n"), "\n") {
		if m := helpLine.FindStringSubmatch(line); m != nil {
			family = m[1]
			continue
		}
		if m := typeLine.FindStringSubmatch(line); m != nil {
			typed = m[1]
			continue
		}
		m := sampleLine.FindStringSubmatch(line)
		if m == nil {
			t.Fatal(fmt.Sprintf("not a line of the format: %q", line))
		}
		if m[1] != family || m[1] != typed {
			t.Errorf("%s stands under HELP %s and TYPE %s", m[1], family, typed)
		}
		value, err := strconv.ParseFloat(m[3], 64)
		if err != nil {
			t.Errorf("%q: %v", line, err)
		}
		series := m[1] + "{" + m[2] + "}"
		if _, twice := out[series]; twice {
			t.Errorf("%s stands there twice", series)
		}
		out[series] = value
	}
	return out
}

// labelOf returns the value of a label in a series.
func labelOf(series, name string) string {
	for _, m := range labelPair.FindAllStringSubmatch(series, -1) {
		if m[1] == name {
			return strings.NewReplacer(`\\`, `\`, `\"`, `"`, `\n`, "\n").Replace(m[2])
		}
	}
	return ""
}

func TestPrometheusOfADiagnosis(t *testing.T) {
	d := judged()
	d.Facts = observed().Facts
	got := exposition(t, written(t, d, Prometheus, Options{}))
	for series, want := range map[string]float64{
		"bulkhead_doctor_healthy{}":                    0,
		`bulkhead_doctor_findings{severity="error"}`:   2,
		`bulkhead_doctor_findings{severity="warning"}`: 3,
		"bulkhead_doctor_findings_waived{}":            1,
		"bulkhead_doctor_duration_seconds{}":           0.123456,
		"bulkhead_doctor_timestamp_seconds{}":          float64(when.Unix()),
		`bulkhead_doctor_checks{status="run"}`:         31,
		`bulkhead_fact{address="cpu.count"}`:           16,
		`bulkhead_doctor_finding{code="gpu.persistence-off",area="gpu",severity="warning",subject="GPU 0",root_cause="",waived="true"}`: 1,
	} {
		if value, ok := got[series]; !ok || value != want {
			t.Errorf("%s is %v, %v; want %v", series, value, ok, want)
		}
	}
	if got := exposition(t, written(t, healthy(), Prometheus, Options{})); got["bulkhead_doctor_healthy{}"] != 1 {
		t.Error("a healthy machine is not healthy")
	}
	late := healthy()
	late.Summary.TimedOut = true
	if got := exposition(t, written(t, late, Prometheus, Options{})); got["bulkhead_doctor_healthy{}"] != 0 {
		t.Error("a machine that was not examined is healthy")
	}
}

func TestPrometheusEscapesLabels(t *testing.T) {
	subject := "C:\\temp\\\"x\"\nsecond \\n line"
	d := Doctor{Findings: []Finding{{Code: "a.b", Severity: Error, Subject: subject}, {Code: "a.b", Severity: Error, Subject: subject, ID: "twice"}}}
	found := false
	for series := range exposition(t, written(t, d, Prometheus, Options{})) {
		if strings.HasPrefix(series, "bulkhead_doctor_finding{") {
			found = true
			if got := labelOf(series, "subject"); got != subject {
				t.Errorf("got %q, want %q", got, subject)
			}
		}
	}
	if !found {
		t.Error("the finding is not there")
	}
}

func TestPrometheusOfFacts(t *testing.T) {
	f := Facts{CollectedAt: when, Facts: []fact.Fact{
		{Address: "a.count", Value: json.RawMessage("3")}, {Address: "a.on", Value: json.RawMessage("true")}, {Address: `b[C:\x].ratio`, Value: json.RawMessage("0.25")},
		{Address: "a.name", Value: json.RawMessage(`"7"`)}, {Address: "a.list", Value: json.RawMessage("[1]")}, {Address: "a.lost", Unknown: "why"},
	}}
	got := exposition(t, written(t, f, Prometheus, Options{}))
	want := map[string]float64{`bulkhead_fact{address="a.count"}`: 3, `bulkhead_fact{address="a.on"}`: 1, `bulkhead_fact{address="b[C:\\x].ratio"}`: 0.25}
	for series, value := range want {
		if got[series] != value {
			t.Errorf("%s is %v", series, got[series])
		}
	}
	facts := 0
	for series := range got {
		if strings.HasPrefix(series, "bulkhead_fact{") {
			facts++
		}
	}
	if facts != len(want) {
		t.Errorf("%d facts, want %d: %v", facts, len(want), got)
	}
}

func TestAnyPrometheus(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		exposition(rt, written(rt, someDoctor.Draw(rt, "doctor"), Prometheus, Options{}))
		exposition(rt, written(rt, someRun.Draw(rt, "run"), Prometheus, Options{}))
	})
}
