// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"maps"
	"slices"

	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

// tables lists knowledge tables in name order, so that descriptions compare equal.
func (i Info) tables() []*pluginv1.TableDescription {
	if i.Tables == nil {
		return nil
	}
	versions := i.Tables()
	var out []*pluginv1.TableDescription
	for _, name := range slices.Sorted(maps.Keys(versions)) {
		out = append(out, &pluginv1.TableDescription{Name: name, Version: versions[name]})
	}
	return out
}
