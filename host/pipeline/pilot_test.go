// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"context"
	"errors"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
)

// flown is the pilot of nodes, by their names.
func flown(t *testing.T, l *lab, rows int64, sinks map[string]*Sink, nodes ...Node) (*Pilot, map[string]PilotNode) {
	t.Helper()
	pilot, err := mustPlan(t, l, nodes...).Pilot(t.Context(), l, Options{TempDir: t.TempDir()}, rows, sinks)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]PilotNode{}
	for _, n := range pilot.Nodes {
		out[n.Name] = n
	}
	return pilot, out
}

// TestPilot takes a part of the rows, and tells what all of them would give.
func TestPilot(t *testing.T) {
	dir := t.TempDir()
	real := filepath.Join(dir, "real.csv")
	slow := labNode("slow", "add", "twice", labConfig{})
	slow.Budget = time.Hour
	undoes := labNode("undoes", "add", "rows", labConfig{Token: "token"})
	l := &lab{}
	pilot, got := flown(t, l, 400, map[string]*Sink{"out": sinkNode("out", "twice", filepath.Join(dir, "sample.csv")).Sink},
		labRowsNode(t, 10_000), labNode("twice", "twice", "rows", labConfig{}), slow, undoes, labNode("behind", "add", "undoes", labConfig{}),
		labNode("bad", "add", "rows", labConfig{Fail: "lose"}), sinkNode("out", "twice", real), sinkNode("unwritten", "twice", filepath.Join(dir, "x.csv")))
	if pilot.Rows != 400 || pilot.Wall <= 0 || pilot.Seconds <= 0 || len(pilot.Nodes) != 8 {
		t.Errorf("pilot %+v", pilot)
	}
	if n := got["rows"]; n.RowsOut != 10_000 || n.SampleRows != 400 {
		t.Errorf("source %+v", n)
	}
	if n := got["twice"]; n.Status != OK || n.SampleRows != 400 || n.RowsIn != 10_000 || n.RowsOut != 20_000 || n.Bytes < 160_000 || n.Bytes > 320_000 || n.Seconds <= 0 {
		t.Errorf("kernel %+v", n)
	}
	if n := got["slow"]; n.Status != OK || n.RowsIn != 20_000 {
		t.Errorf("kernel with a budget %+v", n)
	}
	if n := got["out"]; n.Status != OK || n.RowsIn != 20_000 || n.Bytes < 40_000 {
		t.Errorf("sink %+v", n)
	}
	for name, why := range map[string]string{"undoes": "outside of its output", "behind": "undoes is left out", "unwritten": "not written"} {
		if n := got[name]; n.Status != Skipped || !strings.Contains(n.Reason, why) || n.RowsIn != -1 {
			t.Errorf("%s: %+v", name, n)
		}
	}
	if n := got["bad"]; n.Status != Failed || n.Reason == "" || n.Seconds != -1 {
		t.Errorf("a kernel that fails: %+v", n)
	}
	if _, err := os.Stat(real); !errors.Is(err, os.ErrNotExist) || len(l.undone) > 0 {
		t.Errorf("the pilot has written %s, or undone %q", real, l.undone)
	}
}

// TestPilotOfFewRows is of all of them.
func TestPilotOfFewRows(t *testing.T) {
	_, got := flown(t, &lab{}, 0, nil, labRowsNode(t, 10), labNode("twice", "twice", "rows", labConfig{}))
	if n := got["twice"]; n.SampleRows != 10 || n.RowsIn != 10 || n.RowsOut != 20 {
		t.Errorf("%+v", n)
	}
}

// TestCancelledPilot ends with the cause.
func TestCancelledPilot(t *testing.T) {
	l := &lab{}
	plan := mustPlan(t, l, labRowsNode(t, 10), labNode("hung", "add", "rows", labConfig{Fail: "hang"}))
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(10*time.Millisecond, func() { cancel(errTest) })
	if _, err := plan.Pilot(ctx, l, Options{}, 5, nil); !errors.Is(err, errTest) {
		t.Errorf("error %v", err)
	}
}

// uncounted is a source whose rows nobody knows before it is read.
type uncounted struct{ Source }

func (uncounted) Rows() int64 { return -1 }

// unplaced does not tell how far it is, either.
type unplaced struct{ Source }

func (unplaced) Rows() int64 { return -1 }
func (u unplaced) Batches(context.Context) iter.Seq2[arrow.RecordBatch, error] {
	return u.Source.Batches(context.Background())
}

// TestRowsByThePositionInTheFile of a source that was not counted.
func TestRowsByThePositionInTheFile(t *testing.T) {
	plan := mustPlan(t, &lab{}, labRowsNode(t, 10_000), labNode("a", "add", "rows", labConfig{}))
	for name, c := range map[string]struct {
		source   Source
		most     int64
		low, top int64
	}{
		"by the position": {uncounted{plan.nodes[0].source}, 100, 9_000, 11_000},
		"all were read":   {unplaced{plan.nodes[0].source}, 1 << 20, 10_000, 10_000},
		"nobody knows":    {unplaced{plan.nodes[0].source}, 100, -1, -1},
	} {
		s := &sample{Source: c.source, most: c.most}
		rows := int64(0)
		for batch, err := range s.Batches(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			rows += batch.NumRows()
		}
		if got := s.expected(); got < c.low || got > c.top || rows != min(c.most, 10_000) || s.taken() != rows {
			t.Errorf("%s: %d rows expected, %d given", name, got, rows)
		}
	}
}

func TestLine(t *testing.T) {
	l := line{short: 100, long: 400}
	for _, c := range [][4]float64{{1, 4, 4000, 40}, {1, 1, 4000, 1}, {3, 2, 4000, 2}, {1, 4, 200, 4}, {5, 6.5, 400, 6.5}} {
		if got := l.at(c[0], c[1], c[2]); got != c[3] {
			t.Errorf("%v gives %v", c, got)
		}
	}
	if got := (line{7, 7}).at(1, 2, 100); got != 2 {
		t.Errorf("two runs of one length give %v", got)
	}
}
