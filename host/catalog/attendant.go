// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"context"
	"fmt"

	"github.com/bulkhead-ml/bulkhead/host/audit"
	"github.com/bulkhead-ml/bulkhead/host/dataplane"
	"github.com/bulkhead-ml/bulkhead/host/network"
	"github.com/bulkhead-ml/bulkhead/host/plugin"
	"github.com/bulkhead-ml/bulkhead/host/sandbox"
	"github.com/bulkhead-ml/bulkhead/host/target"
	"github.com/bulkhead-ml/bulkhead/registry/manifest"
	sdknetwork "github.com/bulkhead-ml/bulkhead/sdk/network"
)

// attendant looks after one process of a plugin: it keeps its door to the
// network and its records in the audit log.
type attendant struct {
	launcher *Launcher
	entry    *Entry
	view     target.View
	door     *network.Door   // nil without network grants
	side     *dataplane.Side // nil without shared memory
	launched bool            // the launch is in the log
	tracer   Tracer          // nil for a plugin that is not traced
	stop     context.CancelFunc
}

// attend prepares one start of a plugin.
func (l *Launcher) attend(e *Entry, view target.View) func(*plugin.Spec) (plugin.Attendant, error) {
	return func(spec *plugin.Spec) (plugin.Attendant, error) {
		if e.verify != nil {
			if err := e.verify(); err != nil {
				return nil, fmt.Errorf("plugin %q is not started: %w", e.Name, err)
			}
		}
		a := &attendant{launcher: l, entry: e, view: view, stop: func() {}}
		if e.Reattach != nil {
			return a, nil // it was started without what a process would inherit
		}
		if l.SharedBatches > 0 {
			a.openSide(spec)
		}
		if a.tracer = l.trace(e, spec); len(view.Net) == 0 && a.tracer == nil {
			return a, nil
		}
		return a, a.openDoor(spec)
	}
}

// openSide gives the process its end of a data socket. Without one its tables
// travel in messages, so what cannot be made is no reason to fail.
func (a *attendant) openSide(spec *plugin.Spec) {
	options := dataplane.SideOptions{Slots: a.launcher.SharedBatches}
	if limit := spec.Limits.GroupMemoryBytes; limit > 0 && limit < 1<<30 {
		options.MaxBytes = int(limit / 4)
	}
	side, err := dataplane.NewSide(options)
	if err != nil {
		return
	}
	a.side = side
	spec.Inherit = append(spec.Inherit, side.Child())
	spec.InheritEnv = append(spec.InheritEnv, dataplane.EnvFD)
}

// openDoor gives the process its way to the granted addresses.
func (a *attendant) openDoor(spec *plugin.Spec) error {
	var rules []sdknetwork.Rule
	for _, address := range a.view.Net {
		rule, err := sdknetwork.ParseRule(address)
		if err != nil {
			return err
		}
		rules = append(rules, rule)
	}
	options := network.Options{Log: a.launcher.logger("network." + a.entry.Name).Info}
	if a.tracer != nil {
		options.Asked = a.tracer.Asked
	}
	door, err := network.Open(rules, options)
	if err != nil {
		return fmt.Errorf("plugin %q was granted a network address: %w", a.entry.Name, err)
	}
	a.door = door
	spec.Inherit = append(spec.Inherit, door.Child())
	spec.InheritEnv = append(spec.InheritEnv, network.EnvFD)
	certificates(spec)
	return nil
}

// Refused tells what the door was asked for in vain.
func (a *attendant) Refused() []sandbox.Denial {
	if a.door == nil {
		return nil
	}
	var out []sandbox.Denial
	for _, d := range a.door.Denials() {
		out = append(out, sandbox.Denial{Call: refused(d), Count: d.Count, Grant: allowing(d)})
	}
	return out
}

// allowing is the grant that would allow what was denied, as a report writes
// grants; "" when none would.
func allowing(d network.Denial) string {
	rule, err := sdknetwork.ParseRule(d.Address)
	if err != nil || d.Grant() == "" {
		return ""
	}
	return manifest.Grant{Kind: manifest.Net, Address: rule.String()}.String()
}

