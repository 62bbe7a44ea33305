// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/bulkhead-ml/bulkhead/host/pipeline"
	"github.com/bulkhead-ml/bulkhead/host/report"
	"github.com/bulkhead-ml/bulkhead/host/runs"
	"github.com/bulkhead-ml/bulkhead/host/state"
	"github.com/bulkhead-ml/bulkhead/sdk/version"
)

// A recorder keeps the record of one run, and the states that it makes. What it
// cannot keep it warns of once: no disk is a reason to lose a result. A nil
// recorder keeps nothing.
type recorder struct {
	work   *work
	run    *runs.Run
	states *state.Store
	plan   *pipeline.Plan

	once  sync.Once
	calls map[string]*runs.Calls // by node; filled before the run begins
}

// record opens the record of a run.
func (w *work) record(plan *pipeline.Plan, off bool) *recorder {
	if off {
		return nil
	}
	r := &recorder{work: w, plan: plan, calls: map[string]*runs.Calls{}}
	first := w.firstRecord(plan)
	for _, n := range plan.Nodes {
		r.calls[n.Name] = &runs.Calls{}
	}
	dir, err := w.recordsIn, error(nil)
	if dir == "" {
		dir, err = runs.DefaultDir()
	}
	if err == nil {
		r.run, err = runs.Open(dir, runs.Options{}).Begin(first)
	}
	if err != nil {
		r.failed(err)
		return nil
	}
	if dir, err = state.DefaultDir(); err == nil && w.recordsIn == "" {
		r.states = state.Open(dir)
	}
	return r
}

func (r *recorder) failed(err error) {
	r.once.Do(func() { r.work.session.app.warn("the run is not recorded: %v", err) })
}

// firstRecord is the record of a run that begins.
func (w *work) firstRecord(plan *pipeline.Plan) runs.Record {
	host, _ := os.Hostname() // a record does without
	out := runs.Record{
		ID: w.runID, Pipeline: plan.Pipeline, StartedAt: w.session.started, RerunOf: w.rerunOf,
		Host:  runs.Host{Version: version.Version, Commit: version.Commit, Name: host},
		Files: w.configFiles(), Variables: w.session.given(), Settings: w.resolved(),
	}
	for _, n := range plan.Nodes {
		out.Nodes = append(out.Nodes, w.plannedNode(n))
		if n.Kind == pipeline.KindSource {
			out.Sources = append(out.Sources, runs.Source{Node: n.Name, Path: n.Path, Rows: n.Rows, Bytes: n.Bytes})
		}
	}
	for _, p := range w.plugins() {
		out.Plugins = append(out.Plugins, runs.Plugin{Name: p.Name, Version: p.Version, SHA256: p.Digest, Grants: p.Grants, Overridden: w.session.overridden[p.Name]})
	}
	return out
}

// configFiles are the files of the configuration with their digests.
func (w *work) configFiles() (out []runs.File) {
	if w.session.cfg == nil {
		return nil
	}
	for _, name := range w.session.cfg.Files {
		one := runs.File{Path: name}
		if full, err := filepath.Abs(name); err == nil {
			one.Path = full // for a rerun from another directory
		}
		if data, err := os.ReadFile(name); err == nil {
			one.SHA256 = sha256Of(data)
		}
		out = append(out, one)
	}
	return out
}

