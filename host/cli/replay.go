// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/host/runs"
	"github.com/bulkhead-ml/bulkhead/host/upgrade"
)

// Outcomes of a replay.
const (
	sameOutcome    = "same"    // to the bit
	differsOutcome = "differs" // and the versions are both right, as far as anybody knows
	skippedOutcome = "skipped" // it says nothing about the new version
	failedOutcome  = "failed"  // with the new version, and not with the old one
)

// replayed is one recorded run that was repeated with a new version.
type replayed struct {
	Run      string `json:"run"`
	Pipeline string `json:"pipeline"`
	Plugin   string `json:"plugin"` // "acme/scaler"
	Old      string `json:"old"`    // versions
	New      string `json:"new"`
	Outcome  string `json:"outcome"`
	// Reason of one that was skipped or failed.
	Reason string `json:"reason,omitempty"`
	// Nodes that came out differently, Metrics with the old value and the new one,
	// and Tables row by row, where both could be had. Unsteady are those of the nodes
	// that differ from run to run with the old version, too, so that nothing follows
	// from them.
	Nodes    []string       `json:"nodes,omitempty"`
	Unsteady []string       `json:"unsteady,omitempty"`
	Metrics  []metricChange `json:"metrics,omitempty"`
	Tables   []tableChange  `json:"tables,omitempty"`
}

// metricChange is a metric that differs; a value is empty where there is none.
type metricChange struct {
	Node string `json:"node"`
	Name string `json:"name"`
	Old  string `json:"old"`
	New  string `json:"new"`
}

// replays collects what the gates of several plugins find.
type replays struct{ list []replayed }

// replayGate repeats the latest runs that used a plugin in its locked version with
// the new one. Differences are told and refuse nothing; a run that fails with the
// new version only does.
func (s *session) replayGate(ctx context.Context, c *upgrade.Candidate, g gateFlags, ofUser bool, all *replays) (string, error) {
	found, err := s.recordedWith(c, g.replay, ofUser)
	if err != nil {
		return "", err
	}
	if len(found) == 0 {
		return "no recorded run used " + c.ID + " " + c.From, nil
	}
	limited, cancel := context.WithTimeoutCause(ctx, g.replayTime, fmt.Errorf("the time for replays, %s, was over", g.replayTime))
	defer cancel()
	var bad []string
	counts := map[string]int{}
	for _, r := range found {
		one := s.replay(limited, c, r)
		if ctx.Err() != nil {
			return "", context.Cause(ctx)
		}
		all.list = append(all.list, one)
		counts[one.Outcome]++
		if one.Outcome == failedOutcome {
			bad = append(bad, fmt.Sprintf("run %s of pipeline %s works with %s and not with %s: %s", r.Short(), r.Pipeline, c.From, c.To, one.Reason))
		}
	}
	if len(bad) > 0 {
		return "", errors.New(strings.Join(bad, "; "))
	}
	return replaySum(counts), nil
}

// replaySum is "2 runs repeated: 1 same, 1 differs".
func replaySum(counts map[string]int) string {
	var parts []string
	total := 0
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%d %s", counts[name], name))
		total += counts[name]
	}
	return fmt.Sprintf("%s: %s", count(total, "recorded run", "recorded runs"), strings.Join(parts, ", "))
}

// recordedWith lists the latest runs that went well and used a plugin in the
// version that is locked: those of this project, or of any for a plugin of the
// user.
func (s *session) recordedWith(c *upgrade.Candidate, most int, ofUser bool) (out []*runs.Record, err error) {
	store, err := runStore()
	if err != nil || !ofUser && s.cfg == nil || c.Before.Executable == "" {
		return nil, err
	}
	list, err := store.List(runs.Filter{Status: runs.OK})
	if err != nil {
		s.app.log.Warn("some runs cannot be read, and are not repeated", "error", err)
	}
	for _, r := range list {
		used := slices.ContainsFunc(r.Plugins, func(p runs.Plugin) bool { return p.SHA256 == c.Before.Executable })
		if len(out) == most || !used || r.RerunOf != "" || !ofUser && !s.ofProject(r) {
			continue
		}
		full, err := store.Get(r.ID) // a list has no nodes
		if err != nil {
			s.app.log.Warn("a run cannot be read, and is not repeated", "run", r.ID, "error", err)
			continue
		}
		out = append(out, full)
	}
	return out, nil
}

// ofProject reports whether a run was one of this configuration.
func (s *session) ofProject(r *runs.Record) bool {
	for _, name := range s.cfg.Files {
		full, err := filepath.Abs(name)
		if err == nil && slices.ContainsFunc(r.Files, func(f runs.File) bool { return f.Path == full }) {
			return true
		}
	}
	return false
}

// replay repeats one run with the new version, and with the old one where that is
// needed to judge.
func (s *session) replay(ctx context.Context, c *upgrade.Candidate, old *runs.Record) replayed {
	out := replayed{Run: old.ID, Pipeline: old.Pipeline, Plugin: c.ID, Old: c.From, New: c.To, Outcome: skippedOutcome}
	dir, remove, err := replayDir(spillDir())
	if err != nil {
		out.Reason = err.Error()
		return out
	}
	defer remove()
	p := &replay{session: s, candidate: c, old: old, dir: dir, out: &out}
	if p.resolved, err = repeatable(old); err == nil {
		err = p.run(ctx)
	}
	if ctx.Err() != nil {
		out.Outcome, err = skippedOutcome, context.Cause(ctx)
	}
	if err != nil {
		out.Reason = err.Error()
	}
	return out
}

// replay is one run that is being repeated.
type replay struct {
	session   *session
	candidate *upgrade.Candidate
	old       *runs.Record
	resolved  resolvedRun
	dir       string // for records and tables, removed in the end
	out       *replayed
}

