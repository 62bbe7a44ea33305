// SPDX-License-Identifier: Apache-2.0

//go:build unix

package target

import "golang.org/x/sys/unix"

func makePipe(name string) error { return unix.Mkfifo(name, 0o600) }
