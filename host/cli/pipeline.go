// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/bulkhead-ml/bulkhead/host/config"
	"github.com/bulkhead-ml/bulkhead/host/dataplane"
	"github.com/bulkhead-ml/bulkhead/host/pipeline"
	"github.com/bulkhead-ml/bulkhead/host/pipeline/edge"
	"github.com/bulkhead-ml/bulkhead/host/plugin"
	"github.com/bulkhead-ml/bulkhead/host/sink"
	"github.com/bulkhead-ml/bulkhead/host/source"
	"github.com/bulkhead-ml/bulkhead/host/target"
	"github.com/bulkhead-ml/bulkhead/sdk/table"
)

// work is one pipeline of the configuration, ready for the engine.
type work struct {
	session  *session
	runID    string
	block    *config.Pipeline
	pipeline pipeline.Pipeline
	settings map[string]config.Settings
	sinks    map[string]sink.Spec
	catalog  config.Catalog
	// worked is the time that the calls of each plugin's kernels took.
	worked map[string]time.Duration
	// engine gives the kernels of the pipeline, and digests what they made.
	engine pipeline.Kernels
	made   digests
	// store keeps what kernels did; nil when nothing is kept.
	store *artifacts
	// rerunOf is the run that this one repeats.
	rerunOf string
	// recordsIn is a directory for the record of a run that leaves nothing elsewhere,
	// not even states; "" is the usual place.
	recordsIn string
}

// openPipeline loads the configuration at the arguments and binds the pipeline
// that the user means. Plugins see the machine, unless it is nil.
func (a *app) openPipeline(ctx context.Context, paths []string, name string, machine *target.Machine) (*work, error) {
	a.finishCommits()
	s, err := a.openWatched(ctx, orHere(paths), machine, nil)
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
	s.launcher.SharedBatches = sharedBatches(block.BatchBytes)
	w := &work{
		session: s, runID: newRunID(), block: block, pipeline: pipeline.Pipeline{Name: block.Name},
		settings: map[string]config.Settings{}, sinks: map[string]sink.Spec{}, catalog: config.NewCatalog(s.describe(ctx)),
		worked: map[string]time.Duration{},
	}
	if diags := config.Bind(s.cfg, w.catalog); diags.HasErrors() {
		return nil, s.wrongBinding(diags)
	}
	w.engine = w.kernels()
	w.pipeline.Batch = edge.Limits{Rows: int64(block.BatchRows), Bytes: int64(cmp.Or(block.BatchBytes, batchBytes))}
	w.pipeline.Plugins = w.pluginFacts()
	for _, src := range block.Sources {
		w.pipeline.Nodes = append(w.pipeline.Nodes, sourceNode(src))
	}
	for _, k := range block.Kernels {
		node, err := w.kernelNode(k)
		if err != nil {
			return nil, err
		}
		w.pipeline.Nodes = append(w.pipeline.Nodes, node)
		if k.AB != nil && k == k.AB.B {
			w.pipeline.Nodes = append(w.pipeline.Nodes, w.abNode(k.AB))
		}
	}
	for _, sink := range block.Sinks {
		w.pipeline.Nodes = append(w.pipeline.Nodes, w.sinkNode(sink))
	}
	return w, nil
}

// pluginFacts is what the engine has to know of the installed plugins.
func (w *work) pluginFacts() map[string]pipeline.Plugin {
	out := map[string]pipeline.Plugin{}
	for _, e := range w.session.launcher.Catalog.Entries() {
		facts := pipeline.Plugin{Version: e.Manifest.Version, Digest: e.Digest}
		for _, g := range e.Grants {
			facts.Grants = append(facts.Grants, g.String())
		}
		out[e.Name] = facts
	}
	return out
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
	spec := &source.Spec{
		Format: string(s.Format), Path: s.Path.Absolute, URL: s.URL, Compression: given(s.Compression), Target: s.Target, ID: s.ID,
		Types: s.Types, Nulls: s.Nulls, Delimiter: s.Delimiter, Query: s.Query, Table: s.Table,
	}
	if s.URL != "" { // the configuration has no URL without allow_network
		spec.Download = source.Download{AllowNetwork: true, Dir: filepath.Join(cacheDir(), "downloads")}
	}
	return pipeline.Node{Name: "source." + s.Name, Kind: pipeline.KindSource, Source: spec}
}

// given is a compression that the user chose; "" leaves it to the file.
func given(c config.Compression) string {
	if c == config.Auto {
		return ""
	}
	return string(c)
}

func (w *work) sinkNode(s *config.Sink) pipeline.Node {
	spec := sink.Spec{Format: string(s.Format), Path: s.Path.Absolute, Compression: given(s.Compression), Table: s.Table}
	return w.sink("sink."+s.Name, s.Input.String(), spec)
}

// sink is a node that writes a file.
func (w *work) sink(name, input string, spec sink.Spec) pipeline.Node {
	w.sinks[name] = spec
	return pipeline.Node{Name: name, Kind: pipeline.KindSink, Inputs: []string{input}, Sink: w.fileOf(spec)}
}

// fileOf writes the file of a sink.
func (w *work) fileOf(spec sink.Spec) *pipeline.Sink {
	return &pipeline.Sink{
		Path: spec.Path,
		Create: func(ctx context.Context, schema *arrow.Schema) (pipeline.SinkWriter, error) {
			s, err := sink.Create(ctx, spec, schema, pipeline.Decoder{Kernels: w.engine, Plugin: pipeline.TablesPlugin})
			if err != nil {
				return nil, err
			}
			return sinkWriter{s}, nil
		},
	}
}

