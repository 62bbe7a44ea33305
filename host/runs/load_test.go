// SPDX-License-Identifier: Apache-2.0

package runs

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// loadVariable makes the test binary a host that runs without end in a directory.
const loadVariable = "BULKHEAD_TEST_LOAD_RUNS"

func init() {
	dir := os.Getenv(loadVariable)
	if dir == "" {
		return
	}
	s := Open(dir, Options{Keep: 20})
	for {
		run, err := s.Begin(Record{Pipeline: "load", Nodes: []Node{{Name: "a", Kind: "kernel", Status: Pending}}})
		if err != nil {
			panic(err)
		}
		for i := range 5 {
			if err := run.Node(Node{Name: "a", Kind: "kernel", Status: OK, RowsOut: int64(i)}); err != nil {
				panic(err)
			}
		}
		if err := run.End(OK, ""); err != nil {
			panic(err)
		}
	}
}

// TestKillsUnderLoad kills hosts that share a store at random times while this
// one reads: no record is half there, and none stays running.
func TestKillsUnderLoad(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "runs")
	s := Open(dir, Options{Keep: 20})
	rounds := 6
	if testing.Short() {
		rounds = 2
	}
	for range rounds {
		var hosts []*exec.Cmd
		for range 2 {
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), loadVariable+"="+dir)
			must(t, cmd.Start())
			hosts = append(hosts, cmd)
		}
		begin, least := time.Now(), time.Duration(50+rand.IntN(150))*time.Millisecond
		for seen := 0; time.Since(begin) < least || seen < 10 && time.Since(begin) < 2*time.Minute; {
			seen = len(readAll(t, s))
		}
		for _, cmd := range hosts {
			must(t, cmd.Process.Kill())
			_ = cmd.Wait() // it was killed
		}
	}
	list := readAll(t, s)
	for _, r := range list {
		if r.Status != OK && r.Status != Interrupted {
			t.Errorf("run %s is %s", r.ID, r.Status)
		}
	}
	if len(list) < 10 {
		t.Errorf("only %d runs", len(list))
	}
	_, err := s.Prune()
	must(t, err)
	if list := readAll(t, s); len(list) > 20 {
		t.Errorf("%d runs stay", len(list))
	}
}

// readAll lists the runs and reads each; one that is removed meanwhile is no
// error.
func readAll(t *testing.T, s *Store) []*Record {
	t.Helper()
	list, err := s.List(Filter{})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range list {
		full, err := s.Get(r.ID)
		if is[*NotFoundError](err) {
			continue
		}
		if err != nil || len(full.Nodes) != 1 || full.LostLines != 0 {
			t.Fatalf("%+v, %v", full, err)
		}
	}
	return list
}

// TestATenThousandNodeRun is recorded and read in a moment.
func TestATenThousandNodeRun(t *testing.T) {
	s := newStore(t)
	var nodes []Node
	for i := range 10_000 {
		nodes = append(nodes, Node{Name: fmt.Sprint("n", i), Kind: "kernel", Status: Pending, Config: json.RawMessage(`{"alpha":0.5}`)})
	}
	begin := time.Now()
	run, err := s.Begin(Record{Pipeline: "wide", Nodes: nodes})
	must(t, err)
	for i := range nodes {
		nodes[i].Status, nodes[i].RowsOut = OK, int64(i)
		must(t, run.Node(nodes[i]))
	}
	must(t, run.End(OK, ""))
	r, err := s.Get(run.ID())
	must(t, err)
	if len(r.Nodes) != 10_000 || r.Nodes[9999].RowsOut != 9999 || r.Nodes[0].Name != "n0" {
		t.Error("other nodes")
	}
	c, err := Compare(r, r)
	if err != nil || len(c.Changes) != 0 {
		t.Error(err)
	}
	if took := time.Since(begin); took > 3*time.Minute {
		t.Errorf("it takes %s", took)
	}
}

func TestPruneOfNothing(t *testing.T) {
	if removed, err := newStore(t).Prune(); len(removed) != 0 || err != nil {
		t.Error(removed, err)
	}
}

