// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	metricspb "go.opentelemetry.io/proto/slim/otlp/metrics/v1"

	"github.com/bulkhead-ml/bulkhead/host/dataplane"
)

// exposition is what a scraper reads: values by series, types by name.
type exposition struct {
	values map[string]float64
	types  map[string]string
}

var (
	sampleForm = regexp.MustCompile(`^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{[a-zA-Z_][a-zA-Z0-9_]*="([^"\\\n]|\\["\\n])*"(,[a-zA-Z_][a-zA-Z0-9_]*="([^"\\\n]|\\["\\n])*")*\})? (\S+)$`)
	headForm   = regexp.MustCompile(`^# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+)$`)
)

// parseExposition reads the text format as strictly as a linter: every sample
// after its HELP and TYPE, families in one piece, no series twice, counters
// that end in _total, histograms that are cumulative and end in +Inf.
func parseExposition(t testing.TB, text string) exposition {
	t.Helper()
	e := exposition{map[string]float64{}, map[string]string{}}
	current, seen := "", map[string]bool{}
	for s := bufio.NewScanner(strings.NewReader(text)); s.Scan(); {
		line := s.Text()
		if m := headForm.FindStringSubmatch(line); m != nil {
			if m[1] == "HELP" {
				if seen[m[2]] {
					t.Errorf("%s comes twice", m[2])
				}
				seen[m[2]], current = true, m[2]
			} else {
				e.types[m[2]] = m[3]
			}
			continue
		}
		m := sampleForm.FindStringSubmatch(line)
		if m == nil {
			t.Errorf("not a sample: %q", line)
			continue
		}
		family := m[1]
		if e.types[current] == "histogram" {
			family = strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(family, "_bucket"), "_sum"), "_count")
		}
		if family != current {
			t.Errorf("%s stands in the family %s", family, current)
		}
		if e.types[family] == "counter" && !strings.HasSuffix(family, "_total") {
			t.Errorf("the counter %s does not end in _total", family)
		}
		value, err := strconv.ParseFloat(m[6], 64)
		if _, twice := e.values[m[1]+m[2]]; err != nil || twice {
			t.Errorf("%s: %v, twice is %v", line, err, twice)
		}
		e.values[m[1]+m[2]] = value
	}
	e.checkHistograms(t)
	return e
}

func (e exposition) checkHistograms(t testing.TB) {
	t.Helper()
	for series, count := range e.values {
		name, labels, _ := strings.Cut(series, "{")
		if base, ok := strings.CutSuffix(name, "_count"); ok && e.types[base] == "histogram" {
			if got := e.values[base+"_bucket{"+strings.TrimSuffix(labels, "}")+`,le="+Inf"}`]; got != count {
				t.Errorf("%s counts %g and its last bucket %g", series, count, got)
			}
		}
	}
}

// aRun is a run with two nodes, one call and a failure.
func aRun(t testing.TB, tm *Telemetry) {
	t.Helper()
	run := tm.Start(RunStart{Pipeline: `ch"ur\n`})
	run.NodeStarted("clean")
	k := openKernel(t, run, kernels{answering{outcome: &dataplane.Outcome{Metrics: dataplane.Metrics{CPU: 1500 * time.Millisecond, PeakRSS: 1 << 20}}}})
	if _, err := k.Transform(t.Context(), describe("clean"), nil, nil, dataplane.Output{}); err != nil {
		t.Fatal(err)
	}
	run.NodeEnded(NodeEnd{Name: "clean", Status: "ok", Attempts: 2, Cache: "hit", RowsIn: 10, RowsOut: 7, RowsDropped: 2, RowsRejected: 1, BytesIn: 80, BytesOut: 56})
	run.NodeEnded(NodeEnd{Name: "after", Status: "skipped"})
	run.Ended(RunEnd{Status: "failed", Reason: "x"})
}

