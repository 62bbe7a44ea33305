// SPDX-License-Identifier: Apache-2.0

//go:build !windows

package serve

import "syscall"

// openFlags keep a pipe in the place of a file from making the server wait.
const openFlags = syscall.O_NONBLOCK
