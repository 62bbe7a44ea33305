// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/bulkhead-ml/bulkhead/host/report"
	"github.com/bulkhead-ml/bulkhead/host/state"
)

func (a *app) stateCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "state",
		Short: "List, show, compare and share what kernels learnt",
		Long: "State shows the fitted states that runs made: data and never code, named by the\n" +
			"digest of their bytes. They are in $XDG_DATA_HOME/bulkhead/states (by default\n" +
			"~/.local/share/bulkhead/states), or where " + state.DirVariable + " says.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return misuse("choose what to do: %s list, show, diff, export, import, remove or sweep", cmd.CommandPath())
		},
	}
	cmd.AddCommand(a.stateListCmd(), a.stateShowCmd(), a.stateDiffCmd(), a.stateExportCmd(), a.stateImportCmd(), a.stateRemoveCmd(), a.stateSweepCmd())
	return cmd
}

func stateStore() (*state.Store, error) {
	dir, err := state.DefaultDir()
	if err != nil {
		return nil, &failure{code: ExitConfig, summary: "The states have no place", err: err}
	}
	return state.Open(dir), nil
}

// stateError is the failure of a reference to a state.
func stateError(err error) error {
	var missing *state.NotFoundError
	var several *state.AmbiguousError
	var wrong *state.RefError
	if errors.As(err, &missing) || errors.As(err, &several) || errors.As(err, &wrong) {
		return &failure{code: ExitConfig, summary: "No such state", err: err}
	}
	return failed("The state cannot be read", err)
}

// oneState makes a command on one state.
func oneState(use, short string, do func(*state.Store, string) error) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Args: exactly(1, "one state, by its digest or the beginning of it"),
		RunE: func(_ *cobra.Command, args []string) error {
			store, err := stateStore()
			if err != nil {
				return err
			}
			return do(store, args[0])
		},
	}
}

