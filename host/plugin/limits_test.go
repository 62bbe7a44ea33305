// SPDX-License-Identifier: Apache-2.0

//go:build !race

package plugin

import "github.com/bulkhead-ml/bulkhead/host/sandbox"

// testLimits are the defaults.
var testLimits = sandbox.Limits{}
