// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/bulkhead-ml/bulkhead/host/dataplane"
	"github.com/bulkhead-ml/bulkhead/sdk/diag"
	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

// lab is a data plane without processes: kernels whose every habit, good or
// bad, a test can set. They work on the first column, an int64.
type lab struct {
	running, most, calls atomic.Int64
	fits, transforms     atomic.Int64
	// deaths is how many transforms still die in the middle.
	deaths atomic.Int64
	undone []string
}

// labConfig are the settings of every lab kernel.
type labConfig struct {
	N      int64
	Silent bool   // Validate does not tell the schema
	Trace  bool   // tells origins
	Token  string // for Undo
	Fail   string // what it does wrong
}

func (l *lab) Open(_ context.Context, plugin string) (dataplane.Kernel, error) {
	if plugin == "absent" {
		return nil, fmt.Errorf("plugin %q is not installed", plugin)
	}
	return l, nil
}

// labNode makes a node of a lab kernel.
func labNode(name, kernelName, input string, c labConfig) Node {
	config, err := json.Marshal(c)
	if err != nil {
		panic(err)
	}
	_, rowWise := labRows[kernelName]
	d := &pluginv1.KernelDescription{Name: kernelName, Transforms: kernelName != "learn", Fits: kernelName == "sum" || kernelName == "learn", RowWise: rowWise, Undoes: c.Token != ""}
	return Node{Name: name, Kind: KindKernel, Use: Use{"lab", kernelName}, Description: d, Inputs: []string{input}, Config: config}
}

// labRows are the row-wise kernels: the new value, and whether the row stays.
var labRows = map[string]func(x, n int64) (int64, bool){
	"add":  func(x, n int64) (int64, bool) { return x + n, true },
	"mul":  func(x, n int64) (int64, bool) { return x * n, true },
	"sift": func(x, n int64) (int64, bool) { return x, uint64(x)*2654435761>>7%uint64(n+2) != 0 },
}

func (l *lab) Validate(_ context.Context, open dataplane.Open) (*dataplane.Verdict, error) {
	c := configOf(open.Config)
	v := &dataplane.Verdict{}
	if c.Fail == "refuse" {
		v.Diagnostics = refusal()
	}
	if !c.Silent {
		v.Output, v.Estimate = open.Schema, &dataplane.Estimate{SecondsPerRow: 0.5, Seconds: 1, BytesPerRow: 8}
	}
	if c.Fail == "lie" {
		v.Output = arrow.NewSchema([]arrow.Field{{Name: "other", Type: arrow.BinaryTypes.String, Nullable: true}}, nil)
	}
	return v, nil
}

func refusal() []*diag.Diagnostic {
	return []*diag.Diagnostic{diag.Errorf("Refused", "It does not like the settings.").At("N")}
}

func configOf(config []byte) (c labConfig) {
	if err := json.Unmarshal(config, &c); err != nil {
		panic(err)
	}
	return c
}

func (l *lab) enter() func() {
	l.calls.Add(1)
	now := l.running.Add(1)
	for most := l.most.Load(); now > most && !l.most.CompareAndSwap(most, now); most = l.most.Load() {
	}
	return func() { l.running.Add(-1) }
}

// Fit learns the sum of the first column.
func (l *lab) Fit(ctx context.Context, open dataplane.Open, in dataplane.Batches, onProgress func(dataplane.Progress)) ([]byte, *dataplane.Outcome, error) {
	defer l.enter()()
	l.fits.Add(1)
	if configOf(open.Config).Fail == "hang" {
		<-ctx.Done()
		return nil, nil, context.Cause(ctx)
	}
	var sum int64
	o := &dataplane.Outcome{}
	for batch, err := range in {
		if err != nil {
			return nil, nil, err
		}
		for _, x := range batch.Column(0).(*array.Int64).Int64Values() {
			sum += x
		}
		o.Metrics.RowsIn += batch.NumRows()
		onProgress(dataplane.Progress{Fraction: -1, Message: "summing"})
	}
	o.Report = fmt.Appendf(nil, `{"sum":%d}`, sum)
	return strconv.AppendInt(nil, sum, 10), o, nil
}

// Undo notes what it takes back.
func (l *lab) Undo(_ context.Context, open dataplane.Open, token []byte) ([]*diag.Diagnostic, error) {
	l.undone = append(l.undone, string(token))
	if configOf(open.Config).Fail == "no undo" {
		return []*diag.Diagnostic{diag.Errorf("Still deployed", "The server does not answer.")}, nil
	}
	return nil, nil
}

func (l *lab) Transform(ctx context.Context, open dataplane.Open, state []byte, in dataplane.Batches, out dataplane.Output) (*dataplane.Outcome, error) {
	defer l.enter()()
	l.transforms.Add(1)
	c := &labCall{lab: l, open: open, config: configOf(open.Config), out: out, outcome: &dataplane.Outcome{Report: []byte(`{}`)}}
	if len(state) > 0 {
		c.state, _ = strconv.ParseInt(string(state), 10, 64)
	}
	for _, s := range open.Then {
		c.stages = append(c.stages, labStage{labRows[s.Kernel], configOf(s.Config).N})
		c.outcome.Then = append(c.outcome.Then, &dataplane.Outcome{Report: []byte(`{}`)})
	}
	if err := c.run(ctx, in); err != nil {
		return nil, err
	}
	if c.config.Token != "" {
		c.outcome.UndoToken = []byte(c.config.Token)
	}
	return c.outcome, nil
}

// labRowsNode is a source of rows numbered from 0.
func labRowsNode(t testing.TB, rows int) Node {
	t.Helper()
	return csvSource(t, "rows", rows)
}

// labRun plans and runs nodes, and fails the test after some minutes: no run waits
// for itself.
func labRun(t testing.TB, l *lab, o Options, nodes ...Node) (*Result, error) {
	t.Helper()
	return labRunOf(t, l, o, Pipeline{Name: "p", Nodes: nodes, Plugins: map[string]Plugin{"lab": {Digest: "sha256:1"}}})
}

func labRunOf(t testing.TB, l *lab, o Options, p Pipeline) (*Result, error) {
	t.Helper()
	plan, problems := MakePlan(context.Background(), p, l, o)
	if plan == nil {
		t.Fatalf("no plan: %v", problems)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	result, err := Run(ctx, plan, l, Events{}, o)
	if ctx.Err() != nil {
		t.Fatal("the run waits for itself")
	}
	t.Cleanup(result.Close)
	return result, err
}

// numbersOf reads the first column of a table.
func numbersOf(t testing.TB, table Table) []int64 {
	t.Helper()
	if table == nil {
		t.Fatal("no table was kept")
	}
	var out []int64
	for batch, err := range table.Batches(context.Background()) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, batch.Column(0).(*array.Int64).Int64Values()...)
	}
	return out
}

// afterMinutes ends a run that waits for itself.
func afterMinutes(cancel context.CancelCauseFunc) (stop func()) {
	timer := time.AfterFunc(5*time.Minute, func() { cancel(errors.New("the run waits for itself")) })
	return func() { timer.Stop() }
}
