// SPDX-License-Identifier: Apache-2.0

//go:build race

package plugin

import "github.com/bulkhead-ml/bulkhead/host/sandbox"

// testLimits leave room for the shadow memory of the race detector.
var testLimits = sandbox.Limits{AddressSpaceBytes: sandbox.Unlimited, DataBytes: sandbox.Unlimited}
