// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-ml/bulkhead/host/config"
	"github.com/bulkhead-ml/bulkhead/host/dataplane"
	"github.com/bulkhead-ml/bulkhead/host/pipeline"
	"github.com/bulkhead-ml/bulkhead/host/source"
	"github.com/bulkhead-ml/bulkhead/host/target"
)

// work is one pipeline of the configuration, ready for the engine.
type work struct {
	session  *session
	runID    string
	block    *config.Pipeline
	pipeline pipeline.Pipeline
	settings map[string]config.Settings
	catalog  config.Catalog
	// worked is the time that the calls of each plugin's kernels took.
	worked map[string]time.Duration
}

// openPipeline loads the configuration at the arguments and binds the pipeline
// that the user means. Plugins see the machine, unless it is nil.
func (a *app) openPipeline(ctx context.Context, paths []string, name string, machine *target.Machine) (*work, error) {
	s, err := a.open(ctx, orHere(paths), machine)
	if err != nil {
		return nil, err
	}
	w, err := s.work(ctx, name)
	if err != nil {
		s.close()
		return nil, err
	}
	return w, nil
}

// orHere makes a command look for the configuration here when no path is given.
func orHere(paths []string) []string {
	if len(paths) == 0 && !defaultConfig() {
		return []string{"."}
	}
	return paths
}

func (s *session) work(ctx context.Context, name string) (*work, error) {
	block, err := s.choose(name)
	if err != nil {
		return nil, err
	}
	w := &work{
		session: s, runID: newRunID(), block: block, pipeline: pipeline.Pipeline{Name: block.Name},
		settings: map[string]config.Settings{}, catalog: config.NewCatalog(s.describe(ctx)),
		worked: map[string]time.Duration{},
	}
	if diags := config.Bind(s.cfg, w.catalog); diags.HasErrors() {
		return nil, s.wrongBinding(diags)
	}
	for _, src := range block.Sources {
		w.pipeline.Nodes = append(w.pipeline.Nodes, sourceNode(src))
	}
	for _, k := range block.Kernels {
		node, err := w.kernelNode(k)
		if err != nil {
			return nil, err
		}
		w.pipeline.Nodes = append(w.pipeline.Nodes, node)
	}
	return w, nil
}

// wrongBinding is the failure of a configuration that misses something: first
// why plugins cannot be used, which may be the whole reason.
func (s *session) wrongBinding(diags config.Diagnostics) error {
	err := s.app.wrongConfig(diags)
	if f, ok := errors.AsType[*failure](err); ok && incomplete(s.notes) {
		f.code, f.summary, f.diags = ExitErrors, "A plugin cannot be used", append(slices.Clone(s.notes), f.diags...)
	}
	return err
}

// choose finds the pipeline of a name, or the only one.
func (s *session) choose(name string) (*config.Pipeline, error) {
	if len(s.cfg.Pipelines) == 0 {
		return nil, misuse("the configuration in %s has no pipeline block", strings.Join(s.cfg.Files, ", "))
	}
	var names []string
	for _, p := range s.cfg.Pipelines {
		if p.Name == name || name == "" && len(s.cfg.Pipelines) == 1 {
			return p, nil
		}
		names = append(names, p.Name)
	}
	if name == "" {
		return nil, misuse("the configuration has %d pipelines; choose one with --pipeline: %s", len(names), strings.Join(names, ", "))
	}
	return nil, misuse("the configuration has no pipeline %q; it has %s", name, strings.Join(names, ", "))
}

func sourceNode(s *config.Source) pipeline.Node {
	return pipeline.Node{
		Name: "source." + s.Name, Kind: pipeline.KindSource,
		Source: &source.Spec{
			Path: s.CSV.Absolute, Target: s.Target, ID: s.ID, Types: s.Types, Nulls: s.Nulls, Delimiter: s.Delimiter,
		},
	}
}

func (w *work) kernelNode(k *config.Kernel) (pipeline.Node, error) {
	description, ok := w.catalog.Kernel(k.Use.Plugin, k.Use.Kernel)
	if !ok {
		return pipeline.Node{}, fmt.Errorf("kernel %s is not installed", k.Use) // Bind has checked it
	}
	settings, diags := k.Settings(description.GetConfig())
	if diags.HasErrors() {
		return pipeline.Node{}, w.session.app.wrongConfig(diags)
	}
	name := "kernel." + k.Name
	w.settings[name] = settings
	node := pipeline.Node{
		Name: name, Kind: pipeline.KindKernel, Use: pipeline.Use{Plugin: k.Use.Plugin, Kernel: k.Use.Kernel},
		Description: description, Config: settings.JSON, Seed: k.Seed, Budget: k.Budget, Timeout: k.Timeout,
		OnFailure: pipeline.OnFailure(k.OnFailure), Retries: k.Retries,
	}
	for _, in := range k.Inputs {
		node.Inputs = append(node.Inputs, in.String())
	}
	return node, nil
}

// plan checks the pipeline before any data moves.
func (w *work) plan(ctx context.Context) (*pipeline.Plan, error) {
	plan, problems := pipeline.MakePlan(ctx, w.pipeline, w.kernels())
	diags := w.diagnostics(problems)
	if pipeline.HasErrors(problems) {
		return nil, w.refused(problems, diags)
	}
	w.session.notes = append(w.session.notes, reportDiags(diags)...)
	return plan, nil
}

// refused is the failure of a plan: the configuration's, unless a plugin broke
// down when it was asked.
func (w *work) refused(problems []*pipeline.Problem, diags config.Diagnostics) error {
	err := w.session.app.wrongConfig(diags)
	if f, ok := errors.AsType[*failure](err); ok && slices.ContainsFunc(problems, brokeDown) {
		f.code, f.summary = ExitErrors, "A plugin failed"
	}
	return err
}

func brokeDown(p *pipeline.Problem) bool {
	_, transport := errors.AsType[*dataplane.TransportError](p.Err)
	_, protocol := errors.AsType[*dataplane.ProtocolError](p.Err)
	return transport || protocol
}

// diagnostics turns the engine's problems into messages about the user's file.
func (w *work) diagnostics(problems []*pipeline.Problem) config.Diagnostics {
	var out config.Diagnostics
	for _, p := range problems {
		out = append(out, w.session.cfg.At(w.rangeOf(p), config.Severity(p.Severity), p.Summary, p.Detail))
	}
	return out
}

// rangeOf finds the line that a problem is about.
func (w *work) rangeOf(p *pipeline.Problem) config.Range {
	kind, name, _ := strings.Cut(p.Node, ".")
	if kind == "source" {
		if s, ok := w.block.Source(name); ok {
			return sourceRange(s, p)
		}
	}
	if settings, ok := w.settings[p.Node]; ok && len(p.Path) > 0 && p.Path[0] == "config" {
		return settings.Range(p.Path[1:])
	}
	if k, ok := w.block.Kernel(name); ok {
		if slices.Equal(p.Path, []string{"input"}) && len(k.Inputs) > 0 {
			return k.Inputs[0].Range
		}
		return k.Range
	}
	return w.block.Range
}

// sourceRange is the attribute that a source's error is about.
func sourceRange(s *config.Source, p *pipeline.Problem) config.Range {
	fault, ok := errors.AsType[*source.Error](p.Err)
	switch {
	case ok && fault.Column != "" && fault.Column == s.Target && !s.TargetRange.IsZero():
		return s.TargetRange
	case ok && fault.Column != "" && fault.Column == s.ID && !s.IDRange.IsZero():
		return s.IDRange
	case !s.CSV.Range.IsZero():
		return s.CSV.Range
	}
	return s.Range
}
