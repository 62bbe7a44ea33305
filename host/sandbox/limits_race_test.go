// SPDX-License-Identifier: Apache-2.0

//go:build linux && race

package sandbox

// testLimits leave room for the shadow memory of the race detector, which maps
// terabytes.
var testLimits = Limits{AddressSpaceBytes: Unlimited, DataBytes: Unlimited}

// testEnv keeps the race detector from sleeping at the end of each probe.
var testEnv = []string{"GORACE=atexit_sleep_ms=0"}
