// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bulkhead-ml/bulkhead/host/doctor"
	"github.com/bulkhead-ml/bulkhead/host/pipeline"
	"github.com/bulkhead-ml/bulkhead/host/report"
	"github.com/bulkhead-ml/bulkhead/host/source"
	"github.com/bulkhead-ml/bulkhead/host/target"
)

// runFlags are those of `bulkhead run`.
type runFlags struct {
	pipeline string
	save     string
	noFlight bool
	events   bool
	cache    bool
	noCache  bool
	noRecord bool
}

// choice of the cache.
func (f runFlags) choice() cacheChoice {
	switch {
	case f.noCache:
		return cacheOff
	case f.cache:
		return cacheOn
	}
	return cacheAsConfigured
}

func (f runFlags) check(a *app) error {
	if f.cache && f.noCache {
		return misuse("--cache and --no-cache ask for two things; give one of them")
	}
	if f.events && (a.flags.output != "" || a.flags.format != report.Text) {
		return misuse("--events prints JSON lines on standard output; it goes with neither --format nor --output")
	}
	return nil
}

func (a *app) runCmd() *cobra.Command {
	var f runFlags
	cmd := &cobra.Command{
		Use:   "run [PATH...]",
		Short: "Run a pipeline of kernels",
		Long: "Run loads the configuration in the given files or directories (default: here),\n" +
			"holds the pipeline's preflight against this machine and runs its kernels, each\n" +
			"plugin in its sandbox. Every run is recorded; see `bulkhead runs`. With a cache,\n" +
			"what did not change is not computed again, and a run that was interrupted goes\n" +
			"on where it was.\n\n" +
			"Exit code: 0 done, 2 failed or refused, 3 time-out, 78 wrong configuration.",
		Example: "  bulkhead run examples/breast-cancer\n  bulkhead run --save out/ train.bulkhead.hcl",
		RunE:    func(cmd *cobra.Command, args []string) error { return a.run(cmd.Context(), args, f) },
	}
	cmd.Flags().StringVar(&f.pipeline, "pipeline", "", "`name` of the pipeline, when there are several")
	cmd.Flags().StringVar(&f.save, "save", "", "save states, reports and output tables in this `directory`")
	cmd.Flags().BoolVar(&f.noFlight, "skip-preflight", false, "run even if the machine does not pass the preflight")
	cmd.Flags().BoolVar(&f.events, "events", false, "print what happens as JSON lines, the report last")
	cmd.Flags().BoolVar(&f.cache, "cache", false, "keep what kernels did, and use what was kept")
	cmd.Flags().BoolVar(&f.noCache, "no-cache", false, "compute everything, whatever the configuration says")
	cmd.Flags().BoolVar(&f.noRecord, "no-record", false, "leave no record of the run and keep no states")
	return cmd
}

func (a *app) run(ctx context.Context, paths []string, f runFlags) error {
	if !f.events {
		return a.runNow(ctx, paths, f, nil)
	}
	stream := newEventStream(a.stdout)
	return stream.close(ctx, a, a.runNow(ctx, paths, f, stream))
}

// runNow runs the pipeline; a stream gets the events, and the report instead of
// standard output.
func (a *app) runNow(ctx context.Context, paths []string, f runFlags, stream *eventStream) (err error) {
	if err := f.check(a); err != nil {
		return err
	}
	ctx, cancel := a.deadline(ctx)
	defer cancel()
	defer func() { err = a.cutShort(ctx, err) }()
	// Every plugin that the preflight needs must see the machine from its
	// start: one that was started without would find nothing wrong.
	machine, err := target.This("", nil)
	if err != nil {
		return failed("The machine cannot be examined", err)
	}
	w, err := a.openPipeline(ctx, paths, f.pipeline, machine)
	if err != nil {
		return err
	}
	defer w.session.close()
	return w.perform(ctx, f, stream)
}

