// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bulkhead-ml/bulkhead/host/catalog"
	"github.com/bulkhead-ml/bulkhead/host/config"
	"github.com/bulkhead-ml/bulkhead/host/installer"
	"github.com/bulkhead-ml/bulkhead/host/report"
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
	budget       int
	states       int
	loseStates   bool
}

func (g *gateFlags) register(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.BoolVar(&g.skipContract, "skip-contract", false, "do not run the contract suite over new versions")
	fl.IntVar(&g.replay, "replay", 1, "repeat this `number` of recorded runs with the old and the new version, and compare")
	fl.DurationVar(&g.replayTime, "replay-timeout", 10*time.Minute, "leave out what --replay has not done in this `time`, for each plugin")
	fl.IntVar(&g.canary, "canary", 5, "let this `number` of runs watch an upgraded plugin before it stays; 0 is none")
	fl.IntVar(&g.budget, "canary-budget", 0, "let this `number` of those runs fail before the old version comes back")
	fl.IntVar(&g.states, "states", 16, "load this `number` of the newest kept states with a new version")
	fl.BoolVar(&g.loseStates, "lose-states", false, "upgrade although states of the old version do not load in the new one")
}

// maxCanary bounds the runs that watch a new version.
const maxCanary = 1000

func (g *gateFlags) check() error {
	if g.replay > 0 && g.replayTime <= 0 {
		return misuse("--replay-timeout %s leaves no time; --replay 0 repeats no runs", g.replayTime)
	}
	if g.replay < 0 || g.states < 0 || g.canary < 0 || g.canary > maxCanary {
		return misuse("--replay and --states take a number from 0 on, --canary one from 0 to %d", maxCanary)
	}
	if g.budget < 0 || g.budget > 0 && g.budget >= g.canary {
		return misuse("--canary-budget %d: give a number below that of --canary, which is %d; a canary all of whose runs may fail finds nothing out", g.budget, g.canary)
	}
	return nil
}

// carryOut makes a change that was planned and consented to.
func (a *app) carryOut(ctx context.Context, s *session, c *change, i *installer.Installer, plan *installer.Plan, out installPlan) error {
	replays := &replays{}
	m := &upgrade.Machine{
		Installer: i, Gates: s.gates(ctx, c, replays), Events: c.steps.event, Audit: s.auditLog, Canary: c.gates.canary, Budget: c.gates.budget,
		States: c.gates.states, LoseStates: c.gates.loseStates, By: c.by(), Edits: c.edits,
	}
	done, err := m.Run(ctx, plan, c.why)
	c.steps.done()
	for _, e := range done.Events {
		out.Steps = append(out.Steps, installStep{string(e.Step), e.Plugin, string(e.Status), e.Detail})
	}
	out.Replays = append(out.Replays, replays.list...)
	if err != nil {
		return a.gateClosed(c, err, out)
	}
	out.Done, out.Generation, out.Canary, out.CanaryBudget = true, done.Generation, done.Canary, done.Budget
	return c.steps.result(out)
}

// by is who consents, for the audit log.
func (c *change) by() string {
	if c.consent.policy != "" {
		return "policy " + c.consent.policy
	}
	return "user"
}

// gateClosed is the failure of a change, with how far it came and what replays found.
func (a *app) gateClosed(c *change, err error, out installPlan) error {
	gate, ok := errors.AsType[*upgrade.GateError](err)
	if !ok {
		return refused(err)
	}
	c.steps.plan = &out
	if a.json() && !c.events {
		return a.closedJSON(refused(err), out)
	}
	if gate.Step == upgrade.Replay && !c.events {
		for _, r := range out.Replays {
			r.write(a.stderr, a.textOptions(a.stderr))
		}
	}
	return refused(err)
}

// closedPlan is what --json prints of a change that did not pass: the plan, the steps
// and the replays, beside all that it prints of any other failure.
type closedPlan struct {
	installPlan
	Tool     report.Tool      `json:"tool"`
	Error    report.ErrorInfo `json:"error"`
	ExitCode int              `json:"exit_code"`
}

// WriteJSON writes both as one JSON document.
func (p closedPlan) WriteJSON(w io.Writer) error { return writeJSON(w, p) }

func (a *app) closedJSON(err error, out installPlan) error {
	f, ok := errors.AsType[*failure](err)
	if !ok {
		return err
	}
	rep := a.failureReport(f)
	if rep.Error.Diagnostics == nil {
		rep.Error.Diagnostics = []report.Diagnostic{}
	}
	if err := a.result(closedPlan{out, rep.Tool, rep.Error, rep.ExitCode}); err != nil {
		return err
	}
	return exit(f.code)
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
			return s.replayGate(ctx, x, c.gates, c.ofUser, replays)
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

// namesOf are the names of a plugin of a registry: those in the configuration, and
// the one that it has for the user.
func (s *session) namesOf(id string) (out []string) {
	for _, p := range registryPlugins(s.cfg) {
		if p.ID == id {
			out = append(out, p.Name)
		}
	}
	for _, e := range s.launcher.Catalog.Entries() {
		if e.ID == id && !slices.Contains(out, e.Name) {
			out = append(out, e.Name)
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
