// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
	"github.com/spf13/pflag"
)

// commandFile is where cobra's own links look for the page of a command.
func commandFile(c *cobra.Command) string {
	return "commands/" + strings.ReplaceAll(c.CommandPath(), " ", "_") + ".md"
}

// addCommands makes a page for each command. The options that all of them have
// are listed once, on the page of the root.
func (p pages) addCommands(root *cobra.Command) error {
	root.DisableAutoGenTag = true
	if err := p.addCommand(root); err != nil {
		return err
	}
	root.PersistentFlags().VisitAll(func(f *pflag.Flag) { f.Hidden = true })
	for _, c := range subcommands(root) {
		if err := p.addCommand(c); err != nil {
			return err
		}
	}
	return nil
}

func (p pages) addCommand(c *cobra.Command) error {
	var text bytes.Buffer
	if err := doc.GenMarkdownCustom(c, &text, func(name string) string { return name }); err != nil {
		return fmt.Errorf("the page of `%s`: %w", c.CommandPath(), err)
	}
	p[commandFile(c)] = strings.TrimRight(text.String(), "\n") + "\n"
	return nil
}

// subcommands are the commands below c that a user may call, in order.
func subcommands(c *cobra.Command) []*cobra.Command {
	var out []*cobra.Command
	for _, sub := range c.Commands() {
		if sub.IsAvailableCommand() && !sub.IsAdditionalHelpTopicCommand() {
			out = append(append(out, sub), subcommands(sub)...)
		}
	}
	return out
}
