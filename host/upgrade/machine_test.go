// SPDX-License-Identifier: Apache-2.0

package upgrade

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-ml/bulkhead/host/installer"
	"github.com/bulkhead-ml/bulkhead/registry/install"
	"github.com/bulkhead-ml/bulkhead/registry/lock"
	"github.com/bulkhead-ml/bulkhead/registry/release"
	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

func timeNow() time.Time { return time.Now().UTC() }

// atOne is a project that has version 1.0.0, in a registry that has 1.1.0 too.
func atOne(t *testing.T, mode string, kernels ...release.Kernel) *lab {
	t.Helper()
	l := newLab(t)
	l.publish("1.0.0", "plain")
	if out, err := l.upgrade("1.0.0"); err != nil || out.Canary != 0 {
		t.Fatalf("%+v, %v", out, err)
	}
	l.publish("1.1.0", mode, kernels...)
	return l
}

// An upgrade takes the ten steps in their order, and is watched.
func TestUpgrade(t *testing.T) {
	l := atOne(t, "other", kernels(1)...)
	var told []Step
	out, err := l.upgrade("~> 1.0", func(m *Machine) {
		m.Events = func(e Event) {
			if !slices.Contains(told, e.Step) {
				told = append(told, e.Step)
			}
		}
		m.Gates.Contract = func(context.Context, *Candidate) (string, error) { return "kept", nil }
		m.Gates.Replay = func(_ context.Context, c *Candidate) (string, error) { return "the same as " + c.From, nil }
	})
	must(t, err)
	l.locks("1.1.0")
	equal(t, "steps", out.steps(), []string{
		"plan done", "fetch done", "verify done", "unpack done", "smoke done", "configuration skipped", "contract done", "replay done", "switch done",
	})
	if want := []Step{Plan, Fetch, Verify, Unpack, Smoke, Configuration, Contract, Replay, Switch, Canary}; !slices.Equal(told, want) {
		t.Errorf("told %v, want %v", told, want)
	}
	if e := out.Events[2]; !strings.Contains(e.Detail, "logged") || !strings.Contains(e.Detail, "signed") {
		t.Errorf("evidence %q", e.Detail)
	}
	if out.Generation != 2 || out.Canary != 3 {
		t.Errorf("generation %d, canary %d", out.Generation, out.Canary)
	}
	if v, err := OnProbation(l.scope()); err != nil || len(v) != 1 || v[0].Left != 3 || !slices.Equal(v[0].Changes, []string{"acme/times 1.0.0 -> 1.1.0"}) {
		t.Errorf("on probation %+v, %v", v, err)
	}
}

// Whatever gate refuses, nothing has changed, and the next try goes through.
func TestGates(t *testing.T) {
	refused := errors.New("refused by a test")
	tests := map[string]struct {
		mode string
		gate func(*Machine)
		step Step
		want string
	}{
		"settings": {"other", func(m *Machine) {
			m.Gates.Bind = func(_ context.Context, d map[string]*pluginv1.DescribeResponse) error {
				if d["times"].GetVersion() != "1.1.0" {
					return errors.New("the candidate is not described")
				}
				return refused
			}
		}, Configuration, "refused by a test"},
		"kept states": {"other", func(m *Machine) {
			m.Gates.States = func(*Candidate) ([]State, error) {
				return []State{{Kernel: "centre", Version: 1, Digest: "sha256:good"}, {Kernel: "centre", Version: 9, Digest: "sha256:bad"}}, nil
			}
		}, Configuration, "kept as sha256:bad"},
		"states that cannot be listed": {"other", func(m *Machine) {
			m.Gates.States = func(*Candidate) ([]State, error) { return nil, refused }
		}, Configuration, "refused by a test"},
		"states of the kernel": {"states", func(*Machine) {}, Configuration, "centre (version 1)"},
		"contract": {"other", func(m *Machine) {
			m.Gates.Contract = func(context.Context, *Candidate) (string, error) { return "", refused }
		}, Contract, "refused by a test"},
		"replay": {"other", func(m *Machine) {
			m.Gates.Replay = func(context.Context, *Candidate) (string, error) { return "", refused }
		}, Replay, "refused by a test"},
		"start":     {"crash", func(*Machine) {}, Smoke, "it does not start"},
		"switch":    {"other", func(m *Machine) { m.Fail = failAt(FailSwitch, refused) }, Switch, "refused by a test"},
		"probation": {"other", func(m *Machine) { m.Fail = failAt(FailProbation, refused) }, Switch, "refused by a test"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			l := atOne(t, test.mode)
			out, err := l.upgrade("~> 1.0", test.gate)
			gate, ok := errors.AsType[*GateError](err)
			if !ok || gate.Step != test.step {
				t.Fatalf("error %v, want one of %s", err, test.step)
			}
			contains(t, err, test.want)
			if last := out.Events[len(out.Events)-1]; last.Status != Failed || last.Step != test.step {
				t.Errorf("the last event is %+v", last)
			}
			l.locks("1.0.0")
			if v, err := OnProbation(l.scope()); err != nil || len(v) > 0 {
				t.Errorf("on probation %+v, %v", v, err)
			}
			if test.mode == "crash" {
				return
			}
			if _, err := l.upgrade("~> 1.0", func(m *Machine) { m.LoseStates = true }); err != nil {
				t.Error(err)
			}
			l.locks("1.1.0")
		})
	}
}

