// SPDX-License-Identifier: Apache-2.0

// Package telemetry tells others what runs do: traces and metrics by OTLP,
// metrics for Prometheus, and lineage events.
//
// Nothing leaves the process unless a Config names a place for it: Open without
// one gives nil, and every method of a nil *Telemetry and a nil *Run does
// nothing. Values of headers are sent and never logged; of an address, messages
// show the scheme, the host and the path.
//
// # Traces
//
// A run is a span "run PIPELINE", under it a span "node NAME" for each node
// that started, and under it a span of kind client for each call of a kernel,
// named after its gRPC method. A call made before its node started belongs to
// the run. Spans carry what the OpenTelemetry conventions define (rpc.*,
// error.type, exception events) and else names that begin with "bulkhead.".
// A node or call that failed has the status ERROR.
//
// The context of a call goes to the plugin as the W3C header "traceparent" in
// the gRPC metadata. With Config.Traceparent a run is itself part of a trace.
//
// Spans are sent to OTLP + "/v1/traces" as OTLP over HTTP in protobuf
// (opentelemetry-proto 1.x), gzipped unless it stays on this machine. The
// encoding is written here: the SDK of OpenTelemetry would cost the host more
// start-up time than all else together.
//
// # Metrics
//
// The instruments are listed in instruments.go. They are pushed to OTLP +
// "/v1/metrics", cumulative, every Limits.MetricInterval and at the end; and
// they are served on Config.Prometheus at "/metrics" in the text format 0.0.4.
// An instrument has at most 2,000 series; what is beyond goes to one with the
// attribute otel.metric.overflow.
//
// # Lineage
//
// A run gives an OpenLineage START event and one of COMPLETE, FAIL and ABORT,
// with its sources and sinks as datasets, their schemas, and their digests as
// versions. They are appended to a file, one JSON object a line, or posted.
//
// # What a run waits for
//
// Nothing: what is to be sent is encoded into a bounded queue, goes when a batch is
// full or its time has come, and what does not fit is dropped and counted. BenchmarkOverhead tells what that takes of the process. A receiver
// that fails is tried again with growing pauses. Close sends the rest within Limits.Close. The first loss of a kind is
// logged, later ones are counted; see Summary.
package telemetry

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// Config says what goes where. The zero value sends nothing.
type Config struct {
	// OTLP is the base address of a collector: "http://localhost:4318".
	OTLP string
	// Headers of every request to it, such as an API key.
	Headers map[string]string
	// Prometheus is the address to serve metrics on. Without a host it is
	// 127.0.0.1: "9464", ":9464".
	Prometheus string
	// Lineage is the path of a file, or the address of an OpenLineage receiver;
	// "/api/v1/lineage" is added to one without a path.
	Lineage string
	// LineageHeaders of every request to it. Headers do not go there.
	LineageHeaders map[string]string
	// Namespace of jobs in lineage events; "bulkhead" when it is empty.
	Namespace string
	// Traceparent of the trace that runs belong to, as in the environment
	// variable TRACEPARENT; one that is malformed is ignored.
	Traceparent string
	// Version of the program.
	Version string
	// Log takes a warning of one line; nil drops it.
	Log func(message string)
	// Limits of what is kept and waited for.
	Limits Limits
}

// Limits bound memory and time. Zero values take the defaults.
type Limits struct {
	// Queue is the largest number of spans that wait; default 8192. Lineage
	// events have a queue of 256.
	Queue int
	// Batch is the largest number of spans in a request; default 1024.
	Batch int
	// Interval is the longest time that a span waits; default 2 s.
	Interval time.Duration
	// MetricInterval is the time between pushes of metrics; default 15 s.
	MetricInterval time.Duration
	// Request is the deadline of one request; default 10 s.
	Request time.Duration
	// Retry is how long a batch is tried; default 30 s.
	Retry time.Duration
	// Close is how long Close may take; default 2 s. A receiver that cannot be
	// reached is not waited for.
	Close time.Duration
}

func (l Limits) withDefaults() Limits {
	orInt := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	orTime := func(v *time.Duration, d time.Duration) {
		if *v <= 0 {
			*v = d
		}
	}
	orInt(&l.Queue, 8192)
	orInt(&l.Batch, 1024)
	orTime(&l.Interval, 2*time.Second)
	orTime(&l.MetricInterval, 15*time.Second)
	orTime(&l.Request, 10*time.Second)
	orTime(&l.Retry, 30*time.Second)
	orTime(&l.Close, 2*time.Second)
	return l
}

// Telemetry sends what runs tell. Make one with Open, and Close it.
type Telemetry struct {
	config  Config
	parent  spanContext
	metrics *registry
	spans   *queue
	lineage *queue
	server  *server
	push    *pusher

	// stop ends the background work, cancel gives up what it is doing.
	stop   chan struct{}
	cancel context.CancelFunc
	work   sync.WaitGroup
	once   sync.Once
	ended  Summary
	// closers come after the background work.
	closers []func() error
}

