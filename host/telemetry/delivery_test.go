// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// nodes makes n spans.
func nodes(run *Run, n int) {
	for range n {
		run.NodeStarted("n")
		run.NodeEnded(NodeEnd{Name: "n", Status: "ok"})
	}
}

func TestFailingReceiversAreTriedAgain(t *testing.T) {
	for _, status := range []int{429, 502, 503, 504} {
		c := newCollector(t)
		c.answer = func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path != "/v1/traces" || c.requests > 2 {
				return false
			}
			w.Header().Set("Retry-After", "0")
			w.WriteHeader(status)
			return true
		}
		tm, log := opened(t, Config{OTLP: c.URL, Limits: quick()})
		tm.Start(RunStart{Pipeline: "p"}).Ended(RunEnd{Status: "ok"})
		if s := tm.Close(t.Context()); s.Spans != (Counts{Delivered: 1}) || log.String() != "" {
			t.Errorf("%d: %s, %s", status, s, log)
		}
	}
}

func TestRefusedForGood(t *testing.T) {
	c := newCollector(t)
	c.answer = func(w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(http.StatusUnauthorized)
		return true
	}
	tm, log := opened(t, Config{OTLP: c.URL, Limits: quick()})
	run := tm.Start(RunStart{Pipeline: "p"})
	for range 3 {
		nodes(run, 1)
		time.Sleep(30 * time.Millisecond)
	}
	s := tm.Close(t.Context())
	if s.Spans.Dropped != 3 || s.Spans.Delivered != 0 || s.Metrics.Dropped != 1 {
		t.Error(s)
	}
	if n := strings.Count(log.String(), "spans were not delivered"); n != 1 || !strings.Contains(log.String(), "401 Unauthorized") {
		t.Errorf("told %d times: %s", n, log)
	}
}

func TestPartialSuccess(t *testing.T) {
	c := newCollector(t)
	c.answer = func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/v1/traces" {
			return false
		}
		inner := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), 2)
		_, _ = w.Write(protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), inner))
		return true
	}
	limits := quick()
	limits.Interval = time.Hour
	tm, _ := opened(t, Config{OTLP: c.URL, Limits: limits})
	nodes(tm.Start(RunStart{Pipeline: "p"}), 5)
	if s := tm.Close(t.Context()); s.Spans != (Counts{Delivered: 3, Dropped: 2}) {
		t.Error(s)
	}
}

// TestSlowReceiverNeverHoldsARun: the queue fills, the rest is counted, and the
// run is as fast as ever.
func TestSlowReceiverNeverHoldsARun(t *testing.T) {
	hang := make(chan struct{})
	receiver := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hang }))
	defer receiver.Close()
	defer close(hang)
	limits := quick()
	limits.Queue, limits.Batch, limits.Close = 100, 10, 300*time.Millisecond
	tm, log := opened(t, Config{OTLP: receiver.URL, Limits: limits})
	run := tm.Start(RunStart{Pipeline: "p"})
	at := time.Now()
	nodes(run, 5000)
	if took := time.Since(at); took > 30*time.Second {
		t.Errorf("the run waited %s", took)
	}
	at = time.Now()
	s := tm.Close(t.Context())
	if took := time.Since(at); took > 30*time.Second {
		t.Errorf("closing took %s where 300 ms were given", took)
	}
	if s.Spans.Delivered != 0 || s.Spans.Dropped != 5000 {
		t.Error(s)
	}
	if n := strings.Count(log.String(), "spans were not delivered"); n != 1 {
		t.Errorf("told %d times: %s", n, log)
	}
}

func TestCloseEndsWithItsContext(t *testing.T) {
	tm, _ := opened(t, Config{OTLP: "http://127.0.0.1:1", Limits: Limits{Interval: time.Hour, Close: time.Minute}})
	tm.Start(RunStart{Pipeline: "p"}).Ended(RunEnd{Status: "ok"})
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	at := time.Now()
	if s := tm.Close(ctx); s.Spans.Dropped != 1 || time.Since(at) > 50*time.Second {
		t.Errorf("%s after %s", s, time.Since(at))
	}
}

// TestSecretsStayHome: headers go to the named host only, and no message has
// their values, or the secrets of an address.
func TestSecretsStayHome(t *testing.T) {
	var strangers atomic.Int64
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { strangers.Add(1) }))
	defer elsewhere.Close()
	c := newCollector(t)
	c.answer = func(w http.ResponseWriter, r *http.Request) bool {
		http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
		return true
	}
	address := strings.Replace(c.URL, "http://", "http://user:hunter2@", 1) + "?token=hunter3"
	tm, log := opened(t, Config{OTLP: address, Headers: map[string]string{"Api-Key": "hunter4"}, Lineage: address, Limits: quick()})
	tm.Start(RunStart{Pipeline: "p"}).Ended(RunEnd{Status: "ok"})
	tm.Close(t.Context())
	if strangers.Load() != 0 {
		t.Error("a redirect was followed")
	}
	if !slices.ContainsFunc(c.headers, func(h http.Header) bool { return h.Get("Api-Key") != "" }) {
		t.Error("the header was not sent")
	}
	if log.String() == "" || strings.Contains(log.String(), "hunter") {
		t.Errorf("logged %s", log)
	}
	gone, log := opened(t, Config{OTLP: "http://user:hunter2@127.0.0.1:1/?k=hunter3", Headers: map[string]string{"Api-Key": "hunter4"}, Limits: Limits{Retry: time.Millisecond, Interval: time.Millisecond}})
	gone.Start(RunStart{Pipeline: "p"}).Ended(RunEnd{Status: "ok"})
	gone.Close(t.Context())
	if log.String() == "" || strings.Contains(log.String(), "hunter") {
		t.Errorf("logged %s", log)
	}
}