func failAt(step string, err error) func(string) error {
	return func(s string) error {
		if s == step {
			return err
		}
		return nil
	}
}

// A plugin that offers what its publisher did not sign is none of theirs.
func TestOtherKernelsThanSigned(t *testing.T) {
	l := atOne(t, "other", release.Kernel{Name: "times", Compartment: "data"})
	_, err := l.upgrade("~> 1.0")
	contains(t, err, "smoke of acme/times", "not what its publisher signed", "centre/data/1/1")
	l.locks("1.0.0")
}

// A change that is interrupted says so and changes nothing.
func TestInterrupted(t *testing.T) {
	l := atOne(t, "other")
	i, err := l.installer()
	must(t, err)
	p, err := plan(t.Context(), i, "~> 1.0")
	must(t, err)
	stop := errors.New("the user has enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	m := machine(i)
	m.Gates.Contract = func(ctx context.Context, _ *Candidate) (string, error) {
		cancel(stop)
		return "", ctx.Err()
	}
	if _, err := m.Run(ctx, p, "a test"); !errors.Is(err, stop) {
		t.Errorf("error %v", err)
	}
	l.locks("1.0.0")
}

// Two hosts that plan the same: the second one is told, and what the first one put
// on probation stays there.
func TestChangedMeanwhile(t *testing.T) {
	l := atOne(t, "other")
	_, err := l.upgrade("~> 1.0", func(m *Machine) {
		m.Fail = func(step string) error {
			if step == FailSwitch {
				_, err := l.upgrade("~> 1.0")
				return err
			}
			return nil
		}
	})
	if _, ok := errors.AsType[*install.ChangedError](err); !ok {
		t.Errorf("error %v", err)
	}
	contains(t, err, "changed meanwhile", "run the command again")
	l.locks("1.1.0")
	if list, err := (record{scope: l.scope()}).read(); err != nil || len(list) != 1 {
		t.Errorf("%d probations, %v", len(list), err)
	}
}

// A version that is upgraded while it is on probation is what its successor goes
// back to, and is on probation there.
func TestUpgradeOnProbation(t *testing.T) {
	l := atOne(t, "other")
	if _, err := l.upgrade("~> 1.0"); err != nil {
		t.Fatal(err)
	}
	l.publish("1.2.0", "plain")
	if _, err := l.upgrade("~> 1.0"); err != nil {
		t.Fatal(err)
	}
	fail := func(run, want string) {
		t.Helper()
		w, err := Begin(t.Context(), l.scope(), run, []string{"acme/times"}, nil)
		must(t, err)
		v, err := w.End(t.Context(), Ended{Faults: []Fault{{"acme/times", "it died"}}})
		if err != nil || len(v) != 1 || !v[0].RolledBack {
			t.Errorf("%+v, %v", v, err)
		}
		l.locks(want)
	}
	fail("run1", "1.1.0")
	fail("run2", "1.0.0")
	if (record{scope: l.scope()}).exists() {
		t.Error("there is still something on probation")
	}
}

// A first installation, a repair and a removal have nothing to go back to.
func TestNoProbation(t *testing.T) {
	l := newLab(t)
	l.publish("1.0.0", "plain")
	out, err := l.upgrade("1.0.0", func(m *Machine) {
		m.Gates.Replay = func(context.Context, *Candidate) (string, error) { return "", errors.New("there is nothing to repeat") }
	})
	must(t, err)
	if e := out.Events[len(out.Events)-1]; e.Step != Canary || e.Status != Skipped {
		t.Errorf("the last event is %+v", e)
	}
	i, err := l.installer()
	must(t, err)
	p, err := i.Plan(t.Context(), installer.Request{})
	must(t, err)
	must(t, p.Consent(t.Context(), nil, nil))
	if _, err := machine(i).Run(t.Context(), p, "a test"); err != nil {
		t.Error(err)
	}
	l.locks("")
}

// A registry that is gone by the time of the download leaves everything as it was.
func TestTheRegistryGoesAfterThePlan(t *testing.T) {
	l := atOne(t, "other")
	i, err := l.installer()
	must(t, err)
	p, err := plan(t.Context(), i, "~> 1.0")
	must(t, err)
	must(t, os.Rename(l.Registry, l.Registry+".gone"))
	_, err = machine(i).Run(t.Context(), p, "a test")
	contains(t, err, "fetch", "acme/times 1.1.0")
	l.locks("1.0.0")
	must(t, os.Rename(l.Registry+".gone", l.Registry))
	l.recovers("the registry went")
}

// A clock that jumps back between the upgrade and its runs changes nothing for them.
func TestTheClockJumpsBack(t *testing.T) {
	for how, want := range map[string]string{"promoted": "acme/other 1.0.0, acme/times 2.0.0", "failed": "acme/other 1.0.0, acme/times 1.0.0"} {
		s := onProbation(t, 1, 0)
		must(t, record{scope: s.scope}.change(func(list []*probation, _ *lock.File) ([]*probation, error) {
			list[0].At = time.Now().AddDate(1, 0, 0)
			return list, nil
		}))
		s.run("a", endings[how])
		if got := s.versions(); got != want {
			t.Errorf("%s: %s", how, got)
		}
		s.tidy()
	}
}