func TestErrorsSayWhatToDo(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want string
	}{
		{&NotFoundError{Ref: "ab", Dir: "/runs"}, "bulkhead runs list"},
		{&AmbiguousError{Ref: "ab", IDs: []string{"ab01", "ab02"}}, "ab01, ab02"},
		{&RefError{Ref: "XY"}, "hexadecimal digits"},
		{&RunningError{ID: "ab"}, "stop it first"},
	} {
		if text := tt.err.Error(); !strings.Contains(text, tt.want) || strings.Contains(text, "!") {
			t.Errorf("%q, want %q in it", text, tt.want)
		}
	}
}

// TestWhatCannotBeRecorded is refused and changes nothing.
func TestWhatCannotBeRecorded(t *testing.T) {
	s := newStore(t)
	if _, err := s.Begin(Record{Pipeline: "p", Settings: json.RawMessage("{broken")}); err == nil {
		t.Error("settings that are no JSON")
	}
	if _, err := s.Begin(Record{Pipeline: "p", Nodes: []Node{{Name: "a", Config: json.RawMessage("{")}}}); err == nil || !strings.Contains(err.Error(), "node a") {
		t.Error(err)
	}
	if list, err := s.List(Filter{}); err != nil || len(list) != 0 {
		t.Errorf("%v, %v", list, err)
	}
	run, err := s.Begin(Record{Pipeline: "p"})
	must(t, err)
	if err := run.Node(Node{Name: "a", Metrics: map[string]float64{"m": math.NaN()}}); err == nil {
		t.Error("a metric that is NaN")
	}
	must(t, run.Node(Node{Name: "a", Status: OK}))
	must(t, run.End(OK, ""))
	if r, err := s.Get(run.ID()); err != nil || r.LostLines != 0 || len(r.Nodes) != 1 {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestTextsStayAsTheyAre: nothing is escaped that a reader would see.
func TestTextsStayAsTheyAre(t *testing.T) {
	s := newStore(t)
	config := `{"expr":"a < b && c > \"d\"","ü":1.0}`
	run, err := s.Begin(Record{Pipeline: "<p>", Nodes: []Node{{Name: "a", Config: json.RawMessage(config), Reason: "line\nbreak"}}})
	must(t, err)
	must(t, run.End(Failed, "5 < 6"))
	r, err := s.Get(run.ID())
	must(t, err)
	if string(r.Nodes[0].Config) != config || r.Nodes[0].Reason != "line\nbreak" || r.Reason != "5 < 6" {
		t.Errorf("%+v", r)
	}
	data, err := os.ReadFile(filepath.Join(s.dir, r.ID, recordName))
	if err != nil || !strings.Contains(string(data), `"pipeline":"<p>"`) {
		t.Errorf("%s, %v", data, err)
	}
}

// TestTwoEndsAreOne ends a run from many goroutines.
func TestTwoEndsAreOne(t *testing.T) {
	s := newStore(t)
	run, err := s.Begin(Record{Pipeline: "p"})
	must(t, err)
	results := make(chan error)
	for range 4 {
		go func() { results <- run.End(OK, "") }()
	}
	good := 0
	for range 4 {
		if err := <-results; err == nil {
			good++
		} else if !errors.Is(err, ErrEnded) {
			t.Error(err)
		}
	}
	if good != 1 {
		t.Errorf("%d ends", good)
	}
}

// BenchmarkRun is what a run of ten nodes pays for its record.
func BenchmarkRun(b *testing.B) {
	s := newStore(b)
	for b.Loop() {
		run, err := s.Begin(Record{Pipeline: "p"})
		must(b, err)
		for i := range 10 {
			must(b, run.Node(Node{Name: fmt.Sprint("n", i), Kind: "kernel", Status: OK}))
		}
		must(b, run.End(OK, ""))
	}
}

// BenchmarkCall is what one call pays for its time.
func BenchmarkCall(b *testing.B) {
	var c Calls
	for b.Loop() {
		c.Add("transform", time.Millisecond, false)
	}
}
