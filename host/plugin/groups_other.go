// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package plugin

// sweepGroups has nothing to do: there are no control groups.
func sweepGroups() {}

// removeGroups has nothing to do.
func removeGroups() {}
