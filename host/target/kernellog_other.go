// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package target

// readKernelLog has nothing to read: NVIDIA's kernel messages are Linux's.
func readKernelLog() (log, reason string) {
	return "", "this system has no kernel log that can be read"
}
