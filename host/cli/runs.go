// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/bulkhead-ml/bulkhead/host/report"
	"github.com/bulkhead-ml/bulkhead/host/runs"
)

func (a *app) runsCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "runs",
		Short: "List, show and compare recorded runs",
		Long: "Runs shows what pipelines did: what they were made of, how long each node took,\n" +
			"and what came out. The last 200 are kept, in $XDG_STATE_HOME/bulkhead/runs (by\n" +
			"default ~/.local/state/bulkhead/runs), or where " + runs.DirVariable + " says.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return misuse("choose what to do: %s list, show, metrics, compare, undo or remove", cmd.CommandPath())
		},
	}
	cmd.AddCommand(a.runsListCmd(), a.runsShowCmd(), a.runsMetricsCmd(), a.runsCompareCmd(), a.runsUndoCmd(), a.runsRemoveCmd())
	return cmd
}

func runStore() (*runs.Store, error) {
	dir, err := runs.DefaultDir()
	if err != nil {
		return nil, &failure{code: ExitConfig, summary: "The records of runs have no place", err: err}
	}
	return runs.Open(dir, runs.Options{}), nil
}

// runError is the failure of a reference to a run.
func runError(err error) error {
	var missing *runs.NotFoundError
	var several *runs.AmbiguousError
	var wrong *runs.RefError
	if errors.As(err, &missing) || errors.As(err, &several) || errors.As(err, &wrong) {
		return &failure{code: ExitConfig, summary: "No such run", err: err}
	}
	return failed("The record cannot be read", err)
}

func (a *app) runsListCmd() *cobra.Command {
	var pipeline, status, since string
	limit := 20
	cmd := &cobra.Command{
		Use: "list", Short: "List runs, the latest first",
		Example: "  bulkhead runs list --pipeline churn --since 7d",
		Args:    exactly(0, "no arguments"),
		RunE: func(*cobra.Command, []string) error {
			from, err := auditSince(since, time.Now())
			if err != nil {
				return err
			}
			if limit < 0 {
				return misuse("--limit %d is negative; 0 is no limit", limit)
			}
			return a.runsList(runs.Filter{Pipeline: pipeline, Status: runs.Status(status), Since: from, Limit: limit})
		},
	}
	f := cmd.Flags()
	f.StringVar(&pipeline, "pipeline", "", "only runs of this `pipeline`")
	f.StringVar(&status, "status", "", "only runs with this `status`: ok, failed, partial, cancelled, interrupted, ...")
	f.StringVar(&since, "since", "", "only runs since this `time`: 24h, 7d, 2026-01-31 or RFC 3339")
	f.IntVar(&limit, "limit", limit, "no more than so many runs; 0 is all of them")
	return cmd
}

func (a *app) runsList(f runs.Filter) error {
	a.finishCommits()
	store, err := runStore()
	if err != nil {
		return err
	}
	found, err := store.List(f)
	if err != nil {
		a.warn("%v", err)
	}
	return a.result(runListing{SchemaVersion: report.SchemaVersion, Runs: append([]*runs.Record{}, found...)})
}

// runListing is what `bulkhead runs list` prints.
type runListing struct {
	SchemaVersion string         `json:"schema_version"`
	Runs          []*runs.Record `json:"runs"`
}

// WriteJSON writes the list as one JSON document.
func (l runListing) WriteJSON(w io.Writer) error { return writeJSON(w, l) }

// WriteText writes one line for each run.
func (l runListing) WriteText(w io.Writer, opt report.Options) error {
	if len(l.Runs) == 0 {
		_, err := fmt.Fprintln(w, "no runs yet: `bulkhead run` makes one")
		return err
	}
	rows := [][]string{{"run", "pipeline", "status", "started", "took"}}
	for _, r := range l.Runs {
		rows = append(rows, []string{r.Short(), r.Pipeline, string(r.Status), r.StartedAt.Local().Format("2006-01-02 15:04:05"), took(r.Wall)})
	}
	return columns(w, opt, rows)
}

