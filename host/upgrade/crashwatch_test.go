// SPDX-License-Identifier: Apache-2.0

package upgrade

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/host/audit"
	"github.com/bulkhead-ml/bulkhead/registry/install"
)

// watch is the child that has one run watched, which ends as endings say.
func (p places) watch(how string, fail func(string) error) int {
	store := install.Open(p.Store)
	store.Fail = fail
	scope, err := store.Scope(p.Project)
	if err != nil {
		return fatal(err)
	}
	log, err := p.log()
	if err != nil {
		return fatal(err)
	}
	w, err := beginWatch(context.Background(), record{scope, fail}, "child", []string{"acme/times"}, func() *audit.Log { return log })
	if err != nil {
		return fatal(err)
	}
	if _, err := w.End(context.Background(), endings[how]); err != nil {
		return fatal(err)
	}
	return exitCode(log.Close())
}

// endings of a watched run: it is the last one that was wanted, it fails, or the hosts
// of two runs before it have died.
var endings = map[string]Ended{"promoted": fine, "failed": died, "deaths": fine}

// TestKilledInTheCanary kills the host before each step of a promotion and of going
// back. The lock file names the old version or the new one, and the next runs end as
// if nobody had died.
func TestKilledInTheCanary(t *testing.T) {
	if testing.Short() {
		t.Skip("it kills many processes")
	}
	for how, want := range map[string][]string{
		"promoted": {failForgotten},
		"failed":   {FailTell, install.StepGeneration, install.StepPointer, install.StepDone, failForgotten},
		"deaths":   {install.StepPointer, failForgotten},
	} {
		t.Run(how, func(t *testing.T) {
			var met []string
			for n := 1; ; n++ {
				s := watchedShelf(t, t.TempDir(), how)
				end := s.child(how, n)
				if end.code == 0 {
					break
				}
				if end.code != diedOfIt || n > 200 {
					t.Fatalf("step %d: exit code %d: %s", n, end.code, end.stderr)
				}
				step := strings.TrimSpace(strings.TrimPrefix(end.stderr, stepMark))
				met = append(met, step)
				s.endsAsIfNobodyDied(how, step)
			}
			for _, step := range want {
				if !slices.Contains(met, step) {
					t.Errorf("no child was killed at %q: %q", step, met)
				}
			}
			t.Logf("%d steps", len(met))
		})
	}
}

// watchedShelf has acme/times 2.0.0 one run before the end that a test wants.
func watchedShelf(t *testing.T, dir, how string) *shelf {
	t.Helper()
	runs := 5
	if how == "promoted" {
		runs = 1
	}
	s := onProbationIn(t, dir, runs, 0)
	if how != "deaths" {
		return s
	}
	for _, run := range []string{"a", "b"} {
		w, err := Begin(t.Context(), s.scope, run, []string{"acme/times"}, nil)
		must(t, err)
		must(t, w.release()) // as the system does when the process ends
	}
	return s
}

// child has a process watch one run, and kills it before its n-th step.
func (s *shelf) child(how string, n int) ended {
	s.t.Helper()
	where, err := json.Marshal(s.places())
	must(s.t, err)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+string(where), watchEnv+"="+how, killEnv+"="+strconv.Itoa(n))
	cmd.Stderr = &bytes.Buffer{}
	must(s.t, cmd.Start())
	return wait(s.t, cmd)
}

func (s *shelf) places() places {
	return places{Store: s.store.Root(), Project: s.project, Audit: filepath.Join(filepath.Dir(s.project), "audit")}
}

func (s *shelf) endsAsIfNobodyDied(how, step string) {
	s.t.Helper()
	const before, after = "acme/other 1.0.0, acme/times 1.0.0", "acme/other 1.0.0, acme/times 2.0.0"
	if v := s.versions(); v != before && v != after {
		s.t.Errorf("killed at %s: %s", step, v)
	}
	want, next, why := before, died, "rolled back: "
	if how == "promoted" {
		want, next, why = after, fine, "promoted: "
	}
	p := s.places()
	p.recover(s.t, s.scope)
	log, err := p.log()
	must(s.t, err)
	w, err := Begin(s.t.Context(), s.scope, "next", []string{"acme/times"}, func() *audit.Log { return log })
	must(s.t, err)
	if _, err := w.End(s.t.Context(), next); err != nil {
		s.t.Errorf("killed at %s: %v", step, err)
	}
	must(s.t, log.Close())
	if told := p.told(s.t); len(told) == 0 || !strings.HasPrefix(told[0], why) {
		s.t.Errorf("killed at %s: the audit log tells of %q", step, told)
	}
	if on, err := OnProbation(s.scope); err != nil || len(on) > 0 || s.versions() != want {
		s.t.Errorf("killed at %s: %s, and on probation %+v, %v; want %s", step, s.versions(), on, err, want)
	}
}
