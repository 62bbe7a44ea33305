// SPDX-License-Identifier: Apache-2.0

package pipeline_test

import "testing"

// gone is for systems with process groups.
func gone(*testing.T, int) {}
