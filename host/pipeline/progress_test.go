// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bulkhead-ml/bulkhead/host/dataplane"
	"github.com/bulkhead-ml/bulkhead/host/pipeline/edge"
)

func TestGauge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		where := &position{}
		began := time.Now().Add(-10 * time.Second)
		for name, c := range map[string]struct {
			gauge *gauge
			want  float64
		}{
			"by rows":            {&gauge{total: 200, rows: 50}, 0.25},
			"of no rows":         {&gauge{total: 0}, 0},
			"more than expected": {&gauge{total: 10, rows: 50}, 1},
			"nobody knows":       {&gauge{total: -1, rows: 50}, -1},
			"by position":        {&gauge{total: -1, where: where, rows: 50}, 0.5},
			"by the kernel":      {&gauge{total: 200, rows: 50}, 0.75},
		} {
			where.done.Store(10)
			where.total.Store(20)
			g := c.gauge
			g.began, g.said.Fraction = began, -1
			p := g.progress()
			if name == "by the kernel" {
				p = g.hear(dataplane.Progress{Fraction: 0.75, Message: "epoch 3"})
			}
			if p.Fraction != c.want || p.Rows != g.rows || int(p.RowsPerSecond) != int(g.rows)/10 && p.RowsPerSecond < 4.9 && g.rows > 0 {
				t.Errorf("%s: progress %+v", name, p)
			}
			left := time.Duration(-1)
			if c.want > 0 {
				left = time.Duration(10 * float64(time.Second) * (1 - c.want) / c.want)
			}
			if d := p.ETA - left; d < -time.Second || d > time.Second {
				t.Errorf("%s: %s left, want %s", name, p.ETA, left)
			}
		}
	})
}

// unknown is a source that does not know its rows.
type unknown struct{ Source }

func (unknown) Rows() int64 { return -1 }

// TestEventsOfARun checks what comes, in which order, and that a source whose
// rows are not known tells them at the end.
func TestEventsOfARun(t *testing.T) {
	l := &lab{}
	nodes := []Node{labRowsNode(t, 3000), labNode("a", "twice", "rows", labConfig{Silent: true}), labNode("b", "add", "a", labConfig{}), labNode("s", "learn", "b", labConfig{})}
	plan := mustPlan(t, l, nodes...)
	plan.nodes[0].source = unknown{plan.nodes[0].source}
	plan.nodes[0].rows, plan.batch = -1, edge.Limits{Rows: 100}
	var mu sync.Mutex
	var lines []string
	add := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		lines = append(lines, fmt.Sprintf(format, args...))
	}
	events := Events{
		RunStarted:  func(p *Plan) { add("run of %d nodes", len(p.Nodes)) },
		NodeStarted: func(name string) { add("start %s", name) },
		CallStarted: func(name, call string, attempt int) { add("call %s %s %d", name, call, attempt) },
		CallEnded:   func(name string, c CallTime) { add("called %s %s %s", name, c.Call, c.Error) },
		Progress:    func(name string, p Progress) { add("progress %s %s %d %t", name, p.Call, p.Rows, p.Fraction >= 0) },
		NodeEnded:   func(r *NodeResult) { add("end %s %s %d", r.Name, r.Status, r.RowsOut) },
		RunEnded:    func(r *Result) { add("run %s", r.Status) },
	}
	result, err := Run(context.Background(), plan, l, events, Options{Keep: KeepNone})
	if err != nil {
		t.Fatal(err)
	}
	defer result.Close()
	if lines[0] != "run of 4 nodes" || lines[len(lines)-1] != "run ok" {
		t.Errorf("events %q", lines)
	}
	for _, want := range []string{
		"start rows", "start a", "call a transform 1", "called a transform ", "call b validate 1", "progress b transform 6000 true", "progress s fit 6000 true",
		"end rows ok 3000", "end s ok 0",
	} {
		if !slices.Contains(lines, want) {
			t.Errorf("no event %q in\n%s", want, strings.Join(lines, "\n"))
		}
	}
	if at := slices.Index(lines, "called a transform "); at > slices.Index(lines, "end a ok 6000") || slices.Index(lines, "call a transform 1") > at {
		t.Errorf("events %q", lines)
	}
}
