// SPDX-License-Identifier: Apache-2.0

package upgrade

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/bulkhead-ml/bulkhead/host/installer"
	"github.com/bulkhead-ml/bulkhead/registry/install"
	"github.com/bulkhead-ml/bulkhead/registry/lock"
)

// Steps at which Machine.Fail stands, besides those of package durable.
const (
	FailProbation = "writing the probation"
	FailSwitch    = "switching the scope"
)

// commit switches the scope, with a probation for what was upgraded.
func (r *run) commit(ctx context.Context, why string) error {
	watched := r.watched()
	err := r.step(ctx, Switch, "", func() (err error) {
		r.out.Generation, err = r.switchTo(ctx, watched, why)
		return err
	})
	if err != nil {
		return err
	}
	if len(watched) == 0 {
		r.tell(Event{Step: Canary, Status: Skipped, Detail: "no new version is put on probation"})
		return r.unedited
	}
	r.out.Canary, r.out.Budget = r.Canary, r.Budget
	r.tell(Event{Step: Canary, Status: Begun, Detail: fmt.Sprintf("the next %d runs watch %s", r.Canary, strings.Join(idsOf(watched), ", "))})
	return r.unedited
}

// watched are the plugins that go on probation.
func (r *run) watched() (out []watched) {
	for _, c := range r.candidates {
		if r.Canary > 0 && (c.Kind == installer.Upgrade || c.Kind == installer.Downgrade) {
			out = append(out, watched{c.ID, c.From, c.To, c.Known().Platforms[c.Platform()].H1})
		}
	}
	return out
}

// switchTo is the step that counts. The probation is on disk before it, so that no
// run uses a new version that nobody watches; one of a switch that never came is
// of versions that no lock file names, and counts for nothing.
func (r *run) switchTo(ctx context.Context, watched []watched, why string) (int, error) {
	p, err := r.probation(watched, why)
	if err != nil {
		return 0, err
	}
	on := record{r.Installer.Scope, r.Fail}
	if err := r.fail(FailProbation); err != nil {
		return 0, err
	}
	if len(watched) > 0 {
		if err := on.change(func(list []*probation, _ *lock.File) ([]*probation, error) { return append(list, p), nil }); err != nil {
			return 0, err
		}
	}
	if err := r.fail(FailSwitch); err != nil {
		return 0, err
	}
	return r.edited(func() (int, error) {
		generation, err := r.Installer.Commit(ctx, r.plan, why)
		if err != nil {
			return r.unswitched(p, err)
		}
		return generation, nil
	}, why)
}

// edited makes a switch with the edits of the configuration that belong to it, and
// brings it into the audit log. A host that dies in between leaves a journal, and the
// next one finishes it.
func (r *run) edited(change func() (int, error), why string) (int, error) {
	var edits []Edit
	if r.Edits != nil {
		var err error
		if edits, err = r.Edits(r.plan); err != nil {
			return 0, err
		}
	}
	e, err := begin(record{r.Installer.Scope, r.Fail}, r.Audit, r.plan.Next, edits, r.events(why))
	if err != nil {
		return 0, err
	}
	defer e.end()
	generation, err := change()
	if err == nil {
		r.unedited = e.apply()
		e.tell(generation)
	}
	return generation, err
}

// unswitched finds out what a switch that failed has come to. Behind its rename
// only the record of the generation is written, which the next change makes up for.
func (r *run) unswitched(p *probation, failed error) (int, error) {
	_, byOther := errors.AsType[*install.ChangedError](failed)
	now, generation, err := r.Installer.Scope.Current()
	if err == nil && !byOther && !r.plan.Same() && len(lock.Diff(now, r.plan.Next)) == 0 {
		return generation, nil
	}
	on := record{scope: r.Installer.Scope}
	if on.exists() {
		// It counts for nothing anyway.
		_ = on.change(func(list []*probation, _ *lock.File) ([]*probation, error) { return without(list, p.ID), nil })
	}
	return 0, failed
}

// probation is the one for the plugins that are to be watched.
func (r *run) probation(watched []watched, why string) (*probation, error) {
	_, before, err := r.Installer.Scope.Current()
	if err != nil {
		return nil, err
	}
	back := &lock.File{}
	for _, w := range watched {
		if old, ok := r.plan.Base.Lookup(w.ID); ok {
			back.Set(old)
		}
	}
	text, err := back.Encode()
	return &probation{
		ID: rand.Text(), At: time.Now().UTC(), Why: why, Plugins: watched, Back: string(text), Before: before, Left: r.Canary, Budget: r.Budget,
	}, err
}

func (r *run) fail(step string) error {
	if r.Fail == nil {
		return nil
	}
	return r.Fail(step)
}
