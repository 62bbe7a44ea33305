// SPDX-License-Identifier: Apache-2.0

package upgrade

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/host/audit"
	"github.com/bulkhead-ml/bulkhead/internal/durable"
	"github.com/bulkhead-ml/bulkhead/registry/install"
	"github.com/bulkhead-ml/bulkhead/registry/lock"
)

// Ended is how a run ended.
type Ended struct {
	// Used are the plugins of registries that took part, by id.
	Used []string
	// OK: it did all that it was to do.
	OK     bool
	Faults []Fault
}

// Fault is something that counts against a plugin: it died, did not start, or
// broke the protocol.
type Fault struct {
	Plugin string // "acme/scaler"
	Text   string // one line
}

// Verdict is what a run did to new versions that came together.
type Verdict struct {
	// Plugins that are or were on probation, and Changes what they changed, each as
	// "acme/scaler 1.0.0 -> 1.1.0".
	Plugins, Changes []string
	Left             int // runs to go
	// Budget is how many runs may fail, and Failed how many did.
	Budget, Failed int
	Promoted       bool
	RolledBack     bool
	// Generation is the current one after going back, Lock the path of the lock
	// file.
	Generation int
	Lock       string
	Reason     string // why it went back, or what counted so far
}

// Watch notes one run of plugins, of which some may be on probation. A nil Watch
// notes nothing.
type Watch struct {
	on    record
	run   string
	audit func() *audit.Log
	held  *durable.Lock
	found []Verdict
}

// Begin notes that a run begins that may use plugins of registries, by id. It
// returns nil when none of them is on probation, which costs one look at a file.
// It may go back at once, when hosts died too often with a new version: then Found
// says so, and the plugins must be found anew. Every Watch must be ended or
// abandoned.
func Begin(ctx context.Context, scope *install.Scope, runID string, ids []string, log func() *audit.Log) (*Watch, error) {
	w, err := beginWatch(ctx, record{scope: scope}, runID, ids, log)
	return w, durable.Explain(err)
}

func beginWatch(ctx context.Context, on record, runID string, ids []string, log func() *audit.Log) (*Watch, error) {
	w := &Watch{on: on, run: runID, audit: log}
	if !w.on.exists() {
		return nil, nil
	}
	var spent []*probation
	err := w.on.change(func(list []*probation, now *lock.File) ([]*probation, error) {
		list = w.passed(list, now, &w.found)
		for _, p := range list {
			if !p.watches(ids, now) {
				continue
			}
			if p.bury(w.on.alive); p.spent() {
				spent = append(spent, p)
				continue
			}
			if err := w.hold(); err != nil {
				return nil, err
			}
			p.start(runID)
		}
		return list, nil
	})
	if err != nil {
		return nil, errors.Join(err, w.release())
	}
	if err := w.back(ctx, spent, &w.found); err != nil {
		return w, errors.Join(err, w.Abandon())
	}
	return w, nil
}

// hold takes the lock of the run.
func (w *Watch) hold() (err error) {
	if w.held == nil {
		w.held, err = durable.TryAcquire(w.on.runFile(w.run))
	}
	return err
}

func (w *Watch) release() error {
	if w.held == nil {
		return nil
	}
	err := w.held.Release()
	w.held = nil
	return err
}

// Found is what Begin did: it is not empty when it went back.
func (w *Watch) Found() []Verdict {
	if w == nil {
		return nil
	}
	return w.found
}

// End notes how the run ended, and promotes new versions or goes back.
func (w *Watch) End(ctx context.Context, e Ended) (out []Verdict, err error) {
	if w == nil || w.held == nil {
		return nil, nil
	}
	defer func() { err = durable.Explain(err) }()
	var spent []*probation
	err = w.on.change(func(list []*probation, now *lock.File) ([]*probation, error) {
		for _, p := range list {
			if !p.leave(w.run) {
				continue
			}
			if p.finish(e, now); p.spent() {
				spent = append(spent, p)
			} else if p.Left > 0 {
				out = append(out, p.verdict(now))
			}
		}
		if err := w.release(); err != nil {
			return nil, err
		}
		return w.passed(list, now, &out), nil
	})
	if err != nil {
		return out, errors.Join(err, w.release())
	}
	return out, w.back(ctx, spent, &out)
}

// Abandon ends the watch of a run that says nothing about the plugins: it was
// interrupted, or never used them.
func (w *Watch) Abandon() error {
	if w == nil || w.held == nil {
		return nil
	}
	err := w.on.change(func(list []*probation, _ *lock.File) ([]*probation, error) {
		for _, p := range list {
			p.leave(w.run)
		}
		return list, w.release()
	})
	return errors.Join(err, w.release())
}

