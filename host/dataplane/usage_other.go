// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package dataplane

// ProcessUsage returns nil: on this system usage is not measured.
func ProcessUsage(int) Usage { return nil }
