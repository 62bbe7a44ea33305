// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bulkhead-ml/bulkhead/host/catalog"
	"github.com/bulkhead-ml/bulkhead/host/config"
	"github.com/bulkhead-ml/bulkhead/host/installer"
	"github.com/bulkhead-ml/bulkhead/host/state"
	"github.com/bulkhead-ml/bulkhead/host/upgrade"
	"github.com/bulkhead-ml/bulkhead/sdk/plugintest"
	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

// gateFlags are what a new version has to pass.
type gateFlags struct {
	skipContract bool
	replay       int
	replayTime   time.Duration
	canary       int
	loseStates   bool
}

func (g *gateFlags) register(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.BoolVar(&g.skipContract, "skip-contract", false, "do not run the contract suite over new versions")
	fl.IntVar(&g.replay, "replay", 1, "repeat this `number` of recorded runs with the old and the new version, and compare")
	fl.DurationVar(&g.replayTime, "replay-timeout", 10*time.Minute, "leave out what --replay has not done in this `time`, for each plugin")
	fl.IntVar(&g.canary, "canary", 5, "let this `number` of runs watch an upgraded plugin before it stays; 0 is none")
	fl.BoolVar(&g.loseStates, "lose-states", false, "upgrade although states of the old version do not load in the new one")
}

func (g *gateFlags) check() error {
	if g.replay > 0 && g.replayTime <= 0 {
		return misuse("--replay-timeout %s leaves no time; --replay 0 repeats no runs", g.replayTime)
	}
	if g.replay < 0 || g.canary < 0 || g.canary > 1000 {
		return misuse("--replay takes a number from 0 on, --canary one from 0 to 1000")
	}
	return nil
}

// carryOut makes a change that was planned and consented to.
func (a *app) carryOut(ctx context.Context, s *session, c *change, i *installer.Installer, plan *installer.Plan, out installPlan) error {
	replays := &replays{}
	m := &upgrade.Machine{
		Installer: i, Gates: s.gates(ctx, c, replays), Events: c.steps.event, Audit: s.auditLog, Canary: c.gates.canary, LoseStates: c.gates.loseStates, By: c.by(),
	}
	done, err := m.Run(ctx, plan, c.why)
	c.steps.done()
	for _, e := range done.Events {
		out.Steps = append(out.Steps, installStep{string(e.Step), e.Plugin, string(e.Status), e.Detail})
	}
	out.Replays = append(out.Replays, replays.list...)
	if err != nil {
		return a.gateClosed(err, out)
	}
	if c.save != nil {
		if err := c.save(plan); err != nil {
			return failed("The plugins are installed, and the configuration could not be changed; change its plugin blocks by hand", err)
		}
	}
	out.Done, out.Generation, out.Canary = true, done.Generation, done.Canary
	return c.steps.result(out)
}

// by is who consents, for the audit log.
func (c *change) by() string {
	if c.consent.policy != "" {
		return "policy " + c.consent.policy
	}
	return "user"
}

// gateClosed is the failure of a change, after what replays found.
func (a *app) gateClosed(err error, out installPlan) error {
	if gate, ok := errors.AsType[*upgrade.GateError](err); ok && gate.Step == upgrade.Replay && !a.json() {
		for _, r := range out.Replays {
			r.write(a.stderr, a.textOptions(a.stderr))
		}
	}
	return refused(err)
}

// gates are what this host can check of a new version.
func (s *session) gates(ctx context.Context, c *change, replays *replays) upgrade.Gates {
	out := upgrade.Gates{
		Launcher: s.bareLauncher, Names: s.namesOf, States: s.statesOf,
		Bind: func(ctx context.Context, described map[string]*pluginv1.DescribeResponse) error {
			return s.bindWith(ctx, described)
		},
	}
	if s.cfg == nil || c.ofUser {
		out.Bind = nil
	}
	if !c.gates.skipContract {
		out.Contract = s.contractGate
	}
	if c.gates.replay > 0 {
		out.Replay = func(ctx context.Context, x *upgrade.Candidate) (string, error) {
			return s.replayGate(ctx, x, c.gates, replays)
		}
	}
	return out
}

