// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bulkhead-ml/bulkhead/host/report"
)

// document is a result that package report renders.
type document interface {
	WriteJSON(io.Writer) error
	WriteText(io.Writer, report.Options) error
}

// exported is a document that has more formats than text and JSON.
type exported interface {
	Formats() []string
	Write(w io.Writer, format string, opt report.Options) error
}

// formatsKey is the annotation that lists the formats of a command's result.
const formatsKey = "formats"

// plainFormats are those of every result.
var plainFormats = []string{report.Text, report.JSON}

// formatsOf is the annotation of a command whose result is such a document.
func formatsOf(doc exported) map[string]string {
	return map[string]string{formatsKey: strings.Join(doc.Formats(), ",")}
}

func formatNames() []string {
	var out []string
	for _, f := range report.Formats() {
		out = append(out, f.Name)
	}
	return out
}

func completeFormats(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	return offered(cmd), cobra.ShellCompDirectiveNoFileComp
}

// offered are the formats in which a command can write its result.
func offered(cmd *cobra.Command) []string {
	if list := cmd.Annotations[formatsKey]; list != "" {
		return strings.Split(list, ",")
	}
	return plainFormats
}

// chooseFormat settles the format before any work is done: that of --format or
// --json, else the one that the extension of --output stands for.
func (a *app) chooseFormat(cmd *cobra.Command) error {
	given := cmd.Flags().Changed("format")
	if found, ok := report.FormatForFile(a.flags.output); ok && !given && !a.flags.asJSON && slices.Contains(offered(cmd), found) {
		a.flags.format = found
	}
	format := a.flags.format
	switch {
	case a.flags.asJSON && given && format != report.JSON:
		a.flags.format = report.JSON
		return misuse("--json and --format %s ask for two formats; give one of them", format)
	case a.flags.asJSON:
		a.flags.format = report.JSON
	case !slices.Contains(formatNames(), format):
		a.flags.format = report.Text
		return misuse("format %q is not one of %s", format, strings.Join(offered(cmd), ", "))
	case !slices.Contains(offered(cmd), format):
		a.flags.format = report.Text
		return misuse("`%s` has no format %q; it has %s", cmd.CommandPath(), format, strings.Join(offered(cmd), ", "))
	}
	return nil
}

// result writes a document in the chosen format.
func (a *app) result(doc document) error {
	return a.resultWith(doc, func(*report.Options) {})
}

// resultWith is result with more for the formats that show it.
func (a *app) resultWith(doc document, more func(*report.Options)) error {
	return a.print(func(w io.Writer) error {
		if rich, ok := doc.(exported); ok {
			opt := a.textOptions(w)
			more(&opt)
			return rich.Write(w, a.flags.format, opt)
		}
		if a.json() {
			return doc.WriteJSON(w)
		}
		return doc.WriteText(w, a.textOptions(w))
	})
}
