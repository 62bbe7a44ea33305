// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"context"
	"maps"
	"slices"

	"github.com/bulkhead-ml/bulkhead/host/sandbox"
)

// Attendant looks after one process of a plugin. Options.Prepare makes one for
// each start.
type Attendant interface {
	// Started is called when the process runs and the host is connected to it. An
	// error ends the process, and is that of Launch.
	Started(ctx context.Context, p *Process) error
	// Ended is called when the process is gone, with its death known, before Done
	// is closed: also for one that Started was never told of, because it could not
	// be used. It is called with nil when no process was started.
	Ended(p *Process)
	// Refused tells of things that the plugin was refused outside of its sandbox,
	// such as by the network proxy. See Process.Denials.
	Refused() []sandbox.Denial
}

// prepare completes a specification for one start. What is changed in it does
// not show in that of the caller.
func prepare(spec *Spec, options *Options) (Attendant, error) {
	if options.Prepare == nil {
		return unattended{}, nil
	}
	spec.Env = maps.Clone(spec.Env)
	spec.Binds, spec.Inherit = slices.Clip(spec.Binds), slices.Clip(spec.Inherit)
	attendant, err := options.Prepare(spec)
	if err != nil {
		return nil, err
	}
	return attendant, nil
}

// unattended is the attendant of a process that nobody asked for one.
type unattended struct{}

func (unattended) Started(context.Context, *Process) error { return nil }
func (unattended) Ended(*Process)                          {}
func (unattended) Refused() []sandbox.Denial               { return nil }
