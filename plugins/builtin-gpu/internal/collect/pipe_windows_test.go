// SPDX-License-Identifier: Apache-2.0

package collect

import "testing"

// pipe: Windows has no named pipes in directories.
func pipe(t *testing.T, name string) { t.Helper() }
