// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bulkhead-ml/bulkhead/host/installer"
)

func (a *app) pluginUpgradeCmd() *cobra.Command {
	var c change
	cmd := &cobra.Command{
		Use: "upgrade [NAMESPACE/NAME...]", Short: "Move plugins to the newest version that the constraints allow",
		Long: "Upgrade plans the change and shows it: versions, sizes, what is new, and the\n" +
			"grants that are asked for beyond those you consented to. Then it fetches and\n" +
			"verifies the new versions, starts them in their sandbox without secrets, checks\n" +
			"the configuration and kept states against them, runs the contract suite, repeats\n" +
			"recorded runs and compares their outputs, and only then switches the lock file.\n" +
			"The next runs watch the new versions, and go back by themselves when they fail.",
		Example: "  bulkhead plugin upgrade --dry-run\n  bulkhead plugin upgrade acme/scaler --canary 20",
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withSession(cmd, func(s *session) error {
				c.ofUser = c.ofUser || s.cfg == nil
				if err := c.upgrade(s, args); err != nil {
					return err
				}
				c.why = strings.TrimSpace("bulkhead plugin upgrade " + strings.Join(args, " "))
				return a.makeChange(cmd.Context(), s, &c)
			})
		},
	}
	c.register(cmd)
	cmd.Flags().BoolVar(&c.ofUser, "user", false, "upgrade what is installed for all your projects")
	return cmd
}

// upgrade makes the request for newer versions of some plugins, or of all.
func (c *change) upgrade(s *session, ids []string) error {
	if err := c.gates.check(); err != nil {
		return err
	}
	have, err := s.have(c.ofUser)
	if err != nil {
		return err
	}
	c.request = installer.Request{Wants: have, UpgradeAll: len(ids) == 0, Upgrade: map[string]bool{}, Online: true}
	for _, id := range ids {
		if !slices.ContainsFunc(have, func(w installer.Want) bool { return w.ID == id }) {
			return misuse("%s is not installed here; `bulkhead plugin list` shows what is", id)
		}
		c.request.Upgrade[id] = true
	}
	return nil
}