// cutShort is the failure of a command that ended because of its time or the
// user, whatever broke by that.
func (a *app) cutShort(ctx context.Context, err error) error {
	_, broke := errors.AsType[*failure](err)
	switch {
	case !broke || ctx.Err() == nil:
		return err
	case timedOut(ctx.Err()):
		return &failure{code: ExitTimeout, summary: "The time ran out", err: fmt.Errorf("there was no result within %s; give it more with --timeout", a.flags.timeout)}
	}
	return &failure{code: ExitInterrupted, summary: "Interrupted", err: context.Cause(ctx)}
}

// perform runs the pipeline and prints the report.
func (w *work) perform(ctx context.Context, f runFlags, stream *eventStream) error {
	rep := report.Run{
		SchemaVersion: report.SchemaVersion, Tool: tool(), RunID: w.runID, Pipeline: w.block.Name, Status: report.RunOK,
		StartedAt: w.session.started, Nodes: []report.Node{}, Plugins: []report.Plugin{}, Diagnostics: []report.Diagnostic{},
	}
	if !f.noFlight {
		if err := w.preflight(ctx, &rep, stream); err != nil {
			return err
		}
	}
	if rep.Status == report.RunOK {
		if err := w.execute(ctx, &rep, f, stream); err != nil {
			return err
		}
	}
	w.conclude(ctx, &rep)
	w.finish(&rep)
	if stream != nil {
		if err := stream.ended(rep); err != nil {
			return failed("The report could not be written", err)
		}
		return asExit(runExit(rep))
	}
	if err := w.session.app.result(rep); err != nil {
		return err
	}
	return asExit(runExit(rep))
}

// preflight diagnoses this machine with what the pipeline asks for. Errors
// refuse the run, in the first second instead of the sixth hour.
func (w *work) preflight(ctx context.Context, rep *report.Run, stream *eventStream) error {
	if len(w.block.Preflight) == 0 {
		return nil
	}
	selection, diags := w.block.ResolvePreflight(w.session.cfg, w.catalog)
	if diags.HasErrors() {
		return w.session.app.wrongConfig(diags)
	}
	chosen, err := w.session.policy(orNone(selection), w.catalog)
	if err != nil {
		return err
	}
	ended := stream.preflight(w)
	diagnosis, err := w.session.diagnose(ctx, &examination{}, doctor.Options{
		Target: report.Target{Kind: report.TargetMachine}, Selection: chosen, Timeout: w.session.app.share(),
	})
	if err != nil {
		return err
	}
	w.judge(rep, diagnosis)
	if ctx.Err() != nil && !timedOut(ctx.Err()) { // what is missing says nothing of the machine
		rep.Status, rep.Error = report.RunCancelled, problem("The run was cancelled", "It was interrupted during the preflight, and no kernel ran.")
	}
	ended(rep)
	return nil
}

// judge takes the diagnosis into the run's report.
func (w *work) judge(rep *report.Run, diagnosis report.Doctor) {
	rep.Preflight = diagnosis.Short(w.preflightName())
	rep.Plugins = append(rep.Plugins, diagnosis.Plugins...)
	rep.Diagnostics = append(rep.Diagnostics, diagnosis.Diagnostics...)
	w.session.notes = nil // they are in the diagnosis
	switch {
	case diagnosis.Summary.TimedOut:
		rep.Status = report.RunTimedOut
		rep.Error = problem("The preflight took too long", "Not every plugin answered in time; give more with --timeout.")
	case diagnosis.Summary.Errors > 0:
		rep.Status = report.RunRefused
		rep.Error = problem("The machine does not pass the preflight",
			"Mend what the root cause names, or run anyway with --skip-preflight.")
	case incomplete(diagnosis.Diagnostics):
		rep.Status = report.RunRefused
		rep.Error = problem("The preflight is incomplete",
			"A plugin gave no answer, so nobody knows whether the machine passes. See what it said with -v, or run anyway with --skip-preflight.")
	}
}

