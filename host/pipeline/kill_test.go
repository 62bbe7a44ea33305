// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/bulkhead-ml/bulkhead/host/sink"
)

const killVariable = "BULKHEAD_TEST_KILL_RUN"

// killOrder is what the process that dies is told.
type killOrder struct {
	At               int // the failpoint, counted from 0
	Source, Dir, Log string
}

// killedNodes are the same in both processes.
func killedNodes(o killOrder) []Node {
	rows := labRowsSource("rows", o.Source)
	return []Node{
		rows, labNode("a", "add", "rows", labConfig{N: 1}), labNode("m", "sum", "a", labConfig{}), labNode("b", "twice", "m", labConfig{}),
		labNode("c", "add", "b", labConfig{N: 3}), labNode("e", "learn", "b", labConfig{}),
		sinkNode("one", "b", filepath.Join(o.Dir, "one.csv")), sinkNode("two", "c", filepath.Join(o.Dir, "two.csv")),
	}
}

// killedRun runs in a process that dies at a failpoint; -1 for none. It notes
// each step.
func killedRun(t testing.TB, o killOrder) (*lab, *Result, error) {
	t.Helper()
	n, l := 0, &lab{}
	var mu sync.Mutex // units of one segment come to their steps at the same time
	var steps []string
	options := Options{Parallel: 1, Together: promised(journalOf(o), "run"), Cache: openCache(t, filepath.Join(o.Dir, "..", "cache")), fail: func(step string) error {
		mu.Lock()
		defer mu.Unlock()
		if n == o.At {
			os.Exit(137)
		}
		n++
		steps = append(steps, step)
		return os.WriteFile(o.Log, []byte(strings.Join(steps, "\n")), 0o600)
	}}
	p := Pipeline{Name: "p", Nodes: killedNodes(o), Plugins: map[string]Plugin{"lab": {Digest: "sha256:1"}}}
	plan, problems := MakePlan(context.Background(), p, l, options)
	if plan == nil {
		t.Fatal(problems)
	}
	result, err := Run(context.Background(), plan, l, Events{}, options)
	return l, result, err
}

// TestKilledRunsGoOn ends a process at each failpoint of a run. All sinks are what
// they were or all are whole, and another run gives what an undisturbed one gives, without
// doing again what was kept.
func TestKilledRunsGoOn(t *testing.T) {
	if text := os.Getenv(killVariable); text != "" {
		var o killOrder
		if err := json.Unmarshal([]byte(text), &o); err != nil {
			t.Fatal(err)
		}
		_, _, err := killedRun(t, o)
		t.Fatalf("the run ended: %v", err)
	}
	source := csvSource(t, "rows", 200).Source.Path
	undisturbed := killOrder{At: -1, Source: source, Dir: killedDir(t), Log: filepath.Join(t.TempDir(), "log")}
	first, result, err := killedRun(t, undisturbed)
	if err != nil {
		t.Fatal(err)
	}
	want := outputs(t, result)
	steps := stepsIn(t, undisturbed.Log)
	if len(steps) < 12 {
		t.Fatalf("steps %q", steps)
	}
	for at, step := range steps {
		o := killOrder{At: at, Source: source, Dir: killedDir(t), Log: filepath.Join(t.TempDir(), "log")}
		order, _ := json.Marshal(o) // it has a JSON form
		cmd := exec.Command(os.Args[0], "-test.run=^TestKilledRunsGoOn$")
		cmd.Env = append(os.Environ(), killVariable+"="+string(order))
		if out, err := cmd.CombinedOutput(); cmd.ProcessState.ExitCode() != 137 {
			t.Fatalf("%s: the process did not die: %v, %s", step, err, out)
		}
		if _, err := journalOf(o).Recover(); err != nil {
			t.Errorf("%s: %v", step, err)
		}
		checkSinks(t, step, o.Dir)
		kept := strings.Count(strings.Join(stepsIn(t, o.Log), "\n"), "caching")
		o.At = -1
		l, result, err := killedRun(t, o)
		if err != nil || fmt.Sprint(outputs(t, result)) != fmt.Sprint(want) {
			t.Errorf("%s: another result: %v", step, err)
		}
		if again, all := l.calls.Load(), first.calls.Load(); kept >= 1 && again >= all {
			t.Errorf("%s: %d calls of %d are made again", step, again, all)
		}
		// What streams into a sink is not kept: c is called again.
		if strings.HasPrefix(step, "committing") && l.calls.Load() != 1 {
			t.Errorf("%s: %d calls are made again", step, l.calls.Load())
		}
		for _, name := range []string{"one.csv", "two.csv"} {
			if data, err := os.ReadFile(filepath.Join(o.Dir, name)); err != nil || string(data) == "old" {
				t.Errorf("%s: %s is not written: %v", step, name, err)
			}
		}
	}
}

// journalOf the commits of the processes that die.
func journalOf(o killOrder) *sink.Journal {
	return sink.OpenJournal(filepath.Join(o.Dir, "..", "commits"))
}

// promised is Options.Together of a journal.
func promised(j *sink.Journal, run string) func([]SinkWriter) (Promise, error) {
	return func(writers []SinkWriter) (Promise, error) {
		var sinks []*sink.Sink
		for _, w := range writers {
			sinks = append(sinks, w.(fileSink).Sink)
		}
		return j.Begin(run, sinks...)
	}
}

func killedDir(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "out")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"one.csv", "two.csv"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("old"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func stepsIn(t *testing.T, log string) []string {
	t.Helper()
	data, err := os.ReadFile(log)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(string(data), "\n")
}

// checkSinks wants all files to be the old ones, or the new ones from the header
// to the last row.
func checkSinks(t *testing.T, step, dir string) {
	t.Helper()
	news := 0
	for name, last := range map[string]int{"one.csv": 200 + 20100, "two.csv": 203 + 20100} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		whole := strings.HasPrefix(string(data), "x\n") && strings.HasSuffix(string(data), "\n"+strconv.Itoa(last)+"\n")
		if string(data) != "old" && !whole {
			t.Errorf("%s: %s has %d bytes", step, name, len(data))
		}
		if whole {
			news++
		}
	}
	if news == 1 {
		t.Errorf("%s: one of two files is new", step)
	}
}
