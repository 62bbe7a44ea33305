// SPDX-License-Identifier: Apache-2.0

package docs_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/bulkhead-ml/bulkhead/host/cli"
)

var comment = regexp.MustCompile(`\s+#.*$`)

// commandLines are the lines of shell blocks that begin with a program.
func commandLines(t *testing.T, program string) []fence {
	t.Helper()
	var out []fence
	for _, f := range blocks(t, "sh") {
		for line := range strings.Lines(f.text) {
			line = comment.ReplaceAllString(strings.TrimSpace(line), "")
			if strings.HasPrefix(line, program+" ") {
				out = append(out, fence{page: f.page, text: line, line: f.line})
			}
		}
	}
	if len(out) == 0 {
		t.Fatalf("no page shows a command line of %s", program)
	}
	return out
}

// TestCommandLinesParse holds every `bulkhead` line of a shell block to the real
// commands, flags and numbers of arguments.
func TestCommandLinesParse(t *testing.T) {
	for _, f := range commandLines(t, "bulkhead") {
		if err := parse(strings.Fields(f.text)[1:]); err != nil {
			t.Errorf("%s:%d: `%s`: %v", f.page, f.line, f.text, err)
		}
	}
}

// parse does all of a command line but run it.
func parse(args []string) error {
	cmd, rest, err := cli.Root().Find(args)
	if err != nil {
		return err
	}
	if err := cmd.ParseFlags(rest); err != nil {
		return err
	}
	return cmd.ValidateArgs(cmd.Flags().Args())
}

var inlineCommand = regexp.MustCompile("`bulkhead ([a-z]+)( (list|describe|test))?")

// TestCommandsInTextExist looks at what stands in backticks in the text.
func TestCommandsInTextExist(t *testing.T) {
	for _, page := range pages(t) {
		for _, m := range inlineCommand.FindAllStringSubmatch(withoutFences(read(t, page)), -1) {
			words := strings.Fields(strings.TrimPrefix(m[0], "`bulkhead "))
			if cmd, rest, err := cli.Root().Find(words); err != nil || !cmd.HasParent() || len(rest) > 0 && cmd.HasSubCommands() {
				t.Errorf("%s names %s`, which is no command", page, m[0])
			}
		}
	}
}

// TestCommandTableIsWhole wants every command of the program in the README.
func TestCommandTableIsWhole(t *testing.T) {
	readme := read(t, "README.md")
	for _, cmd := range leaves(cli.Root()) {
		if !strings.Contains(readme, "| `"+cmd.CommandPath()) && !strings.Contains(cmd.CommandPath(), "completion ") {
			t.Errorf("the README's table of commands lacks `%s`", cmd.CommandPath())
		}
	}
}

func leaves(c *cobra.Command) []*cobra.Command {
	if !c.HasAvailableSubCommands() || c.Name() == "completion" {
		return []*cobra.Command{c}
	}
	var out []*cobra.Command
	for _, sub := range c.Commands() {
		if sub.IsAvailableCommand() {
			out = append(out, leaves(sub)...)
		}
	}
	return out
}

// TestMakeTargetsExist holds `make` lines to the Makefile.
func TestMakeTargetsExist(t *testing.T) {
	var targets []string
	for _, m := range regexp.MustCompile(`(?m)^([a-z-]+):`).FindAllStringSubmatch(read(t, "Makefile"), -1) {
		targets = append(targets, m[1])
	}
	for _, f := range commandLines(t, "make") {
		if name := strings.Fields(f.text)[1]; !slices.Contains(targets, name) {
			t.Errorf("%s:%d: `%s`: the Makefile has no target %s", f.page, f.line, f.text, name)
		}
	}
}