func (w *work) preflightName() string {
	var names []string
	for _, ref := range w.block.Preflight {
		names = append(names, ref.Name)
	}
	return strings.Join(names, ", ")
}

func problem(summary, detail string) *report.ErrorInfo {
	return &report.ErrorInfo{Summary: summary, Detail: detail, Diagnostics: []report.Diagnostic{}}
}

// execute plans and runs the pipeline and saves what it gave.
func (w *work) execute(ctx context.Context, rep *report.Run, f runFlags, stream *eventStream) error {
	options, err := w.options(keep(f.save), f.choice())
	if err != nil {
		return err
	}
	told, err := w.tell()
	if err != nil {
		return err
	}
	defer told.close()
	plan, err := w.plan(ctx, options)
	if err != nil {
		told.unplanned(err)
		return err
	}
	w.takeBackEarlier(ctx)
	record := w.record(plan, f.noRecord)
	options.Effects = record.effects()
	progress := w.session.app.progress(plan)
	events := fanOut(progress.events(), told.events(), record.events())
	if stream != nil {
		events = fanOut(events, stream.events(w))
	}
	defer bounded(options, w.pipeline.Batch.Bytes)()
	result, err := pipeline.Run(ctx, plan, w.engine, events, options)
	progress.done()
	defer result.Close()
	w.result(ctx, rep, result, err)
	told.ended(plan, result, *rep)
	record.end(result, *rep)
	if w.store != nil {
		w.store.sweep()
	}
	return w.save(ctx, result, f.save)
}

// bounded makes the garbage collector keep the host near what the tables of a run
// need, unless the user says otherwise in GOMEMLIMIT: without it the heap grows to
// twice of them. It returns what undoes it.
func bounded(o pipeline.Options, batch int64) func() {
	const besides, underWay = 64 << 20, 16 // bytes of all else, and batches
	if os.Getenv("GOMEMLIMIT") != "" {
		return func() {}
	}
	tables := cmp.Or(o.MaxTableBytes, pipeline.DefaultTableBytes)
	before := debug.SetMemoryLimit(tables + besides + underWay*batch)
	return func() { debug.SetMemoryLimit(before) }
}

// save writes the result where the user wants it.
func (w *work) save(ctx context.Context, result *pipeline.Result, dir string) error {
	if dir == "" {
		return nil
	}
	saved, err := result.Save(context.WithoutCancel(ctx), dir)
	if err != nil {
		return failed("The result could not be saved", err)
	}
	w.session.app.warn("%s saved in %s", count(len(saved.Files), "file", "files"), dir)
	return nil
}

// keep says which tables the engine holds on to: all of them when they are to
// be saved.
func keep(save string) pipeline.Keep {
	if save != "" {
		return pipeline.KeepAll
	}
	return pipeline.KeepNone
}

// result takes what the engine did into the report.
func (w *work) result(ctx context.Context, rep *report.Run, result *pipeline.Result, err error) {
	for _, n := range result.Nodes {
		rep.Nodes = append(rep.Nodes, w.node(n))
		w.count(n)
	}
	for _, s := range result.Sinks {
		rep.Sinks = append(rep.Sinks, report.Sink{Node: s.Node, Path: s.Path, Rows: s.Rows, Bytes: s.Bytes, SHA256: s.SHA256, Replaced: s.Replaced})
	}
	for _, u := range result.Undone {
		undone := report.Undone{Node: u.Node}
		if u.Problem != nil {
			undone.Problem = u.Problem.Error()
		}
		rep.Undone = append(rep.Undone, undone)
	}
	rep.PeakTableBytes = result.PeakTableBytes
	rep.Status = string(result.Status)
	if result.Status == pipeline.Partial {
		rep.Status = report.RunFailed
		rep.Error = problem("Some branches failed", result.Reason)
	}
	if err != nil {
		rep.Error = w.fault(err, result)
		if rep.Status == report.RunOK {
			rep.Status = report.RunFailed
		}
	}
	if timedOut(ctx.Err()) {
		rep.Status = report.RunTimedOut
		rep.Error = problem("The time ran out", fmt.Sprintf("The pipeline did not end within %s; give it more with --timeout.", w.session.app.flags.timeout))
	}
}

