// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"compress/gzip"
	"context"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	metricsrpc "go.opentelemetry.io/proto/slim/otlp/collector/metrics/v1"
	tracerpc "go.opentelemetry.io/proto/slim/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/slim/otlp/common/v1"
	metricspb "go.opentelemetry.io/proto/slim/otlp/metrics/v1"
	tracepb "go.opentelemetry.io/proto/slim/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// collector is an OTLP receiver that decodes with the generated code of
// OpenTelemetry.
type collector struct {
	*httptest.Server
	t testing.TB
	// answer may answer in its stead, and reports whether it did.
	answer func(w http.ResponseWriter, r *http.Request) bool

	mu       sync.Mutex
	spans    []*tracepb.Span
	resource map[string]any
	metrics  map[string]*metricspb.Metric
	headers  []http.Header
	requests int
}

func newCollector(t testing.TB) *collector {
	c := &collector{t: t, metrics: map[string]*metricspb.Metric{}}
	c.Server = httptest.NewServer(c)
	t.Cleanup(c.Close)
	return c
}

func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requests++
	c.headers = append(c.headers, r.Header.Clone())
	if c.answer != nil && c.answer(w, r) {
		return
	}
	body := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(r.Body)
		if err != nil {
			c.t.Errorf("not gzip: %v", err)
			return
		}
		body = z
	}
	data, err := io.ReadAll(body)
	if err != nil || r.Header.Get("Content-Type") != "application/x-protobuf" || r.Method != http.MethodPost {
		c.t.Errorf("%s %s: %v", r.Method, r.Header.Get("Content-Type"), err)
	}
	switch r.URL.Path {
	case "/v1/traces":
		c.takeSpans(data)
	case "/v1/metrics":
		c.takeMetrics(data)
	default:
		c.t.Errorf("a request for %s", r.URL.Path)
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
}

func (c *collector) takeSpans(data []byte) {
	var request tracerpc.ExportTraceServiceRequest
	if err := (proto.UnmarshalOptions{}).Unmarshal(data, &request); err != nil {
		c.t.Errorf("not a request of OTLP: %v", err)
	}
	for _, r := range request.GetResourceSpans() {
		c.resource = attributes(r.GetResource().GetAttributes())
		for _, s := range r.GetScopeSpans() {
			c.spans = append(c.spans, s.GetSpans()...)
		}
	}
}

func (c *collector) takeMetrics(data []byte) {
	var request metricsrpc.ExportMetricsServiceRequest
	if err := proto.Unmarshal(data, &request); err != nil {
		c.t.Errorf("not a request of OTLP: %v", err)
	}
	for _, r := range request.GetResourceMetrics() {
		for _, s := range r.GetScopeMetrics() {
			for _, m := range s.GetMetrics() {
				c.metrics[m.GetName()] = m
			}
		}
	}
}

// span finds the only span of a name.
func (c *collector) span(name string) *tracepb.Span {
	c.t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	var found *tracepb.Span
	for _, s := range c.spans {
		if s.GetName() == name {
			if found != nil {
				c.t.Fatalf("two spans have the name %q", name)
			}
			found = s
		}
	}
	if found == nil {
		c.t.Fatalf("no span has the name %q", name)
	}
	return found
}

func attributes(list []*common.KeyValue) map[string]any {
	out := map[string]any{}
	for _, a := range list {
		switch v := a.GetValue().GetValue().(type) {
		case *common.AnyValue_StringValue:
			out[a.GetKey()] = v.StringValue
		case *common.AnyValue_IntValue:
			out[a.GetKey()] = v.IntValue
		case *common.AnyValue_BoolValue:
			out[a.GetKey()] = v.BoolValue
		case *common.AnyValue_DoubleValue:
			out[a.GetKey()] = v.DoubleValue
		}
	}
	return out
}

func id(b []byte) string { return hex.EncodeToString(b) }

// opened is telemetry that is closed with the test and logs into log.
func opened(t testing.TB, c Config) (*Telemetry, *logged) {
	t.Helper()
	log := &logged{}
	c.Log = log.add
	tm, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tm.Close(context.Background()) })
	return tm, log
}

type logged struct {
	mu    sync.Mutex
	lines []string
}

func (l *logged) add(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, line)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.lines, "\n")
}

// quick are limits that make a test short.
func quick() Limits {
	return Limits{Interval: 10 * time.Millisecond, MetricInterval: time.Hour, Request: 30 * time.Second, Retry: time.Minute, Close: time.Minute}
}