// Open starts what config names. It is nil, without an error, when config names
// nothing. An error tells which setting is wrong, or that an address cannot be
// listened on or a file not be opened. No request is made before there is
// something to send.
func Open(config Config) (*Telemetry, error) {
	if config.OTLP == "" && config.Prometheus == "" && config.Lineage == "" {
		return nil, nil
	}
	config.Limits = config.Limits.withDefaults()
	if config.Namespace == "" {
		config.Namespace = "bulkhead"
	}
	ctx, cancel := context.WithCancel(context.Background())
	t := &Telemetry{config: config, metrics: newRegistry(), stop: make(chan struct{}), cancel: cancel}
	t.parent, _ = parseTraceparent(config.Traceparent)
	for _, open := range []func(context.Context) error{t.openOTLP, t.openLineage, t.openPrometheus} {
		if err := open(ctx); err != nil {
			t.Close(context.Background())
			return nil, err
		}
	}
	return t, nil
}

func (t *Telemetry) openOTLP(ctx context.Context) error {
	if t.config.OTLP == "" {
		return nil
	}
	base, err := endpoint("telemetry.otlp", t.config.OTLP)
	if err != nil {
		return err
	}
	if err := checkHeaders("telemetry.headers", t.config.Headers); err != nil {
		return err
	}
	client := t.newClient()
	resource := newResource(t.config.Version)
	traces := &poster{client: client, url: base.JoinPath("v1", "traces"), headers: t.config.Headers, kind: "application/x-protobuf", retry: t.config.Limits.Retry, closing: t.stop, near: loopback(base.Hostname())}
	t.spans = &queue{limit: t.config.Limits.Queue, batch: t.config.Limits.Batch, every: t.config.Limits.Interval, wake: make(chan struct{}, 1),
		send: func(ctx context.Context, spans message, _ int) (int, error) {
			return traces.post(ctx, request(resource, spans))
		}, lost: t.warner("spans", traces)}
	t.background(func() { t.spans.run(ctx, t.stop) })
	metrics := *traces
	metrics.url = base.JoinPath("v1", "metrics")
	t.push = &pusher{poster: &metrics, resource: resource, registry: t.metrics, every: t.config.Limits.MetricInterval, lost: t.warner("metrics", &metrics)}
	t.background(func() { t.push.run(ctx, t.stop) })
	return nil
}

func (t *Telemetry) background(work func()) {
	t.work.Add(1)
	go func() {
		defer t.work.Done()
		work()
	}()
}

// warner logs the first loss of a kind.
func (t *Telemetry) warner(what string, p *poster) func(n int, err error) {
	var once sync.Once
	return func(n int, err error) {
		t.metrics.add(droppedItems, float64(n), what)
		once.Do(func() {
			if t.config.Log != nil {
				t.config.Log(fmt.Sprintf("telemetry: %d %s were not delivered to %s: %v; further losses are counted and not told one by one", n, what, p.place(), err))
			}
		})
	}
}

// Counts of what was to be sent.
type Counts struct {
	// Delivered were taken by the receiver, Dropped were not: the queue was
	// full, the receiver refused them, or it could not be reached in time.
	Delivered, Dropped int
}

// Summary tells what became of everything.
type Summary struct {
	Spans, Metrics, Lineage Counts
}

// Dropped is the number of all that was lost.
func (s Summary) Dropped() int { return s.Spans.Dropped + s.Metrics.Dropped + s.Lineage.Dropped }

// String says it in a clause, for a message at the end of a run.
func (s Summary) String() string {
	return fmt.Sprintf("%d spans, %d pushes of metrics and %d lineage events delivered; %d, %d and %d dropped",
		s.Spans.Delivered, s.Metrics.Delivered, s.Lineage.Delivered, s.Spans.Dropped, s.Metrics.Dropped, s.Lineage.Dropped)
}

// Close sends what waits, within the limit or until ctx ends, and stops. Later
// calls give the same summary.
func (t *Telemetry) Close(ctx context.Context) Summary {
	if t == nil {
		return Summary{}
	}
	t.once.Do(func() { t.ended = t.close(ctx) })
	return t.ended
}

func (t *Telemetry) close(ctx context.Context) Summary {
	ctx, done := context.WithTimeout(ctx, t.config.Limits.Close)
	defer done()
	defer context.AfterFunc(ctx, t.cancel)()
	close(t.stop)
	t.work.Wait()
	t.cancel()
	t.server.close()
	for _, c := range t.closers {
		_ = c() // what was written is synced already
	}
	var s Summary
	if t.spans != nil {
		s.Spans = t.spans.counts()
	}
	if t.push != nil {
		s.Metrics = t.push.counts()
	}
	if t.lineage != nil {
		s.Lineage = t.lineage.counts()
	}
	return s
}

// Handler serves the metrics at any path, for a server of the caller's own.
func (t *Telemetry) Handler() http.Handler {
	if t == nil {
		return http.NotFoundHandler()
	}
	return t.metrics
}
