// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package bench

import (
	"fmt"
	"os"
)

// forget cannot drop a file from the cache of this system without privileges, and
// reading from the cache would measure the memory.
func forget(*os.File) error {
	return fmt.Errorf("%w: this system cannot read a file past its cache", ErrSkip)
}

// inMemory is never so by itself on these systems.
func inMemory(string) bool { return false }