func (a *app) stateListCmd() *cobra.Command {
	var f state.Filter
	var since string
	cmd := &cobra.Command{
		Use: "list", Short: "List states, the latest first", Args: exactly(0, "no arguments"),
		RunE: func(*cobra.Command, []string) (err error) {
			if f.Since, err = auditSince(since, time.Now()); err != nil {
				return err
			}
			store, err := stateStore()
			if err != nil {
				return err
			}
			entries, err := store.List(f)
			if err != nil {
				a.warn("%v", err)
			}
			return a.result(stateListing{SchemaVersion: report.SchemaVersion, States: append([]state.Entry{}, entries...)})
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&f.Pipeline, "pipeline", "", "only states made by this `pipeline`")
	fl.StringVar(&f.Kernel, "kernel", "", "only states of this `kernel`, such as data.prepare")
	fl.StringVar(&f.Run, "run", "", "only states of this `run`, by its whole id")
	fl.StringVar(&since, "since", "", "only states since this `time`: 24h, 7d, 2026-01-31 or RFC 3339")
	return cmd
}

func (a *app) stateShowCmd() *cobra.Command {
	return oneState("show STATE", "Show the header and the arrays of a state", func(store *state.Store, ref string) error {
		found, err := store.Show(ref)
		if err != nil {
			return stateError(err)
		}
		return a.result(stateShown{found})
	})
}

func (a *app) stateDiffCmd() *cobra.Command {
	return &cobra.Command{
		Use: "diff A B", Short: "Compare two states array by array", Args: exactly(2, "two states, by their digests or the beginnings of them"),
		RunE: func(_ *cobra.Command, args []string) error {
			store, err := stateStore()
			if err != nil {
				return err
			}
			diff, err := store.Diff(args[0], args[1])
			if err != nil {
				return stateError(err)
			}
			return a.result(stateDiff{diff})
		},
	}
}

func (a *app) stateExportCmd() *cobra.Command {
	return &cobra.Command{
		Use: "export STATE FILE", Short: "Write a state and where it comes from to one file", Args: exactly(2, "a state and a new file"),
		RunE: func(_ *cobra.Command, args []string) error {
			store, err := stateStore()
			if err != nil {
				return err
			}
			entry, err := store.Export(args[0], args[1])
			if err != nil {
				return stateError(err)
			}
			return a.result(said{SchemaVersion: report.SchemaVersion, Message: fmt.Sprintf("state %s is in %s", entry.Short(), args[1])})
		},
	}
}

func (a *app) stateImportCmd() *cobra.Command {
	var digest string
	cmd := &cobra.Command{
		Use: "import FILE", Short: "Verify a state from a file and keep it", Args: exactly(1, "one file that `bulkhead state export` wrote"),
		RunE: func(_ *cobra.Command, args []string) error {
			store, err := stateStore()
			if err != nil {
				return err
			}
			entry, err := store.ImportFile(args[0], state.ImportOptions{Digest: digest})
			if err != nil {
				return failed("The state cannot be imported", err)
			}
			return a.result(said{SchemaVersion: report.SchemaVersion, Message: fmt.Sprintf("state %s of %s is kept", entry.Short(), nameOf(entry))})
		},
	}
	cmd.Flags().StringVar(&digest, "digest", "", "the `digest` that the state must have, sha256:...")
	return cmd
}

func (a *app) stateRemoveCmd() *cobra.Command {
	return oneState("remove STATE", "Forget a state", func(store *state.Store, ref string) error {
		gone, err := store.Remove(ref)
		if err != nil {
			return stateError(err)
		}
		return a.result(said{SchemaVersion: report.SchemaVersion, Message: fmt.Sprintf("state %s is forgotten", gone.Short())})
	})
}

func (a *app) stateSweepCmd() *cobra.Command {
	var dry bool
	cmd := &cobra.Command{
		Use: "sweep", Short: "Remove the states that no recorded run made or used", Args: exactly(0, "no arguments"),
		RunE: func(*cobra.Command, []string) error { return a.stateSweep(dry) },
	}
	cmd.Flags().BoolVar(&dry, "dry-run", false, "only say what would be removed")
	return cmd
}

func (a *app) stateSweep(dry bool) error {
	recorded, err := runStore()
	if err != nil {
		return err
	}
	needed, err := recorded.States()
	if err != nil {
		return failed("The states cannot be swept", err)
	}
	store, err := stateStore()
	if err != nil {
		return err
	}
	swept, err := store.Sweep(state.SweepOptions{Referenced: needed, OlderThan: time.Hour, DryRun: dry})
	if err != nil {
		return failed("The states cannot be swept", err)
	}
	verb := "removed"
	if dry {
		verb = "would be removed"
	}
	return a.result(said{SchemaVersion: report.SchemaVersion, Message: fmt.Sprintf("%s %s, %s; %d stay", count(len(swept.Removed), "state", "states"), verb, bytesText(swept.Bytes), swept.Kept)})
}

// stateListing is what `bulkhead state list` prints.
type stateListing struct {
	SchemaVersion string        `json:"schema_version"`
	States        []state.Entry `json:"states"`
}

// WriteJSON writes the list as one JSON document.
func (l stateListing) WriteJSON(w io.Writer) error { return writeJSON(w, l) }

// WriteText writes one line for each state.
func (l stateListing) WriteText(w io.Writer, opt report.Options) error {
	if len(l.States) == 0 {
		_, err := fmt.Fprintln(w, "no states yet: `bulkhead run` makes them")
		return err
	}
	rows := [][]string{{"state", "kernel", "from", "size", "last made"}}
	for _, e := range l.States {
		from := e.Last()
		rows = append(rows, []string{e.Short(), nameOf(e), from.Pipeline + "/" + from.Node, bytesText(e.Bytes), from.Time.Local().Format(time.DateOnly)})
	}
	return columns(w, opt, rows)
}

// nameOf is the kernel of a state, with the version of its form.
func nameOf(e state.Entry) string {
	if e.Form == state.Opaque {
		return e.Last().Use + " (opaque)"
	}
	return fmt.Sprintf("%s v%d", e.Kernel, e.Version)
}