// passed takes probations out that are over, and adds their verdicts. The audit log is
// told first: a host that dies in between leaves the promotion to the next run.
func (w *Watch) passed(list []*probation, now *lock.File, out *[]Verdict) []*probation {
	return slices.DeleteFunc(list, func(p *probation) bool {
		if !p.passed() || len(p.inForce(now)) == 0 {
			return false
		}
		v := p.verdict(now)
		v.Promoted = true
		_ = tell(w.audit, []event{eventOf("", audit.Switch{
			Lock: w.on.scope.Lock(), Why: "promoted: the runs that watched it found nothing", Changes: v.Changes, Automatic: true,
		})}, 0, "") // the log says what it could not write
		*out = append(*out, v)
		return true
	})
}

func (p *probation) verdict(now *lock.File) Verdict {
	v := Verdict{Left: p.Left, Budget: p.Budget, Failed: len(p.Failures), Reason: p.reason()}
	for _, w := range p.inForce(now) {
		v.Plugins, v.Changes = append(v.Plugins, w.ID), append(v.Changes, w.String())
	}
	return v
}

// back goes back from new versions that failed, each switch on its own.
func (w *Watch) back(ctx context.Context, spent []*probation, out *[]Verdict) error {
	var errs []error
	for _, p := range spent {
		v, err := w.undo(ctx, p)
		*out = append(*out, v)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// undo takes the versions of one switch back, and then their probation away. When
// it dies in between, the next run finds that nothing of it is in force.
func (w *Watch) undo(ctx context.Context, p *probation) (Verdict, error) {
	v, err := w.restore(ctx, p)
	if err != nil {
		return v, fmt.Errorf("%s failed on probation (%s), and the version before did not come back: %w; go back with `bulkhead plugin rollback`",
			strings.Join(idsOf(p.Plugins), ", "), p.reason(), err)
	}
	return v, w.on.change(func(list []*probation, _ *lock.File) ([]*probation, error) {
		return without(list, p.ID), nil
	})
}

// without takes one probation out.
func without(list []*probation, id string) []*probation {
	return slices.DeleteFunc(list, func(p *probation) bool { return p.ID == id })
}

// restoreTries is how often a lock file may change while it is being taken back.
const restoreTries = 5

// restore switches the lock file. Another host may have done it already.
func (w *Watch) restore(ctx context.Context, p *probation) (v Verdict, err error) {
	for range restoreTries {
		v, err = w.restoreOnce(ctx, p)
		if _, changed := errors.AsType[*install.ChangedError](err); !changed {
			break
		}
	}
	return v, err
}

func (w *Watch) restoreOnce(ctx context.Context, p *probation) (Verdict, error) {
	scope := w.on.scope
	v := Verdict{Plugins: idsOf(p.Plugins), RolledBack: true, Lock: scope.Lock(), Reason: p.reason()}
	for _, x := range p.Plugins {
		v.Changes = append(v.Changes, watched{ID: x.ID, From: x.To, To: x.From}.String())
	}
	now, generation, err := scope.Current()
	if err != nil || len(p.inForce(now)) == 0 {
		v.Generation = generation
		return v, err
	}
	next, err := p.before(now)
	if err != nil {
		return v, err
	}
	told := audit.Switch{Why: "rolled back: " + v.Reason, Changes: v.Changes, Automatic: true}
	v.Generation, err = replace(w.on, w.audit, next, told, func() (int, error) {
		if old, err := scope.Generation(p.Before); err == nil && len(lock.Diff(old, next)) == 0 {
			return scope.RollbackFrom(ctx, now, p.Before)
		}
		return scope.Switch(ctx, now, next, "rollback of "+strings.Join(v.Plugins, ", "))
	})
	return v, err
}

// OnProbation is what is watched in a scope, one Verdict for the plugins of each
// switch that has not been judged yet.
func OnProbation(scope *install.Scope) (out []Verdict, err error) {
	list, err := record{scope: scope}.read()
	if err != nil || len(list) == 0 {
		return nil, err
	}
	now, _, err := scope.Current()
	if err != nil {
		return nil, err
	}
	for _, p := range list {
		if v := p.verdict(now); len(v.Plugins) > 0 {
			out = append(out, v)
		}
	}
	return out, nil
}

// Promote ends all probations of a scope by hand.
func Promote(scope *install.Scope) error {
	on := record{scope: scope}
	if !on.exists() {
		return nil
	}
	return on.change(func([]*probation, *lock.File) ([]*probation, error) { return nil, nil })
}
