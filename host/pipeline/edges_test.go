// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/bulkhead-ml/bulkhead/host/source"
)

func TestPlanTellsOfBlankLines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.csv")
	if err := os.WriteFile(path, []byte("x,y\n\n1.5,2\n\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	nodes := []Node{{Name: "rows", Kind: KindSource, Source: &source.Spec{Path: path}}, step("a", "drop", "rows")}
	plan, problems := MakePlan(context.Background(), Pipeline{Nodes: nodes}, nil, Options{})
	if plan == nil || len(problems) != 1 || problems[0].Severity != SeverityInfo || !strings.Contains(problems[0].Detail, "2 blank lines") {
		t.Errorf("problems %v", problems)
	}
}

func TestPlanCanBeCancelled(t *testing.T) {
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(errTest)
	plan, problems := MakePlan(ctx, Pipeline{Nodes: []Node{rowsNode(t, 4), step("a", "drop", "rows")}}, nil, Options{})
	if plan != nil || len(problems) != 1 || !errors.Is(problems[0], errTest) {
		t.Errorf("problems %v", problems)
	}
}

func TestSeveralProblemsAtOnce(t *testing.T) {
	nodes := []Node{rowsNode(t, 4), step("a", "drop", "rosw"), step("b!", "drop", "rows"), {Name: "c", Kind: "tap"}}
	plan, problems := MakePlan(context.Background(), Pipeline{Nodes: nodes}, nil, Options{})
	if plan != nil || len(problems) != 3 {
		t.Errorf("problems %v", problems)
	}
}

// TestPlansRunTwice runs one plan at the same time with itself.
func TestPlansRunTwice(t *testing.T) {
	f := newFleet(t)
	plan := mustPlan(t, f, rowsNode(t, 100), step("a", "scale", "rows"), step("b", "drop", "a"))
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			result, err := Run(context.Background(), plan, f, Events{}, Options{})
			if err != nil || result.Node("b").RowsOut != 99 {
				t.Errorf("result %+v, error %v", result, err)
			}
			result.Close()
		})
	}
	wg.Wait()
}

func TestFileThatChangesBeforeTheRun(t *testing.T) {
	f, rows := newFleet(t), rowsNode(t, 4)
	plan := mustPlan(t, f, rows, step("a", "drop", "rows"))
	if err := os.WriteFile(rows.Source.Path, []byte("x,y,s\n1,2,3\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	result, err := Run(context.Background(), plan, f, Events{}, Options{})
	if e, ok := errors.AsType[*source.Error](err); !ok || !strings.Contains(e.Summary, "changed") || result.Node("a").Status != Failed {
		t.Errorf("error %v", err)
	}
}

// TestSourceFallsBackToItsFile lets a source find no room in memory, which its
// size did not tell beforehand.
func TestSourceFallsBackToItsFile(t *testing.T) {
	f := newFleet(t)
	plan := mustPlan(t, f, rowsNode(t, 1000), step("a", "scale", "rows"))
	size := plan.nodes[0].source.Bytes()
	result, err := Run(context.Background(), plan, f, Events{}, Options{MaxTableBytes: 4 * size, Keep: KeepNone})
	if err != nil || result.Edges[0].Kind != EdgeKept {
		t.Errorf("edges %+v, error %v", result.Edges, err)
	}
	plan.nodes[0].source = smaller{plan.nodes[0].source}
	result, err = Run(context.Background(), plan, f, Events{}, Options{MaxTableBytes: size, Keep: KeepNone})
	if err != nil || result.Edges[0].Kind != EdgeFile || result.Node("a").RowsOut != 1000 || result.Node("rows").Status != OK {
		t.Errorf("edges %+v, error %v", result.Edges, err)
	}
}

// smaller is a source that says it is small.
type smaller struct{ Source }

func (smaller) Bytes() int64 { return 1 }

func TestResultAsJSON(t *testing.T) {
	result, err := run(t, newFleet(t), Options{}, rowsNode(t, 4), step("a", "scale", "rows"), step("b", "lose", "a"))
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(result)
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Status string
		Nodes  []struct {
			Name        string
			Status      string
			RowsIn      int64  `json:"rows_in"`
			StateSHA256 string `json:"state_sha256"`
			Transform   *struct {
				Report  map[string]any
				Metrics map[string]any
			}
			Diagnostics []struct{ Severity, Summary string }
		}
	}
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	a, b := got.Nodes[1], got.Nodes[2]
	if got.Status != "ok" || a.RowsIn != 4 || a.Transform.Report["max"] != 3.5 || a.Transform.Metrics["rows_out"] != 4.0 || len(a.StateSHA256) != 64 {
		t.Errorf("result %s", data)
	}
	if len(b.Diagnostics) != 1 || b.Diagnostics[0].Severity != "warning" {
		t.Errorf("result %s", data)
	}
}

func TestSaveAfterARun(t *testing.T) {
	result, err := run(t, newFleet(t), Options{Keep: KeepAll}, rowsNode(t, 4), step("a", "scale", "rows"), step("e", "empty", "a"))
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "run")
	saved, err := result.Save(context.Background(), dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range saved.Files {
		names = append(names, f.Name)
	}
	if got := strings.Join(names, " "); got != "rows.json rows.csv a.json a.state a.csv e.json" {
		t.Errorf("files %s", got)
	}
}

func TestCancelledSaveKeepsTheOldRun(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	if _, err := resultOf("old").Save(context.Background(), dir); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(errTest)
	if _, err := resultOf("new").Save(ctx, dir); !errors.Is(err, errTest) || savedVersion(t, dir) != "old" {
		t.Errorf("error %v", err)
	}
}

func TestSavesAtTheSameTime(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	if _, err := resultOf("first").Save(context.Background(), dir); err != nil {
		t.Fatal(err)
	}
	if exchange(dir, dir) != nil {
		t.Skip("the file system has no atomic exchange")
	}
	var wg sync.WaitGroup
	for _, version := range []string{"a", "b", "c"} {
		wg.Go(func() {
			if _, err := resultOf(version).Save(context.Background(), dir); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := savedVersion(t, dir); !strings.Contains("abc", got) || got == "" {
		t.Errorf("version %q is left", got)
	}
}
