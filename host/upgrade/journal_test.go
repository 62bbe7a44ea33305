// SPDX-License-Identifier: Apache-2.0

package upgrade

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/host/installer"
	"github.com/bulkhead-ml/bulkhead/internal/durable"
)

// The configuration of a lab before and after the edit that belongs to an upgrade.
const (
	before = "# nothing is declared\n"
	after  = "plugin \"times\" {\n  source = \"acme/times\"\n}\n"
)

func (l *lab) configuration() string { return filepath.Join(l.Project, "bulkhead.hcl") }

func (l *lab) says() string {
	l.t.Helper()
	text, err := os.ReadFile(l.configuration())
	must(l.t, err)
	return string(text)
}

// TestKilledBesideTheConfiguration kills an upgrade that edits the configuration
// before each of its last steps. After the next command, lock file and
// configuration are both old or both new.
func TestKilledBesideTheConfiguration(t *testing.T) {
	if testing.Short() {
		t.Skip("it kills many processes")
	}
	l := atOne(t, "other")
	must(t, os.WriteFile(l.configuration(), []byte(before), 0o644))
	edit := editEnv + "=" + l.configuration()
	l.freeze()
	last := l.stepsOf(edit)
	var met []string
	for n := len(last); n > 0; n-- {
		l.thaw()
		end := l.runChild(edit, killEnv+"="+strconv.Itoa(n))
		if end.code != diedOfIt {
			t.Fatalf("step %d: exit code %d: %s", n, end.code, end.stderr)
		}
		step := strings.TrimSpace(strings.TrimPrefix(end.stderr, stepMark))
		met = append(met, step)
		upgraded := l.consistent(step)
		edited, err := Recover(l.scope(), nil)
		if err != nil {
			t.Errorf("%s: %v", step, err)
		}
		if got := l.says() == after; got != upgraded {
			t.Errorf("%s: upgraded %v, and the configuration says\n%s(edited %q)", step, upgraded, l.says(), edited)
		}
		if list, _ := filepath.Glob(l.scope().File("upgrade.json")); len(list) > 0 {
			t.Errorf("%s: the journal stays", step)
		}
		if step == FailJournal {
			break
		}
	}
	for _, want := range []string{FailJournal, FailEdit, FailForget} {
		if !slices.Contains(met, want) {
			t.Errorf("no child was killed at %q: %q", want, met)
		}
	}
}

// stepsOf counts the steps of a child that is not killed.
func (l *lab) stepsOf(env ...string) []string {
	l.t.Helper()
	end := l.runChild(append(env, killEnv+"=-1")...)
	if end.code != 0 {
		l.t.Fatal(end.stderr)
	}
	if l.says() != after {
		l.t.Errorf("the child has not edited: %s", l.says())
	}
	return strings.Split(strings.TrimSpace(end.stderr), "\n")
}

