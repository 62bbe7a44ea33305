// SPDX-License-Identifier: Apache-2.0

//go:build !(cgo && linux)

package nvml

import "github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/facts"

// Read answers that NVML is not part of this build.
func Read(string) Reading { return Reading{Status: facts.NVMLNotBuilt} }
