// SPDX-License-Identifier: Apache-2.0

package config

import "github.com/hashicorp/hcl/v2/hclsyntax"

// costs bound the extents of what functions give that may be larger than their
// arguments together. All others give no more than they take.
var costs = map[string]func(all extent, args []extent) extent{
	"join":     joinCost,
	"split":    textsCost,
	"format":   formatCost,
	"regex":    regexCost,
	"regexall": regexCost,
}

// call bounds what a call of a function gives.
func (e *estimator) call(n *hclsyntax.FunctionCallExpr) extent {
	all := extent{size: valueSize}
	args := make([]extent, len(n.Args))
	for i, arg := range n.Args {
		args[i] = e.node(arg)
		all = all.plus(args[i])
	}
	if cost, ok := costs[n.Name]; ok {
		return cost(all, args)
	}
	return all
}

// joinCost: the separator stands between all elements.
func joinCost(all extent, args []extent) extent {
	if len(args) > 0 {
		all.size += args[0].size * all.count
	}
	return all
}

// textsCost: a text may come apart into its characters, each a value.
func textsCost(all extent, _ []extent) extent {
	return extent{count: all.size, size: all.size * (1 + valueSize)}
}

// formatCost: any verb may show any argument, in JSON with its characters
// escaped, or fill its width.
func formatCost(all extent, args []extent) extent {
	if len(args) > 0 {
		all.size += args[0].size * (6*all.size/4 + maxFormatWidth/2)
	}
	return all
}

// regexCost: nested groups may each capture the whole text.
func regexCost(all extent, args []extent) extent {
	if len(args) == 2 {
		all.size += args[0].size * args[1].size
	}
	return extent{count: all.size / valueSize, size: all.size}
}
