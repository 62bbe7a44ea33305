// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"github.com/spf13/cobra"

	"github.com/bulkhead-ml/bulkhead/host/report"
)

const redactUsage = "replace names, paths of the home, host names, addresses, identifiers and secrets"

func (a *app) factsCmd() *cobra.Command {
	var (
		where machineFlags
		d     depth
		save  string
		hide  bool
	)
	cmd := &cobra.Command{
		Use:   "facts",
		Short: "Show what can be observed about a machine, without judging it",
		Long: "Facts prints every observation with its address. With --save it writes a\n" +
			"snapshot, as `bulkhead snapshot save` does.",
		Example:     "  bulkhead facts -v\n  bulkhead facts -o csv --output facts.csv",
		Annotations: formatsOf(report.Facts{}),
		Args:        exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.observe(cmd.Context(), &where, &d, func(doc report.Facts, redact func(report.Facts) report.Facts) error {
				if hide {
					doc = redact(doc)
				}
				if save != "" {
					return a.saveFacts(save, doc)
				}
				return a.result(doc)
			})
		},
	}
	where.register(cmd)
	d.register(cmd)
	cmd.Flags().StringVar(&save, "save", "", "write a snapshot to this `file`")
	cmd.Flags().BoolVar(&hide, "redact", false, redactUsage)
	return cmd
}
