// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/bulkhead-ml/bulkhead/host/config"
	"github.com/bulkhead-ml/bulkhead/host/report"
)

// formatted is what `bulkhead fmt` did.
type formatted struct {
	SchemaVersion string   `json:"schema_version"`
	Changed       []string `json:"changed"`
	Checked       int      `json:"checked"`

	diffs string
	check bool
}

func (a *app) fmtCmd() *cobra.Command {
	var check, diff bool
	cmd := &cobra.Command{
		Use:   "fmt [PATH...]",
		Short: "Write configuration files in their one standard form",
		Long: "Fmt rewrites the configuration files in the given files and directories\n" +
			"(default: here). With --check it changes nothing and ends with code 1 when a\n" +
			"file would.",
		RunE: func(_ *cobra.Command, args []string) error { return a.format(args, check, diff) },
	}
	cmd.Flags().BoolVar(&check, "check", false, "change nothing; exit code 1 when a file is not formatted")
	cmd.Flags().BoolVar(&diff, "diff", false, "show what would change")
	return cmd
}

func (a *app) format(paths []string, check, diff bool) error {
	if len(paths) == 0 {
		paths = []string{"."}
	}
	files, diags := config.FilesToFormat(paths)
	if diags.HasErrors() {
		return a.wrongConfig(diags)
	}
	out := formatted{SchemaVersion: report.SchemaVersion, Changed: []string{}, check: check}
	for _, name := range files {
		if err := a.formatOne(name, check, diff, &out); err != nil {
			return err
		}
	}
	if err := a.result(out); err != nil {
		return err
	}
	if check && len(out.Changed) > 0 {
		return exit(ExitWarnings)
	}
	return nil
}

func (a *app) formatOne(name string, check, diff bool, out *formatted) error {
	before, err := os.ReadFile(name)
	if err != nil {
		return failed("A file cannot be formatted", err)
	}
	after, diags := config.Format(name, before)
	if diags.HasErrors() {
		return a.wrongConfig(diags)
	}
	out.Checked++
	if bytes.Equal(before, after) {
		return nil
	}
	out.Changed = append(out.Changed, name)
	if diff {
		out.diffs += config.Diff(name, name, before, after)
	}
	if check || diff {
		return nil
	}
	return failed("A file cannot be formatted", writeFile(name, func(w io.Writer) error {
		_, err := w.Write(after)
		return err
	}))
}

// WriteJSON writes the outcome as one JSON document.
func (f formatted) WriteJSON(w io.Writer) error { return writeJSON(w, f) }

// WriteText lists the changed files and the diffs.
func (f formatted) WriteText(w io.Writer, _ report.Options) error {
	for _, name := range f.Changed {
		fmt.Fprintln(w, report.CleanLine(name))
	}
	_, err := io.WriteString(w, f.diffs)
	return err
}
