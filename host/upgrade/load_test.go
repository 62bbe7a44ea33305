// SPDX-License-Identifier: Apache-2.0

package upgrade

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
)

// state is a kept state of the kernel centre with some bytes.
func state(digest, bytes string) State {
	return State{Kernel: "centre", Digest: digest, Trial: func() (Trial, error) {
		return Trial{[]byte(bytes), []Call{{Schema: arrow.NewSchema(nil, nil)}}}, nil
	}}
}

// good is a state as version 1.0.0 makes it.
func good(digest string) State { return state(digest, "ctr1\x40\x04\x00\x00\x00\x00\x00\x00") }

// keeping makes a machine find states and load a number of them.
func keeping(most int, kept ...State) func(*Machine) {
	return func(m *Machine) {
		m.States, m.Gates.States = most, func(*Candidate) ([]State, error) { return kept, nil }
	}
}

// The new version really loads what its predecessor made: what it says of the
// versions of its states is not enough.
func TestStatesAreLoaded(t *testing.T) {
	tests := map[string]struct {
		mode  string
		with  func(*Machine)
		err   []string // of a change that is refused
		tells []string // the step configuration
	}{
		"it loads them": {"other", keeping(9, good("sha256:one"), good("sha256:two")), nil,
			[]string{"2 of 2 kept states of acme/times were tried", "2 load"}},
		"it has forgotten how": {"forgets", keeping(9, good("sha256:one")),
			[]string{"configuration", "acme/times 1.1.0: states that were made by 1.0.0 do not load in it", "centre, kept as sha256:one", "no state of centre", "--lose-states"}, nil},
		"it dies of one": {"dies", keeping(9, good("sha256:one"), good("sha256:two")),
			[]string{"centre, kept as sha256:one", "centre, kept as sha256:two", "fatal error: a state"}, nil},
		"they may be lost": {"forgets", func(m *Machine) { keeping(9, good("sha256:one"))(m); m.LoseStates = true }, nil,
			[]string{"acme/times 1.1.0 loses centre, kept as sha256:one", "no state of centre", "1 of 1", "0 load"}},
		"the newest first": {"forgets", func(m *Machine) {
			keeping(2, good("sha256:one"), good("sha256:two"), good("sha256:three"))(m)
			m.LoseStates = true
		}, nil, []string{"sha256:two", "2 of 3 kept states"}},
		"none is wanted": {"forgets", keeping(0, good("sha256:one")), nil, []string{"0 of 1 kept states"}},
		"nobody loads it": {"forgets", keeping(9, state("sha256:odd", "nothing")), nil,
			[]string{"it is not known: centre, kept as sha256:odd: 1.0.0 does not load it either"}},
		"it is gone": {"other", keeping(9, State{Kernel: "centre", Digest: "sha256:odd", Trial: func() (Trial, error) { return Trial{}, errors.New("it was swept") }}), nil,
			[]string{"sha256:odd: it was swept"}},
		"another call takes it": {"other", keeping(9, State{Kernel: "centre", Digest: "sha256:odd", Trial: func() (Trial, error) {
			tr, err := good("").Trial()
			return Trial{tr.State, append([]Call{{Config: []byte(`{"nobody":1}`), Schema: arrow.NewSchema(nil, nil)}}, tr.Calls...)}, err
		}}), nil, []string{"1 load"}},
		"its kernel is gone": {"other", keeping(9, State{Kernel: "other", Digest: "sha256:odd"}), []string{"other, kept as sha256:odd"}, nil},
	}
	labs := map[string]*lab{}
	for _, test := range tests {
		if labs[test.mode] == nil {
			labs[test.mode] = atOne(t, test.mode)
		}
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			l := labs[test.mode]
			out, err := l.upgrade("~> 1.0", test.with)
			if (err == nil) != (test.err == nil) {
				t.Fatalf("error %v", err)
			}
			contains(t, err, test.err...)
			if test.err != nil {
				l.locks("1.0.0")
				return
			}
			l.locks("1.1.0")
			must(t, Promote(l.scope()))
			_, err = l.scope().Rollback(t.Context(), 1)
			must(t, err)
			for _, want := range test.tells {
				if text := out.detail(Configuration); !strings.Contains(text, want) {
					t.Errorf("it tells %q, want %q", text, want)
				}
			}
		})
	}
}

func (o Outcome) detail(s Step) string {
	for _, e := range o.Events {
		if e.Step == s {
			return e.Detail
		}
	}
	return ""
}

// A version that never comes back from loading a state is given up, and what there
// was no time for is told.
func TestLoadingIsBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits for a deadline")
	}
	l := atOne(t, "dwells")
	begin := time.Now()
	var kept []State
	for n := range 20 {
		kept = append(kept, good(fmt.Sprintf("sha256:%d", n)))
	}
	out, err := l.upgrade("~> 1.0", func(m *Machine) {
		keeping(20, kept...)(m)
		m.LoadTime, m.LoseStates = 30*time.Second, true
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("after %v: %s", time.Since(begin), out.detail(Configuration))
	if text := out.detail(Configuration); strings.Contains(text, "20 of 20") || !strings.Contains(text, " 0 load") {
		t.Error(text)
	}
	l.locks("1.1.0")
}

// An interrupt ends it.
func TestLoadingIsInterrupted(t *testing.T) {
	l := atOne(t, "dwells")
	i, err := l.installer()
	must(t, err)
	p, err := plan(t.Context(), i, "~> 1.0")
	must(t, err)
	stop := errors.New("the user has enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	m := machine(i)
	tried := good("sha256:one")
	read := tried.Trial
	tried.Trial = func() (Trial, error) {
		time.AfterFunc(time.Second, func() { cancel(stop) })
		return read()
	}
	keeping(1, tried)(m)
	if _, err := m.Run(ctx, p, "a test"); !errors.Is(err, stop) {
		t.Errorf("error %v", err)
	}
	l.locks("1.0.0")
}
