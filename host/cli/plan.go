// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bulkhead-ml/bulkhead/host/pipeline"
	"github.com/bulkhead-ml/bulkhead/host/report"
)

// planned is what `bulkhead plan` prints.
type planned struct {
	SchemaVersion string         `json:"schema_version"`
	Plan          *pipeline.Plan `json:"plan"`
	// Pilot is there when a sample was run.
	Pilot   *pipeline.Pilot `json:"pilot,omitempty"`
	Plugins []plannedPlugin `json:"plugins"`
	// Off are steps that the configuration leaves out.
	Off         []plannedOff        `json:"off,omitempty"`
	Diagnostics []report.Diagnostic `json:"diagnostics"`
}

// plannedPlugin is a plugin that a pipeline needs, and what it is granted.
type plannedPlugin struct {
	Name    string   `json:"name"`
	Origin  string   `json:"origin"`
	Version string   `json:"version"`
	Digest  string   `json:"digest,omitempty"`
	Grants  []string `json:"grants"`
}

// plannedOff is a step that is left out, and why.
type plannedOff struct {
	Name   string `json:"name"`
	Reason string `json:"reason"`
}

func (a *app) planCmd() *cobra.Command {
	var f planFlags
	cmd := &cobra.Command{
		Use:   "plan [PATH...]",
		Short: "Check a pipeline and show what would run, without running it",
		Long: "Plan opens the sources, checks every column, setting and kernel, and prints the\n" +
			"order in which kernels would run, what streams and what is kept, what the cache\n" +
			"has, and what kernels say that they take.\n\n" +
			"With --pilot the beginning of each source goes through the kernels, and rows,\n" +
			"bytes, time and memory of the whole run are extrapolated in a straight line. It\n" +
			"writes no file and has no other effect: nothing is granted to the plugins, and\n" +
			"kernels that do something outside of their output are left out.",
		Example: "  bulkhead plan\n  bulkhead plan --pilot --pilot-rows 100000 train.bulkhead.hcl",
		RunE:    func(cmd *cobra.Command, args []string) error { return a.plan(cmd.Context(), args, f) },
	}
	cmd.Flags().StringVar(&f.pipeline, "pipeline", "", "`name` of the pipeline, when there are several")
	cmd.Flags().BoolVar(&f.pilot, "pilot", false, "run a sample, and estimate rows, bytes, time and memory of each step")
	cmd.Flags().Int64Var(&f.rows, "pilot-rows", pipeline.DefaultPilotRows, "take so many rows of each source for --pilot")
	return cmd
}

// planFlags are those of `bulkhead plan`.
type planFlags struct {
	pipeline string
	pilot    bool
	rows     int64
}

func (a *app) plan(ctx context.Context, paths []string, f planFlags) (err error) {
	if f.rows < 1 {
		return misuse("--pilot-rows %d is no number of rows; give 1 or more", f.rows)
	}
	ctx, cancel := a.deadline(ctx)
	defer cancel()
	defer func() { err = a.cutShort(ctx, err) }()
	w, err := a.openPipeline(ctx, paths, f.pipeline, nil)
	if err != nil {
		return err
	}
	defer w.session.close()
	options, err := w.options(pipeline.KeepNone, cacheAsConfigured)
	if err != nil {
		return err
	}
	plan, err := w.plan(ctx, options)
	if err != nil {
		return err
	}
	out := planned{
		SchemaVersion: report.SchemaVersion, Plan: plan, Plugins: w.plugins(),
		Diagnostics: append([]report.Diagnostic{}, w.session.notes...),
	}
	for _, off := range w.block.Off {
		out.Off = append(out.Off, plannedOff{off.Name, off.Reason})
	}
	if f.pilot {
		if out.Pilot, err = w.pilot(ctx, plan, options, f.rows); err != nil {
			return failed("The sample could not be run", err)
		}
	}
	return a.result(out)
}

// plugins lists those that the pipeline needs.
func (w *work) plugins() []plannedPlugin {
	out := []plannedPlugin{}
	for _, n := range w.pipeline.Nodes {
		e, ok := w.session.launcher.Catalog.Entry(n.Use.Plugin)
		if !ok || slices.ContainsFunc(out, func(p plannedPlugin) bool { return p.Name == e.Name }) {
			continue
		}
		p := plannedPlugin{Name: e.Name, Origin: string(e.Origin), Version: e.Manifest.Version, Digest: e.Digest, Grants: []string{}}
		for _, g := range e.Grants {
			p.Grants = append(p.Grants, g.String())
		}
		out = append(out, p)
	}
	return out
}

