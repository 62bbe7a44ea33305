// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"sync"

	"github.com/bulkhead-ml/bulkhead/host/sandbox/cgroup"
)

// sweepGroups removes the control groups that dead hosts left, once in the life
// of this one. Plugins that are still dying in them are waited for, so it works
// beside the first start.
var sweepGroups = sync.OnceFunc(func() { go func() { _ = cgroup.Sweep() }() })

// removeGroups removes the control groups of this process. Without it, or when
// one of them is still in use, the next host clears up.
func removeGroups() { _ = cgroup.RemoveHost() }
