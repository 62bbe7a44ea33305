// SPDX-License-Identifier: Apache-2.0

package upgrade

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-ml/bulkhead/host/audit"
	"github.com/bulkhead-ml/bulkhead/host/catalog"
	"github.com/bulkhead-ml/bulkhead/host/installer"
	"github.com/bulkhead-ml/bulkhead/internal/durable"
	"github.com/bulkhead-ml/bulkhead/registry/install"
	"github.com/bulkhead-ml/bulkhead/registry/lock"
	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

// Candidate is one new version on its way.
type Candidate struct {
	installer.Change
	// Dir has its files, in the store.
	Dir string
	// New is what the candidate says of itself, Old what the version says that is
	// locked now; Old is nil for a plugin that is installed for the first time, and
	// when that version does not start.
	New, Old *pluginv1.DescribeResponse
	// Installation is how a catalog starts it, and Before how it starts the version
	// that is locked now; that has no Executable where there is none here.
	Installation, Before catalog.Installation
}

// Gates are what only the caller can check of candidates. A nil gate is skipped.
type Gates struct {
	// Launcher makes a launcher of a catalog that starts plugins as the host does,
	// without a machine to look at.
	Launcher func(*catalog.Catalog) *catalog.Launcher
	// Bind checks the user's configuration against the plugins as they would be.
	Bind func(ctx context.Context, described map[string]*pluginv1.DescribeResponse) error
	// Names are the names by which the configuration knows a plugin of a registry.
	Names func(id string) []string
	// Contract runs the contract suite; an error is a broken rule, and the text says
	// how it went.
	Contract func(ctx context.Context, c *Candidate) (string, error)
	// Replay repeats recorded runs and says how their outputs compare.
	Replay func(ctx context.Context, c *Candidate) (string, error)
	// States finds fitted states that the locked version made, the newest first.
	States func(c *Candidate) ([]State, error)
}

// Machine makes the change of a plan.
type Machine struct {
	Installer *installer.Installer
	Gates     Gates
	Events    func(Event) // nil tells nobody
	Audit     func() *audit.Log
	// Canary is how many runs watch a new version; 0 promotes it at once.
	Canary int
	// Budget is how many failures a canary survives.
	Budget int
	// States is how many kept states of each plugin the new version loads on trial,
	// the newest first; LoadTime is the time for those of one plugin, by default
	// three minutes. What there is no time for is told and not tried.
	States   int
	LoadTime time.Duration
	// LoseStates goes on although states of the old version do not load any more.
	LoseStates bool
	// Edits are the changes of the configuration that belong to a plan; nil makes
	// none. They are asked for right before the switch.
	Edits func(*installer.Plan) ([]Edit, error)
	// By is who consented to the grants, for the audit log: "user", "policy ci.hcl".
	By string
	// Fail stands before every step that changes the disk, for tests.
	Fail func(step string) error
}

// Outcome is what came of a change.
type Outcome struct {
	Generation int
	Canary     int // runs that watch it
	Budget     int // failures of these that it survives
	Events     []Event
}

// Run makes the change that was planned and consented to. The error is a *GateError
// when a candidate did not pass, and nothing was changed; an *EditError when all was
// changed but the configuration; the cause of ctx when that has ended.
func (m *Machine) Run(ctx context.Context, p *installer.Plan, why string) (Outcome, error) {
	r := &run{Machine: m, plan: p}
	r.tell(Event{Step: Plan, Status: Done, Detail: summary(p)})
	err := r.gates(ctx)
	if err == nil {
		err = r.commit(ctx, why)
	}
	return r.out, errors.Join(err, r.lease.Release())
}

// run is one change that is being made.
type run struct {
	*Machine
	plan       *installer.Plan
	candidates []*Candidate
	lease      *install.Lease // keeps the candidates from being collected
	out        Outcome
	unedited   error // *EditError, or nil
}

func (r *run) tell(e Event) {
	e.Time = time.Now().UTC()
	if e.Status != Begun {
		r.out.Events = append(r.out.Events, e)
	}
	if r.Events != nil {
		r.Events(e)
	}
}

// step runs one step and tells of it. What a step says that was interrupted is of
// no interest.
func (r *run) step(ctx context.Context, s Step, plugin string, do func() error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	r.tell(Event{Step: s, Plugin: plugin, Status: Begun})
	err := durable.Explain(do())
	var skipped skip
	var said done
	switch {
	case err == nil:
		r.tell(Event{Step: s, Plugin: plugin, Status: Done})
	case errors.As(err, &said):
		r.tell(Event{Step: s, Plugin: plugin, Status: Done, Detail: string(said)})
	case errors.As(err, &skipped):
		r.tell(Event{Step: s, Plugin: plugin, Status: Skipped, Detail: string(skipped)})
	case ctx.Err() != nil:
		r.tell(Event{Step: s, Plugin: plugin, Status: Failed, Detail: "it was interrupted"})
		return context.Cause(ctx)
	default:
		r.tell(Event{Step: s, Plugin: plugin, Status: Failed, Detail: err.Error()})
		return &GateError{s, plugin, err}
	}
	return nil
}