// WriteJSON writes the plan as one JSON document.
func (p planned) WriteJSON(w io.Writer) error { return writeJSON(w, p) }

// WriteText writes the plan for a person, level by level.
func (p planned) WriteText(w io.Writer, opt report.Options) error {
	say(w, opt, "pipeline %s", p.Plan.Pipeline)
	inputs, pilot := p.inputKinds(), p.pilotTexts()
	for i, level := range p.byLevel() {
		fmt.Fprintf(w, "\nstep %d%s\n", i+1, together(len(level)))
		for _, n := range level {
			say(w, opt, "  %s", nodeText(n))
			for _, line := range []string{notesOf(n, inputs[n.Name]), pilot[n.Name]} {
				if line != "" {
					say(w, opt, "      %s", line)
				}
			}
		}
	}
	fmt.Fprintln(w)
	p.piloted(w, opt)
	for _, off := range p.Off {
		say(w, opt, "off: %s, %s", off.Name, off.Reason)
	}
	for _, plugin := range p.Plugins {
		say(w, opt, "plugin %s %s (%s), %s", plugin.Name, plugin.Version, plugin.Origin, grantsText(plugin.Grants))
	}
	writeNotes(w, opt, p.Diagnostics)
	return nil
}

// byLevel are the nodes of each level, in the order of the pipeline.
func (p planned) byLevel() [][]*pipeline.PlannedNode {
	out := make([][]*pipeline.PlannedNode, len(p.Plan.Levels))
	for _, n := range p.Plan.Nodes {
		out[n.Level] = append(out[n.Level], n)
	}
	return out
}

// inputKinds says of each node how its inputs reach it.
func (p planned) inputKinds() map[string][]string {
	out := map[string][]string{}
	for _, e := range p.Plan.Edges {
		if note := "input " + string(e.Kind); e.Kind != "" && !slices.Contains(out[e.To], note) {
			out[e.To] = append(out[e.To], note)
		}
	}
	return out
}

// notesOf is what is known of a node beside what it does.
func notesOf(n *pipeline.PlannedNode, inputs []string) string {
	notes := slices.Clone(inputs)
	if n.Cache == pipeline.CacheHit {
		notes = append(notes, "in the cache, does not run")
	}
	if n.OnFailure != pipeline.Stop && n.OnFailure != "" {
		notes = append(notes, "on failure "+string(n.OnFailure))
	}
	if e := n.Estimate; e != nil && e.TotalSeconds > 0 {
		notes = append(notes, "about "+took(time.Duration(e.TotalSeconds*float64(time.Second))))
	}
	return strings.Join(notes, ", ")
}

func together(n int) string {
	if n < 2 {
		return ""
	}
	return fmt.Sprintf(" (%d at the same time)", n)
}

func nodeText(n *pipeline.PlannedNode) string {
	switch {
	case n.Kind == pipeline.KindSource && n.Rows < 0:
		return fmt.Sprintf("%s  rows not counted yet, %s", n.Name, count(len(n.Columns), "column", "columns"))
	case n.Kind == pipeline.KindSource:
		return fmt.Sprintf("%s  %s, %s", n.Name, count(int(n.Rows), "row", "rows"), count(len(n.Columns), "column", "columns"))
	case n.Kind == pipeline.KindSink:
		return fmt.Sprintf("%s  writes %s to %s", n.Name, strings.Join(n.Inputs, ", "), n.Path)
	}
	if n.Kind == pipeline.KindAB {
		return abText(n)
	}
	does := []string{}
	if n.Fits {
		does = append(does, "fit")
	}
	if n.Transforms {
		does = append(does, "transform")
	}
	text := fmt.Sprintf("%s  %s of %s on %s", n.Name, strings.Join(does, " and "), n.Use, strings.Join(n.Inputs, ", "))
	if n.Arm != nil {
		text += ", " + armText(n.Arm)
	}
	if n.Budget > 0 {
		text += fmt.Sprintf(", budget %s", n.Budget)
	}
	return text + ", settings " + n.Checked
}

func grantsText(grants []string) string {
	if len(grants) == 0 {
		return "no grants: it sees its rows and nothing else"
	}
	return count(len(grants), "grant", "grants") + ": " + strings.Join(grants, ", ")
}
