// SPDX-License-Identifier: Apache-2.0

// Package race compares models on the same folds within a time budget.
//
// Every entrant is scored on the same unshuffled folds; only entrants that
// finished all folds are ranked. The primary score is accuracy for a
// classification (ties: lower log-loss) and R2 for a regression (ties: lower
// RMSE), averaged over folds; entrants still tied keep the order of the
// line-up. The leaderboard names every entrant with its status and, unless it
// is ok, the reason.
//
// The winner is compared with the runner-up and with the baseline by a
// corrected resampled t test (see validation.CorrectedT); "no significant
// difference" and "nothing beats the baseline" are ordinary answers.
//
// Results depend on the data alone, not on the number of processors: work is
// shared out by (entrant, fold) and gathered by position. Only the budget can
// change an outcome, and then the leaderboard says so. The baseline costs next
// to nothing and runs outside the budget, so a race that has one has a winner.
package race

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sort"
	"time"

	"github.com/bulkhead-ml/bulkhead/plugins/kernels/algorithms/internal/dense"
	"github.com/bulkhead-ml/bulkhead/plugins/kernels/algorithms/internal/estimator"
	"github.com/bulkhead-ml/bulkhead/plugins/kernels/algorithms/internal/task"
	"github.com/bulkhead-ml/bulkhead/plugins/kernels/algorithms/internal/validation"
)

// Status of an entrant.
type Status string

// The statuses. A timeout began but did not finish; a skipped entrant never
// began.
const (
	OK      Status = "ok"
	Failed  Status = "failed"
	Timeout Status = "timeout"
	Skipped Status = "skipped"
)

// Options of a race.
type Options struct {
	Folds   int           // default 5
	Budget  time.Duration // 0 means none; four fifths go to the folds, the rest to the final fit
	Workers int           // default GOMAXPROCS
	// Progress is told after each of total fits, from any goroutine; may be nil.
	Progress func(done, total int, name string)
}

func (o Options) progress(done, total int, name string) {
	if o.Progress != nil {
		o.Progress(done, total, name)
	}
}

// Entry is one line of the leaderboard.
type Entry struct {
	Rank           int                `json:"rank"` // 1 is best; 0 when not ranked
	Name           string             `json:"name"`
	Kind           estimator.Kind     `json:"kind"`
	Status         Status             `json:"status"`
	Reason         string             `json:"reason,omitempty"`
	Notes          []string           `json:"notes,omitempty"`
	ScoreMean      *float64           `json:"score_mean"` // null unless ok
	ScoreSD        *float64           `json:"score_sd"`   // over folds, ddof 1
	FoldScores     []float64          `json:"fold_scores,omitempty"`
	FoldsDone      int                `json:"folds_done"`
	Metrics        map[string]float64 `json:"metrics,omitempty"`
	FitSeconds     float64            `json:"fit_seconds"`     // summed over folds
	PredictSeconds float64            `json:"predict_seconds"` // summed over folds
}

// Outcome of a race.
type Outcome struct {
	Metric      string // primary score: accuracy or r2
	TieBreak    string // log_loss or rmse
	Folds       int
	Leaderboard []Entry // ranked entries first, the others in line-up order
	Winner      Entry
	Comparisons []Comparison
	Verdict     string
	Beaten      bool             // the winner is significantly better than the baseline
	Model       *estimator.Model // fitted on all rows, unless a note of Winner says otherwise
}

// ErrNoWinner is wrapped when not one entrant finished.
var ErrNoWinner = errors.New("no model could be fitted")

// Run races the line-up on x and t and refits the winner on all rows. The
// parent context ends the race without a result; the budget ends it with the
// best so far.
func Run(ctx context.Context, x dense.Matrix, t estimator.Target, lineUp []estimator.Spec, opt Options) (*Outcome, error) {
	opt = opt.withDefaults()
	folds, err := makeFolds(t, x.Rows, opt.Folds)
	if err != nil {
		return nil, err
	}
	start := time.Now()
	trials := compete(ctx, field{x, t, folds, ctx}, lineUp, opt)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	out := &Outcome{Folds: opt.Folds}
	out.Metric, out.TieBreak = names(t.Kind)
	out.Leaderboard = rank(trials, t, folds)
	if err := out.crown(ctx, x, t, trials, remaining(opt.Budget, start)); err != nil {
		return nil, err
	}
	order(out.Leaderboard, t.Kind)
	out.Winner.Rank = 1
	return out, out.judge(lineUp, folds.Sizes())
}

