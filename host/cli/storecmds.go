// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bulkhead-ml/bulkhead/host/installer"
	"github.com/bulkhead-ml/bulkhead/host/report"
	"github.com/bulkhead-ml/bulkhead/host/upgrade"
	"github.com/bulkhead-ml/bulkhead/registry/install"
	"github.com/bulkhead-ml/bulkhead/registry/lock"
	"github.com/bulkhead-ml/bulkhead/registry/release"
)

// collected is what `bulkhead plugin gc` prints.
type collected struct {
	SchemaVersion string `json:"schema_version"`
	install.Report
}

func (a *app) pluginGCCmd() *cobra.Command {
	var keep int
	var dry bool
	cmd := &cobra.Command{
		Use: "gc", Short: "Remove plugins that no lock file needs any more", Args: exactly(0, "no arguments"),
		Long: "Gc removes what neither a lock file nor a kept generation of any project\n" +
			"reaches, what was left of interrupted downloads, and the history of projects\n" +
			"that are gone for 30 days. What a running host uses stays.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if keep < 1 {
				return misuse("--keep %d: the current generation is always kept, so give a number from 1 on", keep)
			}
			store, err := pluginStore()
			if err != nil {
				return err
			}
			rep, err := store.GC(cmd.Context(), keep, dry)
			if err != nil {
				return failed("The store could not be cleaned up", err)
			}
			return a.result(collected{report.SchemaVersion, rep})
		},
	}
	cmd.Flags().IntVar(&keep, "keep", install.KeepGenerations, "`number` of generations of each project to keep")
	cmd.Flags().BoolVar(&dry, "dry-run", false, "show what would be removed, and remove nothing")
	return cmd
}

// WriteJSON writes the report as one JSON document.
func (c collected) WriteJSON(w io.Writer) error { return writeJSON(w, c) }

// WriteText writes what was removed, with -v also what was kept and why.
func (c collected) WriteText(w io.Writer, opt report.Options) error {
	for _, i := range c.Removed {
		writeTerm(w, opt, 0, 10, "removed", fmt.Sprintf("%s (%s): %s", cmp.Or(i.Name, i.Path), bytesText(i.Bytes), i.Why))
	}
	if opt.Verbose {
		for _, i := range c.Kept {
			writeTerm(w, opt, 0, 10, "kept", fmt.Sprintf("%s (%s): %s", cmp.Or(i.Name, i.Path), bytesText(i.Bytes), i.Why))
		}
	}
	verb := "freed"
	if c.Dry {
		verb = "would be freed"
	}
	_, err := fmt.Fprintf(w, "%s %s, %s kept.\n", bytesText(c.Bytes), verb, count(len(c.Kept), "thing", "things"))
	return err
}

// lockedPlatforms is what `bulkhead plugin lock` prints.
type lockedPlatforms struct {
	SchemaVersion string   `json:"schema_version"`
	Lock          string   `json:"lock"`
	Platforms     []string `json:"platforms"`
	Changes       []string `json:"changes"`
}

func (a *app) pluginLockCmd() *cobra.Command {
	var f scopeFlags
	var platforms []string
	cmd := &cobra.Command{
		Use: "lock --platform PLATFORM...", Short: "Check the archives of other platforms and lock their digests", Args: exactly(0, "no arguments"),
		Long: "Lock fetches the archives of the locked versions for other platforms, verifies\n" +
			"and unpacks them, and notes that in the lock file. The digests of all platforms\n" +
			"are in it from the beginning, as the publisher signed them; this makes sure that\n" +
			"the archives hold what they say. Nothing of another platform is started.",
		Example: "  bulkhead plugin lock --platform linux_arm64 --platform darwin_arm64",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if len(platforms) == 0 {
				return misuse("name the platforms: --platform linux_arm64; they are GOOS_GOARCH")
			}
			for _, p := range platforms {
				if err := release.CheckPlatform(p); err != nil {
					return misuse("--platform: %w", err)
				}
			}
			return a.inScope(cmd, f, func(s *session, i *installer.Installer) error { return a.lockPlatforms(cmd.Context(), s, i, platforms) })
		},
	}
	f.register(cmd)
	cmd.Flags().StringArrayVar(&platforms, "platform", nil, "`platform` to lock, such as linux_arm64; repeat for more")
	return cmd
}

func (a *app) lockPlatforms(ctx context.Context, s *session, i *installer.Installer, platforms []string) error {
	base, _, err := i.Scope.Current()
	if err != nil {
		return failed("The lock file cannot be read", err)
	}
	next := base.Clone()
	for _, platform := range platforms {
		if next, err = i.For(platform).Confirm(ctx, next); err != nil {
			return refused(err)
		}
	}
	why := "bulkhead plugin lock " + strings.Join(platforms, " ")
	if _, err := upgrade.Replace(ctx, i.Scope, s.auditLog, base, next, why); err != nil {
		return failed("The lock file could not be changed", err)
	}
	slices.Sort(platforms)
	out := lockedPlatforms{SchemaVersion: report.SchemaVersion, Lock: i.Scope.Lock(), Platforms: platforms, Changes: []string{}}
	for _, c := range lock.Diff(base, next) {
		out.Changes = append(out.Changes, c.String())
	}
	return a.result(out)
}

// WriteJSON writes the outcome as one JSON document.
func (l lockedPlatforms) WriteJSON(w io.Writer) error { return writeJSON(w, l) }

// WriteText writes what changed.
func (l lockedPlatforms) WriteText(w io.Writer, _ report.Options) error {
	for _, c := range l.Changes {
		fmt.Fprintln(w, report.CleanLine(c))
	}
	_, err := fmt.Fprintf(w, "%s holds what the archives for %s hold.\n", report.CleanLine(l.Lock), strings.Join(l.Platforms, ", "))
	return err
}
