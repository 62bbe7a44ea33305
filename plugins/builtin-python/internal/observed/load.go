// SPDX-License-Identifier: Apache-2.0

package observed

import "github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/elfdeps"

// Load is the closure of shared libraries that the import of a framework loads.
type Load struct {
	// Framework is the module, Distribution what brought it; "" when no RECORD
	// lists its libraries.
	Framework    string   `json:"framework"`
	Distribution string   `json:"distribution,omitempty"`
	Roots        []string `json:"roots"`
	// Releases are the versions of the distributions that brought the libraries
	// which hijacks replace, by path of the library.
	Releases map[string]string `json:"bundled_releases,omitempty"`
	elfdeps.Result
}

// CuDNNPart is a library of cuDNN that the environment's cuDNN opens by name and
// does not bring, with the file of another release that the loader gives it.
type CuDNNPart struct {
	Library string `json:"library"`
	Path    string `json:"path"`
	Release string `json:"release"`
	// OpenedBy opens it; Distribution and Version are what brought that.
	OpenedBy     string `json:"opened_by"`
	Distribution string `json:"distribution"`
	Version      string `json:"version"`
}
