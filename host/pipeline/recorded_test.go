// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bulkhead-ml/bulkhead/host/dataplane"
)

// ledgerOf plans and runs nodes and returns the records of all calls.
func ledgerOf(t *testing.T, k Kernels, nodes ...Node) []dataplane.Record {
	t.Helper()
	var mu sync.Mutex
	var out []dataplane.Record
	kernels := Recorded(k, func(r dataplane.Record) {
		mu.Lock()
		defer mu.Unlock()
		out = append(out, r)
	})
	plan, problems := MakePlan(context.Background(), Pipeline{Name: "p", Nodes: nodes}, kernels, Options{})
	if plan == nil {
		if !HasErrors(problems) {
			t.Fatal("no plan and no error")
		}
		return out
	}
	result, _ := Run(context.Background(), plan, kernels, Events{}, Options{Backoff: time.Millisecond}) // the records tell
	result.Close()
	return out
}

// said is what was called and how it went, with the text of an outcome left out.
func said(records []dataplane.Record) (out []string) {
	for _, r := range records {
		kind, _, _ := strings.Cut(r.Outcome, ":")
		out = append(out, fmt.Sprintf("%s/%s.%s.%s %d %d %s", r.Node, r.Plugin, r.Kernel, r.Method, r.RowsIn, r.RowsOut, kind))
	}
	return out
}

// inOrder sorts records by node and call: kernels that stream run at the same
// time.
func inOrder(records []dataplane.Record) {
	slices.SortFunc(records, func(a, b dataplane.Record) int { return strings.Compare(a.Node+a.Method, b.Node+b.Method) })
}

func TestARunLeavesARecordOfEveryCall(t *testing.T) {
	records := ledgerOf(t, newFleet(t), rowsNode(t, 4), step("scaled", "scale", "rows"), step("dropped", "drop", "scaled"))
	want := []string{
		"dropped/test.drop.Transform 4 3 ok", "dropped/test.drop.Validate 0 0 ok",
		"scaled/test.scale.Fit 4 0 ok", "scaled/test.scale.Transform 4 4 ok", "scaled/test.scale.Validate 0 0 ok",
	}
	inOrder(records)
	if got := said(records); !slices.Equal(got, want) {
		t.Fatalf("records %q, want %q", got, want)
	}
	// The digests say where the rows of each call came from.
	drop, fit, transform := records[0], records[2], records[3]
	if fit.InputDigest != transform.InputDigest || transform.OutputDigest != drop.InputDigest || fit.OutputDigest != dataplane.DigestBytes([]byte("3.5")) {
		t.Errorf("fit %+v\ntransform %+v\ndrop %+v", fit, transform, drop)
	}
}

// forgetful makes every call hash its own rows.
type forgetful struct{ Kernels }

func (f forgetful) Open(ctx context.Context, plugin string) (dataplane.Kernel, error) {
	k, err := f.Kernels.Open(ctx, plugin)
	return forgetfulKernel{k}, err
}

type forgetfulKernel struct{ dataplane.Kernel }

func (f forgetfulKernel) Fit(ctx context.Context, o dataplane.Open, in dataplane.Batches, p func(dataplane.Progress)) ([]byte, *dataplane.Outcome, error) {
	o.Input = nil
	return f.Kernel.Fit(ctx, o, in, p)
}

func (f forgetfulKernel) Transform(ctx context.Context, o dataplane.Open, state []byte, in dataplane.Batches, out dataplane.Output) (*dataplane.Outcome, error) {
	o.Input, o.Output = nil, nil
	return f.Kernel.Transform(ctx, o, state, in, out)
}

// TestSharedDigestsAreThoseOfTheRows: tables that are hashed once have the
// digests that they have when every call hashes them.
func TestSharedDigestsAreThoseOfTheRows(t *testing.T) {
	nodes := []Node{rowsNode(t, 70_000), step("scaled", "scale", "rows"), step("dropped", "drop", "scaled"), step("scored", "score", "dropped")}
	once, always := ledgerOf(t, newFleet(t), nodes...), ledgerOf(t, forgetful{newFleet(t)}, nodes...)
	if len(once) != len(always) || len(once) != 7 {
		t.Fatalf("%d and %d records", len(once), len(always))
	}
	inOrder(once)
	inOrder(always)
	for i, r := range once {
		if want := always[i]; r.Account != want.Account || r.Method != "Validate" && r.InputDigest == "" {
			t.Errorf("%s of %s: %+v, want %+v", r.Method, r.Node, r.Account, want.Account)
		}
	}
}

// inputs notes the shared inputs of all calls.
type inputs struct {
	Kernels
	mu   sync.Mutex
	seen map[string]*dataplane.Shared // by node and call
}