// each runs one step for every candidate.
func (r *run) each(ctx context.Context, s Step, do func(context.Context, *Candidate) error) error {
	for _, c := range r.candidates {
		if err := r.step(ctx, s, c.ID, func() error { return do(ctx, c) }); err != nil {
			return err
		}
	}
	return nil
}

// gates runs all steps before the switch.
func (r *run) gates(ctx context.Context) error {
	if err := r.fetch(ctx); err != nil {
		return err
	}
	if err := r.each(ctx, Smoke, r.smoke); err != nil {
		return err
	}
	if len(r.candidates) > 0 {
		if err := r.step(ctx, Configuration, "", func() error { return r.configuration(ctx) }); err != nil {
			return err
		}
	}
	if err := r.each(ctx, Contract, r.contract); err != nil {
		return err
	}
	return r.each(ctx, Replay, r.replay)
}

// fetch brings the archives here; the installer verifies and unpacks them.
func (r *run) fetch(ctx context.Context) error {
	var evidence []installer.Evidence
	err := r.step(ctx, Fetch, "", func() (err error) {
		evidence, err = r.Installer.Fetch(ctx, r.plan)
		return err
	})
	if err != nil {
		return err
	}
	for _, e := range evidence {
		how := []string{}
		for _, b := range e.By {
			how = append(how, b.How+": "+b.Detail)
		}
		detail := strings.Join(how, "; ")
		if len(how) == 0 {
			detail = "it is in the store, whole"
		}
		r.tell(Event{Step: Verify, Plugin: e.ID, Status: Done, Detail: detail})
		r.tell(Event{Step: Unpack, Plugin: e.ID, Status: Done, Detail: e.Dir})
	}
	if err := r.candidate(); err != nil {
		return err
	}
	return r.hold(ctx)
}

// hold leases the candidates: one that was in the store before this is named by no
// lock file until the switch.
func (r *run) hold(ctx context.Context) (err error) {
	var h1s []string
	for _, c := range r.candidates {
		h1s = append(h1s, c.Known().Platforms[c.Platform()].H1)
	}
	r.lease, err = r.Installer.Store.Lease(ctx, h1s...)
	return err
}

// candidate lists the plugins that change their version or come here.
func (r *run) candidate() error {
	for _, c := range r.plan.Changes {
		if c.Kind == installer.Keep || c.Kind == installer.Remove {
			continue
		}
		entry, _ := r.plan.Next.Lookup(c.ID)
		dir, err := r.Installer.Directory(entry)
		if err != nil {
			return err
		}
		r.candidates = append(r.candidates, &Candidate{
			Change: c, Dir: dir, Installation: r.installation(entry, c.Platform(), dir), Before: r.before(c),
		})
	}
	return nil
}

// before is how the version is started that a change takes the place of.
func (r *run) before(c installer.Change) catalog.Installation {
	p, ok := r.plan.Base.Lookup(c.ID)
	key, _ := locked(p)
	if !ok || key == "" || c.From == c.To {
		return catalog.Installation{}
	}
	dir, err := r.Installer.Directory(p)
	if err != nil {
		return catalog.Installation{}
	}
	return r.installation(p, key, dir)
}

// installation is how a catalog starts a locked plugin.
func (r *run) installation(p lock.Plugin, platform, dir string) catalog.Installation {
	pl := p.Platforms[platform]
	return catalog.Installation{
		ID: p.ID, Version: p.Version, Dir: dir, Executable: pl.Executable, Consented: p.Grants,
		Verify: func() error { return r.Installer.Store.Quick(pl.H1) },
	}
}

// summary is a plan in one line.
func summary(p *installer.Plan) string {
	var out []string
	for _, c := range p.Changes {
		if c.Changes() {
			out = append(out, describe(c))
		}
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

// describe is a change in a few words.
func describe(c installer.Change) string {
	switch {
	case c.From != "" && c.To != "" && c.From != c.To:
		return fmt.Sprintf("%s %s %s -> %s", c.Kind, c.ID, c.From, c.To)
	case c.To == "":
		return fmt.Sprintf("%s %s %s", c.Kind, c.ID, c.From)
	}
	return fmt.Sprintf("%s %s %s", c.Kind, c.ID, c.To)
}
