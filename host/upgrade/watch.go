// SPDX-License-Identifier: Apache-2.0

package upgrade

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/host/audit"
	"github.com/bulkhead-ml/bulkhead/registry/install"
)

// Verdict is what a run did to a probation.
type Verdict struct {
	// Plugins that are or were on probation.
	Plugins []string
	// Left are runs to go; 0 with neither Promoted nor RolledBack when nothing is on
	// probation.
	Left       int
	Promoted   bool
	RolledBack bool
	// Generation is the current one after going back.
	Generation int
	Reason     string // why it went back
}

// Watch notes one run of plugins, of which some may be on probation.
type Watch struct {
	on    *watch
	run   string
	audit func() *audit.Log
	// first is what was found at the beginning: a scope that went back because hosts
	// had died.
	first Verdict
}

// Begin notes that a run begins that uses plugins of registries, by id. It may go
// back at once, when hosts died too often with a new version: then the verdict of
// Found says so, and the plugins must be found anew.
func Begin(ctx context.Context, scope *install.Scope, runID string, ids []string, log func() *audit.Log) (*Watch, error) {
	w, err := openWatch(scope)
	if err != nil {
		return nil, err
	}
	out := &Watch{on: w, run: runID, audit: log}
	p, err := w.load()
	if err != nil || !p.watches(ids) {
		out.on = nil
		return out, err
	}
	var back *probation
	err = w.change(func(p *probation) (*probation, error) {
		if p == nil {
			return nil, nil
		}
		p.bury(alive)
		if p.spent() {
			back = p
			return p, nil
		}
		p.Open = append(p.Open, openRun{runID, os.Getpid()})
		return p, nil
	})
	if err == nil && back != nil {
		out.first, err = out.back(ctx, back)
		out.on = nil
	}
	return out, err
}

// Found is what Begin did.
func (w *Watch) Found() Verdict { return w.first }

// End notes how the run ended; faults are what counts against plugins on
// probation, each in one line.
func (w *Watch) End(ctx context.Context, faults []string) (Verdict, error) {
	if w == nil || w.on == nil {
		return Verdict{}, nil
	}
	var out Verdict
	var back *probation
	err := w.on.change(func(p *probation) (*probation, error) {
		if p == nil {
			return nil, nil
		}
		p.Open = slices.DeleteFunc(p.Open, func(o openRun) bool { return o.Run == w.run })
		p.Failures = append(p.Failures, faults...)
		out.Plugins = p.Plugins
		if p.spent() {
			back = p
			return p, nil
		}
		if p.Left--; p.Left <= 0 {
			out.Promoted = true
			return nil, nil
		}
		out.Left = p.Left
		return p, nil
	})
	switch {
	case err != nil:
	case back != nil:
		return w.back(ctx, back)
	case out.Promoted:
		w.log(audit.Switch{Lock: w.on.scope.Lock(), Why: "promoted: the runs that watched it found nothing", Changes: out.Plugins, Automatic: true})
	}
	return out, err
}

// back switches the scope to the generation before.
func (w *Watch) back(ctx context.Context, p *probation) (Verdict, error) {
	out := Verdict{Plugins: p.Plugins, RolledBack: true, Reason: p.reason()}
	generation, err := w.on.scope.Rollback(ctx, p.Before)
	if err != nil {
		return out, fmt.Errorf("%s failed on probation (%s), and the version before did not come back: %w", strings.Join(p.Plugins, ", "), out.Reason, err)
	}
	out.Generation = generation
	w.log(audit.Switch{Lock: w.on.scope.Lock(), Generation: generation, Why: "rolled back: " + out.Reason, Changes: p.Plugins, Automatic: true})
	return out, w.on.change(func(*probation) (*probation, error) { return nil, nil })
}

func (w *Watch) log(e audit.Switch) {
	if w.audit != nil {
		w.audit().Append("", e)
	}
}

// bury counts hosts that died in a run.
func (p *probation) bury(alive func(pid int) bool) {
	p.Open = slices.DeleteFunc(p.Open, func(o openRun) bool {
		dead := !alive(o.PID)
		if dead {
			p.Deaths++
		}
		return dead
	})
}

// spent reports whether more went wrong than is survived: each failure counts one,
// each death of a host half of one.
func (p *probation) spent() bool { return 2*len(p.Failures)+p.Deaths > 2*p.Budget+1 }

// reason is why it went back.
func (p *probation) reason() string {
	reasons := slices.Clone(p.Failures)
	if p.Deaths > 0 {
		reasons = append(reasons, fmt.Sprintf("%d hosts died in runs with it", p.Deaths))
	}
	return strings.Join(reasons, "; ")
}

// OnProbation is what is watched in a scope; a zero Verdict when nothing is.
func OnProbation(scope *install.Scope) (Verdict, error) {
	w, err := openWatch(scope)
	if err != nil {
		return Verdict{}, err
	}
	p, err := w.load()
	if err != nil || p == nil {
		return Verdict{}, err
	}
	return Verdict{Plugins: p.Plugins, Left: p.Left, Reason: p.reason()}, nil
}

// Promote ends a probation by hand.
func Promote(scope *install.Scope) error {
	w, err := openWatch(scope)
	if err != nil {
		return err
	}
	return w.change(func(*probation) (*probation, error) { return nil, nil })
}