func (i *inputs) Open(ctx context.Context, plugin string) (dataplane.Kernel, error) {
	k, err := i.Kernels.Open(ctx, plugin)
	return inputsKernel{k, i}, err
}

func (i *inputs) note(call string, o dataplane.Open) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.seen[o.Node+" "+call] = o.Input
}

type inputsKernel struct {
	dataplane.Kernel
	to *inputs
}

func (k inputsKernel) Fit(ctx context.Context, o dataplane.Open, in dataplane.Batches, p func(dataplane.Progress)) ([]byte, *dataplane.Outcome, error) {
	k.to.note("fit", o)
	return k.Kernel.Fit(ctx, o, in, p)
}

func (k inputsKernel) Transform(ctx context.Context, o dataplane.Open, state []byte, in dataplane.Batches, out dataplane.Output) (*dataplane.Outcome, error) {
	k.to.note("transform", o)
	return k.Kernel.Transform(ctx, o, state, in, out)
}

// TestATableIsSharedWhileItIsMade: a node that begins before its input is complete
// hashes it once, for its fit, and not again for its transform.
func TestATableIsSharedWhileItIsMade(t *testing.T) {
	to := &inputs{Kernels: newFleet(t), seen: map[string]*dataplane.Shared{}}
	plan := mustPlan(t, to, rowsNode(t, 200_000), step("first", "scale", "rows"), step("second", "scale", "first"))
	result, err := Run(context.Background(), plan, to, Events{}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	result.Close()
	if fit := to.seen["second fit"]; fit == nil || fit != to.seen["second transform"] {
		t.Errorf("shared: %v", to.seen)
	}
}

// TestNobodyHashesForACancelledRun: the digest of what was sent before is not worth the
// time that a user waits after Ctrl-C.
func TestNobodyHashesForACancelledRun(t *testing.T) {
	to := &inputs{Kernels: newFleet(t), seen: map[string]*dataplane.Shared{}}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	plan := mustPlan(t, to, rowsNode(t, 4), step("first", "scale", "rows"), step("second", "scale", "first"))
	result, err := Run(ctx, plan, to, Events{CallStarted: func(node, call string, _ int) {
		if node == "second" && call == "transform" {
			cancel()
		}
	}}, Options{})
	if err == nil {
		t.Fatal("no error")
	}
	result.Close()
	for _, err := range to.seen["second fit"].Again {
		if errors.Is(err, context.Canceled) {
			return
		}
		t.Errorf("error %v", err)
	}
	t.Error("the table can be read")
}

func TestEveryAttemptIsRecorded(t *testing.T) {
	f := newFleet(t)
	f.deaths.Store(1)
	node := step("scaled", "scale", "rows")
	node.OnFailure = Retry
	got := said(ledgerOf(t, f, rowsNode(t, 4), node))
	want := []string{
		"scaled/test.scale.Validate 0 0 ok", "scaled/test.scale.Fit 0 0 lost",
		"scaled/test.scale.Fit 4 0 ok", "scaled/test.scale.Transform 4 4 ok",
	}
	if !slices.Equal(got, want) {
		t.Errorf("records %q, want %q", got, want)
	}
}

func TestRecordsSayWhyACallEnded(t *testing.T) {
	slow := step("slow", "hang", "rows")
	slow.Timeout = 100 * time.Millisecond
	for _, c := range []struct {
		node Node
		want string
	}{
		{slow, "cancelled: Node that takes too long: It did not end within its timeout of 100ms."},
		{step("no", "refuse", "rows"), "refused: Empty range: low is above high."},
		{step("crashed", "crash", "rows"), "refused: "},  // the SDK catches a panic in the call's own goroutine
		{step("changed", "change", "rows"), "refused: "}, // so does it the columns
	} {
		records := ledgerOf(t, newFleet(t), rowsNode(t, 4), c.node)
		if last := records[len(records)-1]; !strings.HasPrefix(last.Outcome, c.want) {
			t.Errorf("%s: outcome %q, want %q", c.node.Name, last.Outcome, c.want)
		}
	}
}

func TestNoRecordOfAPluginThatDoesNotStart(t *testing.T) {
	node := step("scaled", "scale", "rows")
	node.Use.Plugin = "missing"
	if got := ledgerOf(t, newFleet(t), rowsNode(t, 4), node); len(got) != 0 {
		t.Errorf("records %+v of calls that were not made", got)
	}
}

func TestWithoutARecordKernelsAreAsTheyWere(t *testing.T) {
	f := newFleet(t)
	if Recorded(f, nil) != Kernels(f) {
		t.Error("kernels without a record are wrapped")
	}
}
