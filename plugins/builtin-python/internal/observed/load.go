// SPDX-License-Identifier: Apache-2.0

package observed

import "github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/elfdeps"

// Load is the closure of shared libraries that the import of a framework loads.
type Load struct {
	Framework string   `json:"framework"`
	Roots     []string `json:"roots"`
	elfdeps.Result
}
