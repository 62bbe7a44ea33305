// SPDX-License-Identifier: Apache-2.0

package runs

import (
	"bytes"
	"errors"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// The grammar of the text exposition format 0.0.4:
// https://github.com/prometheus/docs/blob/main/docs/instrumenting/exposition_formats.md
var (
	helpLine   = regexp.MustCompile(`^# HELP ([a-zA-Z_:][a-zA-Z0-9_:]*) (.*)$`)
	typeLine   = regexp.MustCompile(`^# TYPE ([a-zA-Z_:][a-zA-Z0-9_:]*) (counter|gauge|histogram|summary|untyped)$`)
	sampleLine = regexp.MustCompile(`^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{((?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\\\|\\"|\\n)*",?)*)\})? ([^ ]+)$`)
)

// parse reads an exposition strictly: every family once, every sample under the
// HELP and TYPE of its family, every series once.
func parse(t testing.TB, text string) map[string]float64 {
	t.Helper()
	out, families := map[string]float64{}, map[string]bool{}
	family, kind := "", ""
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if m := helpLine.FindStringSubmatch(line); m != nil {
			if families[m[1]] {
				t.Errorf("family %s stands twice", m[1])
			}
			family, kind, families[m[1]] = m[1], "", true
			continue
		}
		if m := typeLine.FindStringSubmatch(line); m != nil && m[1] == family {
			kind = m[2]
			continue
		}
		m := sampleLine.FindStringSubmatch(line)
		if m == nil {
			t.Fatalf("not a line of the format: %q", line)
		}
		of := m[1]
		if kind == "summary" {
			of = strings.TrimSuffix(strings.TrimSuffix(of, "_sum"), "_count")
		}
		if of != family || kind == "" {
			t.Errorf("%s stands under %s of type %q", m[1], family, kind)
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

func exposed(t *testing.T, records ...*Record) map[string]float64 {
	t.Helper()
	var b bytes.Buffer
	must(t, WritePrometheus(&b, records...))
	return parse(t, b.String())
}

func TestPrometheus(t *testing.T) {
	r := full()
	const run, node = `run="0123456789abcdef",pipeline="churn"`, `run="0123456789abcdef",pipeline="churn",node="clean"`
	got := exposed(t, &r)
	for series, want := range map[string]float64{
		`bulkhead_run_ok{` + run + `,status="partial"}`:                                   0,
		`bulkhead_run_duration_seconds{` + run + `,status="partial"}`:                     2,
		`bulkhead_run_timestamp_seconds{` + run + `,status="partial"}`:                    float64(noon.Unix()),
		`bulkhead_run_node_duration_seconds{` + node + `,status="ok"}`:                    1,
		`bulkhead_run_node_cpu_seconds{` + node + `,status="ok"}`:                         0.001,
		`bulkhead_run_node_peak_rss_bytes{` + node + `,status="ok"}`:                      1 << 20,
		`bulkhead_run_node_rows_in{` + node + `,status="ok"}`:                             569,
		`bulkhead_run_node_rows_out{` + node + `,status="ok"}`:                            560,
		`bulkhead_run_node_rows_dropped{` + node + `,status="ok"}`:                        8,
		`bulkhead_run_node_rows_rejected{` + node + `,status="ok"}`:                       1,
		`bulkhead_run_node_bytes_in{` + node + `,status="ok"}`:                            12000,
		`bulkhead_run_node_bytes_out{` + node + `,status="ok"}`:                           9000,
		`bulkhead_run_node_attempts{` + node + `,status="ok"}`:                            2,
		`bulkhead_run_node_errors{` + node + `,status="ok"}`:                              1,
		`bulkhead_run_node_cache_hit{` + node + `,status="ok"}`:                           0,
		`bulkhead_run_node_metric{` + node + `,metric="quality_score"}`:                   0.9,
		`bulkhead_run_node_call_seconds{` + node + `,method="transform",quantile="0.95"}`: 2e-8,
		`bulkhead_run_node_call_seconds_sum{` + node + `,method="transform"}`:             4e-8,
		`bulkhead_run_node_call_seconds_count{` + node + `,method="transform"}`:           3,
		`bulkhead_run_node_call_errors{` + node + `,method="transform"}`:                  1,
	} {
		if value, ok := got[series]; !ok || value != want {
			t.Errorf("%s is %v, %v; want %v", series, value, ok, want)
		}
	}
}

func TestPrometheusOfAllRuns(t *testing.T) {
	s := newStore(t)
	for range 3 {
		ended(t, s, Record{Pipeline: "we\\ird \"p\"\nx\xff", Nodes: []Node{{Name: "a", Calls: []Latency{{Method: "fit"}}}, {Name: "a", Status: OK}}}, OK)
	}
	list, err := s.List(Filter{})
	must(t, err)
	if got := exposed(t, list...); len(got) != 9 {
		t.Errorf("%d series: %v", len(got), got)
	}
	var all []*Record
	for _, r := range list {
		r, err = s.Get(r.ID)
		must(t, err)
		all = append(all, r)
	}
	got := exposed(t, append(all, all...)...)
	found := false
	for series, v := range got {
		found = found || strings.HasPrefix(series, "bulkhead_run_ok{") && strings.Contains(series, `pipeline="we\\ird \"p\"\nx`+"\uFFFD") && v == 1
	}
	if !found {
		t.Errorf("%v", got)
	}
	if len(exposed(t)) != 0 {
		t.Error("something of nothing")
	}
	if err := WritePrometheus(failing{}, all...); err == nil {
		t.Error("a failing writer")
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errors.New("full") }
