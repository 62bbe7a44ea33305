// SPDX-License-Identifier: Apache-2.0

package main

import "syscall"

// stop does nothing: no process of this system can stop itself so.
func stop() {}

func detached() *syscall.SysProcAttr { return nil }
