// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/bulkhead-ml/bulkhead/host/config"
	"github.com/bulkhead-ml/bulkhead/host/report"
)

// validated is what `bulkhead validate` prints when all is well.
type validated struct {
	SchemaVersion string              `json:"schema_version"`
	Files         []string            `json:"files"`
	Pipelines     int                 `json:"pipelines"`
	Suites        int                 `json:"suites"`
	Diagnostics   []report.Diagnostic `json:"diagnostics"`
}

func (a *app) validateCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "validate [PATH...]",
		Short: "Check a configuration without running anything of it",
		Long: "Validate checks names, references, settings and suites against the installed\n" +
			"plugins. It reads no data, no GPU and no network.",
		RunE: func(cmd *cobra.Command, args []string) error { return a.validate(cmd.Context(), args) },
	}
}

func (a *app) validate(ctx context.Context, paths []string) error {
	s, err := a.open(ctx, orHere(paths), nil)
	if err != nil {
		return err
	}
	defer s.close()
	diags := config.Bind(s.cfg, config.NewCatalog(s.describe(ctx)))
	if diags.HasErrors() || incomplete(s.notes) {
		return s.wrongBinding(diags)
	}
	return a.result(validated{
		SchemaVersion: report.SchemaVersion, Files: s.cfg.Files, Pipelines: len(s.cfg.Pipelines), Suites: len(s.cfg.Suites),
		Diagnostics: append(append([]report.Diagnostic{}, s.notes...), reportDiags(diags)...),
	})
}

// WriteJSON writes the outcome as one JSON document.
func (v validated) WriteJSON(w io.Writer) error { return writeJSON(w, v) }

// WriteText says that the configuration is right, and what is worth a look.
func (v validated) WriteText(w io.Writer, opt report.Options) error {
	writeNotes(w, opt, v.Diagnostics)
	_, err := fmt.Fprintf(w, "The configuration is valid: %s, %s, %s.\n",
		count(len(v.Files), "file", "files"), count(v.Pipelines, "pipeline", "pipelines"), count(v.Suites, "suite", "suites"))
	return err
}
