// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/bulkhead-ml/bulkhead/host/installer"
	"github.com/bulkhead-ml/bulkhead/host/report"
	"github.com/bulkhead-ml/bulkhead/registry/solve"
)

// outdated is what `bulkhead plugin outdated` prints.
type outdated struct {
	SchemaVersion string        `json:"schema_version"`
	Plugins       []outdatedRow `json:"plugins"`
}

type outdatedRow struct {
	ID     string `json:"id"`
	Locked string `json:"locked"`
	// Wanted is the newest version that the constraints allow, Newest the newest of
	// all.
	Wanted string `json:"wanted"`
	Newest string `json:"newest"`
	// Why Wanted is not Newest.
	Why      string   `json:"why,omitempty"`
	Warnings []string `json:"warnings,omitempty"`
}

func (a *app) pluginOutdatedCmd() *cobra.Command {
	var ofUser bool
	cmd := &cobra.Command{
		Use: "outdated", Short: "Show for which plugins there is a newer version",
		Long: "Outdated asks the registries and lists the plugins that are not at their newest\n" +
			"version: what an upgrade would choose, and why that is not the newest when it is\n" +
			"not. It ends with code 1 when there are any.",
		Args: exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withSession(cmd, func(s *session) error { return a.outdated(cmd.Context(), s, ofUser || s.cfg == nil) })
		},
	}
	cmd.Flags().BoolVar(&ofUser, "user", false, "look at what is installed for all your projects")
	return cmd
}

func (a *app) outdated(ctx context.Context, s *session, ofUser bool) error {
	have, err := s.have(ofUser)
	if err != nil {
		return err
	}
	i, err := s.installer(ctx, ofUser)
	if err != nil {
		return err
	}
	out := outdated{SchemaVersion: report.SchemaVersion, Plugins: []outdatedRow{}}
	if len(have) > 0 {
		plan, err := i.Plan(ctx, installer.Request{Wants: have, UpgradeAll: true, Online: true})
		if err != nil {
			return untold(err)
		}
		for _, c := range plan.Changes {
			if c.To != c.From && c.Kind != installer.Remove || c.Newest != c.To && c.Newest != "" || len(c.Warnings) > 0 {
				out.Plugins = append(out.Plugins, outdatedRow{c.ID, c.From, c.To, c.Newest, c.Why, c.Warnings})
			}
		}
	}
	if err := a.result(out); err != nil {
		return err
	}
	if len(out.Plugins) > 0 {
		return exit(ExitWarnings)
	}
	return nil
}

// untold is the failure of a command that only asked what there is.
func untold(err error) error {
	if _, ok := errors.AsType[*solve.Conflict](err); ok {
		return refused(err)
	}
	if _, ok := errors.AsType[*installer.UnmetError](err); ok {
		return refused(err)
	}
	return failed("What is newer cannot be told", err)
}

// WriteJSON writes the list as one JSON document.
func (o outdated) WriteJSON(w io.Writer) error { return writeJSON(w, o) }

// WriteText writes a table, with the reasons below it.
func (o outdated) WriteText(w io.Writer, opt report.Options) error {
	if len(o.Plugins) == 0 {
		_, err := fmt.Fprintln(w, "Every plugin is at its newest version.")
		return err
	}
	rows := [][]string{{"PLUGIN", "LOCKED", "WANTED", "NEWEST"}}
	for _, p := range o.Plugins {
		rows = append(rows, []string{p.ID, dash(p.Locked), dash(p.Wanted), dash(p.Newest)})
	}
	if err := columns(w, opt, rows); err != nil {
		return err
	}
	for _, p := range o.Plugins {
		if p.Why != "" {
			writeTerm(w, opt, 0, 0, p.ID, "")
			writeReasons(w, opt, 2, p.Why)
		}
		for _, warning := range p.Warnings {
			writeTerm(w, opt, 0, 9, "warning:", warning)
		}
	}
	if next := o.next(); next != "" {
		fmt.Fprintf(w, "\n%s\n", next)
	}
	return nil
}

// next is the command that changes something; "" when the constraints, or pins, keep
// every plugin where it is.
func (o outdated) next() string {
	text := ""
	for _, p := range o.Plugins {
		switch {
		case p.Wanted == p.Locked:
		case p.Locked != "":
			return "`bulkhead plugin upgrade` moves to the wanted versions."
		default:
			text = "`bulkhead init` installs the wanted versions."
		}
	}
	return text
}

// dash stands for a cell without a value.
func dash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}