func TestPrometheus(t *testing.T) {
	tm, _ := opened(t, Config{Prometheus: "127.0.0.1:0", Limits: quick()})
	aRun(t, tm)
	resp, err := http.Get("http://" + tm.PrometheusAddress() + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != contentType {
		t.Errorf("%s, %s", resp.Status, resp.Header.Get("Content-Type"))
	}
	e := parseExposition(t, string(body))
	for series, want := range map[string]float64{
		`bulkhead_runs_total{pipeline="ch\"ur\\n",status="failed"}`:                                        1,
		`bulkhead_runs_running{pipeline="ch\"ur\\n"}`:                                                      0,
		`bulkhead_node_rows_total{pipeline="ch\"ur\\n",node="clean",direction="rejected"}`:                 1,
		`bulkhead_node_rows_total{pipeline="ch\"ur\\n",node="clean",direction="in"}`:                       10,
		`bulkhead_node_attempts_total{pipeline="ch\"ur\\n",node="clean"}`:                                  2,
		`bulkhead_node_cache_total{pipeline="ch\"ur\\n",node="clean",result="hit"}`:                        1,
		`bulkhead_nodes_total{pipeline="ch\"ur\\n",node="after",status="skipped"}`:                         1,
		`bulkhead_calls_total{plugin="data",kernel="prepare",method="Transform",outcome="ok"}`:             1,
		`bulkhead_call_cpu_seconds_total{plugin="data",kernel="prepare",method="Transform"}`:               1.5,
		`bulkhead_kernel_memory_peak_bytes{plugin="data"}`:                                                 1 << 20,
		`bulkhead_call_duration_seconds_count{plugin="data",kernel="prepare",method="Transform"}`:          1,
		`bulkhead_call_duration_seconds_bucket{plugin="data",kernel="prepare",method="Transform",le="60"}`: 1,
	} {
		if got, ok := e.values[series]; !ok || got != want {
			t.Errorf("%s is %g (%v), want %g", series, got, ok, want)
		}
	}
	var b strings.Builder
	if err := tm.WritePrometheus(&b); err != nil || b.String() != string(body) {
		t.Errorf("the text and the endpoint differ: %v", err)
	}
}

func TestEndpoint(t *testing.T) {
	tm, _ := opened(t, Config{Prometheus: "0", Limits: quick()})
	if !strings.HasPrefix(tm.PrometheusAddress(), "127.0.0.1:") {
		t.Errorf("an address without a host listens on %s", tm.PrometheusAddress())
	}
	base := "http://" + tm.PrometheusAddress()
	post, err := http.Post(base+"/metrics", "text/plain", strings.NewReader("x"))
	if err != nil {
		t.Fatal(err)
	}
	post.Body.Close()
	other, err := http.Get(base + "/debug/pprof")
	if err != nil {
		t.Fatal(err)
	}
	other.Body.Close()
	if post.StatusCode != http.StatusMethodNotAllowed || other.StatusCode != http.StatusNotFound {
		t.Errorf("%s and %s", post.Status, other.Status)
	}
	if _, err := Open(Config{Prometheus: tm.PrometheusAddress()}); err == nil || !strings.Contains(err.Error(), "another port") {
		t.Errorf("a port in use: %v", err)
	}
	tm.Close(t.Context())
	if resp, err := http.Get(base + "/metrics"); err == nil {
		resp.Body.Close()
		t.Error("metrics are served after Close")
	}
}

func TestListenAddress(t *testing.T) {
	for in, want := range map[string]string{"9464": "127.0.0.1:9464", ":9464": "127.0.0.1:9464", "0.0.0.0:9464": "0.0.0.0:9464", "[::1]:1": "[::1]:1", "localhost:0": "localhost:0", "x": "", "1:2:3": "", ":99999": ""} {
		if got, err := listenAddress(in); got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", in, got, err)
		}
	}
}

