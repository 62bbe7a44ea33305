// SPDX-License-Identifier: Apache-2.0

package observed

import "github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/elfdeps"

// Load is the closure of shared libraries that the import of a framework loads.
type Load struct {
	Framework string   `json:"framework"`
	Roots     []string `json:"roots"`
	// Releases are the versions of the distributions that brought the libraries
	// which hijacks replace, by path of the library.
	Releases map[string]string `json:"bundled_releases,omitempty"`
	elfdeps.Result
}
