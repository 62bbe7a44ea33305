// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bulkhead-ml/bulkhead/host/pipeline"
	"github.com/bulkhead-ml/bulkhead/host/report"
)

// planned is what `bulkhead plan` prints.
type planned struct {
	SchemaVersion string              `json:"schema_version"`
	Plan          *pipeline.Plan      `json:"plan"`
	Plugins       []plannedPlugin     `json:"plugins"`
	Diagnostics   []report.Diagnostic `json:"diagnostics"`
}

// plannedPlugin is a plugin that a pipeline needs, and what it is granted.
type plannedPlugin struct {
	Name    string   `json:"name"`
	Origin  string   `json:"origin"`
	Version string   `json:"version"`
	Digest  string   `json:"digest,omitempty"`
	Grants  []string `json:"grants"`
}

func (a *app) planCmd() *cobra.Command {
	var name string
	cmd := &cobra.Command{
		Use:   "plan [PATH...]",
		Short: "Check a pipeline and show what would run, without running it",
		Long: "Plan reads the sources once, checks every column, setting and kernel, and prints\n" +
			"the order in which kernels would run.",
		RunE: func(cmd *cobra.Command, args []string) error { return a.plan(cmd.Context(), args, name) },
	}
	cmd.Flags().StringVar(&name, "pipeline", "", "`name` of the pipeline, when there are several")
	return cmd
}

func (a *app) plan(ctx context.Context, paths []string, name string) error {
	ctx, cancel := a.deadline(ctx)
	defer cancel()
	w, err := a.openPipeline(ctx, paths, name, nil)
	if err != nil {
		return err
	}
	defer w.session.close()
	plan, err := w.plan(ctx)
	if err != nil {
		return err
	}
	return a.result(planned{
		SchemaVersion: report.SchemaVersion, Plan: plan, Plugins: w.plugins(),
		Diagnostics: append([]report.Diagnostic{}, w.session.notes...),
	})
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
func (p planned) WriteText(w io.Writer, _ report.Options) error {
	fmt.Fprintf(w, "pipeline %s\n", p.Plan.Pipeline)
	for i, level := range p.Plan.Levels {
		fmt.Fprintf(w, "\nstep %d%s\n", i+1, together(len(level)))
		for _, n := range p.Plan.Nodes {
			if n.Level == i {
				fmt.Fprintf(w, "  %s\n", report.CleanLine(nodeText(n)))
			}
		}
	}
	fmt.Fprintln(w)
	for _, plugin := range p.Plugins {
		fmt.Fprintf(w, "plugin %s %s (%s), %s\n", plugin.Name, plugin.Version, plugin.Origin, grantsText(plugin.Grants))
	}
	for _, d := range p.Diagnostics {
		fmt.Fprintf(w, "%s: %s: %s\n", d.Severity, d.Summary, report.CleanLine(d.Detail))
	}
	return nil
}

func together(n int) string {
	if n < 2 {
		return ""
	}
	return fmt.Sprintf(" (%d at the same time)", n)
}

func nodeText(n *pipeline.PlannedNode) string {
	if n.Kind == pipeline.KindSource {
		return fmt.Sprintf("%s  %s, %s", n.Name, count(int(n.Rows), "row", "rows"), count(len(n.Columns), "column", "columns"))
	}
	does := []string{}
	if n.Fits {
		does = append(does, "fit")
	}
	if n.Transforms {
		does = append(does, "transform")
	}
	text := fmt.Sprintf("%s  %s of %s on %s", n.Name, strings.Join(does, " and "), n.Use, strings.Join(n.Inputs, ", "))
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
