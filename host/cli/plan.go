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
	SchemaVersion string          `json:"schema_version"`
	Plan          *pipeline.Plan  `json:"plan"`
	Plugins       []plannedPlugin `json:"plugins"`
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
	var name string
	cmd := &cobra.Command{
		Use:   "plan [PATH...]",
		Short: "Check a pipeline and show what would run, without running it",
		Long: "Plan opens the sources, checks every column, setting and kernel, and prints the\n" +
			"order in which kernels would run, what streams and what is kept, what the cache\n" +
			"has, and what kernels say that they take.",
		RunE: func(cmd *cobra.Command, args []string) error { return a.plan(cmd.Context(), args, name) },
	}
	cmd.Flags().StringVar(&name, "pipeline", "", "`name` of the pipeline, when there are several")
	return cmd
}

func (a *app) plan(ctx context.Context, paths []string, name string) (err error) {
	ctx, cancel := a.deadline(ctx)
	defer cancel()
	defer func() { err = a.cutShort(ctx, err) }()
	w, err := a.openPipeline(ctx, paths, name, nil)
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
	for i, level := range p.Plan.Levels {
		fmt.Fprintf(w, "\nstep %d%s\n", i+1, together(len(level)))
		for _, n := range p.Plan.Nodes {
			if n.Level == i {
				say(w, opt, "  %s", nodeText(n))
				p.more(w, opt, n)
			}
		}
	}
	fmt.Fprintln(w)
	for _, off := range p.Off {
		say(w, opt, "off: %s, %s", off.Name, off.Reason)
	}
	for _, plugin := range p.Plugins {
		say(w, opt, "plugin %s %s (%s), %s", plugin.Name, plugin.Version, plugin.Origin, grantsText(plugin.Grants))
	}
	for _, d := range p.Diagnostics {
		say(w, opt, "%s: %s: %s", d.Severity, d.Summary, d.Detail)
	}
	return nil
}

// more is what is known of a node beside what it does.
func (p planned) more(w io.Writer, opt report.Options, n *pipeline.PlannedNode) {
	var notes []string
	for _, e := range p.Plan.Edges {
		if note := "input " + string(e.Kind); e.To == n.Name && e.Kind != "" && !slices.Contains(notes, note) {
			notes = append(notes, note)
		}
	}
	if n.Cache == pipeline.CacheHit {
		notes = append(notes, "in the cache, does not run")
	}
	if n.OnFailure != pipeline.Stop && n.OnFailure != "" {
		notes = append(notes, "on failure "+string(n.OnFailure))
	}
	if e := n.Estimate; e != nil && e.TotalSeconds > 0 {
		notes = append(notes, "about "+took(time.Duration(e.TotalSeconds*float64(time.Second))))
	}
	if len(notes) > 0 {
		say(w, opt, "      %s", strings.Join(notes, ", "))
	}
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