// TestMetricsByOTLP: a receiver decodes the same numbers.
func TestMetricsByOTLP(t *testing.T) {
	c := newCollector(t)
	tm, _ := opened(t, Config{OTLP: c.URL, Limits: quick()})
	aRun(t, tm)
	if s := tm.Close(t.Context()); s.Metrics != (Counts{Delivered: 1}) {
		t.Fatal(s)
	}
	rows := c.metrics["bulkhead.node.rows"].GetSum()
	if rows == nil || !rows.GetIsMonotonic() || rows.GetAggregationTemporality() != metricspb.AggregationTemporality_AGGREGATION_TEMPORALITY_CUMULATIVE || len(rows.GetDataPoints()) != 4 {
		t.Fatalf("rows %v", rows)
	}
	for _, p := range rows.GetDataPoints() {
		if a := attributes(p.GetAttributes()); a["bulkhead.direction"] == "out" && (p.GetAsDouble() != 7 || a["bulkhead.node"] != "clean" || p.GetTimeUnixNano() < p.GetStartTimeUnixNano()) {
			t.Errorf("point %v", p)
		}
	}
	if g := c.metrics["bulkhead.kernel.memory.peak"]; g.GetUnit() != "By" || g.GetGauge().GetDataPoints()[0].GetAsDouble() != 1<<20 {
		t.Errorf("peak %v", g)
	}
	h := c.metrics["bulkhead.call.duration"].GetHistogram().GetDataPoints()
	if len(h) != 1 || h[0].GetCount() != 1 || len(h[0].GetBucketCounts()) != len(h[0].GetExplicitBounds())+1 || h[0].GetExplicitBounds()[0] != callBounds[0] {
		t.Errorf("histogram %v", h)
	}
	sum := uint64(0)
	for _, n := range h[0].GetBucketCounts() {
		sum += n
	}
	if sum != h[0].GetCount() {
		t.Errorf("buckets hold %d of %d", sum, h[0].GetCount())
	}
}

func TestBucketsAreUpperBounds(t *testing.T) {
	r := newRegistry()
	for _, v := range []float64{0.0005, 0.001, 0.0011, 60, 61} {
		r.observe(callTime, v, "p", "k", "m")
	}
	got := r.snapshots()[0].series[0].buckets
	if got[0] != 2 || got[1] != 1 || got[14] != 1 || got[15] != 1 {
		t.Errorf("buckets %v", got)
	}
}

// TestSeriesAreBounded: a label from outside cannot take all memory.
func TestSeriesAreBounded(t *testing.T) {
	r := newRegistry()
	for i := range 3 * maxSeries {
		r.add(nodesEnded, 1, "p", fmt.Sprint(i), "ok")
	}
	s := r.snapshots()[0]
	if len(s.series) != maxSeries+1 || s.series[0].sum != 2*maxSeries {
		t.Fatalf("%d series, the first of %g", len(s.series), s.series[0].sum)
	}
	if a := s.attributesOf(s.series[0]); len(a) != 1 || a[0] != (attribute{overflowLabel, true}) {
		t.Errorf("overflow %v", a)
	}
	var b strings.Builder
	tm := &Telemetry{metrics: r}
	if err := tm.WritePrometheus(&b); err != nil || !strings.Contains(b.String(), `{otel_metric_overflow="true"}`) {
		t.Error("the overflow is not shown")
	}
	parseExposition(t, b.String())
}

func TestMetricsFromManyGoroutines(t *testing.T) {
	r := newRegistry()
	var all sync.WaitGroup
	for g := range 8 {
		all.Go(func() {
			for i := range 500 {
				r.add(callsEnded, 1, "p", fmt.Sprint(i%7), "m", "ok")
				r.observe(callTime, math.Abs(float64(g)), "p", "k", "m")
				if i%100 == 0 {
					r.snapshots()
				}
			}
		})
	}
	all.Wait()
	total := 0.0
	for _, f := range r.snapshots() {
		if f.instrument == callsEnded {
			for _, s := range f.series {
				total += s.sum
			}
		}
	}
	if total != 4000 {
		t.Errorf("%g of 4000 calls were counted", total)
	}
}
