// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"os"
	"slices"

	"github.com/bulkhead-ml/bulkhead/host/config"
	"github.com/bulkhead-ml/bulkhead/host/pipeline"
	"github.com/bulkhead-ml/bulkhead/host/report"
	"github.com/bulkhead-ml/bulkhead/host/telemetry"
	"github.com/bulkhead-ml/bulkhead/sdk/version"
)

// A teller tells others what a run does, as the configuration says. A nil
// teller tells nobody.
type teller struct {
	work *work
	to   *telemetry.Telemetry
	run  *telemetry.Run
}

// tell starts what the configuration's telemetry block names, and puts its
// spans around the calls of the pipeline.
func (w *work) tell() (*teller, error) {
	if w.session.cfg == nil || w.session.cfg.Telemetry == nil {
		return nil, nil
	}
	settings, err := w.telemetryConfig(w.session.cfg.Telemetry)
	if err != nil {
		return nil, failed("Telemetry cannot be sent", err)
	}
	to, err := telemetry.Open(settings)
	if err != nil {
		return nil, failed("Telemetry cannot be sent", err)
	}
	if to == nil {
		return nil, nil
	}
	t := &teller{work: w, to: to, run: to.Start(telemetry.RunStart{ID: w.runID, Pipeline: w.block.Name})}
	if at := to.PrometheusAddress(); at != "" {
		w.session.app.warn("metrics are served on http://%s/metrics", at)
	}
	w.engine = t.run.Kernels(w.engine)
	return t, nil
}

func (w *work) telemetryConfig(t *config.Telemetry) (telemetry.Config, error) {
	out := telemetry.Config{
		OTLP: t.OTLP, Prometheus: t.Prometheus, Traceparent: os.Getenv("TRACEPARENT"), Version: version.Version,
		Log: func(message string) { w.session.app.warn("%s", message) },
	}
	if t.Lineage != nil {
		out.Lineage = t.Lineage.URL
		if out.Lineage == "" {
			out.Lineage = t.Lineage.File.Absolute
		}
	}
	headers, err := t.Headers(os.LookupEnv)
	if err != nil {
		return out, err
	}
	out.Headers = map[string]string{}
	for name, value := range headers {
		out.Headers[name] = value.Reveal()
	}
	return out, nil
}

// events subscribes to a run.
func (t *teller) events() pipeline.Events {
	if t == nil {
		return pipeline.Events{}
	}
	return pipeline.Events{
		NodeStarted: t.run.NodeStarted,
		NodeEnded: func(n *pipeline.NodeResult) {
			end := telemetry.NodeEnd{
				Name: n.Name, Use: n.Use, Kind: string(n.Kind), Status: string(n.Status), Reason: n.Reason, Attempts: n.Attempts,
				RowsIn: n.RowsIn, RowsOut: max(0, n.RowsOut), RowsDropped: n.RowsDropped, RowsRejected: n.RowsRejected,
				BytesIn: n.BytesIn, BytesOut: n.BytesOut,
			}
			if n.Cache != pipeline.CacheOff {
				end.Cache = string(n.Cache)
			}
			t.run.NodeEnded(end)
		},
	}
}

// ended tells what became of the run, with its data sets.
func (t *teller) ended(plan *pipeline.Plan, result *pipeline.Result, rep report.Run) {
	if t == nil {
		return
	}
	end := telemetry.RunEnd{Status: rep.Status, Reason: result.Reason}
	for _, n := range plan.Nodes {
		if n.Kind == pipeline.KindSource {
			end.Inputs = append(end.Inputs, t.input(n))
		}
	}
	for _, s := range result.Sinks {
		d := telemetry.FileDataset(s.Path)
		d.Digest, d.Rows, d.Bytes = "sha256:"+s.SHA256, s.Rows, s.Bytes
		end.Outputs = append(end.Outputs, d)
	}
	t.run.Ended(end)
}

// unplanned tells that the run came to its end before its first node, and why:
// the first error of those that the user reads.
func (t *teller) unplanned(err error) {
	if t == nil {
		return
	}
	why := err.Error()
	if f, ok := errors.AsType[*failure](err); ok {
		for _, d := range slices.Backward(f.diags) {
			if d.Severity == string(config.SeverityError) {
				why = d.Summary + ": " + d.Detail
			}
		}
	}
	t.run.Ended(telemetry.RunEnd{Status: report.RunFailed, Reason: why})
}

// input is a source as a data set.
func (t *teller) input(n *pipeline.PlannedNode) telemetry.Dataset {
	d := telemetry.FileDataset(n.Path)
	for _, planned := range t.work.pipeline.Nodes {
		if planned.Name == n.Name && planned.Source != nil && planned.Source.URL != "" {
			d = telemetry.URLDataset(planned.Source.URL)
		}
	}
	d.Rows, d.Bytes = n.Rows, n.Bytes
	for _, c := range n.Columns {
		d.Columns = append(d.Columns, telemetry.Column{Name: c.Name, Type: c.Type})
	}
	return d
}

// close sends what waits.
func (t *teller) close() {
	if t == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	if lost := t.to.Close(ctx); lost.Dropped() > 0 {
		t.work.session.app.warn("telemetry: %s", lost)
	}
}