// fault says why the run ended, with the user's line where there is one.
func (w *work) fault(err error, result *pipeline.Result) *report.ErrorInfo {
	stopped, ok := errors.AsType[*pipeline.Problem](err)
	if !ok {
		return problem("The run was cancelled", result.Reason)
	}
	info := problem(stopped.Summary, "")
	info.Diagnostics = reportDiags(w.diagnostics([]*pipeline.Problem{stopped}))
	return info
}

func (w *work) node(n *pipeline.NodeResult) report.Node {
	out := report.Node{
		Name: n.Name, Use: n.Use, Status: string(n.Status), Reason: n.Reason, WallMS: milliseconds(n.Wall),
		RowsIn: n.RowsIn, RowsOut: max(0, n.RowsOut), RowsDropped: n.RowsDropped, RowsRejected: n.RowsRejected,
		BytesIn: n.BytesIn, BytesOut: n.BytesOut, CPUMS: milliseconds(n.CPU), PeakRSSBytes: n.PeakRSS,
		Attempts: n.Attempts, Diagnostics: []report.Diagnostic{},
	}
	if n.Cache != pipeline.CacheOff {
		out.Cache = string(n.Cache)
	}
	if out.Use == "" {
		out.Use = w.formatOf(n.Name)
	}
	if n.StateBytes > 0 {
		out.State = &report.State{Bytes: int64(n.StateBytes), SHA256: n.StateSHA256}
	}
	if len(n.Problems) > 0 {
		out.Diagnostics = reportDiags(w.diagnostics(n.Problems))
	}
	out.Report = mergedReport(n)
	return out
}

// formatOf is the form of the file of a source or a sink, or the mode of a comparison.
func (w *work) formatOf(node string) string {
	if mode := w.modeOf(node); mode != "" {
		return mode
	}
	if spec, ok := w.sinks[node]; ok {
		return cmp.Or(spec.Format, source.CSV)
	}
	for _, n := range w.pipeline.Nodes {
		if n.Name == node && n.Source != nil {
			return cmp.Or(n.Source.Format, source.CSV)
		}
	}
	return ""
}

// count adds the calls of a node to the time of its plugin.
func (w *work) count(n *pipeline.NodeResult) {
	plugin, _, _ := strings.Cut(n.Use, ".")
	for _, call := range []*pipeline.Call{n.Fit, n.Transform} {
		if call != nil {
			w.worked[plugin] += call.Metrics.Wall
		}
	}
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// finish fills in what is known at the end.
func (w *work) finish(rep *report.Run) {
	rep.DurationMS = milliseconds(time.Since(w.session.started))
	rep.Diagnostics = append(w.session.notes, rep.Diagnostics...)
	seen := map[string]bool{}
	for _, p := range rep.Plugins {
		seen[p.Name] = true
	}
	for _, r := range w.session.launcher.Running() {
		if !seen[r.Entry.Name] {
			rep.Plugins = append(rep.Plugins, reportPlugin(r))
		}
	}
	for i, p := range rep.Plugins {
		rep.Plugins[i].DurationMS += milliseconds(w.worked[p.Name])
	}
	w.session.tellRefusals(rep.Plugins)
	sortPlugins(rep.Plugins)
}

func runExit(rep report.Run) int {
	switch rep.Status {
	case report.RunOK:
		return ExitOK
	case report.RunTimedOut:
		return ExitTimeout
	case report.RunCancelled:
		return ExitInterrupted
	}
	return ExitErrors
}
