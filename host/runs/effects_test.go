// SPDX-License-Identifier: Apache-2.0

package runs

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func effectOf(node string, rollback bool) Effect {
	return Effect{Node: node, Rollback: rollback, Call: json.RawMessage(`{"token":"dG9rZW4="}`)}
}

// owedNodes are the nodes whose effects a run owes, with an exclamation mark where it
// was tried.
func owedNodes(t *testing.T, s *Store, id string) string {
	t.Helper()
	r, err := s.Get(id)
	must(t, err)
	must(t, valid(t, r))
	var out []string
	for _, e := range r.Owed {
		if e.Problem != "" {
			e.Node += "!"
		}
		out = append(out, e.Node)
	}
	return strings.Join(out, " ")
}

// TestOwedEffects says what is to be taken back after which events, when the host died
// and when the run has ended.
func TestOwedEffects(t *testing.T) {
	did := func(r *Run) {
		must(t, r.Did(effectOf("a", true)))
		must(t, r.Did(effectOf("b", false)))
		must(t, r.Did(effectOf("c", true)))
	}
	for name, c := range map[string]struct {
		do          func(*Run)
		died, ended string
	}{
		"nothing was done":          {func(*Run) {}, "", ""},
		"the last one first":        {did, "c a", ""},
		"all are taken back":        {func(r *Run) { did(r); must(t, r.Compensates()) }, "c b a", ""},
		"one was taken back":        {func(r *Run) { did(r); must(t, r.Compensates()); must(t, r.TookBack("c", "")) }, "b a", ""},
		"one could not be":          {func(r *Run) { did(r); must(t, r.TookBack("c", "no disk")) }, "c! a", "c!"},
		"the second try":            {func(r *Run) { did(r); must(t, r.TookBack("c", "no disk")); must(t, r.TookBack("c", "")) }, "a", ""},
		"the run came to its end":   {func(r *Run) { did(r); must(t, r.Stays()) }, "", ""},
		"of a node that is unknown": {func(r *Run) { must(t, r.TookBack("x", "")) }, "", ""},
	} {
		s := newStore(t)
		run, err := s.Begin(Record{Pipeline: "p"})
		must(t, err)
		c.do(run)
		if got := owedNodes(t, s, run.ID()); got != "" {
			t.Errorf("%s: while it runs it owes %q", name, got)
		}
		run.close() // as the system does when the host dies
		if got := owedNodes(t, s, run.ID()); got != c.died {
			t.Errorf("%s: after the death of the host it owes %q", name, got)
		}
		other, err := s.Begin(Record{Pipeline: "p"})
		must(t, err)
		c.do(other)
		must(t, other.End(Failed, "x"))
		if got := owedNodes(t, s, other.ID()); got != c.ended {
			t.Errorf("%s: after its end it owes %q", name, got)
		}
		if is := other.Did(effectOf("z", true)); !errors.Is(is, ErrEnded) {
			t.Errorf("%s: an effect after the end: %v", name, is)
		}
	}
}

// dead is a run whose host died and that owes an effect.
func dead(t *testing.T, s *Store) string {
	t.Helper()
	run, err := s.Begin(Record{Pipeline: "p", Nodes: []Node{{Name: "a", Kind: "kernel", Status: Pending}}})
	must(t, err)
	must(t, run.Did(effectOf("a", true)))
	run.close()
	return run.ID()
}

// TestUndo is for one process at a time, and for runs that do not go on.
func TestUndo(t *testing.T) {
	s := newStore(t)
	id := dead(t, s)
	u, err := s.Undo(id[:8])
	must(t, err)
	if len(u.Record.Owed) != 1 || u.Record.Node("a") == nil || u.Record.Status != Interrupted {
		t.Errorf("the run is %+v", u.Record)
	}
	if _, err := s.Undo(id); !is[*RunningError](err) {
		t.Errorf("a second process: %v", err)
	}
	must(t, u.TookBack("a", ""))
	must(t, u.Close())
	if got := owedNodes(t, s, id); got != "" {
		t.Errorf("it owes %q", got)
	}
	live, err := s.Begin(Record{Pipeline: "p"})
	must(t, err)
	if _, err := s.Undo(live.ID()); !is[*RunningError](err) {
		t.Errorf("a run that goes on: %v", err)
	}
	if _, err := s.Undo("ffffffff"); !is[*NotFoundError](err) {
		t.Errorf("no run: %v", err)
	}
}

// TestStaysOfADeadHost is what the recovery of a commit says.
func TestStaysOfADeadHost(t *testing.T) {
	s := newStore(t)
	id := dead(t, s)
	must(t, s.Stays(id))
	if got := owedNodes(t, s, id); got != "" {
		t.Errorf("it owes %q", got)
	}
	for _, none := range []string{"0123456789abcdef", "../x", ""} {
		must(t, s.Stays(none))
	}
}

// TestRunsThatOweAreKept, however many come after them.
func TestRunsThatOweAreKept(t *testing.T) {
	s := Open(filepath.Join(t.TempDir(), "runs"), Options{Keep: 1})
	id := dead(t, s)
	for range 3 {
		ended(t, s, Record{Pipeline: "p"}, OK)
	}
	if got := owedNodes(t, s, id); got != "a" {
		t.Errorf("it owes %q", got)
	}
	must(t, s.Stays(id))
	ended(t, s, Record{Pipeline: "p"}, OK)
	if _, err := s.Get(id); !is[*NotFoundError](err) {
		t.Errorf("the run is still there: %v", err)
	}
}

// TestTornEffects: a line that was cut by the death of a host loses neither what is
// before it nor what comes after.
func TestTornEffects(t *testing.T) {
	s := newStore(t)
	id := dead(t, s)
	name := filepath.Join(s.dir, id, effectsName)
	data, err := os.ReadFile(name)
	must(t, err)
	must(t, os.WriteFile(name, fmt.Appendf(data, "\n{\"did\":{\"node\":\"b\",\"rollb"), 0o600))
	if got := owedNodes(t, s, id); got != "a" {
		t.Errorf("it owes %q", got)
	}
	u, err := s.Undo(id)
	must(t, err)
	must(t, u.TookBack("a", ""))
	must(t, u.Close())
	if got := owedNodes(t, s, id); got != "" {
		t.Errorf("it owes %q", got)
	}
}

// FuzzEffects: whatever stands in the file, an effect that is owed was written.
func FuzzEffects(f *testing.F) {
	f.Add([]byte(`{"did":{"node":"a","call":{}}}` + "\n" + `{"took_back":"a"}`))
	f.Add([]byte(`{"compensates":true}` + "\n\n" + `{"stays":true}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		left, _ := readEffects(data)
		if len(left) > strings.Count(string(data), "\n")+1 {
			t.Fatalf("%q gives %+v", data, left)
		}
	})
}
