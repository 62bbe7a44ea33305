// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"slices"
	"strings"

	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

const factsFile = "facts.md"

const factsIntroduction = `# Facts

A fact is an observation with an address. Checks judge facts, ` + "`require`" + ` blocks test them as
` + "`fact.ADDRESS`" + `, and ` + "`bulkhead facts`" + ` prints those of this machine. Where there are several of a
kind, the address holds a key: ` + "`python.env.version`" + ` below stands for
` + "`python.env[/opt/venv].version`" + ` on a machine.`

// addFacts makes the table of all facts that the plugins may observe.
func (p pages) addFacts(plugins []*pluginv1.DescribeResponse) {
	var rows [][]string
	for _, d := range plugins {
		for _, c := range d.GetCollectors() {
			for _, f := range c.GetFacts() {
				rows = append(rows, []string{code(f.GetAddress()), factType(f), d.GetName(), cell(f.GetSummary())})
			}
		}
	}
	slices.SortFunc(rows, func(a, b []string) int {
		return cmp.Or(cmp.Compare(strings.Trim(a[0], "`"), strings.Trim(b[0], "`")), cmp.Compare(a[2], b[2]))
	})
	var out page
	out.line(factsIntroduction)
	out.table([]string{"address", "type", "plugin", "what it is"}, rows)
	p[factsFile] = out.String()
}

func factType(f *pluginv1.FactDescription) string {
	if f.GetUnit() == "" {
		return f.GetType()
	}
	return f.GetType() + ", " + f.GetUnit()
}
