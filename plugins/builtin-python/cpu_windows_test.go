// SPDX-License-Identifier: Apache-2.0

package main

import "time"

// cpuTime is not measured on Windows.
func cpuTime() time.Duration { return 0 }
