// SPDX-License-Identifier: Apache-2.0

//go:build !windows

package files

import "syscall"

// openFlags keep a pipe in the place of a file from making the reader wait.
const openFlags = syscall.O_NONBLOCK
