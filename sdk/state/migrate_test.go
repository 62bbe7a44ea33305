// SPDX-License-Identifier: Apache-2.0

package state

import (
	"bytes"
	"errors"
	"slices"
	"testing"
)

// history brings a model from version 1 to 4: 2 renames, 3 turns a variance into
// a deviation, 4 drops an array.
var history = Migrations{
	1: func(s *State) (*State, error) {
		w := s.Edit()
		w.Rename("weights", "coef")
		return w.State()
	},
	2: func(s *State) (*State, error) {
		scale, err := s.Floats("scale", -1)
		if err != nil {
			return nil, err
		}
		for i := range scale {
			scale[i] *= 10
		}
		w := s.Edit()
		w.Drop("scale")
		w.Floats("scale", scale)
		return w.State()
	},
	3: func(s *State) (*State, error) {
		w := s.Edit()
		w.Drop("note")
		return w.State()
	},
}

func old(t *testing.T, version int) *State {
	w := New(Header{Kernel: "k.model", Version: version, Seed: 7})
	w.Floats("weights", []float64{1, 2}, 1, 2)
	w.Floats("scale", []float64{0.5, 0.25})
	w.Strings("note", []string{"x", ""})
	w.Nulls("note", []bool{true, false})
	return decoded(t, encoded(t, w))
}

func TestMigrationsChain(t *testing.T) {
	first := old(t, 1)
	before := bytes.Clone(first.Bytes())
	s, err := Load(first.Bytes(), Want{Kernel: "k.model", Version: 4, Migrations: history})
	must(t, err)
	if s.Header.Version != 4 || s.Header.Parent != first.Digest() || s.Header.Seed != 7 {
		t.Errorf("%+v", s.Header)
	}
	same(t, []float64{1, 2})(s.Floats("coef", 1, 2))
	same(t, []float64{5, 2.5})(s.Floats("scale"))
	if len(s.Arrays()) != 2 || !bytes.Equal(before, first.Bytes()) {
		t.Error("arrays stay that were dropped, or the old state changed")
	}
	if again, err := history.To(4, s); err != nil || again != s {
		t.Errorf("a state of the version is made anew: %v", err)
	}
	if history.Oldest(4) != 1 || history.Oldest(7) != 7 || Migrations(nil).Oldest(3) != 3 {
		t.Error("oldest")
	}
}

func TestEveryStepIsTaken(t *testing.T) {
	for from := 1; from <= 3; from++ {
		var steps []int
		counting := Migrations{}
		for v := range history {
			counting[v] = func(s *State) (*State, error) { steps = append(steps, v); return s, nil }
		}
		s, err := counting.To(4, old(t, from))
		must(t, err)
		want := []int{1, 2, 3}[from-1:]
		if !slices.Equal(steps, want) || s.Header.Version != 4 {
			t.Errorf("from %d: %v, version %d", from, steps, s.Header.Version)
		}
	}
}

func TestWhatCannotBeLoaded(t *testing.T) {
	failing := Migrations{1: func(*State) (*State, error) { return nil, errStop }}
	foreign := Migrations{1: func(s *State) (*State, error) { w := s.Edit(); w.Header.Kernel = "other"; return w.State() }}
	nothing := Migrations{1: func(*State) (*State, error) { return nil, nil }}
	var version *VersionError
	for what, tt := range map[string]struct {
		want  Want
		holds func(error) bool
	}{
		"newer":            {Want{Version: 1}, func(err error) bool { return errors.As(err, &version) && version.Stuck == 0 && version.Have == 2 }},
		"a gap":            {Want{Version: 9, Migrations: history}, func(err error) bool { return errors.As(err, &version) && version.Stuck == 4 }},
		"another kernel":   {Want{Kernel: "k.other", Version: 2}, func(err error) bool { _, ok := errors.AsType[*KernelError](err); return ok }},
		"a failing step":   {Want{Version: 3, Migrations: Migrations{2: failing[1]}}, func(err error) bool { return errors.Is(err, errStop) }},
		"another's state":  {Want{Version: 3, Migrations: Migrations{2: foreign[1]}}, func(err error) bool { return err != nil }},
		"a step of no use": {Want{Version: 3, Migrations: Migrations{2: nothing[1]}}, func(err error) bool { return err != nil }},
	} {
		// At version 2 the state is what history[1] makes.
		s, err := history.To(2, old(t, 1))
		must(t, err)
		if got, err := Load(s.Bytes(), tt.want); got != nil || !tt.holds(err) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := Load([]byte("BHALGO1\n"), Want{Version: 1}); !errors.Is(err, ErrNotState) {
		t.Error(err)
	}
}
