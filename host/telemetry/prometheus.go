// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// contentType is the text exposition format of Prometheus.
const contentType = "text/plain; version=0.0.4; charset=utf-8"

// WritePrometheus writes the metrics in the text exposition format 0.0.4.
func (t *Telemetry) WritePrometheus(w io.Writer) error {
	if t == nil {
		return nil
	}
	var b bytes.Buffer
	t.metrics.expose(&b)
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("writing the metrics: %w", err)
	}
	return nil
}

func (r *registry) expose(b *bytes.Buffer) {
	for _, f := range r.snapshots() {
		fmt.Fprintf(b, "# HELP %s %s\n# TYPE %s %s\n", f.prometheus, f.help, f.prometheus, [...]string{"counter", "gauge", "histogram"}[f.kind])
		for _, s := range f.series {
			f.expose(b, s)
		}
	}
}

func (f snapshot) expose(b *bytes.Buffer, s series) {
	labels := f.exposed(s)
	if f.kind != histogram {
		fmt.Fprintf(b, "%s%s %s\n", f.prometheus, braces(labels), number(s.sum))
		return
	}
	var below uint64
	for i, n := range s.buckets {
		below += n
		bound := math.Inf(1)
		if i < len(f.bounds) {
			bound = f.bounds[i]
		}
		fmt.Fprintf(b, "%s_bucket%s %d\n", f.prometheus, braces(append(labels[:len(labels):len(labels)], `le="`+number(bound)+`"`)), below)
	}
	fmt.Fprintf(b, "%s_sum%s %s\n%s_count%s %d\n", f.prometheus, braces(labels), number(s.sum), f.prometheus, braces(labels), s.count)
}

// labelEscaper escapes what the format says, and nothing else.
var labelEscaper = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)

func (f snapshot) exposed(s series) []string {
	if s.overflow {
		return []string{`otel_metric_overflow="true"`}
	}
	out := make([]string, 0, len(f.labels)+1)
	for i, name := range f.labels {
		out = append(out, name+`="`+labelEscaper.Replace(strings.ToValidUTF8(s.values[i], "\uFFFD"))+`"`)
	}
	return out
}

func braces(labels []string) string {
	if len(labels) == 0 {
		return ""
	}
	return "{" + strings.Join(labels, ",") + "}"
}

func number(f float64) string {
	if math.IsInf(f, 1) {
		return "+Inf"
	}
	return strconv.FormatFloat(f, 'g', -1, 64)
}

// ServeHTTP answers a scrape.
func (r *registry) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if req.Method != http.MethodGet && req.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "the metrics are read with GET", http.StatusMethodNotAllowed)
		return
	}
	var b bytes.Buffer
	r.expose(&b)
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(b.Bytes()) // a scraper that left misses nothing
}

// server serves the metrics.
type server struct {
	http *http.Server
	addr net.Addr
}

// listenAddress adds 127.0.0.1 to an address without a host.
func listenAddress(setting string) (string, error) {
	if _, err := strconv.ParseUint(setting, 10, 16); err == nil {
		setting = ":" + setting
	}
	host, port, err := net.SplitHostPort(setting)
	if err != nil {
		return "", fmt.Errorf("telemetry.prometheus is %q; write an address such as 127.0.0.1:9464", setting)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return "", fmt.Errorf("telemetry.prometheus has the port %q; write a number from 0 to 65535", port)
	}
	if host == "" {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port), nil
}

func (t *Telemetry) openPrometheus(ctx context.Context) error {
	if t.config.Prometheus == "" {
		return nil
	}
	address, err := listenAddress(t.config.Prometheus)
	if err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) && t.config.Log != nil {
		t.config.Log(fmt.Sprintf("telemetry.prometheus: %s is taken, perhaps by another run; the metrics of this one are not served", address))
		return nil
	}
	if err != nil {
		return fmt.Errorf("telemetry.prometheus: %s cannot be listened on, so choose another port: %w", address, err)
	}
	mux := http.NewServeMux()
	mux.Handle("/metrics", t.metrics)
	s := &http.Server{
		Handler: mux, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 5 * time.Second, WriteTimeout: 10 * time.Second,
		IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10,
	}
	t.server = &server{s, listener.Addr()}
	go func() {
		if err := s.Serve(listener); err != nil && !errors.Is(err, http.ErrServerClosed) && t.config.Log != nil {
			t.config.Log(fmt.Sprintf("telemetry: the metrics are served no longer: %v", err))
		}
	}()
	return nil
}

// PrometheusAddress is where metrics are served, with the port that the system
// chose for port 0; empty when they are not.
func (t *Telemetry) PrometheusAddress() string {
	if t == nil || t.server == nil {
		return ""
	}
	return t.server.addr.String()
}

func (s *server) close() {
	if s != nil {
		_ = s.http.Close() // scrapers in the middle of an answer ask again
	}
}
