// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/bulkhead-ml/bulkhead/host/catalog"
	"github.com/bulkhead-ml/bulkhead/host/dataplane"
	"github.com/bulkhead-ml/bulkhead/host/doctor"
	"github.com/bulkhead-ml/bulkhead/host/plugin"
	"github.com/bulkhead-ml/bulkhead/host/report"
	"github.com/bulkhead-ml/bulkhead/host/target"
	"github.com/bulkhead-ml/bulkhead/host/upgrade"
	"github.com/bulkhead-ml/bulkhead/registry/install"
)

// canary watches the plugins of registries that are on probation, for one run. It
// is safe for concurrent use.
type canary struct {
	watches []watching
	// timed: the user said how long plugins may take, so that a deadline says nothing
	// about them.
	timed bool

	mu     sync.Mutex
	faults []blamed
}

// watching is the watch over one lock file.
type watching struct {
	scope string // path of the lock file
	ids   []string
	watch *upgrade.Watch
}

// blamed is a fault of an entry of the catalog.
type blamed struct {
	entry *catalog.Entry
	text  string
}

// maxFaults bounds what is remembered of one run.
const maxFaults = 100

// fault takes what a launcher tells of a plugin.
func (c *canary) fault(e *catalog.Entry, err error) {
	if e.ID == "" || c.timed && late(err) {
		return
	}
	text := err.Error()
	if d, ok := errors.AsType[*plugin.Death](err); ok {
		text = d.Error()
	}
	c.blame(e, text)
}

// late reports whether a plugin took too long and did nothing else.
func late(err error) bool {
	d, dead := errors.AsType[*plugin.Death](err)
	h, said := errors.AsType[*plugin.HandshakeError](err)
	return dead && d.Cause == plugin.Deadline || said && h.Problem == plugin.Silent || timedOut(err)
}

func (c *canary) blame(e *catalog.Entry, text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.faults) < maxFaults {
		c.faults = append(c.faults, blamed{e, report.CleanLine(text)})
	}
}

// kernelCrashed begins the outcome of a call in which a kernel panicked, or raised
// what nobody caught: the SDKs answer so in its stead, and the process lives on.
const kernelCrashed = "refused: The kernel crashed:"

// called takes a call of a kernel that ended. One that broke the protocol, or
// crashed in the SDK's care, leaves no death behind.
func (s *session) called(r dataplane.Record) {
	e, ok := s.launcher.Catalog.Entry(r.Plugin)
	if !ok || e.ID == "" {
		return
	}
	if why, broken := strings.CutPrefix(r.Outcome, "broken:"); broken {
		s.canary.blame(e, fmt.Sprintf("plugin %q broke the kernel protocol: %s", e.Name, strings.TrimSpace(why)))
	}
	if why, crashed := strings.CutPrefix(r.Outcome, kernelCrashed); crashed {
		why, _, _ = strings.Cut(strings.TrimSpace(why), "\n")
		s.canary.blame(e, fmt.Sprintf("plugin %q crashed in %s of %s: %s", e.Name, r.Method, r.Kernel, why))
	}
}

// openWatched is openWith for commands that use plugins in earnest: they watch the
// new versions that are on probation. When that goes back to an earlier version,
// the session has that.
func (a *app) openWatched(ctx context.Context, paths []string, machine *target.Machine, instead map[string]catalog.Installation) (*session, error) {
	s, err := a.openWith(ctx, paths, machine, instead)
	if err != nil {
		return nil, err
	}
	said, back := s.watch(ctx, instead)
	if back {
		s.close()
		if s, err = a.openWith(ctx, paths, machine, instead); err != nil {
			return nil, err
		}
		s.watch(ctx, instead) // of what is still on probation
	}
	s.notes = append(s.notes, said...)
	return s, nil
}

// watch begins to watch, and says which versions were taken back, if any.
func (s *session) watch(ctx context.Context, instead map[string]catalog.Installation) (said []report.Diagnostic, back bool) {
	s.canary.timed = s.timed()
	byScope, scopes := map[string][]string{}, map[string]*install.Scope{}
	for _, e := range s.launcher.Catalog.Entries() {
		if _, other := instead[e.ID]; e.ID == "" || other {
			continue
		}
		_, scope, err := s.scopeOf(e)
		if err != nil {
			continue // the catalog has said so
		}
		scopes[scope.Lock()], byScope[scope.Lock()] = scope, append(byScope[scope.Lock()], e.ID)
	}
	for name, ids := range byScope {
		w, err := upgrade.Begin(ctx, scopes[name], newRunID(), ids, s.auditLog)
		said = append(said, s.judged(w.Found(), err)...)
		back = back || slices.ContainsFunc(w.Found(), func(v upgrade.Verdict) bool { return v.RolledBack })
		s.canary.watches = append(s.canary.watches, watching{name, ids, w})
	}
	return said, back
}

// probationOf is how a plugin is watched; nil when it is not, or when that cannot
// be found out.
func (s *session) probationOf(e *catalog.Entry) *probation {
	if e.ID == "" {
		return nil
	}
	_, scope, err := s.scopeOf(e)
	if err != nil {
		return nil
	}
	list, err := probations(scope)
	if err != nil {
		s.app.warn("%v", err)
	}
	for _, p := range list {
		if slices.Contains(p.Plugins, e.ID) {
			return &p
		}
	}
	return nil
}

