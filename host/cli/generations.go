// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bulkhead-ml/bulkhead/host/installer"
	"github.com/bulkhead-ml/bulkhead/host/report"
	"github.com/bulkhead-ml/bulkhead/host/upgrade"
	"github.com/bulkhead-ml/bulkhead/registry/install"
	"github.com/bulkhead-ml/bulkhead/registry/lock"
)

// scopeFlags choose between the project and the user.
type scopeFlags struct{ ofUser bool }

func (f *scopeFlags) register(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.ofUser, "user", false, "of what is installed for all your projects")
}

// inScope runs a command on the lock file of the project, or of the user.
func (a *app) inScope(cmd *cobra.Command, f scopeFlags, do func(*session, *installer.Installer) error) error {
	return a.withSession(cmd, func(s *session) error {
		i, err := s.installer(cmd.Context(), f.ofUser || s.cfg == nil)
		if err != nil {
			return err
		}
		return do(s, i)
	})
}

// generationList is what `bulkhead plugin generations` prints.
type generationList struct {
	SchemaVersion string               `json:"schema_version"`
	Lock          string               `json:"lock"`
	Generations   []install.Generation `json:"generations"`
	// Probation is what is watched now, and Left the runs to go of what has most of
	// them; Probations are what came together.
	Probation  []string    `json:"probation"`
	Left       int         `json:"left"`
	Probations []probation `json:"probations"`
}

// probation is new versions that came together and are watched.
type probation struct {
	Plugins []string `json:"plugins"`
	Changes []string `json:"changes"` // "acme/scaler 1.0.0 -> 1.1.0"
	Left    int      `json:"left"`    // runs to go
	Budget  int      `json:"budget"`  // runs that may fail
	Failed  int      `json:"failed"`  // runs that did
	Reason  string   `json:"reason,omitempty"`
}

// String is "acme/scaler on probation for 2 runs more".
func (p probation) String() string {
	text := fmt.Sprintf("%s on probation for %s more", strings.Join(p.Plugins, ", "), count(p.Left, "run", "runs"))
	if p.Budget > 0 {
		text += fmt.Sprintf(" and %d of %s so far", p.Failed, count(p.Budget, "failure that is allowed", "failures that are allowed"))
	}
	return text
}

// probations are what is watched in a scope.
func probations(scope *install.Scope) ([]probation, error) {
	list, err := upgrade.OnProbation(scope)
	out := []probation{}
	for _, v := range list {
		out = append(out, probation{v.Plugins, v.Changes, v.Left, v.Budget, v.Failed, v.Reason})
	}
	return out, err
}

func (a *app) pluginGenerationsCmd() *cobra.Command {
	var f scopeFlags
	var pin, unpin int
	cmd := &cobra.Command{
		Use: "generations", Short: "List the lock files that were current, the latest first", Args: exactly(0, "no arguments"),
		Long: "Generations lists every lock file that ever was in force here: those that a\n" +
			"command made, and those that came from an editor or from git. `bulkhead plugin\n" +
			"rollback N` goes back to one. The latest ten are kept, and those that --keep\n" +
			"names.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.inScope(cmd, f, func(_ *session, i *installer.Installer) error {
				for _, p := range []struct {
					n    int
					keep bool
				}{{pin, true}, {unpin, false}} {
					if p.n == 0 {
						continue
					}
					if err := i.Scope.Pin(cmd.Context(), p.n, p.keep); err != nil {
						return misuse("%w", err)
					}
				}
				return a.generations(i.Scope)
			})
		},
	}
	f.register(cmd)
	cmd.Flags().IntVar(&pin, "keep", 0, "never collect this `generation`")
	cmd.Flags().IntVar(&unpin, "let-go", 0, "let this `generation` be collected again")
	return cmd
}

func (a *app) generations(scope *install.Scope) error {
	list, err := scope.Generations()
	if err != nil {
		return failed("The generations cannot be read", err)
	}
	watched, err := probations(scope)
	if err != nil {
		return failed("The probation cannot be read", err)
	}
	out := generationList{
		SchemaVersion: report.SchemaVersion, Lock: scope.Lock(), Generations: append([]install.Generation{}, list...),
		Probation: []string{}, Probations: watched,
	}
	for _, p := range watched {
		out.Probation, out.Left = append(out.Probation, p.Plugins...), max(out.Left, p.Left)
	}
	return a.result(out)
}

// WriteJSON writes the list as one JSON document.
func (g generationList) WriteJSON(w io.Writer) error { return writeJSON(w, g) }

// WriteText writes a table.
func (g generationList) WriteText(w io.Writer, opt report.Options) error {
	if len(g.Generations) == 0 {
		_, err := fmt.Fprintln(w, "Nothing was installed here yet.")
		return err
	}
	rows := [][]string{{"", "GENERATION", "SINCE", "WHY"}}
	for _, x := range g.Generations {
		mark := ""
		if x.Current {
			mark = "*"
		}
		why := x.Why
		if x.Pinned {
			why += " (kept)"
		}
		rows = append(rows, []string{mark, strconv.Itoa(x.Number), x.At.Local().Format("2006-01-02 15:04"), why})
	}
	if err := columns(w, opt, rows); err != nil {
		return err
	}
	for i, p := range g.Probations {
		if i == 0 {
			fmt.Fprintln(w)
		}
		say(w, opt, "%v; `bulkhead plugin rollback` goes back.", p)
		if p.Reason != "" {
			say(w, opt, "  so far: %s", p.Reason)
		}
	}
	return nil
}

