// SPDX-License-Identifier: Apache-2.0

package race

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bulkhead-ml/bulkhead/plugins/kernels/algorithms/internal/dense"
	"github.com/bulkhead-ml/bulkhead/plugins/kernels/algorithms/internal/estimator"
	"github.com/bulkhead-ml/bulkhead/plugins/kernels/algorithms/internal/task"
	"github.com/bulkhead-ml/bulkhead/plugins/kernels/algorithms/internal/validation"
)

// trial gathers the folds of one entrant. Slots are written by position, each
// by one worker.
type trial struct {
	spec  estimator.Spec
	folds []foldResult
	first *estimator.Model // the model of fold 0
}

type foldResult struct {
	began   bool
	err     error
	notes   []string
	pred    estimator.Prediction
	fit     time.Duration
	predict time.Duration
}

// job is one fold of one entrant.
type job struct {
	trial *trial
	fold  int
}

// field is the data that all jobs share.
type field struct {
	x      dense.Matrix
	t      estimator.Target
	folds  *validation.Folds
	parent context.Context // without the budget: for the baseline, which always finishes
}

// compete runs all jobs, entrant by entrant so that early entrants are complete
// when the budget ends.
func compete(ctx context.Context, f field, lineUp []estimator.Spec, opt Options) []*trial {
	ctx, cancel := bounded(ctx, share(opt.Budget))
	defer cancel()
	trials := make([]*trial, len(lineUp))
	jobs := make(chan job, len(lineUp)*f.folds.K)
	for i, s := range lineUp {
		trials[i] = &trial{spec: s, folds: make([]foldResult, f.folds.K)}
		for k := range f.folds.K {
			jobs <- job{trials[i], k}
		}
	}
	close(jobs)
	var done atomic.Int64
	var wg sync.WaitGroup
	for range min(opt.Workers, cap(jobs)) {
		wg.Go(func() {
			for j := range jobs {
				j.run(ctx, f)
				opt.progress(int(done.Add(1)), cap(jobs), j.trial.spec.Name)
			}
		})
	}
	wg.Wait()
	return trials
}

// share is the part of a budget that the folds may use.
func share(budget time.Duration) time.Duration {
	if budget <= 0 {
		return 0
	}
	return max(budget/5*4, time.Nanosecond)
}

// run fits and predicts one fold. Rows are copied for each job, so that no more
// than one copy for each worker is alive.
func (j job) run(ctx context.Context, f field) {
	if j.trial.spec.Kind == estimator.Dummy {
		ctx = f.parent
	}
	r := &j.trial.folds[j.fold]
	if r.err = ctx.Err(); r.err != nil {
		return
	}
	r.began = true
	train, test := f.folds.Split(j.fold)
	start := time.Now()
	model, err := guardedFit(ctx, j.trial.spec, f.x.Take(train), f.t.Take(train))
	r.fit = time.Since(start)
	if err != nil {
		r.err = err
		return
	}
	r.notes = model.Notes()
	if j.fold == 0 {
		j.trial.first = model
	}
	start = time.Now()
	r.pred, r.err = guardedPredict(ctx, model, f.x.Take(test))
	r.predict = time.Since(start)
	if r.err == nil {
		r.err = finite(r.pred)
	}
}

// guardedFit turns a panic of a numerical routine into a failed entrant.
func guardedFit(ctx context.Context, s estimator.Spec, x dense.Matrix, t estimator.Target) (m *estimator.Model, err error) {
	defer rescue(&err)
	return s.Fit(ctx, x, t)
}

func guardedPredict(ctx context.Context, m *estimator.Model, x dense.Matrix) (p estimator.Prediction, err error) {
	defer rescue(&err)
	return m.Predict(ctx, x)
}

// finite refuses predictions that overflowed: they cannot be scored.
func finite(p estimator.Prediction) error {
	for _, v := range slices.Concat(p.Values, p.Proba.Data) {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return errors.New("the predictions are not finite: the columns or the target are too large in magnitude, scale them first")
		}
	}
	return nil
}

