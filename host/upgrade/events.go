// SPDX-License-Identifier: Apache-2.0

package upgrade

import (
	"context"
	"encoding/json"

	"github.com/bulkhead-ml/bulkhead/host/audit"
	"github.com/bulkhead-ml/bulkhead/host/installer"
	"github.com/bulkhead-ml/bulkhead/internal/durable"
	"github.com/bulkhead-ml/bulkhead/registry/install"
	"github.com/bulkhead-ml/bulkhead/registry/lock"
)

// FailTell is where Machine.Fail stands before a switch comes into the audit log.
const FailTell = "telling the audit log"

// event is a record for the audit log that waits for its switch.
type event struct {
	Plugin string          `json:"plugin,omitempty"`
	Kind   audit.Kind      `json:"kind"`
	Data   json.RawMessage `json:"data"`
}

func eventOf(plugin string, e audit.Event) event {
	data, _ := json.Marshal(e) // strings, numbers and lists of these
	return event{plugin, e.Kind(), data}
}

// Replace is install.Scope.Switch that brings the switch into the audit log: when this
// host dies behind it, the next one does. What changes nothing is not told.
func Replace(ctx context.Context, scope *install.Scope, log func() *audit.Log, base, next *lock.File, why string) (generation int, err error) {
	return replace(record{scope: scope}, log, next, audit.Switch{Why: why, Changes: differences(base, next)}, func() (int, error) {
		return scope.Switch(ctx, base, next, why)
	})
}

// Rollback is install.Scope.RollbackFrom that brings the switch into the audit log, as
// Replace does. It returns what changed, in words.
func Rollback(ctx context.Context, scope *install.Scope, log func() *audit.Log, base *lock.File, to int, why string) (generation int, changes []string, err error) {
	next, err := scope.Generation(to)
	if err != nil {
		return 0, nil, err
	}
	changes = differences(base, next)
	generation, err = replace(record{scope: scope}, log, next, audit.Switch{Why: why, Changes: changes}, func() (int, error) {
		return scope.RollbackFrom(ctx, base, to)
	})
	return generation, changes, err
}

func differences(base, next *lock.File) []string {
	out := []string{}
	for _, c := range lock.Diff(base, next) {
		out = append(out, c.String())
	}
	return out
}

// replace makes a switch without edits.
func replace(on record, log func() *audit.Log, next *lock.File, told audit.Switch, change func() (int, error)) (generation int, err error) {
	defer func() { err = durable.Explain(err) }()
	var events []event
	if len(told.Changes) > 0 {
		told.Lock = on.scope.Lock()
		events = []event{eventOf("", told)}
	}
	e, err := begin(on, log, next, nil, events)
	if err != nil {
		return 0, err
	}
	defer e.end()
	if generation, err = change(); err == nil {
		e.tell(generation)
	}
	return generation, err
}

// events are what the audit log is told of a plan.
func (r *run) events(why string) (out []event) {
	var changes []string
	for _, c := range r.plan.Changes {
		if !c.Changes() {
			continue
		}
		changes = append(changes, describe(c))
		if c.Kind == installer.Remove {
			continue
		}
		pl := c.Known().Platforms[c.Platform()]
		out = append(out, eventOf(c.ID, audit.Install{Name: c.ID, Version: c.To, Digest: pl.Executable, Origin: "registry " + c.Registry}))
		if len(c.Asks) > 0 {
			out = append(out, eventOf(c.ID, audit.Grant{Grants: grantTexts(c), By: r.By}))
		}
	}
	return append(out, eventOf("", audit.Switch{Lock: r.Installer.Scope.Lock(), Why: why, Changes: changes}))
}

func grantTexts(c installer.Change) (out []string) {
	for _, g := range c.Asks {
		out = append(out, g.String())
	}
	return out
}

// tell writes what was switched into the audit log.
func (e *editing) tell(generation int) {
	if e.untold = e.at(FailTell); e.untold == nil {
		e.untold = tell(e.log, e.Events, generation, "")
	}
}

// tell appends events, with the generation that they came to, and waits until they
// are on disk.
func tell(log func() *audit.Log, events []event, generation int, late string) error {
	if log == nil {
		return nil
	}
	var last *audit.Receipt
	for _, x := range events {
		e, err := audit.Record{Kind: x.Kind, Data: x.Data}.Event()
		if err != nil || e == nil {
			continue // another version wrote it
		}
		if s, ok := e.(audit.Switch); ok {
			s.Generation, s.Why = generation, s.Why+late
			e = s
		}
		last = log().Append(x.Plugin, e)
	}
	return last.Wait(context.Background())
}
