// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	metricsrpc "go.opentelemetry.io/proto/slim/otlp/collector/metrics/v1"
	tracerpc "go.opentelemetry.io/proto/slim/otlp/collector/trace/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
)

// decodedSpan sends a span through the encoding.
func decodedSpan(t testing.TB, s *span) *tracerpc.ExportTraceServiceRequest {
	t.Helper()
	var out tracerpc.ExportTraceServiceRequest
	if err := proto.Unmarshal(request(newResource("v"), s.encode(nil)), &out); err != nil {
		t.Fatal(err)
	}
	return &out
}

func TestSpanEncoding(t *testing.T) {
	at := time.Unix(1_700_000_000, 123)
	s := &span{spanContext: spanContext{}.under(), name: "n", kind: client, start: at, end: at.Add(5), texts: [texts]string{kernelName: "x"}, numbers: [numbers]int64{rowsIn: -7}}
	got := decodedSpan(t, s).GetResourceSpans()[0].GetScopeSpans()[0]
	one := got.GetSpans()[0]
	a := attributes(one.GetAttributes())
	if a["bulkhead.kernel"] != "x" || a["bulkhead.rows.in"] != int64(-7) || len(a) != 2 {
		t.Errorf("attributes %v", a)
	}
	if one.GetStartTimeUnixNano() != uint64(at.UnixNano()) || one.GetEndTimeUnixNano() != uint64(at.UnixNano()+5) || one.GetStatus() != nil || len(one.ProtoReflect().GetUnknown()) != 0 {
		t.Errorf("span %v", one)
	}
	if got.GetScope().GetName() != "github.com/bulkhead-ml/bulkhead" {
		t.Errorf("scope %v", got.GetScope())
	}
}

// TestMetricsOfEveryKindDecode: no field is unknown to the generated code.
func TestMetricsOfEveryKindDecode(t *testing.T) {
	r := newRegistry()
	for _, i := range instruments {
		values := slices.Repeat([]string{"x"}, len(i.labels))
		switch i.kind {
		case counter:
			r.add(i, 2, values...)
		case gauge:
			r.highest(i, 3, values...)
		case histogram:
			r.observe(i, 4, values...)
		}
	}
	var out metricsrpc.ExportMetricsServiceRequest
	if err := proto.Unmarshal(encodeMetrics(newResource("v"), r.snapshots(), r.start, time.Now()), &out); err != nil {
		t.Fatal(err)
	}
	metrics := out.GetResourceMetrics()[0].GetScopeMetrics()[0].GetMetrics()
	if len(metrics) != len(instruments) {
		t.Fatalf("%d of %d instruments", len(metrics), len(instruments))
	}
	for k, m := range metrics {
		i := instruments[k]
		if m.GetName() != i.name || m.GetUnit() != i.unit || m.GetDescription() != i.help || m.GetData() == nil || len(m.ProtoReflect().GetUnknown()) != 0 {
			t.Errorf("metric %v", m)
		}
	}
}

// TestInstrumentNames follow the rules of both worlds: the unit at the end of
// a name for Prometheus, and "total" at that of a counter.
func TestInstrumentNames(t *testing.T) {
	seen := map[string]bool{}
	for _, i := range instruments {
		if seen[i.name] || seen[i.prometheus] || !regexp.MustCompile(`^bulkhead(\.[a-z]+)+$`).MatchString(i.name) || !regexp.MustCompile(`^bulkhead(_[a-z]+)+$`).MatchString(i.prometheus) {
			t.Errorf("%s, %s", i.name, i.prometheus)
		}
		seen[i.name], seen[i.prometheus] = true, true
		if (i.kind == counter) != strings.HasSuffix(i.prometheus, "_total") {
			t.Errorf("%s is of kind %d", i.prometheus, i.kind)
		}
		for unit, word := range map[string]string{"s": "seconds", "By": "bytes"} {
			if (i.unit == unit) != strings.Contains(i.prometheus, word) {
				t.Errorf("%s has the unit %s", i.prometheus, i.unit)
			}
		}
		if (i.kind == histogram) != (len(i.bounds) > 0) || !slices.IsSorted(i.bounds) || i.help == "" || !strings.HasSuffix(i.help, ".") {
			t.Errorf("%s: bounds %v, help %q", i.name, i.bounds, i.help)
		}
	}
}

func TestStatusCodes(t *testing.T) {
	for c, want := range map[codes.Code]string{codes.OK: "OK", codes.Canceled: "CANCELLED", codes.DeadlineExceeded: "DEADLINE_EXCEEDED", codes.Unavailable: "UNAVAILABLE", codes.Unauthenticated: "UNAUTHENTICATED", 99: "UNKNOWN"} {
		if got := statusCode(c); got != want {
			t.Errorf("%s: %s, want %s", c, got, want)
		}
	}
}

func TestIDsDiffer(t *testing.T) {
	seen := map[[8]byte]bool{}
	root := spanContext{}.under()
	for range 1000 {
		c := root.under()
		if c.trace != root.trace || seen[c.span] || !c.valid() {
			t.Fatalf("child %+v of %+v", c, root)
		}
		seen[c.span] = true
	}
	if other := (spanContext{}).under(); other.trace == root.trace {
		t.Error("two traces have one id")
	}
}

// FuzzSpanText: names and messages of any bytes become a span that decodes,
// since protobuf refuses text that is not UTF-8.
func FuzzSpanText(f *testing.F) {
	f.Add("node clean", "the column \"age\" is missing")
	f.Add("\xff\xfe", "\x00\xc3")
	f.Add("", strings.Repeat("x", 5000))
	f.Fuzz(func(t *testing.T, name, reason string) {
		s := &span{spanContext: spanContext{}.under(), name: name, kind: internal, start: time.Now(), end: time.Now(), texts: [texts]string{runID: reason}}
		s.fail(name, reason)
		one := decodedSpan(t, s).GetResourceSpans()[0].GetScopeSpans()[0].GetSpans()[0]
		if utf8.ValidString(name) && one.GetName() != name || utf8.ValidString(reason) && one.GetStatus().GetMessage() != reason {
			t.Errorf("%q and %q became %v", name, reason, one)
		}
	})
}

// FuzzLabels: whatever a label says, the exposition stays one.
func FuzzLabels(f *testing.F) {
	f.Add("churn", "clean")
	f.Add("a\"} 1\nbulkhead_x 2", "\\")
	f.Add("\xff", "\r\n\t")
	f.Fuzz(func(t *testing.T, pipeline, node string) {
		r := newRegistry()
		r.add(nodesEnded, 1, pipeline, node, "ok")
		r.observe(nodeTime, 1, pipeline, node)
		var b strings.Builder
		if err := (&Telemetry{metrics: r}).WritePrometheus(&b); err != nil {
			t.Fatal(err)
		}
		if e := parseExposition(t, b.String()); len(e.values) != 1+len(runBounds)+3 {
			t.Errorf("%d samples from %q and %q", len(e.values), pipeline, node)
		}
	})
}