// sinkWriter is a sink as the engine sees it.
type sinkWriter struct{ *sink.Sink }

// Write adds a batch.
func (s sinkWriter) Write(_ context.Context, batch arrow.RecordBatch) error {
	return s.Sink.Write(batch)
}

// Prepare brings the file to disk.
func (s sinkWriter) Prepare(context.Context) error { return s.Sink.Prepare() }

// Commit puts the file in its place.
func (s sinkWriter) Commit() (pipeline.Written, error) {
	w, err := s.Sink.Commit()
	return pipeline.Written{Path: w.Path, Rows: w.Rows, Bytes: w.Bytes, SHA256: w.SHA256, Replaced: w.Replaced}, err
}

// Abort gives the file up.
func (s sinkWriter) Abort() error {
	s.Sink.Abort()
	return nil
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
	name := k.Node()
	w.settings[name] = settings
	node := pipeline.Node{
		Name: name, Kind: pipeline.KindKernel, Use: pipeline.Use{Plugin: k.Use.Plugin, Kernel: k.Use.Kernel},
		Description: description, Config: settings.JSON, Seed: k.Seed, Budget: k.Budget, Timeout: k.Timeout,
		OnFailure: pipeline.OnFailure(k.OnFailure), Retries: k.Retries, NoCache: !w.block.Caches(k), Arm: armOf(k),
	}
	for _, in := range k.Inputs {
		node.Inputs = append(node.Inputs, in.String())
	}
	return node, nil
}

// checkSinks finds out before any work is done whether its results can be
// written. A run that is repeated writes elsewhere.
func (w *work) checkSinks() (problems []*pipeline.Problem) {
	for _, s := range w.block.Sinks {
		name := "sink." + s.Name
		err := sink.Check(w.sinks[name])
		if e, ok := errors.AsType[*sink.Error](err); ok && w.rerunOf == "" {
			problems = append(problems, &pipeline.Problem{
				Node: name, Severity: pipeline.SeverityError, Summary: e.Summary, Detail: e.Path + ": " + e.Detail, Err: err,
			})
		}
	}
	return problems
}

// plan checks the pipeline before any data moves.
func (w *work) plan(ctx context.Context, o pipeline.Options) (*pipeline.Plan, error) {
	plan, problems := pipeline.MakePlan(ctx, w.pipeline, w.engine, o)
	problems = append(problems, w.checkSinks()...)
	diags := w.diagnostics(problems)
	if pipeline.HasErrors(problems) {
		return nil, w.refused(problems, diags)
	}
	w.session.notes = append(w.session.notes, reportDiags(diags)...)
	if w.store != nil {
		w.store.learn(plan)
	}
	return plan, nil
}

// batchBytes is the size of batches that the configuration does not set: large
// enough that a batch's own costs vanish, and small enough that what is under way
// between many steps fits into a few dozen MiB.
const batchBytes = 2 << 20

// sharedBatches is the memory of a call, in batches of the largest size, for three
// batches of the size that the pipeline has.
func sharedBatches(size uint64) int {
	return int((3*cmp.Or(size, batchBytes) + table.MaxBytes - 1) / table.MaxBytes)
}

// options of the engine, by what the pipeline says and what a command keeps.
// Plan and run take the same.
func (w *work) options(keep pipeline.Keep, cache cacheChoice) (pipeline.Options, error) {
	o := pipeline.Options{MaxTableBytes: int64(w.block.MaxMemory), MaxSpillBytes: int64(w.block.MaxSpill), Keep: keep, TempDir: spillDir()}
	o.EdgeBytes, o.Together = 4*w.pipeline.Batch.Bytes, w.together
	if !w.caches(cache) {
		return o, nil
	}
	store, err := openArtifacts(w.session.bounds())
	if err != nil { // no reason to lose a run
		w.session.app.warn("nothing is cached: %v", err)
		return o, nil
	}
	w.store = &artifacts{store: store, pipeline: w.block.Name, digest: w.made.of}
	o.Cache = w.store
	return o, nil
}

// spillDir is where tables go that are too large for memory: beside the cache,
// since a temporary directory may be memory itself; "" is the system's.
func spillDir() string {
	dir := cacheDir()
	if dir == "" || os.MkdirAll(dir, 0o700) != nil {
		return ""
	}
	return dir
}

// cacheChoice is what the command line says about the cache.
type cacheChoice int

// The configuration decides, unless a flag does.
const (
	cacheAsConfigured cacheChoice = iota
	cacheOn
	cacheOff
)

// caches reports whether anything of the pipeline is cached.
func (w *work) caches(c cacheChoice) bool {
	any := false
	for i := range w.pipeline.Nodes {
		n := &w.pipeline.Nodes[i]
		if c == cacheOn {
			n.NoCache = false
		}
		any = any || n.Kind == pipeline.KindKernel && !n.NoCache
	}
	return any && c != cacheOff
}

// bounds of the cache.
func (s *session) bounds() config.Cache {
	if s.cfg == nil {
		return config.Cache{}
	}
	return s.cfg.Cache
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
	_, start := errors.AsType[*plugin.StartError](p.Err) // such as one that was changed since it was installed
	return transport || protocol || start
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
	if s, ok := w.block.Source(name); ok && kind == "source" {
		return sourceRange(s, p)
	}
	if s, ok := w.block.Sink(name); ok && kind == "sink" {
		return s.Range
	}
	if settings, ok := w.settings[p.Node]; ok && len(p.Path) > 0 && p.Path[0] == "config" {
		return settings.Range(p.Path[1:])
	}
	if kind == "ab" {
		return w.abRange(name, p)
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
	}
	return s.At()
}
