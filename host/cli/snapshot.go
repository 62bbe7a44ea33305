// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"context"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bulkhead-ml/bulkhead/host/doctor"
	"github.com/bulkhead-ml/bulkhead/host/report"
)

func (a *app) snapshotCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "snapshot",
		Short: "Save what can be observed, and diagnose it elsewhere",
		Long: "A snapshot is one JSON file with every fact of a machine and its evidence. It\n" +
			"can be shown, kept, sent to somebody else and diagnosed on any machine.",
		Args: exactly(0, "one of the commands save, show and check"),
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.snapshotSaveCmd(), a.snapshotShowCmd(), a.snapshotCheckCmd())
	return cmd
}

func (a *app) snapshotSaveCmd() *cobra.Command {
	var where machineFlags
	var d depth
	var hide bool
	cmd := &cobra.Command{
		Use: "save FILE", Short: "Observe a machine and write its snapshot",
		Example: "  bulkhead snapshot save machine.json\n  bulkhead snapshot save --redact for-the-forum.json",
		Args:    exactly(1, "the file to write"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.observe(cmd.Context(), &where, &d, func(doc report.Facts, redact func(report.Facts) report.Facts) error {
				if hide {
					doc = redact(doc)
				}
				return a.saveFacts(args[0], doc)
			})
		},
	}
	where.register(cmd)
	d.register(cmd)
	cmd.Flags().BoolVar(&hide, "redact", false, redactUsage)
	return cmd
}

func (a *app) snapshotShowCmd() *cobra.Command {
	return &cobra.Command{
		Use: "show FILE [ADDRESS...]", Short: "Show the facts of a snapshot, all or those below an address",
		Example:     "  bulkhead snapshot show machine.json\n  bulkhead snapshot show machine.json gpu.driver python.envs -v",
		Annotations: formatsOf(report.Facts{}),
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return misuse("`bulkhead snapshot show` takes the file of a snapshot, and addresses if not all facts are wanted")
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			doc, err := readSnapshot(args[0])
			if err != nil {
				return err
			}
			if doc, err = below(doc, args[1:]); err != nil {
				return err
			}
			return a.result(doc)
		},
	}
}

// below keeps the facts at or below the addresses. An address that leads to no
// fact is most likely misspelt.
func below(doc report.Facts, addresses []string) (report.Facts, error) {
	if len(addresses) == 0 {
		return doc, nil
	}
	kept := doc.Facts[:0:0]
	for _, address := range addresses {
		found := len(kept)
		for _, f := range doc.Facts {
			if atOrBelow(f.Address, strings.TrimSuffix(address, ".")) {
				kept = append(kept, f)
			}
		}
		if len(kept) == found {
			return doc, misuse("the snapshot has no fact at or below %q; `bulkhead snapshot show FILE` lists all", address)
		}
	}
	doc.Facts = kept
	return doc, nil
}

// atOrBelow reports whether an address is that of a group or of something in it.
func atOrBelow(address, group string) bool {
	rest, ok := strings.CutPrefix(address, group)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

func (a *app) snapshotCheckCmd() *cobra.Command {
	var suite string
	cmd := &cobra.Command{
		Use: "check FILE", Short: "Diagnose the machine of a snapshot",
		Long:        "Check gives the same findings as `bulkhead doctor` on that machine: it is\n`bulkhead doctor --snapshot FILE`.",
		Example:     "  bulkhead snapshot check machine.json\n  bulkhead snapshot check machine.json --suite training",
		Annotations: formatsOf(report.Doctor{}),
		Args:        exactly(1, "the file of a snapshot"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.doctor(cmd.Context(), &examination{where: machineFlags{snapshot: args[0]}, suite: suite, depth: depth{level: 1}})
		},
	}
	cmd.Flags().StringVar(&suite, "suite", "", "run the checks of this `suite` of the configuration only")
	return cmd
}

// observe collects the facts of a machine, probes it as deep as the user asks,
// and hands the document on. The exit code says whether it is whole.
func (a *app) observe(ctx context.Context, where *machineFlags, d *depth, use func(report.Facts, func(report.Facts) report.Facts) error) error {
	machine, err := where.machine()
	if err != nil {
		return err
	}
	if err := d.check(machine); err != nil {
		return err
	}
	ctx, cancel := a.deadline(ctx)
	defer cancel()
	s, err := a.open(ctx, nil, machine)
	if err != nil {
		return err
	}
	defer s.close()
	plugins, err := s.doctors(ctx, s.doctorPlugin)
	if err != nil {
		return err
	}
	done := a.slowly("collecting facts")
	collected := doctor.Collect(ctx, plugins, cmp.Or(a.flags.timeout*4/5, doctor.DefaultTimeout))
	done()
	collected.AddRecorded(machine.Recorded, plugins)
	s.probe(ctx, d, &collected)
	doc := doctor.FactsDocument(where.reportTarget(machine), collected, s.started)
	doc.Diagnostics = append(s.notes, doc.Diagnostics...)
	if err := use(doc, redactor(machine).Facts); err != nil {
		return err
	}
	if collected.TimedOut || timedOut(ctx.Err()) {
		return exit(ExitTimeout)
	}
	if incomplete(doc.Diagnostics) {
		return exit(ExitErrors)
	}
	return nil
}

// saveFacts writes a snapshot to a file.
func (a *app) saveFacts(file string, doc report.Facts) error {
	if err := replaceable(file); err != nil {
		return err
	}
	if err := writeFile(file, doc.WriteJSON); err != nil {
		return failed("The snapshot could not be saved", err)
	}
	a.warn("%s saved to %s", count(len(doc.Facts), "fact", "facts"), file)
	if a.json() {
		return a.result(doc)
	}
	return nil
}

// replaceable refuses what a file must not take the place of: a device would be
// gone for every program.
func replaceable(name string) error {
	info, err := os.Stat(name)
	switch {
	case err != nil || info.Mode().IsRegular():
		return nil
	case info.IsDir():
		return misuse("%s is a directory; name a file in it", name)
	}
	return misuse("%s is no regular file, and would be replaced by one; name another file", name)
}