// What a dead host left is finished only where it is still what it was.
func TestRecover(t *testing.T) {
	died := errors.New("died")
	tests := map[string]struct {
		at        string
		meanwhile func(*lab)
		want      string
		edited    int
		err       string
	}{
		"switched":            {FailEdit, func(*lab) {}, after, 1, ""},
		"edited":              {FailForget, func(*lab) {}, after, 0, ""},
		"not switched":        {FailSwitched, func(*lab) {}, before, 0, ""},
		"edited by hand":      {FailEdit, func(l *lab) { must(l.t, os.WriteFile(l.configuration(), []byte("# mine\n"), 0o600)) }, "# mine\n", 0, "changed meanwhile"},
		"done by hand":        {FailEdit, func(l *lab) { must(l.t, os.WriteFile(l.configuration(), []byte(after), 0o600)) }, after, 0, ""},
		"lock file went back": {FailEdit, func(l *lab) { _, err := l.scope().Rollback(l.t.Context(), 0); must(l.t, err) }, before, 0, ""},
		"damaged":             {FailEdit, func(l *lab) { must(l.t, os.WriteFile(l.scope().File(journalFile), []byte("{"), 0o600)) }, before, 0, "not from this version"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := newShelf(t)
			file := filepath.Join(s.scope.Project(), "bulkhead.hcl")
			must(t, os.WriteFile(file, []byte(before), 0o644))
			l := &lab{t: t, places: places{Store: s.store.Root(), Project: s.scope.Project()}}
			s.use(s.plugin("acme/times", "1.0.0"))
			now, _, err := s.scope.Current()
			must(t, err)
			next := now.Clone()
			next.Set(s.plugin("acme/times", "1.1.0"))
			e, err := begin(record{s.scope, func(step string) error {
				if step == test.at {
					return died
				}
				return nil
			}}, nil, next, []Edit{{file, []byte(before), []byte(after)}}, nil)
			must(t, err)
			if test.at != FailSwitched {
				_, err = s.scope.Switch(t.Context(), now, next, "a test")
				must(t, err)
				_ = e.apply()
			}
			if edited, err := Recover(s.scope, nil); len(edited) > 0 || err != nil {
				t.Errorf("beside a host that lives: %q, %v", edited, err)
			}
			must(t, e.held.Release())
			test.meanwhile(l)
			edited, err := Recover(s.scope, nil)
			if len(edited) != test.edited || (err == nil) != (test.err == "") {
				t.Errorf("edited %q, %v", edited, err)
			}
			if test.err != "" {
				contains(t, err, test.err)
			}
			if l.says() != test.want {
				t.Errorf("it says %q, want %q", l.says(), test.want)
			}
			if edited, err := Recover(s.scope, nil); len(edited) > 0 || err != nil {
				t.Errorf("once more: %q, %v", edited, err)
			}
		})
	}
}

// FailSwitched stands for a host that dies before its switch.
const FailSwitched = "the switch"

// A configuration that cannot be edited is told, and the new version stays.
func TestEditThatFails(t *testing.T) {
	l := atOne(t, "other")
	must(t, os.WriteFile(l.configuration(), []byte("# somebody was faster\n"), 0o644))
	out, err := l.upgrade("~> 1.0", func(m *Machine) {
		m.Edits = func(*installer.Plan) ([]Edit, error) {
			return []Edit{{l.configuration(), []byte(before), []byte(after)}}, nil
		}
	})
	if _, ok := errors.AsType[*EditError](err); !ok {
		t.Errorf("error %v", err)
	}
	contains(t, err, "changed meanwhile", "by hand")
	if last := out.Events[len(out.Events)-1]; last.Step != Switch || last.Status != Done || out.Canary != 3 {
		t.Errorf("%+v", out)
	}
	l.locks("1.1.0")
	if edited, err := Recover(l.scope(), nil); len(edited) > 0 || err != nil || strings.Contains(l.says(), "times") {
		t.Errorf("%q, %v, %s", edited, err, l.says())
	}
}

// Edits that cannot be made stop the change before the switch.
func TestEditsThatAreRefused(t *testing.T) {
	l := atOne(t, "other")
	_, err := l.upgrade("~> 1.0", func(m *Machine) {
		m.Edits = func(*installer.Plan) ([]Edit, error) { return nil, errors.New("it is JSON") }
	})
	contains(t, err, "switch", "it is JSON")
	l.locks("1.0.0")
}

// A configuration that is edited stays readable for whom it was, and stays where a
// link leads to.
func TestRewriteKeepsModeAndLink(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("modes and links are others there")
	}
	dir := t.TempDir()
	real, link := filepath.Join(dir, "real.hcl"), filepath.Join(dir, "bulkhead.hcl")
	must(t, os.WriteFile(real, []byte("old"), 0o600))
	must(t, os.Chmod(real, 0o664))
	must(t, os.Symlink("real.hcl", link))
	must(t, rewrite(link, []byte("new"), durable.Fail(nil)))
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link is gone: %v %v", info, err)
	}
	if info, err := os.Stat(real); err != nil || info.Mode().Perm() != 0o664 {
		t.Errorf("mode %v, %v", info, err)
	}
	if text, err := os.ReadFile(real); err != nil || string(text) != "new" {
		t.Errorf("%q, %v", text, err)
	}
}
