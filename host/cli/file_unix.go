// SPDX-License-Identifier: Apache-2.0

//go:build unix

package cli

import "golang.org/x/sys/unix"

// nonBlocking makes opening a pipe that nobody reads from an error.
const nonBlocking = unix.O_NONBLOCK
