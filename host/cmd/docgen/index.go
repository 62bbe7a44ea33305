// SPDX-License-Identifier: Apache-2.0

package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

const indexIntroduction = `# Reference

` + "`make docs`" + ` generates these pages from the source; a test fails when one of them is stale.

- [Blocks of the configuration](configuration.md)
- [Facts](facts.md)
- [Kernels](kernels.md)`

// addIndex makes the page that leads to all others.
func (p pages) addIndex(root *cobra.Command, plugins []*pluginv1.DescribeResponse) {
	var out page
	out.line(indexIntroduction)
	out.line("\n## Commands\n\n- [%s](%s): %s, and the options of every command", root.Name(), commandFile(root), prose(root.Short))
	for _, c := range subcommands(root) {
		out.line("- [%s](%s): %s", strings.TrimPrefix(c.CommandPath(), root.Name()+" "), commandFile(c), prose(c.Short))
	}
	all := findings(plugins)
	for _, area := range areas(all) {
		out.line("\n## Findings: %s\n", area)
		for _, f := range all {
			if f.GetArea() == area {
				out.line("- [%s](%s): %s", f.GetCode(), findingFile(f), prose(f.GetTitle()))
			}
		}
	}
	p["README.md"] = out.String()
}

func areas(all []finding) []string {
	var out []string
	for _, f := range all {
		out = append(out, f.GetArea())
	}
	slices.Sort(out)
	return slices.Compact(out)
}
