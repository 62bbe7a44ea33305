// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bulkhead-ml/bulkhead/host/pipeline"
	"github.com/bulkhead-ml/bulkhead/host/report"
)

func (a *app) graphCmd() *cobra.Command {
	var name, kind string
	cmd := &cobra.Command{
		Use:   "graph [PATH...]",
		Short: "Draw a pipeline: in the terminal, as Mermaid or DOT",
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.graph(cmd.Context(), args, name, pipeline.Format(kind))
		},
	}
	cmd.Flags().StringVar(&name, "pipeline", "", "`name` of the pipeline, when there are several")
	cmd.Flags().StringVar(&kind, "as", string(pipeline.Terminal), "`kind` of drawing: terminal, mermaid or dot")
	return cmd
}

func (a *app) graph(ctx context.Context, paths []string, name string, kind pipeline.Format) error {
	known := []pipeline.Format{pipeline.Terminal, pipeline.Mermaid, pipeline.DOT}
	if !slices.Contains(known, kind) {
		return misuse("--as %q is not one of terminal, mermaid, dot", kind)
	}
	w, err := a.openPipeline(ctx, paths, name, nil)
	if err != nil {
		return err
	}
	defer w.session.close()
	plan, err := w.plan(ctx)
	if err != nil {
		return err
	}
	text, err := pipeline.Graph(plan, nil, kind)
	if err != nil {
		return failed("The pipeline cannot be drawn", err)
	}
	return a.result(drawing{SchemaVersion: report.SchemaVersion, Format: string(kind), Graph: text})
}

// drawing is what `bulkhead graph` prints.
type drawing struct {
	SchemaVersion string `json:"schema_version"`
	Format        string `json:"format"`
	Graph         string `json:"graph"`
}

// WriteJSON writes the drawing as one JSON document.
func (d drawing) WriteJSON(w io.Writer) error { return writeJSON(w, d) }

// WriteText writes the drawing itself.
func (d drawing) WriteText(w io.Writer, _ report.Options) error {
	_, err := io.WriteString(w, report.Clean(strings.TrimRight(d.Graph, "\n"))+"\n")
	return err
}