func sha256Of(data []byte) string {
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// plannedNode is a node before it runs.
func (w *work) plannedNode(n *pipeline.PlannedNode) runs.Node {
	plugin, _, _ := strings.Cut(n.Use, ".") // none of what is no kernel
	out := runs.Node{
		Name: n.Name, Kind: string(n.Kind), Use: cmp.Or(n.Use, w.formatOf(n.Name)), Plugin: plugin, Inputs: n.Inputs,
		Seed: n.Seed, Status: runs.Pending, Calls: []runs.Latency{},
	}
	if settings, ok := w.settings[n.Name]; ok {
		out.Config = settings.Redacted()
	}
	return out
}

// events subscribes to a run.
func (r *recorder) events() pipeline.Events {
	if r == nil {
		return pipeline.Events{}
	}
	return pipeline.Events{
		NodeStarted: r.began,
		CallEnded:   func(name string, c pipeline.CallTime) { r.calls[name].Add(c.Call, c.Wall, c.Error != "") },
		NodeEnded:   r.node,
	}
}

// began records that a node is at work: what the host was doing if it dies.
func (r *recorder) began(name string) {
	n := r.work.plannedNode(r.planned(name))
	n.Status, n.StartedAt = runs.Running, time.Now().UTC()
	if err := r.run.Node(n); err != nil {
		r.failed(err)
	}
}

func (r *recorder) planned(name string) *pipeline.PlannedNode {
	return r.plan.Nodes[slices.IndexFunc(r.plan.Nodes, func(p *pipeline.PlannedNode) bool { return p.Name == name })]
}

// node records what became of a node.
func (r *recorder) node(n *pipeline.NodeResult) {
	if n.State != nil {
		r.keep(n)
	}
	if err := r.run.Node(r.ended(n)); err != nil {
		r.failed(err)
	}
}

// keep puts a state into the store.
func (r *recorder) keep(n *pipeline.NodeResult) {
	if r.states == nil {
		return
	}
	from := state.Origin{Pipeline: r.plan.Pipeline, Node: n.Name, Use: n.Use, Run: r.run.ID()}
	if _, err := r.states.Put(n.State, from); err != nil {
		r.failed(err)
	}
}

// ended is the record of a node that ended.
func (r *recorder) ended(n *pipeline.NodeResult) runs.Node {
	out := r.work.plannedNode(r.planned(n.Name))
	out.Status, out.Reason, out.StartedAt, out.Wall, out.Attempts = runs.Status(n.Status), n.Reason, n.StartedAt, n.Wall, n.Attempts
	out.CPU, out.PeakRSSBytes = n.CPU, int64(n.PeakRSS)
	out.RowsIn, out.RowsOut, out.RowsDropped, out.RowsRejected = n.RowsIn, max(0, n.RowsOut), n.RowsDropped, n.RowsRejected
	out.BytesIn, out.BytesOut = n.BytesIn, n.BytesOut
	if n.Cache != pipeline.CacheOff {
		out.Cache = string(n.Cache)
	}
	out.Calls = r.calls[n.Name].Latencies()
	for _, c := range n.Calls {
		if c.Error != "" {
			out.Errors = append(out.Errors, c.Error)
		}
	}
	if merged := mergedReport(n); len(merged) > 0 {
		out.Metrics, out.MetricsDropped = runs.Metrics(json.RawMessage(merged))
	}
	out.Verdict = abVerdict(n)
	if n.StateSHA256 != "" {
		out.State = "sha256:" + n.StateSHA256
	}
	out.Output = r.work.made.of(n.Name)
	if n.Cache == pipeline.CacheHit && r.work.store != nil {
		out.Output = r.work.store.output(n.CacheKey)
	}
	return out
}

// end closes the record.
func (r *recorder) end(result *pipeline.Result, rep report.Run) {
	if r == nil {
		return
	}
	status, reason := runs.Status(rep.Status), result.Reason
	if status == runs.Failed && result.Status == pipeline.Partial {
		status = runs.Partial
	}
	if rep.Error != nil && reason == "" {
		reason = rep.Error.Summary
	}
	err := r.run.End(status, reason, func(record *runs.Record) {
		record.PeakTableBytes = result.PeakTableBytes
		for i := range record.Plugins {
			record.Plugins[i].Level = r.work.session.levelOf(record.Plugins[i].Name)
		}
		for i := range record.Sources {
			r.source(&record.Sources[i], result)
		}
		for _, s := range result.Sinks {
			record.Sinks = append(record.Sinks, runs.Sink{Node: s.Node, Path: s.Path, SHA256: "sha256:" + s.SHA256, Rows: s.Rows, Bytes: s.Bytes, Replaced: s.Replaced})
		}
	})
	if err != nil {
		r.failed(err)
	}
}

// source fills in what is known of a source when it was read.
func (r *recorder) source(s *runs.Source, result *pipeline.Result) {
	if n := result.Node(s.Node); n != nil && n.RowsOut >= 0 {
		s.Rows = n.RowsOut
	}
	s.Rows = max(0, s.Rows)
	for _, n := range r.plan.Nodes {
		part := n.Arm != nil && n.Arm.Split != nil // it read some of the rows
		if slices.Contains(n.Inputs, s.Node) && s.SHA256 == "" && !part {
			s.SHA256 = r.work.made.read(n.Name)
		}
	}
}