// timed reports whether the user bounds the time of plugins.
func (s *session) timed() bool {
	if s.callTimeout() > 0 {
		return true
	}
	if s.cfg == nil {
		return false
	}
	for _, p := range s.cfg.Plugins {
		if p.Timeout > 0 {
			return true
		}
	}
	for _, p := range s.cfg.Pipelines {
		for _, k := range p.Kernels {
			if k.Timeout > 0 || k.Budget > 0 {
				return true
			}
		}
	}
	return false
}

// judged turns verdicts into diagnostics. Going back is told on standard error,
// too, whatever becomes of the report.
func (s *session) judged(verdicts []upgrade.Verdict, err error) (out []report.Diagnostic) {
	if err != nil {
		d := report.Diagnostic{Severity: report.Warning, Summary: "New versions are not watched", Detail: err.Error()}
		s.app.warn("%s: %s", d.Summary, d.Detail)
		out = append(out, d)
	}
	for _, v := range verdicts {
		switch {
		case v.Promoted:
			s.app.log.Info("a new version stays", "changes", strings.Join(v.Changes, ", "))
		case v.RolledBack && v.Generation > 0:
			d := report.Diagnostic{Severity: report.Warning, Plugin: v.Plugins[0], Summary: strings.Join(v.Plugins, ", ") + " failed on probation and was taken back",
				Detail: fmt.Sprintf("%s. Back: %s, as generation %d of %s. See `bulkhead plugin generations` and `bulkhead audit list`; `bulkhead plugin upgrade` tries a newer version.",
					strings.TrimSuffix(v.Reason, "."), strings.Join(v.Changes, ", "), v.Generation, v.Lock)}
			s.app.warn("%s: %s", d.Summary, d.Detail)
			out = append(out, d)
		}
	}
	return out
}

// endWatch tells how the run ended, once: what used plugins and whether all went
// well. A run that was interrupted, or ran out of its time, says nothing.
func (s *session) endWatch(ctx context.Context, used []string, ok bool) (out []report.Diagnostic) {
	watches := s.canary.watches
	s.canary.watches = nil
	for _, w := range watches {
		if ctx.Err() != nil {
			if err := w.watch.Abandon(); err != nil {
				s.app.log.Debug("leaving a probation", "error", err)
			}
			continue
		}
		verdicts, err := w.watch.End(context.WithoutCancel(ctx), upgrade.Ended{Used: s.idsOf(w, used), OK: ok, Faults: s.faultsOf(w)})
		out = append(out, s.judged(verdicts, err)...)
	}
	return out
}

// leaveWatch ends the watch of a command that did not come to its end.
func (s *session) leaveWatch(ctx context.Context) { s.endWatch(ctx, nil, false) }

// idsOf are the plugins of a scope among some names of the catalog.
func (s *session) idsOf(w watching, names []string) (out []string) {
	for _, name := range names {
		if e, ok := s.launcher.Catalog.Entry(name); ok && s.belongs(e, w) {
			out = append(out, e.ID)
		}
	}
	return out
}

func (s *session) faultsOf(w watching) (out []upgrade.Fault) {
	s.canary.mu.Lock()
	defer s.canary.mu.Unlock()
	for _, f := range s.canary.faults {
		if s.belongs(f.entry, w) {
			out = append(out, upgrade.Fault{Plugin: f.entry.ID, Text: f.text})
		}
	}
	return out
}

// belongs reports whether a plugin is watched by the lock file that it comes from.
func (s *session) belongs(e *catalog.Entry, w watching) bool {
	if e.ID == "" || !slices.Contains(w.ids, e.ID) {
		return false
	}
	_, scope, err := s.scopeOf(e)
	return err == nil && scope.Lock() == w.scope
}

// conclude tells how a run ended that came to a report.
func (w *work) conclude(ctx context.Context, rep *report.Run) {
	var used []string
	for name, took := range w.worked {
		if took > 0 {
			used = append(used, name)
		}
	}
	for _, p := range rep.Plugins { // of the preflight
		used = append(used, p.Name)
	}
	w.session.notes = append(w.session.notes, w.session.endWatch(ctx, used, rep.Status == report.RunOK)...)
}

// concludeDoctor tells how a diagnosis ended. A plugin that gave no answer is at
// fault, whatever it died of.
func (s *session) concludeDoctor(ctx context.Context, rep report.Doctor) []report.Diagnostic {
	var used []string
	for _, p := range rep.Plugins {
		used = append(used, p.Name)
	}
	for _, f := range rep.Findings {
		if e, ok := s.launcher.Catalog.Entry(f.Plugin); ok && e.ID != "" && f.Code == doctor.CheckFailed {
			s.canary.blame(e, fmt.Sprintf("plugin %q crashed in check %s", e.Name, f.Subject))
		}
	}
	blamed := s.blamed()
	for _, d := range rep.Diagnostics[min(len(s.notes), len(rep.Diagnostics)):] { // the notes are no faults of plugins
		e, ok := s.launcher.Catalog.Entry(d.Plugin)
		if ok && e.ID != "" && d.Severity == report.Error && !s.canary.timed && !blamed[e.ID] {
			s.canary.blame(e, d.Summary+": "+d.Detail)
		}
	}
	return s.endWatch(ctx, used, !incomplete(rep.Diagnostics))
}

// blamed are the plugins of which a fault is known already.
func (s *session) blamed() map[string]bool {
	s.canary.mu.Lock()
	defer s.canary.mu.Unlock()
	out := map[string]bool{}
	for _, f := range s.canary.faults {
		out[f.entry.ID] = true
	}
	return out
}
