// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bulkhead-ml/bulkhead/host/runs"
)

// kept is what a run told of its effects.
type kept struct {
	mu    sync.Mutex
	told  []string
	did   []Effect
	fails bool
}

func (k *kept) tell(format string, args ...any) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.told = append(k.told, fmt.Sprintf(format, args...))
	if k.fails {
		return errTest
	}
	return nil
}

func (k *kept) Did(e Effect) error {
	k.did = append(k.did, e)
	return k.tell("did %s", e.Node)
}
func (k *kept) Compensates() error { return k.tell("compensates") }
func (k *kept) Stay() error        { return k.tell("stay") }
func (k *kept) TookBack(node string, p *Problem) error {
	return k.tell("took back %s %v", node, p == nil)
}

// doing is a chain of two kernels with side effects.
func doing(t testing.TB, last Node) []Node {
	t.Helper()
	a, b := labNode("a", "add", "rows", labConfig{Token: "token of a"}), labNode("b", "add", "a", labConfig{Token: "token of b", Fail: "no undo"})
	a.OnFailure, a.Timeout, b.Timeout = Rollback, time.Minute, time.Minute // one after the other
	return []Node{labRowsNode(t, 10), a, b, last}
}

// TestEffectsAreTold in the order in which they are done, whatever becomes of them.
func TestEffectsAreTold(t *testing.T) {
	bad := labNode("bad", "add", "b", labConfig{Fail: "lose"})
	bad.OnFailure = Rollback
	for want, last := range map[string]Node{
		"did a, did b, compensates, took back b false, took back a true": bad,
		"did a, did b, stay": sinkNode("out", "b", filepath.Join(t.TempDir(), "out.csv")),
	} {
		k := &kept{}
		if _, err := labRun(t, &lab{}, Options{Effects: k}, doing(t, last)...); (err == nil) != strings.Contains(want, "stay") {
			t.Errorf("error %v", err)
		}
		if got := strings.Join(k.told, ", "); got != want {
			t.Errorf("told %q, want %q", got, want)
		}
	}
	k := &kept{fails: true}
	result, err := labRun(t, &lab{}, Options{Effects: k}, doing(t, labNode("c", "add", "b", labConfig{}))...)
	if err != nil {
		t.Fatal(err)
	}
	if p := result.Node("a").Problems; len(p) == 0 || p[0].Severity != SeverityWarning || !errors.Is(p[0].Err, errTest) {
		t.Errorf("what is not recorded is told as %v", p)
	}
}

// TestTakeBack is done by what was kept alone, in another process or later.
func TestTakeBack(t *testing.T) {
	k := &kept{}
	if _, err := labRun(t, &lab{}, Options{Effects: k}, doing(t, labNode("c", "add", "b", labConfig{}))...); err != nil || len(k.did) != 2 {
		t.Fatalf("%d effects, error %v", len(k.did), err)
	}
	text, err := json.Marshal(k.did[0])
	if err != nil {
		t.Fatal(err)
	}
	var a Effect
	if err := json.Unmarshal(text, &a); err != nil {
		t.Fatal(err)
	}
	l := &lab{}
	if p := a.TakeBack(t.Context(), l, json.RawMessage(`{}`), time.Minute); p != nil || fmt.Sprint(l.undone) != "[token of a]" || !a.Rollback {
		t.Errorf("undone %q of %+v: %v", l.undone, a, p)
	}
	if p := k.did[1].TakeBack(t.Context(), l, json.RawMessage(`{"Fail":"no undo"}`), time.Minute); p == nil || p.Node != "b" {
		t.Errorf("an effect that cannot be taken back: %v", p)
	}
	for what, bad := range map[string]Effect{
		"a plugin that is not there": {Node: "a", Plugin: "absent", Schema: a.Schema}, "no message": {Node: "a", Plugin: "lab", Schema: []byte{0xff}},
	} {
		if p := bad.TakeBack(t.Context(), l, nil, time.Minute); p == nil || p.Node != "a" {
			t.Errorf("%s: %v", what, p)
		}
	}
}

const killEffectVariable = "BULKHEAD_TEST_KILL_EFFECT"

// runOfDead is the id of the runs that die.
const runOfDead = "00000000000000aa"

