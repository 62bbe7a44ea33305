// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"context"

	"github.com/spf13/cobra"

	"github.com/bulkhead-ml/bulkhead/host/doctor"
	"github.com/bulkhead-ml/bulkhead/host/report"
)

func (a *app) factsCmd() *cobra.Command {
	var (
		where machineFlags
		save  string
	)
	cmd := &cobra.Command{
		Use:   "facts",
		Short: "Show what can be observed about a machine, without judging it",
		Long: "Facts prints every observation with its address. With --save it writes a\n" +
			"snapshot that `bulkhead doctor --snapshot FILE` diagnoses anywhere.",
		Example: "  bulkhead facts -v\n  bulkhead facts --save machine.json",
		Args:    exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.facts(cmd.Context(), &where, save)
		},
	}
	where.register(cmd)
	cmd.Flags().StringVar(&save, "save", "", "write a snapshot to this `file`")
	return cmd
}

func (a *app) facts(ctx context.Context, where *machineFlags, save string) error {
	machine, err := where.machine()
	if err != nil {
		return err
	}
	ctx, cancel := a.deadline(ctx)
	defer cancel()
	s, err := a.open(ctx, nil, machine)
	if err != nil {
		return err
	}
	defer s.close()
	plugins, err := s.doctors(ctx)
	if err != nil {
		return err
	}
	collected := doctor.Collect(ctx, plugins, cmp.Or(a.flags.timeout*4/5, doctor.DefaultTimeout))
	collected.AddRecorded(machine.Recorded, plugins)
	doc := doctor.FactsDocument(where.reportTarget(machine), collected, s.started)
	doc.Diagnostics = append(s.notes, doc.Diagnostics...)
	if err := a.saveFacts(save, doc); err != nil {
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

func (a *app) saveFacts(save string, doc report.Facts) error {
	if save == "" {
		return a.result(doc)
	}
	if err := writeFile(save, doc.WriteJSON); err != nil {
		return failed("The snapshot could not be saved", err)
	}
	a.warn("%s saved to %s", count(len(doc.Facts), "fact", "facts"), save)
	if a.json() {
		return a.result(doc)
	}
	return nil
}