// rolledBack is what `bulkhead plugin rollback` prints.
type rolledBack struct {
	SchemaVersion string   `json:"schema_version"`
	Lock          string   `json:"lock"`
	Generation    int      `json:"generation"`
	Changes       []string `json:"changes"`
}

func (a *app) pluginRollbackCmd() *cobra.Command {
	var f scopeFlags
	cmd := &cobra.Command{
		Use: "rollback [GENERATION]", Short: "Go back to an earlier lock file",
		Long: "Rollback makes an earlier lock file the current one again: the one before, or\n" +
			"the generation that is named. It needs no network. The configuration stays as\n" +
			"it is; where its constraints exclude the old version, `bulkhead init` will say\n" +
			"so.",
		Args: atMost(1, "at most one generation"),
		RunE: func(cmd *cobra.Command, args []string) error {
			to := 0
			if len(args) == 1 {
				n, err := strconv.Atoi(args[0])
				if err != nil || n < 1 {
					return misuse("%q is no generation; `bulkhead plugin generations` lists them by number", args[0])
				}
				to = n
			}
			return a.inScope(cmd, f, func(s *session, i *installer.Installer) error { return a.rollback(cmd.Context(), s, i.Scope, to) })
		},
	}
	f.register(cmd)
	return cmd
}

func (a *app) rollback(ctx context.Context, s *session, scope *install.Scope, to int) error {
	before, _, err := scope.Current()
	if err != nil {
		return failed("The lock file cannot be read", err)
	}
	generation, changes, err := upgrade.Rollback(ctx, scope, s.auditLog, before, to, "bulkhead plugin rollback")
	if err != nil {
		return failed("There is no way back", err)
	}
	if err := upgrade.Promote(scope); err != nil { // nothing is on probation any more
		a.warn("%v", err)
	}
	return a.result(rolledBack{SchemaVersion: report.SchemaVersion, Lock: scope.Lock(), Generation: generation, Changes: changes})
}

// WriteJSON writes the change as one JSON document.
func (r rolledBack) WriteJSON(w io.Writer) error { return writeJSON(w, r) }

// WriteText writes what changed.
func (r rolledBack) WriteText(w io.Writer, _ report.Options) error {
	for _, c := range r.Changes {
		fmt.Fprintln(w, report.CleanLine(c))
	}
	_, err := fmt.Fprintf(w, "%s is as it was before, as generation %d.\n", report.CleanLine(r.Lock), r.Generation)
	return err
}

func (a *app) pluginPinCmd() *cobra.Command {
	var f scopeFlags
	var remove bool
	cmd := &cobra.Command{
		Use: "pin NAMESPACE/NAME", Short: "Keep a plugin at its version, or let it go again", Args: exactly(1, "one plugin"),
		Long: "Pin keeps a plugin at the version that is locked: neither `bulkhead init` nor\n" +
			"`bulkhead plugin upgrade` moves it. To pin another version, install that one\n" +
			"first: `bulkhead plugin install NAMESPACE/NAME@1.2.3`, or version = \"1.2.3\" in\n" +
			"the configuration.",
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.inScope(cmd, f, func(s *session, i *installer.Installer) error {
				return a.pin(cmd.Context(), s, i.Scope, args[0], !remove)
			})
		},
	}
	f.register(cmd)
	cmd.Flags().BoolVar(&remove, "remove", false, "let the plugin be upgraded again")
	return cmd
}

func (a *app) pin(ctx context.Context, s *session, scope *install.Scope, id string, pinned bool) error {
	base, _, err := scope.Current()
	if err != nil {
		return failed("The lock file cannot be read", err)
	}
	p, ok := base.Lookup(id)
	if !ok {
		return misuse("%s is not installed here; `bulkhead plugin list` shows what is", id)
	}
	p.Pinned = pinned
	next := base.Clone()
	next.Set(p)
	generation, err := upgrade.Replace(ctx, scope, s.auditLog, base, next, "bulkhead plugin pin "+id)
	if err != nil {
		return failed("The lock file could not be changed", err)
	}
	out := rolledBack{SchemaVersion: report.SchemaVersion, Lock: scope.Lock(), Generation: generation, Changes: []string{}}
	for _, c := range lock.Diff(base, next) {
		out.Changes = append(out.Changes, c.String())
	}
	return a.result(pinnedPlugin{out, id, p.Version, pinned})
}

// pinnedPlugin is what `bulkhead plugin pin` prints.
type pinnedPlugin struct {
	rolledBack
	ID      string `json:"id"`
	Version string `json:"version"`
	Pinned  bool   `json:"pinned"`
}

// WriteJSON writes the change as one JSON document.
func (p pinnedPlugin) WriteJSON(w io.Writer) error { return writeJSON(w, p) }

// WriteText says what holds now.
func (p pinnedPlugin) WriteText(w io.Writer, _ report.Options) error {
	text := "%s stays at %s until `bulkhead plugin pin %[1]s --remove`.\n"
	if !p.Pinned {
		text = "%s is at %s and can be upgraded.\n"
	}
	_, err := fmt.Fprintf(w, text, report.CleanLine(p.ID), report.CleanLine(p.Version))
	return err
}