// TestLineageHeadersAreApart: the key of a collector does not go to a receiver
// of lineage.
func TestLineageHeadersAreApart(t *testing.T) {
	c, other := newCollector(t), newCollector(t)
	other.answer = func(http.ResponseWriter, *http.Request) bool { return true }
	tm, _ := opened(t, Config{OTLP: c.URL, Headers: map[string]string{"X-Key": "a"}, Lineage: other.URL, LineageHeaders: map[string]string{"X-Other": "b"}, Limits: quick()})
	tm.Start(RunStart{Pipeline: "p"}).Ended(RunEnd{Status: "ok"})
	tm.Close(t.Context())
	for _, h := range other.headers {
		if h.Get("X-Key") != "" || h.Get("X-Other") != "b" {
			t.Errorf("headers %v", h)
		}
	}
	if len(other.headers) != 2 {
		t.Errorf("%d events", len(other.headers))
	}
}

func TestWrongSettings(t *testing.T) {
	for name, c := range map[string]Config{
		"otlp": {OTLP: "localhost:4318"}, "scheme": {OTLP: "ftp://host"}, "no host": {OTLP: "http://"}, "control": {OTLP: "http://a\x7f:1?hunter2"},
		"port": {Prometheus: "127.0.0.1:http"}, "address": {Prometheus: "metrics"}, "range": {Prometheus: "127.0.0.1:70000"},
		"header": {OTLP: "http://a", Headers: map[string]string{"a b": "hunter2"}}, "value": {Lineage: "http://a", LineageHeaders: map[string]string{"a": "hunter2\n"}},
		"directory": {Lineage: t.TempDir()}, "lineage": {Lineage: "http://?x"},
	} {
		tm, err := Open(c)
		if err == nil || tm != nil || !strings.Contains(err.Error(), "telemetry.") || strings.Contains(err.Error(), "hunter") {
			t.Errorf("%s: %v, %v", name, tm, err)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	for s, want := range map[string]time.Duration{"": 0, "3": 3 * time.Second, "-1": 0, "99999": time.Minute, "soon": 0, "Wed, 21 Oct 2015 07:28:00 GMT": 0} {
		if got := retryAfter(s); got != want {
			t.Errorf("%q: %s, want %s", s, got, want)
		}
	}
}

func FuzzPartial(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{0x0a, 0x02, 0x08, 0x02})
	f.Add([]byte{0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Fuzz(func(t *testing.T, b []byte) {
		if n := partial(b); n < 0 || n > 1<<31 {
			t.Errorf("%d refused", n)
		}
	})
}

// TestDeadReceiverIsNotWaitedFor: a run that is over does not wait for a receiver
// that cannot be reached.
func TestDeadReceiverIsNotWaitedFor(t *testing.T) {
	limits := quick()
	limits.Close, limits.Retry = time.Minute, time.Minute
	tm, _ := opened(t, Config{OTLP: "http://127.0.0.1:1", Limits: limits})
	nodes(tm.Start(RunStart{Pipeline: "p"}), 3)
	at := time.Now()
	if s := tm.Close(t.Context()); s.Spans.Dropped == 0 {
		t.Error(s)
	}
	if took := time.Since(at); took > 50*time.Second {
		t.Errorf("closing took %s", took)
	}
}

// TestTakenPort: two runs at the same time have the same configuration, and the
// second goes on without an endpoint.
func TestTakenPort(t *testing.T) {
	first, _ := opened(t, Config{Prometheus: "127.0.0.1:0"})
	defer first.Close(t.Context())
	second, log := opened(t, Config{Prometheus: first.PrometheusAddress()})
	defer second.Close(t.Context())
	if !strings.Contains(log.String(), "is taken") || second.PrometheusAddress() != "" {
		t.Errorf("%q at %q", log.String(), second.PrometheusAddress())
	}
}

func TestLoopback(t *testing.T) {
	for host, want := range map[string]bool{"localhost": true, "127.0.0.1": true, "127.9.9.9": true, "::1": true, "::ffff:127.0.0.1": true, "10.0.0.1": false, "collector": false, "localhost.example.org": false, "": false} {
		if got := loopback(host); got != want {
			t.Errorf("%q: %v", host, got)
		}
	}
}

// TestCompression: what leaves the machine is compressed, time and again by the
// same writer; what stays, or is small, is sent as it is.
func TestCompression(t *testing.T) {
	far, near := &poster{}, &poster{near: true}
	for _, body := range []string{strings.Repeat("attribute ", 1000), strings.Repeat("x", gzipFrom), "small"} {
		packed, encoding := far.pack([]byte(body))
		if compressed := len(body) >= gzipFrom; compressed != (encoding == "gzip") {
			t.Errorf("%d bytes have the encoding %q", len(body), encoding)
		}
		if encoding == "gzip" {
			z, err := gzip.NewReader(bytes.NewReader(packed))
			if err != nil {
				t.Fatal(err)
			}
			if packed, err = io.ReadAll(z); err != nil {
				t.Fatal(err)
			}
		}
		if string(packed) != body {
			t.Errorf("%d bytes became %d", len(body), len(packed))
		}
		if same, encoding := near.pack([]byte(body)); encoding != "" || string(same) != body {
			t.Errorf("%d bytes for this machine have the encoding %q", len(body), encoding)
		}
	}
}
