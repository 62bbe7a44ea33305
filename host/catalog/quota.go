// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"strings"

	"github.com/bulkhead-ml/bulkhead/host/config"
	"github.com/bulkhead-ml/bulkhead/host/sandbox"
)

// unenforced names the limits that somebody set and that nothing holds a plugin
// to: those that need a control group, where there is none or one without the
// controller. Those of a container runtime have all.
func unenforced(l config.Limits, r sandbox.Report) (out []string) {
	group, _ := r.Wall("cgroup")
	for _, limit := range []struct {
		name, controlled string // controlled is the word of the wall's detail
		set              bool
	}{
		{"group_memory", "memory ", l.GroupMemory > 0}, {"cpus", "processors ", l.CPUs > 0},
	} {
		enforced := group.On && (r.Level == sandbox.Container || strings.Contains(group.Detail, limit.controlled))
		if limit.set && !enforced {
			out = append(out, limit.name)
		}
	}
	return out
}