// storedEffects are kept in a record.
type storedEffects struct{ run *runs.Run }

func (s storedEffects) Did(e Effect) error {
	call, err := json.Marshal(e)
	return errors.Join(err, s.run.Did(runs.Effect{Node: e.Node, Rollback: e.Rollback, Call: call}))
}
func (s storedEffects) Compensates() error                     { return s.run.Compensates() }
func (s storedEffects) TookBack(node string, _ *Problem) error { return s.run.TookBack(node, "") }
func (s storedEffects) Stay() error                            { return s.run.Stays() }

// killedEffects runs a kernel with a side effect and two sinks in a process that dies
// at a failpoint, -1 for none, and returns the steps.
func killedEffects(t *testing.T, at int, dir string) (steps []string) {
	t.Helper()
	run, err := runs.Open(filepath.Join(dir, "runs"), runs.Options{}).Begin(runs.Record{ID: runOfDead, Pipeline: "p"})
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Parallel: 1, Effects: storedEffects{run}, Together: promised(journalOf(killOrder{Dir: filepath.Join(dir, "out")}), runOfDead), fail: func(step string) error {
		if len(steps) == at {
			os.Exit(137)
		}
		steps = append(steps, step)
		return nil
	}}
	a := labNode("a", "add", "rows", labConfig{N: 1, Token: "token"})
	a.OnFailure = Rollback
	out := filepath.Join(dir, "out")
	if _, err := labRun(t, &lab{}, o, labRowsNode(t, 100), a, sinkNode("one", "a", filepath.Join(out, "one.csv")), sinkNode("two", "a", filepath.Join(out, "two.csv"))); err != nil {
		t.Fatal(err)
	}
	if at >= 0 {
		t.Fatal("survived")
	}
	return steps
}

// TestKilledRunsOweTheirEffects ends a process at each failpoint: after the recovery
// either all sinks are new and the effect stays, or all are old and it is owed.
func TestKilledRunsOweTheirEffects(t *testing.T) {
	if text := os.Getenv(killEffectVariable); text != "" {
		var at int
		var dir string
		if _, err := fmt.Sscan(text, &at, &dir); err != nil {
			t.Fatal(err)
		}
		killedEffects(t, at, dir)
		return
	}
	steps := killedEffects(t, -1, filepath.Dir(killedDir(t)))
	noted := 0
	for at, step := range steps {
		dir := killedDir(t)
		cmd := exec.CommandContext(context.Background(), os.Args[0], "-test.run=^TestKilledRunsOweTheirEffects$")
		cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d %s", killEffectVariable, at, filepath.Dir(dir)))
		if out, err := cmd.CombinedOutput(); cmd.ProcessState.ExitCode() != 137 {
			t.Fatalf("%s: the process did not die: %v, %s", step, err, out)
		}
		store := runs.Open(filepath.Join(dir, "..", "runs"), runs.Options{})
		journal := journalOf(killOrder{Dir: dir})
		journal.Committed = store.Stays
		if _, err := journal.Recover(); err != nil {
			t.Fatal(err)
		}
		record, err := store.Get(runOfDead)
		if err != nil {
			t.Fatal(err)
		}
		done := at > index(steps, "noting the effect of a")
		switch files := left(t, dir); files {
		case "one.csv new, two.csv new":
			if len(record.Owed) > 0 {
				t.Errorf("%s: the files are new, and the run owes %+v", step, record.Owed)
			}
			noted++
		case "one.csv old, two.csv old":
			if (len(record.Owed) == 1) != done {
				t.Errorf("%s: the files are old, and the run owes %+v", step, record.Owed)
			}
		default:
			if !strings.Contains(files, "one.csv old, two.csv old") { // a draft may be left
				t.Errorf("%s: %s", step, files)
			}
			if (len(record.Owed) == 1) != done {
				t.Errorf("%s: %s, and the run owes %+v", step, files, record.Owed)
			}
		}
	}
	if noted == 0 || index(steps, "noting the effect of a") < 0 {
		t.Errorf("steps %q", steps)
	}
}

func index(steps []string, step string) int {
	for i, s := range steps {
		if s == step {
			return i
		}
	}
	return -1
}
