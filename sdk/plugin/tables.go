// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"maps"
	"slices"

	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

// tables lists knowledge tables in name order, so that descriptions compare equal.
func tables(versions map[string]string) []*pluginv1.TableDescription {
	var out []*pluginv1.TableDescription
	for _, name := range slices.Sorted(maps.Keys(versions)) {
		out = append(out, &pluginv1.TableDescription{Name: name, Version: versions[name]})
	}
	return out
}
