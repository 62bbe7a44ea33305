// SPDX-License-Identifier: Apache-2.0

//go:build linux && race

package sandbox

// testLimits leave room for the shadow memory of the race detector, which maps
// terabytes.
var testLimits = Limits{AddressSpaceBytes: Unlimited, DataBytes: Unlimited}