func (o Options) withDefaults() Options {
	if o.Folds == 0 {
		o.Folds = 5
	}
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	return o
}

func names(k task.Kind) (metric, tieBreak string) {
	if k == task.Classification {
		return "accuracy", "log_loss"
	}
	return "r2", "rmse"
}

func makeFolds(t estimator.Target, rows, k int) (*validation.Folds, error) {
	if t.Kind == task.Classification {
		return validation.Stratified(t.Codes, t.Classes, k)
	}
	return validation.Contiguous(rows, k)
}

// remaining leaves the final fit at least a tenth of a second, because a result
// a moment late is worth more than none in time.
func remaining(budget time.Duration, start time.Time) time.Duration {
	if budget == 0 {
		return 0
	}
	return max(budget-time.Since(start), 100*time.Millisecond)
}

// rank turns trials into leaderboard entries, best first.
func rank(trials []*trial, t estimator.Target, folds *validation.Folds) []Entry {
	entries := make([]Entry, len(trials))
	for i, tr := range trials {
		entries[i] = tr.entry(t, folds)
	}
	order(entries, t.Kind)
	return entries
}

// order sorts and numbers entries; those without a score keep their places at
// the end.
func order(entries []Entry, k task.Kind) {
	_, tieBreak := names(k)
	sort.SliceStable(entries, func(a, b int) bool { return better(entries[a], entries[b], tieBreak) })
	for i := range entries {
		entries[i].Rank = 0
		if entries[i].Status == OK {
			entries[i].Rank = i + 1
		}
	}
}

func better(a, b Entry, tieBreak string) bool {
	if a.Status != OK || b.Status != OK {
		return a.Status == OK && b.Status != OK
	}
	if *a.ScoreMean != *b.ScoreMean {
		return *a.ScoreMean > *b.ScoreMean
	}
	return a.Metrics[tieBreak] < b.Metrics[tieBreak]
}

// crown refits the best entrant on all rows. When the budget ends during that
// fit, the model of the first fold stands in, with a note: it exists already.
// An entrant whose final fit fails for another reason loses its rank and the
// next one is tried.
func (o *Outcome) crown(ctx context.Context, x dense.Matrix, t estimator.Target, trials []*trial, left time.Duration) error {
	limited, cancel := bounded(ctx, left)
	defer cancel()
	for i := range o.Leaderboard {
		e := &o.Leaderboard[i]
		if e.Status != OK {
			continue
		}
		tr := trialOf(trials, e.Name)
		within := limited
		if tr.spec.Kind == estimator.Dummy {
			within = ctx
		}
		model, err := guardedFit(within, tr.spec, x, t)
		if statusOf(err) == Timeout && tr.first != nil {
			model, err = tr.first, nil
			e.Notes = append(e.Notes, "the budget ended during the final fit: the model was fitted without the rows of the first fold")
		}
		if err == nil {
			o.Model, o.Winner = model, *e
			return nil
		}
		e.Status, e.Reason = statusOf(err), "the final fit on all rows: "+err.Error()
	}
	return fmt.Errorf("%w: %s", ErrNoWinner, reasons(o.Leaderboard))
}

func bounded(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	if d <= 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, d)
}

func trialOf(trials []*trial, name string) *trial {
	for _, tr := range trials {
		if tr.spec.Name == name {
			return tr
		}
	}
	return nil
}

func reasons(entries []Entry) string {
	text := ""
	for _, e := range entries {
		text += fmt.Sprintf("%s %s (%s); ", e.Name, e.Status, e.Reason)
	}
	if text == "" {
		return "the line-up is empty"
	}
	return text[:len(text)-2]
}
