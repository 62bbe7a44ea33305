// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-ml/bulkhead/host/catalog"
	"github.com/bulkhead-ml/bulkhead/host/config"
	"github.com/bulkhead-ml/bulkhead/host/pipeline"
	"github.com/bulkhead-ml/bulkhead/host/runs"
	"github.com/bulkhead-ml/bulkhead/host/sink"
	"github.com/bulkhead-ml/bulkhead/host/source"
	"github.com/bulkhead-ml/bulkhead/host/target"
)

// repeat runs what a record says. What the run prints is not shown: the
// comparison is.
func (a *app) repeat(ctx context.Context, old *runs.Record, resolved resolvedRun, f runFlags, sinks bool) (*work, error) {
	machine, err := target.This("", nil)
	if err != nil {
		return nil, failed("The machine cannot be examined", err)
	}
	quiet := a.quietly(old, resolved)
	s, instead, err := quiet.openAsOf(ctx, old, machine)
	for _, id := range slices.Sorted(maps.Keys(instead)) {
		quiet.warn("the run used %s %s, which was replaced since; it is repeated with that version", id, instead[id].Version)
	}
	if err != nil {
		return nil, err
	}
	defer s.close()
	return s.perform(ctx, old, resolved, f, repetition{sinks: sinks})
}

// quietly is the command line of a run that is repeated: it prints no result.
func (a *app) quietly(old *runs.Record, resolved resolvedRun) *app {
	quiet := *a
	quiet.stdout, quiet.flags.output = io.Discard, ""
	if unchanged(old) {
		quiet.flags.vars = append(varFlags(old.Variables), a.flags.vars...)
		quiet.flags.varFiles = slices.Concat(resolved.VarFiles, a.flags.varFiles)
	}
	return &quiet
}

// openAsOf opens a session with the plugins of a run, also with those that others
// have replaced since, which it returns.
func (a *app) openAsOf(ctx context.Context, old *runs.Record, machine *target.Machine) (s *session, instead map[string]catalog.Installation, err error) {
	if s, err = a.openWatched(ctx, configOf(old), machine, nil); err != nil {
		return nil, nil, err
	}
	if instead = s.earlier(old); len(instead) == 0 {
		return s, nil, nil
	}
	s.close()
	s, err = a.openWatched(ctx, configOf(old), machine, instead)
	return s, instead, err
}

// repetition is how a run is repeated.
type repetition struct {
	sinks bool
	// records is a directory for the record of a repetition that leaves nothing
	// elsewhere.
	records string
}

// perform repeats a run in a session that has its plugins.
func (s *session) perform(ctx context.Context, old *runs.Record, resolved resolvedRun, f runFlags, how repetition) (*work, error) {
	if s.cfg == nil {
		s.cfg = &config.Config{} // the configuration of the run is gone
	}
	w, err := s.workOf(ctx, old, resolved, how.sinks)
	if err != nil {
		return nil, err
	}
	w.recordsIn = how.records
	f.noFlight, f.noCache = true, true
	err = w.perform(ctx, f, nil)
	if fault, ok := errors.AsType[*failure](err); ok && fault.code == ExitConfig {
		// No configuration is wrong here: the input is not what it was.
		fault.code, fault.summary = ExitErrors, "The run cannot be repeated"
	}
	return w, err
}

// varFlags are recorded variables as the command line gives them.
func varFlags(values map[string]json.RawMessage) (out []string) {
	for _, name := range slices.Sorted(maps.Keys(values)) {
		var text string
		if json.Unmarshal(values[name], &text) == nil {
			out = append(out, name+"="+text)
		}
	}
	return out
}

// unchanged reports whether all files of the configuration are as they were, so
// that it has the variables that it had.
func unchanged(r *runs.Record) bool {
	for _, f := range r.Files {
		if data, err := os.ReadFile(f.Path); err != nil || sha256Of(data) != f.SHA256 {
			return false
		}
	}
	return len(r.Files) > 0
}

