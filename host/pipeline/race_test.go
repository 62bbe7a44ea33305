// SPDX-License-Identifier: Apache-2.0

//go:build race

package pipeline

// slow is how much longer things may take in a test of this build.
const slow = 180
