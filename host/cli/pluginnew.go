// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bulkhead-ml/bulkhead/host/report"
	"github.com/bulkhead-ml/bulkhead/host/scaffold"
)

// newFlags say what project to make, and where.
type newFlags struct {
	options scaffold.Options
	dir     string
}

func (a *app) pluginNewCmd() *cobra.Command {
	var n newFlags
	cmd := &cobra.Command{
		Use:   "new (" + strings.Join(scaffold.Kinds(), "|") + ") NAME",
		Short: "Make the project of a new plugin, ready to build and pack",
		Long: "New makes the project of a plugin with one small example that works: its source,\n" +
			"a test that runs the contract, a fixture with published numbers, the manifest, a\n" +
			"Makefile and a workflow for continuous integration. Nothing is overwritten, and\n" +
			"nothing is downloaded.",
		Example: "  bulkhead plugin new check few-cpus --lang go --module github.com/acme/few-cpus\n" +
			"  bulkhead plugin new kernel scaler --lang python --licence MIT",
		Args:              exactly(2, "what to make ("+strings.Join(scaffold.Kinds(), ", ")+") and its name"),
		ValidArgsFunction: completeKinds,
		RunE:              func(_ *cobra.Command, args []string) error { return a.pluginNew(&n, args[0], args[1]) },
	}
	f := cmd.Flags()
	f.StringVar(&n.options.Language, "lang", scaffold.Go, "`language`: "+strings.Join(scaffold.Languages(), " or "))
	f.StringVar(&n.dir, "dir", "", "`directory` to make (default: the name, here)")
	f.StringVar(&n.options.Licence, "licence", "", "`licence` of the project: "+strings.Join(scaffold.Licences(), ", ")+" (default Apache-2.0)")
	f.StringVar(&n.options.Module, "module", "", "`path` of the Go module (default: example.com/NAME)")
	f.StringVar(&n.options.SDK, "sdk", "", "build against this `checkout` of Bulkhead instead of the released SDK")
	return cmd
}

func completeKinds(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return scaffold.Kinds(), cobra.ShellCompDirectiveNoFileComp
}

func (a *app) pluginNew(n *newFlags, kind, name string) error {
	n.options.Kind, n.options.Name = kind, name
	if n.options.Language == scaffold.Python && n.options.Module != "" {
		return misuse("--module names a Go module, and the project is in Python; leave it out")
	}
	p, err := scaffold.New(n.options)
	if _, ok := errors.AsType[*scaffold.OptionError](err); ok {
		return misuse("%w", err)
	}
	if err != nil {
		return failed("The project could not be made", err)
	}
	dir := cmp.Or(n.dir, name)
	if err := p.Write(dir); err != nil {
		return failed("The project could not be written", err)
	}
	out := newProject{SchemaVersion: report.SchemaVersion, Tool: tool(), Name: name, Kind: kind, Language: n.options.Language, Directory: dir, Next: p.Next()}
	for _, f := range p.Files {
		out.Files = append(out.Files, f.Name)
	}
	return a.result(out)
}

// newProject is what `bulkhead plugin new` prints.
type newProject struct {
	SchemaVersion string      `json:"schema_version"`
	Tool          report.Tool `json:"tool"`
	Name          string      `json:"name"`
	Kind          string      `json:"kind"`
	Language      string      `json:"language"`
	Directory     string      `json:"directory"`
	// Files below the directory.
	Files []string `json:"files"`
	// Next are the commands to type in the directory.
	Next []string `json:"next"`
}

// WriteJSON writes the project as one JSON document.
func (p newProject) WriteJSON(w io.Writer) error { return writeJSON(w, p) }

// shellWord is a text as one word of a shell, quoted where it must be.
func shellWord(s string) string {
	const plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-./\\:+,@%"
	if strings.HasPrefix(s, "-") {
		s = "./" + s
	}
	if strings.Trim(s, plain) == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// WriteText lists the files and the commands to type next.
func (p newProject) WriteText(w io.Writer, _ report.Options) error {
	fmt.Fprintf(w, "Made the %s %s in %s:\n", p.Kind, p.Name, report.CleanLine(p.Directory))
	for _, f := range p.Files {
		fmt.Fprintf(w, "  %s\n", f)
	}
	fmt.Fprintf(w, "\nNext:\n  cd %s\n", report.CleanLine(shellWord(filepath.Clean(p.Directory))))
	for _, command := range p.Next {
		fmt.Fprintf(w, "  %s\n", command)
	}
	return nil
}