func rescue(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("numerical routine gave up: %v", r)
	}
}

func statusOf(err error) Status {
	switch {
	case err == nil:
		return OK
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return Timeout
	default:
		return Failed
	}
}

// entry scores a trial.
func (tr *trial) entry(t estimator.Target, folds *validation.Folds) Entry {
	e := Entry{Name: tr.spec.Name, Kind: tr.spec.Kind, Status: OK}
	began := false
	for f, r := range tr.folds {
		began = began || r.began
		e.FitSeconds += r.fit.Seconds()
		e.PredictSeconds += r.predict.Seconds()
		if r.err == nil {
			e.FoldsDone++
		} else if e.Status == OK || e.Status == Timeout && statusOf(r.err) == Failed {
			e.Status, e.Reason = statusOf(r.err), fmt.Sprintf("fold %d: %v", f+1, r.err)
		}
		e.addNotes(f, r.notes)
	}
	switch {
	case e.Status == OK:
		tr.score(&e, t, folds)
	case e.Status == Timeout && !began:
		e.Status, e.Reason = Skipped, "the budget was spent before its turn"
	case e.Status == Timeout:
		e.Reason = fmt.Sprintf("the budget ended with %d of %d folds done", e.FoldsDone, len(tr.folds))
	}
	return e
}

func (e *Entry) addNotes(fold int, notes []string) {
	for _, n := range notes {
		e.Notes = append(e.Notes, fmt.Sprintf("fold %d: %s", fold+1, n))
	}
}

// score fills in fold scores, their mean and spread, and the metrics. Accuracy,
// R2 and RMSE are means over folds; F1, log-loss, ROC AUC and MAE are computed
// once over the out-of-fold predictions of all rows, since they are unstable on
// small folds.
func (tr *trial) score(e *Entry, t estimator.Target, folds *validation.Folds) {
	if t.Kind == task.Classification {
		tr.scoreClasses(e, t, folds)
	} else {
		tr.scoreValues(e, t, folds)
	}
	mean, sd := validation.MeanSD(e.FoldScores)
	e.ScoreMean, e.ScoreSD = &mean, &sd
	if t.Kind == task.Classification {
		e.Metrics["accuracy"] = mean
	} else {
		e.Metrics["r2"] = mean
	}
}

func (tr *trial) scoreClasses(e *Entry, t estimator.Target, folds *validation.Folds) {
	proba, codes := dense.New(len(t.Codes), t.Classes), make([]int, len(t.Codes))
	for f, r := range tr.folds {
		_, test := folds.Split(f)
		want := make([]int, len(test))
		for i, row := range test {
			copy(proba.Row(row), r.pred.Proba.Row(i))
			codes[row], want[i] = r.pred.Codes[i], t.Codes[row]
		}
		e.FoldScores = append(e.FoldScores, validation.Accuracy(want, r.pred.Codes))
	}
	e.Metrics = map[string]float64{
		"f1_macro": validation.F1Macro(t.Codes, codes, t.Classes),
		"log_loss": validation.LogLoss(t.Codes, proba),
		"roc_auc":  validation.ROCAUC(t.Codes, proba, t.Classes),
	}
}

func (tr *trial) scoreValues(e *Entry, t estimator.Target, folds *validation.Folds) {
	var rmse []float64
	all := make([]float64, len(t.Values))
	for f, r := range tr.folds {
		_, test := folds.Split(f)
		want := make([]float64, len(test))
		for i, row := range test {
			want[i], all[row] = t.Values[row], r.pred.Values[i]
		}
		e.FoldScores = append(e.FoldScores, validation.R2(want, r.pred.Values))
		rmse = append(rmse, validation.RMSE(want, r.pred.Values))
	}
	mean, _ := validation.MeanSD(rmse)
	e.Metrics = map[string]float64{"rmse": mean, "mae": validation.MAE(t.Values, all)}
}