// run fills in what came out; an error is a reason to skip the run, unless the
// outcome says otherwise.
func (p *replay) run(ctx context.Context) error {
	now, err := p.repeat(ctx, "first", true, "")
	if err != nil || now.Status != runs.OK {
		return p.judgeFailure(ctx, now, err)
	}
	before, after := comparableRuns(p.old, now)
	compared, err := runs.Compare(before, after)
	if err != nil {
		return err
	}
	for _, ch := range compared.Changes {
		if ch.Area == runs.AreaSource {
			return fmt.Errorf("its input changed since: the %s of %s is another", ch.Field, ch.Subject)
		}
	}
	if p.results(compared); len(p.out.Nodes)+len(p.out.Metrics) == 0 {
		p.out.Outcome = sameOutcome
		return nil
	}
	p.out.Outcome = differsOutcome
	return p.tables(ctx)
}

// unsteady finds nodes that the old version does not repeat.
func (p *replay) unsteady(again *runs.Record) error {
	before, after := comparableRuns(p.old, again)
	compared, err := runs.Compare(before, after)
	if err != nil {
		return err
	}
	for _, ch := range compared.Changes {
		if ch.Area == runs.AreaResult && slices.Contains(p.out.Nodes, ch.Subject) && !slices.Contains(p.out.Unsteady, ch.Subject) {
			p.out.Unsteady = append(p.out.Unsteady, ch.Subject)
		}
	}
	return nil
}

// results takes over what differs.
func (p *replay) results(c *runs.Comparison) {
	for _, ch := range c.Changes {
		switch {
		case ch.Area == runs.AreaMetric && len(ch.Values) == 2:
			p.out.Metrics = append(p.out.Metrics, metricChange{ch.Subject, ch.Field, ch.Values[0], ch.Values[1]})
		case ch.Area == runs.AreaResult && !slices.Contains(p.out.Nodes, ch.Subject):
			p.out.Nodes = append(p.out.Nodes, ch.Subject)
		}
	}
}

// judgeFailure finds out whether a repetition failed because of the new version:
// the same with the old one must go well.
func (p *replay) judgeFailure(ctx context.Context, now *runs.Record, failure error) error {
	reason := whyFailed(now, failure)
	again, err := p.repeat(ctx, "control", false, "")
	if err != nil || again.Status != runs.OK {
		return fmt.Errorf("it cannot be repeated with %s either: %s", p.candidate.From, whyFailed(again, err))
	}
	p.out.Outcome = failedOutcome
	return errors.New(reason)
}

// whyFailed is why a repetition did not go well.
func whyFailed(r *runs.Record, err error) string {
	if err != nil {
		return err.Error()
	}
	var reasons []string
	for _, n := range r.Nodes {
		if n.Status == runs.Failed {
			reasons = append(reasons, n.Name+": "+firstOf(n.Reason, n.Errors))
		}
	}
	if len(reasons) == 0 {
		return fmt.Sprintf("it ended as %s: %s", r.Status, r.Reason)
	}
	return strings.Join(reasons, "; ")
}

func firstOf(reason string, others []string) string {
	if reason == "" && len(others) > 0 {
		return others[0]
	}
	return reason
}

// repeat runs it with the new version or with the old one, with its tables saved
// in a directory unless that is empty. Nothing of it is left elsewhere: no record,
// no states, no sinks, nothing in the cache.
func (p *replay) repeat(ctx context.Context, name string, withNew bool, save string) (*runs.Record, error) {
	old := *p.old
	instead := p.session.earlier(p.old)
	if withNew {
		instead[p.candidate.ID] = p.candidate.Installation
		old.Plugins = p.exchanged()
	}
	quiet := p.session.app.quietly(p.old, p.resolved)
	quiet.stderr = io.Discard
	s, err := quiet.openWith(ctx, configOf(p.old), nil, instead)
	if err != nil {
		return nil, err
	}
	defer s.close()
	records := filepath.Join(p.dir, name)
	w, err := s.perform(ctx, &old, p.resolved, runFlags{save: save}, repetition{records: records})
	if _, broke := errors.AsType[*failure](err); broke {
		return nil, err
	}
	return runs.Open(records, runs.Options{}).Get(w.runID)
}

// exchanged are the plugins of the run with the new version of this one.
func (p *replay) exchanged() []runs.Plugin {
	out := slices.Clone(p.old.Plugins)
	for i := range out {
		if out[i].SHA256 == p.candidate.Before.Executable {
			out[i].Version, out[i].SHA256 = p.candidate.To, p.candidate.Installation.Executable
		}
	}
	return out
}

// tables compares the tables of the nodes that came out differently, row by row.
func (p *replay) tables(ctx context.Context) error {
	before, after := filepath.Join(p.dir, "old"), filepath.Join(p.dir, "new")
	for _, one := range []struct {
		dir     string
		withNew bool
	}{{before, false}, {after, true}} {
		now, err := p.repeat(ctx, filepath.Base(one.dir)+"-record", one.withNew, one.dir)
		if err != nil || now.Status != runs.OK {
			return fmt.Errorf("the tables could not be compared: %s", whyFailed(now, err))
		}
		if !one.withNew {
			if err := p.unsteady(now); err != nil {
				return err
			}
		}
	}
	for _, node := range p.out.Nodes {
		change, err := compareTables(node, before, after)
		switch {
		case errors.Is(err, os.ErrNotExist): // the node has no table
		case err != nil:
			return fmt.Errorf("the tables could not be compared: %w", err)
		default:
			p.out.Tables = append(p.out.Tables, change)
		}
	}
	return nil
}