// took is a duration for a table.
func took(d time.Duration) string {
	switch {
	case d == 0:
		return "-"
	case d < time.Second:
		return fmt.Sprintf("%.0f ms", float64(d)/float64(time.Millisecond))
	case d < time.Minute:
		return fmt.Sprintf("%.2f s", d.Seconds())
	}
	return d.Round(time.Second).String()
}

func (a *app) runsShowCmd() *cobra.Command {
	return &cobra.Command{
		Use: "show RUN", Short: "Show everything that is known of a run",
		Args: exactly(1, "one run, by its id or the beginning of it"),
		RunE: func(_ *cobra.Command, args []string) error {
			a.finishCommits()
			store, err := runStore()
			if err != nil {
				return err
			}
			record, err := store.Get(args[0])
			if err != nil {
				return runError(err)
			}
			return a.result(runRecord{record})
		},
	}
}

func (a *app) runsMetricsCmd() *cobra.Command {
	var limit int
	cmd := &cobra.Command{
		Use: "metrics [RUN]", Short: "Print the metrics of a run, or of all of them, as Prometheus text",
		Long: "Metrics prints times, processor time, memory, rows, bytes, calls with their\n" +
			"percentiles and what kernels reported, in the text format of Prometheus: for a\n" +
			"textfile collector or a push gateway. Without a run it prints the totals of the\n" +
			"latest ones.",
		Args: atMost(1, "a run, or nothing for the latest ones"),
		RunE: func(_ *cobra.Command, args []string) error { return a.runsMetrics(args, limit) },
	}
	cmd.Flags().IntVar(&limit, "limit", 20, "without a run, no more than so many of the latest")
	return cmd
}

func (a *app) runsMetrics(args []string, limit int) error {
	store, err := runStore()
	if err != nil {
		return err
	}
	var records []*runs.Record
	if len(args) == 1 {
		one, err := store.Get(args[0])
		if err != nil {
			return runError(err)
		}
		records = append(records, one)
	} else if records, err = store.List(runs.Filter{Limit: limit}); err != nil {
		a.warn("%v", err)
	}
	return a.result(runMetrics{records})
}

// runMetrics is what `bulkhead runs metrics` prints.
type runMetrics struct{ records []*runs.Record }

// WriteJSON writes the records as one JSON document.
func (m runMetrics) WriteJSON(w io.Writer) error {
	return runListing{SchemaVersion: report.SchemaVersion, Runs: append([]*runs.Record{}, m.records...)}.WriteJSON(w)
}

// WriteText writes the text exposition format.
func (m runMetrics) WriteText(w io.Writer, _ report.Options) error {
	return runs.WritePrometheus(w, m.records...)
}

func (a *app) runsCompareCmd() *cobra.Command {
	return &cobra.Command{
		Use: "compare RUN RUN...", Short: "Compare runs: what changed, and where they begin to differ",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) < 2 {
				return misuse("`%s` takes two runs or more, by their ids or the beginnings of them", cmd.CommandPath())
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			store, err := runStore()
			if err != nil {
				return err
			}
			compared, err := store.Compare(args...)
			if err != nil {
				return runError(err)
			}
			return a.result(comparison{compared})
		},
	}
}

func (a *app) runsRemoveCmd() *cobra.Command {
	return &cobra.Command{
		Use: "remove RUN", Short: "Forget a run that has ended",
		Args: exactly(1, "one run, by its id or the beginning of it"),
		RunE: func(_ *cobra.Command, args []string) error {
			store, err := runStore()
			if err != nil {
				return err
			}
			gone, err := store.Remove(args[0])
			if err != nil {
				return runError(err)
			}
			return a.result(said{SchemaVersion: report.SchemaVersion, Message: fmt.Sprintf("run %s of pipeline %s is forgotten", gone.Short(), cmp.Or(gone.Pipeline, "(not known)"))})
		},
	}
}

// said is a result of one sentence.
type said struct {
	SchemaVersion string `json:"schema_version"`
	Message       string `json:"message"`
}

// WriteJSON writes the sentence in a JSON document.
func (s said) WriteJSON(w io.Writer) error { return writeJSON(w, s) }

// WriteText writes the sentence.
func (s said) WriteText(w io.Writer, opt report.Options) error {
	say(w, opt, "%s", s.Message)
	return nil
}
