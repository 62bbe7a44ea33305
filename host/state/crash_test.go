// SPDX-License-Identifier: Apache-2.0

package state

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-ml/bulkhead/internal/durable"
)

// crashVariable makes the test binary a host that dies: "DIR STEP SKIP".
const crashVariable = "BULKHEAD_TEST_CRASH_STATE"

func TestMain(m *testing.M) {
	if order := os.Getenv(crashVariable); order != "" {
		crash(strings.Split(order, "|"))
	}
	os.Exit(m.Run())
}

// crash puts a new state, removes an old one and kills itself before a step.
func crash(order []string) {
	skip, err := strconv.Atoi(order[2])
	if err != nil {
		panic(err)
	}
	s := Open(order[0])
	s.fail = func(step string) error {
		if step == order[1] {
			if skip--; skip < 0 {
				self, _ := os.FindProcess(os.Getpid())
				_ = self.Kill()
				select {}
			}
		}
		return nil
	}
	if _, err := s.Put([]byte("new"), from("r2")); err != nil {
		panic(err)
	}
	if _, err := s.Remove(describe([]byte("old")).Digest); err != nil {
		panic(err)
	}
}

// TestDeathAtEveryStep kills a host before each step: every state that is listed
// is complete, what was there stays or is removed as a whole, and the next host
// goes on and sweeps what is left.
func TestDeathAtEveryStep(t *testing.T) {
	steps := []string{durable.StepCreate, durable.StepWrite, durable.StepSync, durable.StepRename, durable.StepDir, "removing " + entryExt, "removing " + stateExt}
	for _, step := range steps {
		for skip := range 2 { // the bytes, then the entry
			if skip > 0 && strings.HasPrefix(step, "removing") {
				continue
			}
			t.Run(step+strconv.Itoa(skip), func(t *testing.T) {
				s := newStore(t)
				_, err := s.Put([]byte("old"), from("r1"))
				must(t, err)
				cmd := exec.Command(os.Args[0])
				cmd.Env = append(os.Environ(), crashVariable+"="+strings.Join([]string{s.dir, step, strconv.Itoa(skip)}, "|"))
				if out, err := cmd.CombinedOutput(); err == nil || cmd.ProcessState.ExitCode() > 0 {
					t.Fatalf("it did not die of the step: %v\n%s", err, out)
				}
				survives(t, s)
			})
		}
	}
}

func survives(t *testing.T, s *Store) {
	t.Helper()
	list, err := s.List(Filter{})
	must(t, err)
	for _, e := range list {
		if _, _, err := s.Get(e.Digest); err != nil {
			t.Error(err)
		}
	}
	e, err := s.Put([]byte("new"), from("r3"))
	must(t, err)
	if got, _, err := s.Get(e.Digest); err != nil || !bytes.Equal(got, []byte("new")) {
		t.Error(err)
	}
	s.now = func() time.Time { return time.Now().Add(2 * time.Hour) }
	if _, err := s.Sweep(SweepOptions{}); err != nil {
		t.Error(err)
	}
	if left := files(t, s.dir); !slices.Equal(left, []string{lockName}) {
		t.Errorf("left after the sweep: %v", left)
	}
}

// TestAStoreThatCannotBeWritten says so and leaves nothing.
func TestAStoreThatCannotBeWritten(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(dir, nil, 0o600))
	if _, err := Open(filepath.Join(dir, "states")).Put([]byte("x"), from("r1")); err == nil || !strings.Contains(err.Error(), "keeping a state") {
		t.Error(err)
	}
	s := newStore(t)
	full := os.ErrDeadlineExceeded // any error of a step
	for _, step := range []string{durable.StepWrite, durable.StepSync, durable.StepRename} {
		s.fail = func(at string) error {
			if at == step {
				return full
			}
			return nil
		}
		if _, err := s.Put([]byte("x"), from("r1")); err == nil {
			t.Error(step)
		}
		if left := files(t, s.dir); slices.ContainsFunc(left, func(n string) bool { return n != lockName }) {
			t.Errorf("%s leaves %v", step, left)
		}
	}
}