// configOf are the files of the configuration of a run that are still there: for
// its plugins and sandbox.
func configOf(r *runs.Record) (out []string) {
	for _, f := range r.Files {
		if _, err := os.Stat(f.Path); err == nil && !strings.Contains(filepath.ToSlash(f.Path), "/modules/") {
			out = append(out, f.Path)
		}
	}
	return out
}

// workOf makes the pipeline of a record.
func (s *session) workOf(ctx context.Context, r *runs.Record, resolved resolvedRun, sinks bool) (*work, error) {
	if err := s.samePlugins(r); err != nil {
		return nil, err
	}
	s.launcher.SharedBatches = sharedBatches(uint64(resolved.Batch.Bytes))
	w := &work{
		session: s, runID: newRunID(), rerunOf: r.ID, block: &config.Pipeline{Name: r.Pipeline, MaxMemory: resolved.MaxMemory, MaxSpill: resolved.MaxSpill},
		pipeline: pipeline.Pipeline{Name: r.Pipeline, Batch: resolved.Batch}, settings: map[string]config.Settings{}, sinks: map[string]sink.Spec{},
		catalog: config.NewCatalog(s.describe(ctx)), worked: map[string]time.Duration{},
	}
	w.engine, w.pipeline.Plugins = w.kernels(), w.pluginFacts()
	left := map[string]bool{}
	if !sinks {
		left = w.leftOut(r)
	}
	for _, n := range r.Nodes {
		if left[n.Name] {
			continue
		}
		node, err := w.nodeOf(n, resolved.Nodes[n.Name])
		if err != nil {
			return nil, failed("The run cannot be repeated", err)
		}
		w.pipeline.Nodes = append(w.pipeline.Nodes, node)
	}
	return w, nil
}

// leftOut are the nodes of a run that change something outside of it, with all that is
// behind them: sinks, and kernels that can undo what they do. A repetition compares;
// it publishes nothing a second time. Of kernels it is told.
func (w *work) leftOut(r *runs.Record) map[string]bool {
	left := map[string]bool{}
	for again := true; again; {
		again = false
		for _, n := range r.Nodes {
			if !left[n.Name] && (w.actsOutside(n) || slices.ContainsFunc(n.Inputs, func(in string) bool { return left[in] })) {
				left[n.Name], again = true, true
			}
		}
	}
	var kernels []string
	for _, n := range r.Nodes {
		if left[n.Name] && n.Kind == string(pipeline.KindKernel) {
			kernels = append(kernels, n.Name)
		}
	}
	if len(kernels) > 0 {
		w.session.app.warn("not repeated, because it acts outside of the pipeline or reads from what does: %s; --sinks repeats all", strings.Join(kernels, ", "))
	}
	return left
}

func (w *work) actsOutside(n runs.Node) bool {
	plugin, kernel, _ := strings.Cut(n.Use, ".")
	description, ok := w.catalog.Kernel(plugin, kernel)
	return n.Kind == string(pipeline.KindSink) || ok && description.GetUndoes()
}

// samePlugins refuses plugins that are not those of the run.
func (s *session) samePlugins(r *runs.Record) error {
	for _, p := range r.Plugins {
		e, ok := s.launcher.Catalog.Entry(p.Name)
		switch {
		case !ok:
			return failed("The run cannot be repeated", fmt.Errorf("plugin %s %s is not installed", p.Name, p.Version))
		case e.Digest != p.SHA256:
			return failed("The run cannot be repeated", fmt.Errorf("plugin %s is now version %s with digest %s; the run used version %s with digest %s. %s, or run the pipeline from its configuration",
				p.Name, e.Manifest.Version, e.Digest, p.Version, p.SHA256, obtain(e, p)))
		}
	}
	return nil
}

