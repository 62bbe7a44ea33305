// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/bulkhead-ml/bulkhead/host/pipeline"
	"github.com/bulkhead-ml/bulkhead/host/report"
	"github.com/bulkhead-ml/bulkhead/host/runs"
	"github.com/bulkhead-ml/bulkhead/host/target"
)

// undoLimit bounds one call that takes something back.
const undoLimit = 30 * time.Second

// effects keeps what nodes do outside in the record of the run; nil without one.
func (r *recorder) effects() pipeline.Effects {
	if r == nil {
		return nil
	}
	return recordedEffects{r.run}
}

// recordedEffects are those of one run.
type recordedEffects struct{ run *runs.Run }

// Did notes an effect.
func (r recordedEffects) Did(e pipeline.Effect) error {
	call, err := json.Marshal(e)
	if err != nil {
		return err
	}
	return r.run.Did(runs.Effect{Node: e.Node, Rollback: e.Rollback, Call: call})
}

// Compensates notes that all are taken back.
func (r recordedEffects) Compensates() error { return r.run.Compensates() }

// TookBack notes what became of one.
func (r recordedEffects) TookBack(node string, p *pipeline.Problem) error {
	return r.run.TookBack(node, problemText(p))
}

// Stay notes that they stay.
func (r recordedEffects) Stay() error { return r.run.Stays() }

// problemText is empty for none.
func problemText(p *pipeline.Problem) string {
	if p == nil {
		return ""
	}
	return p.Error()
}

func (a *app) runsUndoCmd() *cobra.Command {
	return &cobra.Command{
		Use: "undo RUN", Short: "Take back what a run did outside of its outputs",
		Long: "Undo takes back the side effects of kernels, the last one first, of a run whose\n" +
			"host died before the run came to its end, and those that could not be taken back\n" +
			"when the run failed. It starts the plugins of that run, in the versions of then.\n" +
			"The next `bulkhead run` of the same pipeline does so by itself after a host died.\n\n" +
			"Exit code: 0 nothing is left, 2 something could not be taken back.",
		Example: "  bulkhead runs undo 5f3c9a1e",
		Args:    exactly(1, "one run, by its id or the beginning of it"),
		RunE:    func(cmd *cobra.Command, args []string) error { return a.runsUndo(cmd.Context(), args[0]) },
	}
}

func (a *app) runsUndo(ctx context.Context, ref string) error {
	ctx, cancel := a.deadline(ctx)
	defer cancel()
	a.finishCommits() // a run whose files are in place owes nothing
	store, err := runStore()
	if err != nil {
		return err
	}
	u, err := store.Undo(ref)
	if err != nil {
		return runError(err)
	}
	defer func() { _ = u.Close() }() // it only unlocks
	doc := undoResult{SchemaVersion: report.SchemaVersion, Run: u.Record.ID, Undone: []report.Undone{}}
	if len(u.Record.Owed) > 0 {
		s, err := a.openToUndo(ctx, u.Record)
		if err != nil {
			return err
		}
		defer s.close()
		doc.Undone = s.takeBack(ctx, u, nil)
	}
	if err := a.result(doc); err != nil {
		return err
	}
	if slices.ContainsFunc(doc.Undone, func(d report.Undone) bool { return d.Problem != "" }) {
		return exit(ExitErrors)
	}
	return nil
}

// openToUndo opens a session with the plugins of a run, which see what they were
// granted.
func (a *app) openToUndo(ctx context.Context, old *runs.Record) (*session, error) {
	machine, err := target.This("", nil)
	if err != nil {
		return nil, failed("The machine cannot be examined", err)
	}
	s, _, err := a.openAsOf(ctx, old, machine)
	return s, err
}

// takeBack takes back what a run owes, the last thing first. Settings that are secret
// are taken from the nodes given.
func (s *session) takeBack(ctx context.Context, u *runs.Undoing, nodes []pipeline.Node) (done []report.Undone) {
	w := &work{session: s, runID: u.Record.ID}
	kernels := w.kernels()
	for _, owed := range u.Record.Owed {
		one := report.Undone{Node: owed.Node}
		if err := s.takeBackOne(ctx, kernels, u.Record, owed, nodes); err != nil {
			one.Problem = err.Error()
		}
		if err := u.TookBack(owed.Node, one.Problem); err != nil {
			s.app.warn("it is not recorded that %s was taken back: %v", owed.Node, err)
		}
		done = append(done, one)
	}
	return done
}

