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
	// Installation is how a catalog starts it.
	Installation catalog.Installation
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
	// States finds fitted states that the locked version made.
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
	// LoseStates goes on although states of the old version do not load any more.
	LoseStates bool
	// By is who consented to the grants, for the audit log: "user", "policy ci.hcl".
	By string
	// Fail stands before every step that changes the disk, for tests.
	Fail func(step string) error
}

// Outcome is what came of a change.
type Outcome struct {
	Generation int
	Canary     int // runs that watch it
	Events     []Event
}

// Run makes the change that was planned and consented to.
func (m *Machine) Run(ctx context.Context, p *installer.Plan, why string) (Outcome, error) {
	r := &run{Machine: m, plan: p}
	r.tell(Event{Step: Plan, Status: Done, Detail: summary(p)})
	if err := r.gates(ctx); err != nil {
		return r.out, err
	}
	err := r.commit(ctx, why)
	return r.out, err
}

// run is one change that is being made.
type run struct {
	*Machine
	plan       *installer.Plan
	candidates []*Candidate
	out        Outcome
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

// step runs one step and tells of it.
func (r *run) step(s Step, plugin string, do func() error) error {
	r.tell(Event{Step: s, Plugin: plugin, Status: Begun})
	err := do()
	var skipped skip
	var said done
	switch {
	case err == nil:
		r.tell(Event{Step: s, Plugin: plugin, Status: Done})
	case errors.As(err, &said):
		r.tell(Event{Step: s, Plugin: plugin, Status: Done, Detail: string(said)})
	case errors.As(err, &skipped):
		r.tell(Event{Step: s, Plugin: plugin, Status: Skipped, Detail: string(skipped)})
	default:
		r.tell(Event{Step: s, Plugin: plugin, Status: Failed, Detail: err.Error()})
		return &GateError{s, plugin, err}
	}
	return nil
}

// each runs one step for every candidate that changes its version.
func (r *run) each(ctx context.Context, s Step, do func(context.Context, *Candidate) error) error {
	for _, c := range r.candidates {
		if err := r.step(s, c.ID, func() error { return do(ctx, c) }); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
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
		if err := r.step(Configuration, "", func() error { return r.configuration(ctx) }); err != nil {
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
	err := r.step(Fetch, "", func() (err error) {
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
	return r.candidate()
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
		r.candidates = append(r.candidates, &Candidate{Change: c, Dir: dir, Installation: r.installation(entry, c, dir)})
	}
	return nil
}

func (r *run) installation(p lock.Plugin, c installer.Change, dir string) catalog.Installation {
	pl := p.Platforms[c.Platform()]
	return catalog.Installation{
		ID: p.ID, Version: p.Version, Dir: dir, Executable: pl.Executable, Consented: p.Grants,
		Verify: func() error { return r.Installer.Store.Quick(pl.H1) },
	}
}

// commit switches the scope, with a probation for what was upgraded.
func (r *run) commit(ctx context.Context, why string) error {
	watched := r.watched()
	err := r.step(Switch, "", func() error {
		generation, err := r.switchTo(ctx, watched, why)
		r.out.Generation = generation
		return err
	})
	if err != nil {
		return err
	}
	if len(watched) == 0 {
		r.tell(Event{Step: Canary, Status: Skipped, Detail: "no new version is put on probation"})
		return nil
	}
	r.out.Canary = r.Canary
	r.tell(Event{Step: Canary, Status: Begun, Detail: fmt.Sprintf("the next %d runs watch %s", r.Canary, strings.Join(watched, ", "))})
	return nil
}

// watched are the plugins that go on probation.
func (r *run) watched() (out []string) {
	for _, c := range r.candidates {
		if r.Canary > 0 && (c.Kind == installer.Upgrade || c.Kind == installer.Downgrade) {
			out = append(out, c.ID)
		}
	}
	return out
}

// switchTo is the step that counts. The probation is on disk before it, so that no
// run uses a new version that nobody watches; one of a switch that never came is
// of a generation that is not the current one, and counts for nothing.
func (r *run) switchTo(ctx context.Context, watched []string, why string) (int, error) {
	if err := r.fail("probation"); err != nil {
		return 0, err
	}
	_, before, err := r.Installer.Scope.Current()
	if err != nil {
		return 0, err
	}
	w, err := openWatch(r.Installer.Scope)
	if err != nil {
		return 0, err
	}
	if len(watched) > 0 {
		if err := w.begin(probation{Before: before, Lock: digestOf(r.plan.Next), Plugins: watched, Left: r.Canary, Budget: r.Budget, Why: why}); err != nil {
			return 0, err
		}
	}
	if err := r.fail("switch"); err != nil {
		return 0, err
	}
	generation, err := r.Installer.Commit(ctx, r.plan, why)
	if err == nil {
		r.record(generation, why)
	}
	return generation, err
}

func (r *run) fail(step string) error {
	if r.Fail == nil {
		return nil
	}
	return r.Fail(step)
}

// record writes the change into the audit log.
func (r *run) record(generation int, why string) {
	if r.Audit == nil {
		return
	}
	log := r.Audit()
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
		log.Append(c.ID, audit.Install{Name: c.ID, Version: c.To, Digest: pl.Executable, Origin: "registry " + c.Registry})
		if len(c.Asks) > 0 {
			log.Append(c.ID, audit.Grant{Grants: grantTexts(c), By: r.By})
		}
	}
	log.Append("", audit.Switch{Lock: r.Installer.Scope.Lock(), Generation: generation, Why: why, Changes: changes})
}

func grantTexts(c installer.Change) (out []string) {
	for _, g := range c.Asks {
		out = append(out, g.String())
	}
	return out
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
