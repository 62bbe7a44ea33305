// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/bulkhead-ml/bulkhead/plugins/kernels/algorithms/internal/dense"
	"github.com/bulkhead-ml/bulkhead/plugins/kernels/algorithms/internal/estimator"
	"github.com/bulkhead-ml/bulkhead/plugins/kernels/algorithms/internal/race"
	"github.com/bulkhead-ml/bulkhead/plugins/kernels/algorithms/internal/task"
	"github.com/bulkhead-ml/bulkhead/sdk/diag"
	"github.com/bulkhead-ml/bulkhead/sdk/kernel"
	"github.com/bulkhead-ml/bulkhead/sdk/state"
	"github.com/bulkhead-ml/bulkhead/sdk/table"
	"github.com/bulkhead-ml/bulkhead/sdk/version"
)

// preparedCellsKey is the key of the schema's metadata under which data.prepare
// tells how many cells it filled with statistics of all rows.
const preparedCellsKey = "bulkhead.prepared_cells"

// learner is one call of a kernel of this plugin.
type learner struct {
	name  string
	setup *kernel.Setup
	wish  wish
	saved estimator.Saved
}

// problem is what a learner reads from its input.
type problem struct {
	x        dense.Matrix
	target   estimator.Target
	column   task.Column
	classes  task.Classes
	decision task.Decision
}

// Validate checks the schema before any data moves.
func (l *learner) Validate() error { return checkSchema(l.setup.Schema) }

// Fit cross-validates, picks, and fits on all rows, within the budget.
func (l *learner) Fit(ctx context.Context, in *kernel.Reader) (kernel.Report, error) {
	start := time.Now()
	if err := l.Validate(); err != nil {
		return nil, err
	}
	p, err := l.read(in)
	if err != nil {
		return nil, err
	}
	if err := p.check(l.wish.folds); err != nil {
		return nil, err
	}
	l.say(p.decision)
	prepared := l.warnPrepared()
	out, err := race.Run(ctx, p.x, p.target, l.wish.lineUp(p.target.Kind), race.Options{
		Folds: l.wish.folds, Budget: l.budgetLeft(start), Progress: l.progress,
	})
	if err != nil {
		return nil, raceError(err)
	}
	l.keep(out.Model, p)
	l.warnOutcome(out)
	return l.report(p, out, prepared), nil
}

func (l *learner) read(in *kernel.Reader) (problem, error) {
	var p problem
	batches, err := in.ReadAll()
	if err != nil {
		return p, err
	}
	s := l.setup.Schema
	if in.Rows() == 0 {
		return p, emptyTable()
	}
	var errX, errY error
	p.x, errX = featureMatrix(s, batches, table.Features(s))
	p.column, errY = targetColumn(s, batches, table.TargetIndex(s))
	if err := errors.Join(errX, errY); err != nil {
		return p, err
	}
	return p, p.decide(l.wish)
}

func emptyTable() error {
	return diag.Errorf("Empty table", "The input has no rows, so there is nothing to learn from. Check the source of this pipeline.")
}

// decide settles the task and encodes the target.
func (p *problem) decide(w wish) (err error) {
	if p.decision, err = task.Detect(p.column, w.task); err != nil {
		if len(w.path) == 0 { // a kernel without the setting task
			return diag.Errorf("Task that does not fit the target", "The target %q is text, and this kernel learns numbers. Use logistic, knn or auto for classes, or turn the target into numbers.", p.column.Name)
		}
		return diag.Errorf("Task that does not fit the target", "%v.", err).At(w.path...)
	}
	if w.why != "" {
		p.decision.Reason = w.why
	}
	p.target.Kind = p.decision.Kind
	if p.target.Kind == task.Regression {
		p.target.Values = p.column.Numbers
		return nil
	}
	p.classes, p.target.Codes = task.Encode(p.column)
	p.target.Classes = len(p.classes.Names)
	return nil
}

// check finds targets that cannot be learned or cross-validated.
func (p *problem) check(folds int) error {
	if p.target.Kind == task.Regression {
		return p.checkValues(folds)
	}
	return p.checkClasses(folds)
}

func (p *problem) checkValues(folds int) error {
	if p.x.Rows < folds {
		return diag.Errorf("Too few rows", "%d rows cannot fill %d folds. Give at least %d rows, or lower folds.", p.x.Rows, folds, folds).At("folds")
	}
	for _, v := range p.target.Values {
		if v != p.target.Values[0] {
			return nil
		}
	}
	return diag.Errorf("Constant target", "Every row has the value %v in the target %q, so there is nothing to learn. Check which column the source names as target.", p.target.Values[0], p.column.Name)
}

