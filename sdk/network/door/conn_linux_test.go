// SPDX-License-Identifier: Apache-2.0

package door_test

import "syscall"

func init() { transports["records"] = syscall.SOCK_SEQPACKET }