func (s *session) takeBackOne(ctx context.Context, kernels pipeline.Kernels, r *runs.Record, owed runs.Effect, nodes []pipeline.Node) error {
	var e pipeline.Effect
	if err := json.Unmarshal(owed.Call, &e); err != nil {
		return fmt.Errorf("what was kept of it is damaged: %w", err)
	}
	plugin := slices.DeleteFunc(slices.Clone(r.Plugins), func(p runs.Plugin) bool { return p.Name != e.Plugin })
	if err := s.samePlugins(&runs.Record{Plugins: plugin}); err != nil {
		return errors.Unwrap(err)
	}
	config, err := settingsOfThen(r, e, nodes)
	if err != nil {
		return err
	}
	if p := e.TakeBack(ctx, kernels, config, undoLimit); p != nil {
		return p
	}
	return nil
}

// settingsOfThen are the settings of a node as the record has them, or where they are
// secret as the node has them now.
func settingsOfThen(r *runs.Record, e pipeline.Effect, nodes []pipeline.Node) (json.RawMessage, error) {
	n := r.Node(e.Node)
	switch {
	case n == nil:
		return nil, errors.New("the record of the run is damaged: it does not have the node")
	case !bytes.Contains(n.Config, []byte(`"(sensitive)"`)):
		return n.Config, nil
	}
	for _, now := range nodes {
		if now.Name == e.Node && now.Use.Plugin == e.Plugin && now.Use.Kernel == e.Kernel {
			return now.Config, nil
		}
	}
	return nil, errors.New("one of its settings is secret, and records hold no secrets: run the pipeline from its configuration, which takes it back first")
}

// takeBackEarlier takes back what runs of the same pipeline owe whose host died,
// before this one does anything: its kernels must not find half of what those did.
func (w *work) takeBackEarlier(ctx context.Context) {
	store, err := runStore()
	if err != nil || w.recordsIn != "" || w.rerunOf != "" {
		return // nothing is recorded, or this run is a repetition, which does nothing outside
	}
	earlier, err := store.List(runs.Filter{Pipeline: w.pipeline.Name, Status: runs.Interrupted, Effects: true})
	if err != nil {
		w.unreadable(err)
	}
	for _, r := range earlier {
		if sameFiles(r.Files, w.configFiles()) {
			w.takeBackRun(ctx, store, r.ID)
		}
	}
}

// sameFiles reports whether two configurations were read from the same file.
func sameFiles(a, b []runs.File) bool {
	return len(a) > 0 && len(b) > 0 && a[0].Path == b[0].Path
}

// takeBackRun takes back what one run owes, unless it was tried before.
func (w *work) takeBackRun(ctx context.Context, store *runs.Store, id string) {
	u, err := store.Undo(id)
	if _, busy := errors.AsType[*runs.RunningError](err); busy {
		return // somebody else is at it
	}
	if err != nil {
		w.unreadable(err)
		return
	}
	defer func() { _ = u.Close() }() // it only unlocks
	u.Record.Owed = slices.DeleteFunc(u.Record.Owed, func(e runs.Effect) bool { return e.Problem != "" })
	for _, done := range w.session.takeBack(ctx, u, w.pipeline.Nodes) {
		d := report.Diagnostic{Severity: report.Warning, Summary: "Side effect of an earlier run taken back",
			Detail: fmt.Sprintf("The host of run %s died. What %s did outside of the pipeline is taken back.", u.Record.Short(), done.Node)}
		if done.Problem != "" {
			d = report.Diagnostic{Severity: report.Warning, Summary: "Side effect of an earlier run that is still there",
				Detail: fmt.Sprintf("The host of run %s died, and what %s did could not be taken back: %s. `bulkhead runs undo %s` tries again.", u.Record.Short(), done.Node, done.Problem, u.Record.Short())}
		}
		w.session.notes = append(w.session.notes, d)
	}
}

// unreadable tells that what an earlier run did outside may be there still.
func (w *work) unreadable(err error) {
	w.session.notes = append(w.session.notes, report.Diagnostic{Severity: report.Warning, Summary: "What an earlier run did outside cannot be read",
		Detail: fmt.Sprintf("%v. It was not taken back; `bulkhead runs list` shows the runs, and `bulkhead runs remove RUN` forgets one.", err)})
}

// undoResult is what `bulkhead runs undo` prints.
type undoResult struct {
	SchemaVersion string `json:"schema_version"`
	Run           string `json:"run"`
	// Undone are the effects, in the order in which that was tried.
	Undone []report.Undone `json:"undone"`
}

// WriteJSON writes the result as one JSON document.
func (u undoResult) WriteJSON(w io.Writer) error { return writeJSON(w, u) }

// WriteText writes a line for each effect.
func (u undoResult) WriteText(w io.Writer, opt report.Options) error {
	if len(u.Undone) == 0 {
		say(w, opt, "run %s: there is nothing to take back", u.Run[:8])
	}
	for _, d := range u.Undone {
		if d.Problem != "" {
			say(w, opt, "%s: could not be taken back: %s", d.Node, d.Problem)
			continue
		}
		say(w, opt, "%s: taken back", d.Node)
	}
	return nil
}
