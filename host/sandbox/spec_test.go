// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"encoding/json"
	"errors"
	"os"
	"path"
	"strings"
	"testing"
)

func TestLevelNames(t *testing.T) {
	for _, level := range []Level{None, Weak, Namespaced} {
		got, err := ParseLevel(level.String())
		if err != nil || got != level {
			t.Errorf("%v: %v, %v", level, got, err)
		}
	}
	for _, name := range []string{"", "full", "default", "NONE"} {
		if level, err := ParseLevel(name); err == nil {
			t.Errorf("%q is level %v", name, level)
		}
	}
	if None >= Weak || Weak >= Namespaced {
		t.Error("the order of levels is broken")
	}
	if Level(0).floor() != Namespaced {
		t.Error("a forgotten floor must be the highest level")
	}
}

func TestReportJSON(t *testing.T) {
	text, err := json.Marshal(Report{Level: Weak})
	if err != nil || !strings.Contains(string(text), `"level":"weak"`) {
		t.Fatalf("%s, %v", text, err)
	}
	var back Report
	if err := json.Unmarshal(text, &back); err != nil || back.Level != Weak {
		t.Errorf("%+v, %v", back, err)
	}
}

func TestSpecCheck(t *testing.T) {
	good := Spec{Exe: os.Stdin, Args: []string{"x"}}
	if err := good.check(); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Spec){
		"no program":      func(s *Spec) { s.Exe = nil },
		"no arguments":    func(s *Spec) { s.Args = nil },
		"NUL":             func(s *Spec) { s.Env = []string{"A=\x00"} },
		"relative source": func(s *Spec) { s.Binds = []Bind{{Source: "etc"}} },
		"outside target":  func(s *Spec) { s.Binds = []Bind{{Source: "/etc", Target: "/etc"}} },
		"dots in target":  func(s *Spec) { s.Binds = []Bind{{Source: "/etc", Target: "/target/../etc"}} },
		"prefix only":     func(s *Spec) { s.Binds = []Bind{{Source: "/etc", Target: "/targets"}} },
		"twice":           func(s *Spec) { s.Binds = []Bind{{Source: "/etc"}, {Source: "/x", Target: "/target/etc"}} },
	} {
		s := good
		change(&s)
		if s.check() == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestRefusalSaysWhatToDo(t *testing.T) {
	err := error(&RefusedError{Floor: Weak, Attempts: []error{&StepError{Level: Weak, Step: "rlimits", Err: os.ErrPermission}}})
	for _, want := range []string{"level weak was required", "step rlimits", "--sandbox none"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q lacks %q", err, want)
		}
	}
	var step *StepError
	if !errors.As(err, &step) || !errors.Is(err, os.ErrPermission) {
		t.Error("the cause is not reachable")
	}
}

func FuzzBindTarget(f *testing.F) {
	f.Add("/etc", "")
	f.Add("/etc", "/target/x")
	f.Add("/../..", "/target/../x")
	f.Fuzz(func(t *testing.T, source, target string) {
		got, err := Bind{Source: source, Target: target}.target()
		if err == nil && (path.Clean(got) != got || !below(got, TargetDir)) {
			t.Fatalf("%q at %q became %q", source, target, got)
		}
	})
}