// bareLauncher starts the plugins of a catalog as this session would, without a
// machine to look at and without what the configuration gives them.
func (s *session) bareLauncher(cat *catalog.Catalog) *catalog.Launcher {
	return &catalog.Launcher{
		Catalog: cat, Floor: s.launcher.Floor, Logger: s.launcher.Logger, Audit: s.auditLog, CallTimeout: s.launcher.CallTimeout, SharedBatches: suiteBatches,
	}
}

// namesOf are the names of a plugin of a registry in the configuration.
func (s *session) namesOf(id string) (out []string) {
	for _, p := range registryPlugins(s.cfg) {
		if p.ID == id {
			out = append(out, p.Name)
		}
	}
	return out
}

// bindWith checks the configuration against the plugins as they would be.
func (s *session) bindWith(ctx context.Context, described map[string]*pluginv1.DescribeResponse) error {
	all := maps.Clone(s.describe(ctx))
	maps.Copy(all, described)
	if diags := config.Bind(s.cfg, config.NewCatalog(all)); diags.HasErrors() {
		var lines []string
		for _, d := range diags {
			if d.Severity == config.SeverityError {
				lines = append(lines, fmt.Sprintf("%s: %s: %s", d.Range, d.Summary, d.Detail))
			}
		}
		return fmt.Errorf("the configuration does not fit it: %s", strings.Join(lines, " "))
	}
	return nil
}

// statesOf finds the fitted states that a plugin of a registry made here. One of a
// run that used another plugin of that name is none of its; when the run is not
// known any more, it may be.
func (s *session) statesOf(c *upgrade.Candidate) (out []upgrade.State, err error) {
	store, err := stateStore()
	if err != nil {
		return nil, err
	}
	entries, err := store.List(state.Filter{})
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		for _, name := range s.namesOf(c.ID) {
			kernel, ok := strings.CutPrefix(e.Last().Use, name+".")
			if ok && e.Version > 0 && e.Last().Pipeline != "" && !s.madeByAnother(e.Last(), name, c.ID) {
				out = append(out, upgrade.State{Kernel: kernel, Version: uint32(e.Version), Digest: e.Digest})
			}
		}
	}
	return out, nil
}

// madeByAnother reports whether the run that a state comes from is known to have
// used another plugin under this name: one that was never locked here as this one.
func (s *session) madeByAnother(from state.Origin, name, id string) bool {
	store, err := runStore()
	if err != nil {
		return false
	}
	r, err := store.Get(from.Run)
	if err != nil {
		return false
	}
	for _, e := range s.launcher.Catalog.Entries() {
		if e.ID != id {
			continue
		}
		for _, p := range r.Plugins {
			if p.Name == name && !s.wasLocked(e, p.SHA256) {
				return true
			}
		}
	}
	return false
}

// wasLocked reports whether an executable is or was one of a plugin here.
func (s *session) wasLocked(e *catalog.Entry, executable string) bool {
	if e.Digest == executable {
		return true
	}
	store, scope, err := s.scopeOf(e)
	if err != nil {
		return true
	}
	_, ok := generationWith(store, scope, e.ID, executable)
	return ok
}

// contractGate runs the contract suite, and the fixtures that come with the plugin.
func (s *session) contractGate(ctx context.Context, c *upgrade.Candidate) (string, error) {
	cat, err := catalog.Open(nil, nil, nil)
	if err != nil {
		return "", err
	}
	name, err := cat.AddCandidate(c.Installation)
	if err != nil {
		return "", err
	}
	own := &session{app: s.app, launcher: s.bareLauncher(cat)}
	rep := plugintest.RunWith(ctx, own.subject(name), plugintest.Options{Fixtures: filepath.Join(c.Dir, "fixtures")})
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	var broken []string
	for _, x := range rep.Cases {
		if x.Status == plugintest.Failed {
			broken = append(broken, x.Name+": "+x.Detail)
		}
	}
	if len(broken) > 0 {
		return "", errors.New("it breaks " + count(len(broken), "rule", "rules") + " of the contract: " + strings.Join(broken, "; "))
	}
	return rep.Summary(), nil
}
