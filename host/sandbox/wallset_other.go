// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package sandbox

// wallNames are the names that Spec.Without takes: none on this system.
func wallNames() []string { return nil }
