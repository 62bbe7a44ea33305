// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"context"
	"errors"

	"github.com/bulkhead-ml/bulkhead/host/plugin"
)

func (l *Launcher) fault(e *Entry, err error) {
	if l.Fault != nil {
		l.Fault(e, err)
	}
}

// died tells of a death that was not the host's or the user's will. Of a plugin
// that was turned away the reason is told by whoever did that.
func (l *Launcher) died(e *Entry, d *plugin.Death) {
	switch d.Cause {
	case plugin.Closed, plugin.Cancelled, plugin.KilledByUser, plugin.LifeTime, plugin.Refused:
		return
	}
	l.fault(e, d)
}

// stillborn tells of a launch that failed by what the plugin said. What it died of
// was told when it died, and other failures are none of its own.
func (l *Launcher) stillborn(ctx context.Context, e *Entry, err error) {
	_, dead := errors.AsType[*plugin.Death](err)
	_, wrong := errors.AsType[*plugin.HandshakeError](err)
	_, elsewhere := errors.AsType[*plugin.AddressError](err)
	if ctx.Err() == nil && !dead && (wrong || elsewhere) {
		l.fault(e, err)
	}
}
