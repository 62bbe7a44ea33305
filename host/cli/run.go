// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/spf13/cobra"

	"github.com/bulkhead-ml/bulkhead/host/doctor"
	"github.com/bulkhead-ml/bulkhead/host/pipeline"
	"github.com/bulkhead-ml/bulkhead/host/report"
	"github.com/bulkhead-ml/bulkhead/host/target"
)

type batch = arrow.RecordBatch

// runFlags are those of `bulkhead run`.
type runFlags struct {
	pipeline string
	save     string
	noFlight bool
}

func (a *app) runCmd() *cobra.Command {
	var f runFlags
	cmd := &cobra.Command{
		Use:   "run [PATH...]",
		Short: "Run a pipeline of kernels",
		Long: "Run loads the configuration in the given files or directories (default: here),\n" +
			"holds the pipeline's preflight against this machine and runs its kernels, each\n" +
			"plugin in its sandbox.\n\n" +
			"Exit code: 0 done, 2 failed or refused, 3 time-out, 78 wrong configuration.",
		Example: "  bulkhead run examples/breast-cancer\n  bulkhead run --save out/ train.bulkhead.hcl",
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.run(cmd.Context(), args, f)
		},
	}
	cmd.Flags().StringVar(&f.pipeline, "pipeline", "", "`name` of the pipeline, when there are several")
	cmd.Flags().StringVar(&f.save, "save", "", "save states, reports and output tables in this `directory`")
	cmd.Flags().BoolVar(&f.noFlight, "skip-preflight", false, "run even if the machine does not pass the preflight")
	return cmd
}

func (a *app) run(ctx context.Context, paths []string, f runFlags) error {
	ctx, cancel := a.deadline(ctx)
	defer cancel()
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
	rep := report.Run{
		SchemaVersion: report.SchemaVersion, Tool: tool(), RunID: w.runID, Pipeline: w.block.Name, Status: report.RunOK,
		StartedAt: w.session.started, Nodes: []report.Node{}, Plugins: []report.Plugin{}, Diagnostics: []report.Diagnostic{},
	}
	if !f.noFlight {
		if err := w.preflight(ctx, &rep); err != nil {
			return err
		}
	}
	if rep.Status == report.RunOK {
		if err := w.execute(ctx, &rep, f.save); err != nil {
			return err
		}
	}
	w.finish(&rep)
	if err := a.result(rep); err != nil {
		return err
	}
	return asExit(runExit(rep))
}

// preflight diagnoses this machine with what the pipeline asks for. Errors
// refuse the run, in the first second instead of the sixth hour.
func (w *work) preflight(ctx context.Context, rep *report.Run) error {
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
	diagnosis, err := w.session.diagnose(ctx, &examination{}, doctor.Options{
		Target: report.Target{Kind: report.TargetMachine}, Selection: chosen, Timeout: w.session.app.share(),
	})
	if err != nil {
		return err
	}
	w.judge(rep, diagnosis)
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
func (w *work) execute(ctx context.Context, rep *report.Run, save string) error {
	plan, err := w.plan(ctx)
	if err != nil {
		return err
	}
	progress := w.session.app.progress(plan)
	result, err := pipeline.Run(ctx, plan, w.kernels(), progress.events(), pipeline.Options{Keep: keep(save)})
	progress.done()
	defer result.Close()
	w.result(ctx, rep, result, err)
	if save == "" {
		return nil
	}
	saved, err := result.Save(context.WithoutCancel(ctx), save)
	if err != nil {
		return failed("The result could not be saved", err)
	}
	w.session.app.warn("%s saved in %s", count(len(saved.Files), "file", "files"), save)
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
		RowsIn: n.RowsIn, RowsOut: n.RowsOut, RowsDropped: n.RowsDropped, BytesIn: n.BytesIn, BytesOut: n.BytesOut,
		Attempts: n.Attempts, Diagnostics: []report.Diagnostic{},
	}
	if n.Kind == pipeline.KindSource {
		out.Use = "csv"
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
