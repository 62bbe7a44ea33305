// SPDX-License-Identifier: Apache-2.0

package runs

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/internal/durable"
)

// crashVariable makes the test binary a host that dies: "DIR|STEP|SKIP".
const crashVariable = "BULKHEAD_TEST_CRASH_RUNS"

func TestMain(m *testing.M) {
	if order := os.Getenv(crashVariable); order != "" {
		crash(strings.Split(order, "|"))
	}
	os.Exit(m.Run())
}

const victim = "cccccccccccccccc"

// crash runs, and kills itself before a step; "" before the end.
func crash(order []string) {
	skip, err := strconv.Atoi(order[2])
	if err != nil {
		panic(err)
	}
	s := Open(order[0], Options{})
	s.fail = func(step string) error {
		if step == order[1] {
			if skip--; skip < 0 {
				die()
			}
		}
		return nil
	}
	run, err := s.Begin(Record{ID: victim, Pipeline: "p", Nodes: []Node{{Name: "a", Status: Pending}, {Name: "b", Status: Pending}}})
	if err != nil {
		panic(err)
	}
	for _, n := range []Node{{Name: "a", Status: OK, RowsOut: 5}, {Name: "b", Status: Running}} {
		if err := run.Node(n); err != nil {
			panic(err)
		}
	}
	if order[1] == "" {
		die()
	}
	if err := run.End(OK, ""); err != nil {
		panic(err)
	}
}

// die ends the process as SIGKILL does.
func die() {
	self, err := os.FindProcess(os.Getpid())
	if err == nil {
		err = self.Kill()
	}
	if err != nil {
		panic(err)
	}
	select {}
}

func killed(t *testing.T, s *Store, step string, skip int) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), crashVariable+"="+strings.Join([]string{s.dir, step, strconv.Itoa(skip)}, "|"))
	if out, err := cmd.CombinedOutput(); err == nil || cmd.ProcessState.ExitCode() > 0 {
		t.Fatalf("it did not die of the step: %v\n%s", err, out)
	}
}

func TestADeadRunIsInterrupted(t *testing.T) {
	s := newStore(t)
	killed(t, s, "", 0)
	r, err := s.Get(victim)
	must(t, err)
	if r.Status != Interrupted || r.Reason == "" || !r.EndedAt.IsZero() || r.Node("a").Status != OK || r.Node("a").RowsOut != 5 || r.Node("b").Status != Interrupted {
		t.Errorf("%+v", r)
	}
	if list, err := s.List(Filter{Status: Interrupted}); err != nil || len(list) != 1 {
		t.Error(list, err)
	}
	if _, err := s.Remove(victim); err != nil {
		t.Error(err)
	}
}

// TestDeathAtEveryStep kills a host before each step of the first and the last
// save: there is no run, or an interrupted one, or one that ended, and never half
// of one.
func TestDeathAtEveryStep(t *testing.T) {
	for _, step := range []string{"writing nodes", "syncing the nodes", durable.StepCreate, durable.StepWrite, durable.StepSync, durable.StepRename, durable.StepDir} {
		for skip := range 2 {
			t.Run(step+strconv.Itoa(skip), func(t *testing.T) {
				s := newStore(t)
				killed(t, s, step, skip)
				want := Interrupted
				switch {
				case step == durable.StepDir && skip == 1:
					want = OK
				case skip == 0 && step != durable.StepDir:
					want = ""
				}
				r, err := s.Get(victim)
				if want == "" {
					if !is[*NotFoundError](err) {
						t.Errorf("%+v, %v", r, err)
					}
				} else if err != nil || r.Status != want || len(r.Nodes) != 2 || r.LostLines != 0 {
					t.Errorf("%+v, %v", r, err)
				}
				ended(t, s, Record{Pipeline: "next"}, OK)
				if list, err := s.List(Filter{Pipeline: "next"}); err != nil || len(list) != 1 {
					t.Error(list, err)
				}
			})
		}
	}
}

// TestFailuresOfTheDisk are told, and a run whose end is not on disk is
// interrupted.
func TestFailuresOfTheDisk(t *testing.T) {
	full := errors.New("no space left")
	s := newStore(t)
	s.fail = func(string) error { return full }
	if _, err := s.Begin(Record{Pipeline: "p"}); !errors.Is(err, full) {
		t.Error(err)
	}
	if left := names(t, s.dir); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
	s.fail = nil
	run, err := s.Begin(Record{Pipeline: "p"})
	must(t, err)
	s.fail = func(string) error { return full }
	for what, err := range map[string]error{"node": run.Node(Node{Name: "a"}), "edit": run.Edit(func(*Record) {}), "end": run.End(OK, "")} {
		if !errors.Is(err, full) && !errors.Is(err, ErrEnded) {
			t.Errorf("%s: %v", what, err)
		}
	}
	s.fail = nil
	_ = run.End(OK, "")
	if r, err := s.Get(run.ID()); err != nil || r.Status != Interrupted {
		t.Errorf("%+v, %v", r, err)
	}
	file := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(file, nil, 0o600))
	if _, err := Open(filepath.Join(file, "runs"), Options{}).Begin(Record{Pipeline: "p"}); err == nil {
		t.Error("a run in a file")
	}
}
