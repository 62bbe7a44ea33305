// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/bulkhead-ml/bulkhead/host/catalog"
	"github.com/bulkhead-ml/bulkhead/host/report"
	"github.com/bulkhead-ml/bulkhead/host/target"
	"github.com/bulkhead-ml/bulkhead/sdk/plugintest"
)

func (a *app) pluginTestCmd() *cobra.Command {
	return &cobra.Command{
		Use: "test NAME|PATH", Short: "Run the contract suite against a plugin, in its sandbox",
		Long: "Test starts the plugin in its sandbox and tries every rule that a plugin keeps,\n" +
			"hostile input included. It says what passed, failed and was skipped, and ends\n" +
			"with code 2 when a rule is broken.",
		Args: exactly(1, "the name of an installed plugin or the path of an executable"),
		RunE: func(cmd *cobra.Command, args []string) error { return a.pluginTest(cmd.Context(), args[0]) },
	}
}

func (a *app) pluginTest(ctx context.Context, arg string) error {
	s, name, err := a.openPlugin(ctx, arg)
	if err != nil {
		return err
	}
	defer s.close()
	// A plugin that does not start at all is told as such, once.
	if _, err := s.launcher.Start(ctx, name); err != nil {
		return failed("The plugin does not start", err)
	}
	rep := contract{SchemaVersion: report.SchemaVersion, Report: plugintest.Run(ctx, s.subject(name))}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err := a.result(rep); err != nil {
		return err
	}
	if rep.Count(plugintest.Failed) > 0 {
		return exit(ExitErrors)
	}
	return nil
}

// subject starts instances of a plugin in sandboxes of their own.
func (s *session) subject(name string) plugintest.Subject {
	return plugintest.Subject{Name: name, Start: func(ctx context.Context, machine string) (*plugintest.Plugin, error) {
		l := &catalog.Launcher{
			Catalog: s.launcher.Catalog, Floor: s.launcher.Floor, Logger: s.launcher.Logger, CacheDir: s.launcher.CacheDir,
		}
		if machine != "" {
			m, err := target.At(machine, "/project", nil)
			if err != nil {
				return nil, err
			}
			l.Machine = m
		}
		r, err := l.Start(ctx, name)
		if err != nil {
			return nil, err
		}
		stop := func() error { return l.Close(context.WithoutCancel(ctx)) }
		return &plugintest.Plugin{Conn: r.Conn(), Target: r.Target, Stop: stop}, nil
	}}
}

// contract is what `bulkhead plugin test` prints.
type contract struct {
	SchemaVersion string `json:"schema_version"`
	plugintest.Report
}

// WriteJSON writes the outcome as one JSON document.
func (c contract) WriteJSON(w io.Writer) error { return writeJSON(w, c) }

// WriteText writes a line for each rule and a sum.
func (c contract) WriteText(w io.Writer, _ report.Options) error {
	for _, r := range c.Cases {
		fmt.Fprintf(w, "%-8s %s\n", r.Status, r.Name)
		if r.Detail != "" {
			fmt.Fprintf(w, "         %s\n", report.CleanLine(r.Detail))
		}
	}
	_, err := fmt.Fprintf(w, "\n%s: %d passed, %d failed, %d skipped\n", report.CleanLine(c.Plugin),
		c.Count(plugintest.Passed), c.Count(plugintest.Failed), c.Count(plugintest.Skipped))
	return err
}
