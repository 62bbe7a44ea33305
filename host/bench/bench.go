// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"time"

	"github.com/bulkhead-ml/bulkhead/host/probe"
)

// Benchmark measures one thing.
type Benchmark struct {
	// Name as results and users write it.
	Name string
	// Unit of a sample.
	Unit string
	// Lower says that less is better, as of times.
	Lower bool
	// Title says what is measured.
	Title string

	// prepare makes what the rounds need. Its round returns one sample; close,
	// when not nil, clears away.
	prepare func(ctx context.Context, o *Options) (round func(context.Context) (float64, error), closer func(), err error)
}

// Options of a run.
type Options struct {
	// Rounds of each benchmark, 10 when 0.
	Rounds int
	// Budget ends the rounds of one benchmark early, but not before three; 10
	// seconds when 0.
	Budget time.Duration
	// Dir is where the disk is measured; the directory for temporary files when
	// empty.
	Dir string
	// Probe says how code of an environment is run; see Environment.
	Probe probe.Options
	// Progress is told before each benchmark.
	Progress func(done, total int, title string)
}

// minRounds are done whatever the budget says: fewer have no interval.
const minRounds = 3

// Result of one benchmark.
type Result struct {
	Name  string `json:"name"`
	Unit  string `json:"unit"`
	Lower bool   `json:"lower_is_better"`
	Estimate
	Samples []float64 `json:"samples"`
	// Skipped says why there is no result.
	Skipped string `json:"skipped,omitempty"`
}

// ErrSkip is what a reason is that lies in the machine: what a benchmark measures
// is not there.
var ErrSkip = errors.New("skipped")

// Run measures all, one after the other: two at a time would measure each other.
// A benchmark that fails is skipped with its reason; the error is that of ctx.
func Run(ctx context.Context, all []Benchmark, o Options) ([]Result, error) {
	var out []Result
	for i, b := range all {
		if ctx.Err() != nil {
			return out, context.Cause(ctx)
		}
		if o.Progress != nil {
			o.Progress(i, len(all), b.Title)
		}
		out = append(out, b.measure(ctx, &o))
	}
	if ctx.Err() != nil { // the last one was cut off
		return out, context.Cause(ctx)
	}
	return out, nil
}

func (b Benchmark) measure(ctx context.Context, o *Options) Result {
	r := Result{Name: b.Name, Unit: b.Unit, Lower: b.Lower, Samples: []float64{}}
	round, closer, err := b.prepare(ctx, o)
	if closer != nil {
		defer closer()
	}
	if err == nil {
		r.Samples, err = rounds(ctx, round, o)
	}
	if err != nil {
		r.Skipped, r.Samples = strings.TrimPrefix(err.Error(), ErrSkip.Error()+": "), []float64{}
		return r
	}
	r.Estimate = Estimated(r.Samples)
	return r
}

// errEnough ends the rounds early: there are no more samples.
var errEnough = errors.New("no more samples")

func (o *Options) rounds() int { return cmp.Or(o.Rounds, 10) }

func (o *Options) budget() time.Duration { return cmp.Or(o.Budget, 10*time.Second) }

// rounds takes the samples after one warm-up.
func rounds(ctx context.Context, round func(context.Context) (float64, error), o *Options) ([]float64, error) {
	var out []float64
	begin := time.Now()
	for i := range o.rounds() + 1 {
		if len(out) >= minRounds && (ctx.Err() != nil || time.Since(begin) > o.budget()) {
			break
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		sample, err := round(ctx)
		if errors.Is(err, errEnough) && len(out) >= minRounds {
			break
		}
		if err != nil {
			return nil, err
		}
		if i > 0 {
			out = append(out, sample)
		}
	}
	return out, nil
}
