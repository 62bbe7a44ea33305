// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/bulkhead-ml/bulkhead/host/dataplane"
	"github.com/bulkhead-ml/bulkhead/host/pipeline/edge"
)

// TestRunsEndWhereverTheyAreCancelled ends random runs at random moments, over
// the real SDK too: soon, with a status for every node, and nothing
// is left behind, neither a goroutine nor a file.
func TestRunsEndWhereverTheyAreCancelled(t *testing.T) {
	for name, k := range map[string]Kernels{"lab": &lab{}, "messages": newPlane(t, false), "shared memory": newPlane(t, true)} {
		t.Run(name, func(t *testing.T) {
			before := runtime.NumGoroutine()
			for seed := range uint64(40) {
				r := rand.New(rand.NewPCG(seed, 11))
				cancelled(t, k, r)
			}
			settled(t, before+10)
		})
	}
}

func cancelled(t *testing.T, k Kernels, r *rand.Rand) {
	t.Helper()
	dir, out := t.TempDir(), t.TempDir()
	nodes := onPlane(randomPipeline(t, r, 2000))
	nodes = append(nodes, sinkNode("sink", "rows", filepath.Join(out, "out.csv")))
	o := Options{Parallel: 1 + r.IntN(3), NoFusion: r.IntN(2) == 0, EdgeRows: 1 + r.Int64N(300), MaxTableBytes: 1 + r.Int64N(20000), TempDir: dir}
	plan, problems := MakePlan(context.Background(), Pipeline{Nodes: nodes, Batch: edge.Limits{Rows: 100}}, k, o)
	if plan == nil {
		t.Fatal(problems)
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	var at time.Time
	timer := time.AfterFunc(time.Duration(r.Int64N(int64(20*time.Millisecond))), func() { at = time.Now(); cancel(errTest) })
	result, err := Run(ctx, plan, k, Events{}, o)
	if !timer.Stop() {
		<-ctx.Done()
		if took := time.Since(at); took > slow*time.Second {
			t.Errorf("the run ended after %s", took)
		}
	}
	if err != nil && (!errors.Is(err, errTest) || result.Status != Cancelled) {
		t.Errorf("status %s, error %v", result.Status, err)
	}
	for _, n := range result.Nodes {
		if n.Status == "" || n.Status == Failed || err == nil && n.Status != OK {
			t.Errorf("%s is %q: %s", n.Name, n.Status, n.Reason)
		}
	}
	result.Close()
	left, _ := os.ReadDir(dir)
	written, _ := os.ReadDir(out)
	if len(left) > 0 || (len(written) == 1) != (err == nil) {
		t.Errorf("%v and %v are left behind, error %v", left, written, err)
	}
}

// waiting holds back the end of a transform until a reader of its table was
// called.
type waiting struct {
	*lab
	called chan struct{}
}

func (w waiting) Open(context.Context, string) (dataplane.Kernel, error) { return w, nil }

func (w waiting) Transform(ctx context.Context, open dataplane.Open, state []byte, in dataplane.Batches, out dataplane.Output) (*dataplane.Outcome, error) {
	if open.Node == "b" {
		return w.lab.Transform(ctx, open, state, in, out)
	}
	return w.lab.Transform(ctx, open, state, func(yield func(arrow.RecordBatch, error) bool) {
		for batch, err := range in {
			if !yield(batch, err) {
				return
			}
		}
		select {
		case <-w.called:
		case <-time.After(time.Minute):
			yield(nil, errTest)
		}
	}, out)
}

func (w waiting) Fit(ctx context.Context, open dataplane.Open, in dataplane.Batches, p func(dataplane.Progress)) ([]byte, *dataplane.Outcome, error) {
	once := false
	return w.lab.Fit(ctx, open, func(yield func(arrow.RecordBatch, error) bool) {
		for batch, err := range in {
			if !once {
				once = true
				close(w.called)
			}
			if !yield(batch, err) {
				return
			}
		}
	}, p)
}

// TestKeptTablesAreReadWhileTheyAreWritten: a fit begins before the transform
// that it waits for has ended, when there is room for it; one with a budget does
// not.
func TestKeptTablesAreReadWhileTheyAreWritten(t *testing.T) {
	nodes := []Node{labRowsNode(t, 1000), labNode("a", "add", "rows", labConfig{}), labNode("m", "learn", "a", labConfig{}), labNode("b", "add", "a", labConfig{})}
	k := waiting{&lab{}, make(chan struct{})}
	plan := mustPlan(t, k, nodes...)
	plan.batch = edge.Limits{Rows: 100}
	result, err := Run(context.Background(), plan, k, Events{}, Options{Parallel: 2})
	if err != nil {
		t.Fatal(err)
	}
	result.Close()
	if a, m := result.Node("a"), result.Node("m"); !m.StartedAt.Before(a.StartedAt.Add(a.Wall)) || m.RowsIn != 1000 {
		t.Errorf("m started at %s, a at %s for %s", m.StartedAt, a.StartedAt, a.Wall)
	}
	nodes[2].Budget = time.Minute
	result, err = labRun(t, &lab{}, Options{Parallel: 2}, nodes...)
	if a, m := result.Node("a"), result.Node("m"); err != nil || m.StartedAt.Before(a.StartedAt.Add(a.Wall)) {
		t.Errorf("m started at %s, a at %s for %s, error %v", m.StartedAt, a.StartedAt, a.Wall, err)
	}
}

// TestReasonsOfTheCaller are in words, also when it gave none.
func TestReasonsOfTheCaller(t *testing.T) {
	for want, end := range map[string]func(context.Context) (context.Context, context.CancelFunc){
		"the time of the run was up": func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, time.Millisecond)
		},
		"the run was cancelled": func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(ctx)
			time.AfterFunc(time.Millisecond, cancel)
			return ctx, cancel
		},
		errTest.Error(): func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancelCause(ctx)
			time.AfterFunc(time.Millisecond, func() { cancel(errTest) })
			return ctx, func() { cancel(nil) }
		},
	} {
		l := &lab{}
		plan := mustPlan(t, l, labRowsNode(t, 10), labNode("hung", "add", "rows", labConfig{Fail: "hang"}))
		ctx, cancel := end(t.Context())
		result, err := Run(ctx, plan, l, Events{}, Options{})
		cancel()
		if n := result.Node("hung"); err == nil || n.Status != Cancelled || n.Reason != want || result.Reason != want {
			t.Errorf("%s: %q, %q, error %v", want, n.Reason, result.Reason, err)
		}
		result.Close()
	}
}
