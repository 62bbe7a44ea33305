// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"github.com/bulkhead-ml/bulkhead/host/plugin"
	"github.com/bulkhead-ml/bulkhead/host/sandbox"
	"github.com/bulkhead-ml/bulkhead/sdk/handshake"
)

// Tracer is told what one plugin does, in all its processes. It is called from
// several goroutines.
type Tracer interface {
	// Touched is told of each use of a file's name, see sandbox.Spec.Trace.
	Touched(sandbox.Touch)
	// Asked is told of each address that the plugin asks the host to connect to,
	// as "HOST:PORT". A traced plugin can ask without a grant, in vain.
	Asked(address string)
	// Ended is told what a process was refused in all its life.
	Ended([]sandbox.Denial)
}

// trace has the next process of a plugin traced, if somebody wants that.
func (l *Launcher) trace(e *Entry, spec *plugin.Spec) Tracer {
	if l.Trace == nil {
		return nil
	}
	t := l.Trace(e)
	if t != nil {
		spec.Trace = t.Touched
		spec.Env[handshake.EnvTraced] = "1"
	}
	return t
}