func (p *problem) checkClasses(folds int) error {
	if p.target.Classes == 1 {
		return diag.Errorf("A single class", "Every row has the value %q in the target %q, so there is nothing to tell apart. Check which column the source names as target.", p.classes.Names[0], p.column.Name)
	}
	counts := make([]int, p.target.Classes)
	for _, c := range p.target.Codes {
		counts[c]++
	}
	var small []string
	for c, n := range counts {
		if n < folds {
			small = append(small, fmt.Sprintf("%s (%d)", p.classes.Names[c], n))
		}
	}
	if len(small) > 0 {
		return diag.Errorf("Too few rows in a class", "Each class needs at least one row in each of %d folds, and %d classes of %q have fewer: %s. Give more rows, merge or remove these classes, lower folds, or set task to regression if the target is a quantity.", folds, len(small), p.column.Name, list(small)).At("folds")
	}
	return nil
}

// say tells which task was chosen, and warns when that was a close call.
func (l *learner) say(d task.Decision) {
	l.setup.Diagnose(diag.Infof("Task: "+string(d.Kind), "%s.", d.Reason))
	if d.Warning != "" {
		l.setup.Diagnose(diag.Warningf("Ambiguous task", "%s", d.Warning))
	}
}

// warnPrepared warns when cells were filled with statistics of all rows before
// the folds were cut, and returns their number.
func (l *learner) warnPrepared() int {
	md := l.setup.Schema.Metadata()
	text, ok := md.GetValue(preparedCellsKey)
	n, err := strconv.Atoi(text)
	if !ok || err != nil || n <= 0 {
		return 0
	}
	l.setup.Diagnose(diag.Warningf("Scores may be slightly optimistic", "%d cells were filled before this kernel with statistics of all rows, held-out rows included. The fewer cells are filled, the less it matters.", n))
	return n
}

func (l *learner) warnOutcome(out *race.Outcome) {
	for _, e := range out.Leaderboard {
		if e.Status != race.OK {
			l.setup.Diagnose(diag.Warningf("A model is out of the race", "%s: %s (%s).", e.Name, e.Status, e.Reason))
		}
	}
	for _, n := range append(out.Winner.Notes, out.Model.Notes()...) {
		l.setup.Diagnose(diag.Warningf("Note on the model", "%s: %s.", out.Winner.Name, n))
	}
	if len(out.Leaderboard) > 1 && !out.Beaten {
		l.setup.Diagnose(diag.Warningf("Nothing is significantly better than the baseline", "%s", out.Verdict))
	}
}

// budget is what the host grants, or what the settings limit; 0 for none.
func (l *learner) budget() time.Duration {
	if l.setup.Budget > 0 {
		return l.setup.Budget
	}
	return l.wish.limit
}

// budgetLeft is the budget less the time spent reading.
func (l *learner) budgetLeft(start time.Time) time.Duration {
	if l.budget() <= 0 {
		return 0
	}
	return max(l.budget()-time.Since(start), time.Nanosecond)
}

func (l *learner) progress(done, total int, name string) {
	l.setup.Progress(float64(done)/float64(total), fmt.Sprintf("%s: %d of %d fits", name, done, total))
}

func raceError(err error) error {
	if errors.Is(err, race.ErrNoWinner) {
		return diag.Errorf("No model could be fitted", "%v. Raise the budget, or repair what the reasons name.", err)
	}
	return err
}

// keep remembers the model with the names around it.
func (l *learner) keep(m *estimator.Model, p problem) {
	s := l.setup.Schema
	l.saved = estimator.Saved{Model: m, Target: p.column.Name, Type: typeName(s.Field(table.TargetIndex(s)).Type), Classes: p.classes}
	for _, i := range table.Features(s) {
		l.saved.Features = append(l.saved.Features, s.Field(i).Name)
	}
}

func typeName(t arrow.DataType) string {
	if t.ID() == arrow.STRING {
		return "utf8"
	}
	return t.Name()
}

// Save returns the model.
func (l *learner) Save() ([]byte, error) {
	return estimator.Encode(l.saved, state.Header{
		Kernel: "algorithms." + l.name, Plugin: version.Version, Input: state.Columns(l.setup.Schema), Seed: l.setup.Seed,
	})
}

// Load reads a model that Save wrote.
func (l *learner) Load(data []byte) (err error) {
	l.saved, err = estimator.Decode(data)
	return err
}
