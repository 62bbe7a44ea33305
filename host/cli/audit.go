// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bulkhead-ml/bulkhead/host/audit"
	"github.com/bulkhead-ml/bulkhead/host/config"
	"github.com/bulkhead-ml/bulkhead/host/report"
	"github.com/bulkhead-ml/bulkhead/sdk/version"
)

func (a *app) auditCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "List, verify and export the log of what plugins did",
		Long: "Audit shows the log of installs, grants, launches, calls, denials and deaths.\n" +
			"Each record holds the hash of the one before, so that edits, deletions and\n" +
			"reordering are found. The log is in $XDG_STATE_HOME/bulkhead/audit (by default\n" +
			"~/.local/state/bulkhead/audit), or where " + audit.DirVariable + " says.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return misuse("choose what to do: %s list, verify, export or rotate", cmd.CommandPath())
		},
	}
	cmd.AddCommand(a.auditListCmd(), a.auditVerifyCmd(), a.auditExportCmd(), a.auditRotateCmd())
	return cmd
}

// auditDir is where the log is.
func auditDir() (string, error) {
	dir, err := audit.DefaultDir()
	if err != nil {
		return "", &failure{code: ExitConfig, summary: "The audit log has no place", err: err}
	}
	return dir, nil
}

func (a *app) auditListCmd() *cobra.Command {
	var plugin, kind, since string
	limit := 50
	cmd := &cobra.Command{
		Use: "list", Short: "List the last records, the newest at the end",
		Long: "List shows the last records in local time. It does not check the chain; that\n" +
			"is for `bulkhead audit verify`.",
		Example: "  bulkhead audit list --kind denial --since 24h\n  bulkhead audit list --plugin gpu --limit 0 --json",
		Args:    exactly(0, "no arguments"),
		RunE: func(*cobra.Command, []string) error {
			q, err := auditQuery(plugin, kind, since, limit)
			if err != nil {
				return err
			}
			return a.auditList(q)
		},
	}
	f := cmd.Flags()
	f.StringVar(&plugin, "plugin", "", "only records about this `plugin`")
	f.StringVar(&kind, "kind", "", "only records of this `kind`: launch, call, denial, death, ...")
	f.StringVar(&since, "since", "", "only records since this `time`: 24h, 7d, 2026-01-31 or RFC 3339")
	f.IntVar(&limit, "limit", limit, "no more than so many records; 0 is all of them")
	return cmd
}

// auditQuery reads the flags that choose records.
func auditQuery(plugin, kind, since string, limit int) (audit.Query, error) {
	q := audit.Query{Plugin: plugin, Kind: audit.Kind(kind), Last: limit}
	var known []string
	for _, k := range audit.Kinds() {
		known = append(known, string(k))
	}
	if kind != "" && !slices.Contains(known, kind) {
		return q, misuse("--kind %q is not one of %s.%s", kind, strings.Join(known, ", "), config.Suggest(kind, known))
	}
	if limit < 0 {
		return q, misuse("--limit %d is negative; 0 is no limit", limit)
	}
	var err error
	q.Since, err = auditSince(since, time.Now())
	return q, err
}

// auditSince reads a point in time: so long ago, a day or a moment.
func auditSince(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if days, err := strconv.ParseUint(strings.TrimSuffix(text, "d"), 10, 16); err == nil && strings.HasSuffix(text, "d") {
		return now.AddDate(0, 0, -int(days)), nil
	}
	if ago, err := time.ParseDuration(text); err == nil && ago >= 0 {
		return now.Add(-ago), nil
	}
	for _, layout := range []string{time.RFC3339Nano, time.DateOnly, time.DateTime, "2006-01-02 15:04", "2006-01-02T15:04:05"} {
		if t, err := time.ParseInLocation(layout, text, time.Local); err == nil {
			return t, nil
		}
	}
	return time.Time{}, misuse("--since %q is no time; write 24h, 7d, 2026-01-31 or 2026-01-31T15:04:05Z", text)
}

func (a *app) auditList(q audit.Query) error {
	dir, err := auditDir()
	if err != nil {
		return err
	}
	// What cannot be read at all is said before the first record is printed.
	if _, err := audit.Select(dir, audit.Query{Last: 1}, func(audit.Record) error { return nil }); err != nil {
		return failed("The audit log cannot be read", err)
	}
	return a.result(auditListing{dir: dir, query: q})
}

