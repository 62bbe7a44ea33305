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
	for _, level := range []Level{None, Partial, Weak, Seatbelt, WallsOnly, Namespaced, Full, FullQuota, Container} {
		got, err := ParseLevel(level.String())
		if err != nil || got != level {
			t.Errorf("%v: %v, %v", level, got, err)
		}
	}
	for _, name := range []string{"", "fuller", "default", "NONE"} {
		if level, err := ParseLevel(name); err == nil {
			t.Errorf("%q is level %v", name, level)
		}
	}
	if None >= Weak || Weak >= Namespaced {
		t.Error("the order of levels is broken")
	}
	if Level(0).floor() != DefaultFloor {
		t.Error("a forgotten floor must be the default")
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
		"secret path":     func(s *Spec) { s.Secrets = []Secret{{Name: "../x"}} },
		"secret dots":     func(s *Spec) { s.Secrets = []Secret{{Name: ".."}} },
		"secret nameless": func(s *Spec) { s.Secrets = []Secret{{}} },
		"secret twice":    func(s *Spec) { s.Secrets = []Secret{{Name: "a"}, {Name: "a"}} },
		"secret too big":  func(s *Spec) { s.Secrets = []Secret{{Name: "a", Value: strings.Repeat("x", 2<<20)}} },
		"no such wall":    func(s *Spec) { s.Without, s.Floor = []string{"moat"}, None },
		"code over ours":  func(s *Spec) { s.Binds = []Bind{{Source: "/x", Target: "/tmp/x", Access: Library}} },
		"code at root":    func(s *Spec) { s.Binds = []Bind{{Source: "/", Access: Exec}} },
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

func TestProfile(t *testing.T) {
	for want, spec := range map[string]Spec{
		"check":     {},
		"collector": {Binds: []Bind{{Access: Read}}},
		"kernel":    {Binds: []Bind{{Access: Read}, {Access: Write}}},
		"python":    {Binds: []Bind{{Access: Write}, {Access: Library}}},
		"gpu":       {Binds: []Bind{{Access: Library}, {Access: Device}}},
		"tools":     {Binds: []Bind{{Access: Device}, {Access: Exec}}},
	} {
		if got := spec.profile(); got != want {
			t.Errorf("%+v is %q, want %q", spec.Binds, got, want)
		}
	}
	if got := (&Spec{Inherit: []*os.File{os.Stdin}}).profile(); got != "kernel" {
		t.Errorf("with data handed in: %q", got)
	}
}

// A recipe with walls left out is called weak at most, and nothing at all when
// one of weak's own is missing.
func TestReportedLevel(t *testing.T) {
	for _, tt := range []struct {
		level   Level
		without []string
		want    Level
	}{
		{Full, nil, Full}, {Full, []string{"landlock"}, Weak}, {FullQuota, []string{"cgroup"}, Weak},
		{Full, []string{"seccomp"}, None}, {None, []string{"landlock"}, None}, {Full, []string{"pid namespace", "rlimits"}, None},
	} {
		if got := reported(tt.level, tt.without); got != tt.want {
			t.Errorf("%v without %v is %v, want %v", tt.level, tt.without, got, tt.want)
		}
	}
}

func TestSecretBytes(t *testing.T) {
	if got := secretBytes([]Secret{{"a", ""}, {"b", "x"}, {"c", strings.Repeat("x", 4097)}}); got != 3*4096 {
		t.Errorf("%d", got)
	}
}