// obtain says how to get the version of a plugin that a run used.
func obtain(e *catalog.Entry, p runs.Plugin) string {
	switch {
	case e.ID == "":
		return "Install that version"
	case e.Declaration != nil:
		return fmt.Sprintf("Install that version: write version = %q into the block of plugin %q and run `bulkhead init`; outside of a project it is `bulkhead plugin install %s@%s`",
			p.Version, e.Name, e.ID, p.Version)
	}
	return fmt.Sprintf("Install that version with `bulkhead plugin install %s@%s`", e.ID, p.Version)
}

// nodeOf makes a node of its record.
func (w *work) nodeOf(n runs.Node, more resolvedNode) (pipeline.Node, error) {
	if more.Sink != nil && len(n.Inputs) == 1 {
		return w.sink(n.Name, n.Inputs[0], *more.Sink), nil
	}
	out := pipeline.Node{
		Name: n.Name, Kind: pipeline.Kind(n.Kind), Source: more.Source, Inputs: n.Inputs, Config: n.Config, Seed: n.Seed,
		Budget: more.Budget, Timeout: more.Timeout, OnFailure: more.OnFailure, Retries: more.Retries, NoCache: true, AB: more.AB, Arm: more.Arm,
	}
	if out.Source != nil {
		if out.Source.URL != "" { // the user of the run has allowed it
			out.Source.Download = source.Download{AllowNetwork: true, Dir: filepath.Join(cacheDir(), "downloads")}
		}
		return out, w.restoreQuery(n.Name, out.Source)
	}
	if out.AB != nil {
		return out, nil
	}
	plugin, kernel, _ := strings.Cut(n.Use, ".")
	description, ok := w.catalog.Kernel(plugin, kernel)
	if !ok {
		return out, fmt.Errorf("kernel %s is not installed", n.Use)
	}
	out.Use, out.Description = pipeline.Use{Plugin: plugin, Kernel: kernel}, description
	w.recorded(n)
	return out, nil
}

// restoreQuery takes the query of an address, which the record does not have, from
// the configuration.
func (w *work) restoreQuery(node string, spec *source.Spec) error {
	if !strings.HasSuffix(spec.URL, "?"+noQuery) {
		return nil
	}
	for _, p := range w.session.cfg.Pipelines {
		for _, s := range p.Sources {
			if p.Name == w.pipeline.Name && "source."+s.Name == node && withoutQuery(s.URL) == spec.URL {
				spec.URL = s.URL
				return nil
			}
		}
	}
	return fmt.Errorf("records do not keep what follows the ? of an address, and the configuration no longer has the one of %s: run the pipeline from its configuration", node)
}

// recorded remembers the settings of a node for the record of the new run.
func (w *work) recorded(n runs.Node) {
	w.settings[n.Name] = config.Settings{JSON: n.Config}
}

// repeated compares a run with its repetition.
func repeated(store *runs.Store, old *runs.Record, id string) (*runs.Comparison, *runs.Record, error) {
	now, err := store.Get(id)
	if err != nil {
		return nil, nil, err
	}
	compared, err := runs.Compare(comparableRuns(old, now))
	return compared, now, err
}

// comparableRuns are a run, without what was left out of its repetition, and that.
func comparableRuns(old, repetition *runs.Record) (*runs.Record, *runs.Record) {
	var planned resolvedRun
	_ = json.Unmarshal(repetition.Settings, &planned) // of this host; without them nothing is the same
	before, after := *old, *repetition
	before.Settings, after.Settings = nil, nil
	before.Variables, after.Variables = nil, nil
	left := func(node string) bool { _, ok := planned.Nodes[node]; return !ok }
	before.Nodes = slices.DeleteFunc(slices.Clone(old.Nodes), func(n runs.Node) bool { return left(n.Name) })
	before.Sinks = slices.DeleteFunc(slices.Clone(old.Sinks), func(s runs.Sink) bool { return left(s.Node) })
	return &before, &after
}

// identical reports whether everything that came out is the same.
func identical(c *runs.Comparison) bool {
	return c.First == nil && !slices.ContainsFunc(c.Changes, func(ch runs.Change) bool { return ch.Area == runs.AreaResult })
}