func (a *app) auditVerifyCmd() *cobra.Command {
	var expect []string
	cmd := &cobra.Command{
		Use: "verify", Short: "Check that no record was changed, deleted or reordered",
		Long: "Verify walks the whole log. Whoever can write to its directory can write all\n" +
			"of it anew, which nothing in it shows: keep the anchor that verify prints where\n" +
			"they cannot write, and give it to --expect later.\n\n" +
			"Exit code: 0 intact, 2 damaged, 78 wrong command line.",
		Example: "  bulkhead audit verify\n  bulkhead audit verify --expect $(cat /mnt/elsewhere/anchor)",
		Args:    exactly(0, "no arguments"),
		RunE:    func(*cobra.Command, []string) error { return a.auditVerify(expect) },
	}
	cmd.Flags().StringArrayVar(&expect, "expect", nil, "an `anchor`, SEQ:sha256:DIGITS, that the log must still hold; repeat for more")
	return cmd
}

func (a *app) auditVerify(expect []string) error {
	dir, err := auditDir()
	if err != nil {
		return err
	}
	var anchors []audit.Anchor
	for _, text := range expect {
		anchor, err := audit.ParseAnchor(text)
		if err != nil {
			return misuse("--expect %w", err)
		}
		anchors = append(anchors, anchor)
	}
	v, err := audit.Verify(dir, anchors...)
	if err != nil {
		return failed("The audit log cannot be read", err)
	}
	if err := a.result(verdictOf(v)); err != nil {
		return err
	}
	if !v.Intact {
		return asExit(ExitErrors)
	}
	return nil
}

func (a *app) auditExportCmd() *cobra.Command {
	var since string
	cmd := &cobra.Command{
		Use: "export", Short: "Write the records as they stand in the log, one JSON line each",
		Long: "Export writes the records byte for byte, to standard output or to the file of\n" +
			"--output, so that their hashes can be checked elsewhere. The anchor of the last\n" +
			"one goes to standard error.",
		Example: "  bulkhead audit export --since 30d --output audit.jsonl",
		Args:    exactly(0, "no arguments"),
		RunE:    func(*cobra.Command, []string) error { return a.auditExport(since) },
	}
	cmd.Flags().StringVar(&since, "since", "", "only records since this `time`: 24h, 7d, 2026-01-31 or RFC 3339")
	return cmd
}

func (a *app) auditExport(since string) error {
	if a.json() {
		return misuse("export writes JSON lines, which are many documents; leave --json out, or use `bulkhead audit list --limit 0 --json`")
	}
	q, err := auditQuery("", "", since, 0)
	if err != nil {
		return err
	}
	dir, err := auditDir()
	if err != nil {
		return err
	}
	var last audit.Anchor
	exported, unreadable := 0, 0
	err = a.print(func(w io.Writer) (err error) {
		unreadable, err = audit.Select(dir, q, func(r audit.Record) error {
			exported, last = exported+1, audit.Anchor{Seq: r.Seq, Hash: r.Hash}
			_, err := fmt.Fprintf(w, "%s\n", r.Raw())
			return err
		})
		return err
	})
	if err != nil {
		return err
	}
	return a.exported(exported, unreadable, last)
}

// exported says on standard error what was written.
func (a *app) exported(n, unreadable int, last audit.Anchor) error {
	fmt.Fprintf(a.stderr, "%s exported\n", count(n, "record", "records"))
	if n > 0 {
		fmt.Fprintf(a.stderr, "anchor of the last:\n%s\n", last)
	}
	if unreadable > 0 {
		a.warn("%s left out; `bulkhead audit verify` says why", count(unreadable, "line that is no record was", "lines that are no records were"))
		return asExit(ExitWarnings)
	}
	return nil
}

func (a *app) auditRotateCmd() *cobra.Command {
	return &cobra.Command{
		Use: "rotate", Short: "Begin a new file, so that the others can be copied away",
		Long: "Rotate begins a new file. The chain goes on in it, and the files before it are\n" +
			"not written again. They stay part of the log: do not delete them.",
		Args: exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.auditRotate(cmd.Context()) },
	}
}

func (a *app) auditRotate(ctx context.Context) error {
	dir, err := auditDir()
	if err != nil {
		return err
	}
	log, err := audit.Open(dir, audit.Host{Version: version.Version})
	if err != nil {
		return failed("The audit log cannot be written", err)
	}
	if err := log.Rotate(ctx, "on demand"); err != nil {
		_ = log.Close() // the same failure
		return failed("The audit log cannot be written", err)
	}
	if err := log.Close(); err != nil {
		return failed("The audit log cannot be written", err)
	}
	doc := auditRotated{SchemaVersion: report.SchemaVersion, Dir: dir, Anchor: log.Anchor().String()}
	_, err = audit.Select(dir, audit.Query{Kind: audit.KindRotation, Last: 1}, func(r audit.Record) error {
		doc.File = r.File
		return nil
	})
	if err != nil {
		return failed("The audit log cannot be read", err)
	}
	return a.result(doc)
}