// refused is a denial in words. Without an address it is about the door itself, or
// about several.
func refused(d network.Denial) string {
	if d.Address == "" {
		return "network: " + d.Reason
	}
	return "connection to " + d.Address
}

// Started opens the door and writes the launch down.
func (a *attendant) Started(ctx context.Context, p *plugin.Process) error {
	if a.side != nil {
		a.side.Started()
		a.launcher.sides.Store(p, a.side)
	}
	if a.door != nil {
		life, stop := context.WithCancel(context.WithoutCancel(ctx))
		a.stop = stop
		a.door.Started()
		go func() { _ = a.door.Serve(life) }()
	}
	log, grants := a.launcher.audit(), a.grants()
	if len(grants) > 0 {
		log.Append(a.entry.Name, audit.Grant{Level: p.Sandbox().Level.String(), Grants: grants, By: a.by(), Narrowed: a.narrowed()})
	}
	a.launched = true
	return log.Append(a.entry.Name, launched(p, grants)).Admit(ctx)
}

// Ended closes the door and writes down how it went. p is nil for a process that
// never ran.
func (a *attendant) Ended(p *plugin.Process) {
	if a.side != nil {
		a.launcher.sides.Delete(p)
		a.side.Close()
	}
	if a.door != nil {
		a.stop()
		_ = a.door.Close()
	}
	if p == nil {
		return
	}
	if a.tracer != nil {
		a.tracer.Ended(p.Denials())
	}
	log := a.launcher.audit()
	if !a.launched { // it ran, and could not be used
		log.Append(a.entry.Name, launched(p, a.grants()))
	}
	for _, d := range hints(p.Denials(), a.view) {
		log.Append(a.entry.Name, audit.Denial{Level: p.Sandbox().Level.String(), What: d.Call, Count: d.Count, Grant: d.Grant})
	}
	if d := p.Exit(); d != nil {
		a.launcher.died(a.entry, d)
		log.Append(a.entry.Name, audit.Death{
			Level: p.Sandbox().Level.String(), Cause: string(d.Cause), ExitCode: d.ExitCode, Signal: d.Signal, Detail: d.Error(),
			PeakBytes: d.PeakBytes, CPUMS: float64(d.CPU.Microseconds()) / 1e3,
		})
	}
}

// by is who decided on the grants: whoever wrote them into the configuration, or
// else the manifest, which was taken as it is.
func (a *attendant) by() string {
	if a.entry.Declaration != nil && a.entry.Declaration.Grants != nil {
		return "configuration"
	}
	return "manifest"
}

// grants are those of the plugin in the words of its manifest.
func (a *attendant) grants() (out []string) {
	for _, g := range a.entry.Grants {
		out = append(out, g.String())
	}
	return out
}

// narrowed are the grants that the configuration took away.
func (a *attendant) narrowed() (out []string) {
	kept := map[string]bool{}
	for _, g := range a.entry.Grants {
		kept[g.String()] = true
	}
	for _, g := range a.entry.Manifest.Grants {
		if !kept[g.String()] {
			out = append(out, g.String())
		}
	}
	return out
}

// launched is the record of a process that runs.
func launched(p *plugin.Process, grants []string) audit.Launch {
	r, l := p.Sandbox(), p.Limits()
	out := audit.Launch{
		Digest: p.Digest(), Level: r.Level.String(), Verified: r.Verified, Profile: r.Profile,
		Fallen: r.Fallen, Grants: grants, PID: p.PID(), Limits: map[string]uint64{
			"memory_bytes": l.DataBytes, "processes": l.Processes, "open_files": l.OpenFiles,
			"scratch_bytes": l.ScratchBytes, "cpu_seconds": l.CPUSeconds,
		},
	}
	for _, w := range r.Walls {
		if w.On {
			out.Walls = append(out.Walls, w.Name)
		}
	}
	return out
}
