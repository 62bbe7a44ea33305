// SPDX-License-Identifier: Apache-2.0

//go:build linux && !race

package sandbox

// testLimits are the defaults.
var testLimits = Limits{}

// testEnv is nothing.
var testEnv []string
