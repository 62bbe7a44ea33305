// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/host/pipeline"
	"github.com/bulkhead-ml/bulkhead/host/report"
)

// mergedReport joins what a kernel reported of its fit and its transform: the
// keys of both, those of the fit where both have one.
func mergedReport(n *pipeline.NodeResult) report.Raw {
	var parts []json.RawMessage
	for _, call := range []*pipeline.Call{n.Transform, n.Fit} {
		if call != nil && len(call.Report) > 0 {
			parts = append(parts, call.Report)
		}
	}
	if len(parts) < 2 {
		return report.Raw(slices.Concat(parts...))
	}
	all := map[string]json.RawMessage{}
	for _, part := range parts {
		var keys map[string]json.RawMessage
		if json.Unmarshal(part, &keys) != nil {
			return report.Raw(parts[1])
		}
		maps.Copy(all, keys)
	}
	merged, err := json.Marshal(all)
	if err != nil {
		return report.Raw(parts[1])
	}
	return report.Raw(merged)
}

func sortPlugins(plugins []report.Plugin) {
	slices.SortFunc(plugins, func(a, b report.Plugin) int { return strings.Compare(a.Name, b.Name) })
}
