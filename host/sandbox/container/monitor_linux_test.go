// SPDX-License-Identifier: Apache-2.0

package container

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// script is an engine that does as it is told, and remembers what was asked of it.
type script struct {
	createErr, startErr, waitErr, removeErr error

	started chan struct{} // closed when the program runs
	killed  chan struct{} // closed by kill
	mu      sync.Mutex
	calls   []string
}

func newScript() *script {
	return &script{started: make(chan struct{}), killed: make(chan struct{})}
}

func (s *script) note(call string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, call)
}

func (s *script) create(context.Context) (int, error) {
	s.note("create")
	return 0, s.createErr
}

func (s *script) start(context.Context) (*started, error) {
	s.note("start")
	close(s.started)
	return &started{PID: 1 << 22, Runtime: "script"}, s.startErr // above every pid
}

func (s *script) wait() (*Exit, error) {
	<-s.killed
	s.note("wait")
	return &Exit{Code: 3}, s.waitErr
}

func (s *script) kill() {
	s.note("kill")
	close(s.killed)
}

func (s *script) remove() error {
	s.note("remove")
	return s.removeErr
}

// watchScript runs a monitor with the engine until its life is cut.
func watchScript(t *testing.T, s *script) (events []event, dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "container")
	if err := errors.Join(os.Mkdir(dir, 0o700), os.WriteFile(filepath.Join(dir, "file"), nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	m := &monitor{plan: plan{Dir: dir}, engine: s, events: json.NewEncoder(&out)}
	ctx, cut := context.WithCancel(context.Background())
	defer cut()
	go func() {
		<-s.started
		cut()
	}()
	m.watch(ctx)
	for decoder := json.NewDecoder(&out); ; {
		var e event
		if decoder.Decode(&e) != nil {
			return events, dir
		}
		events = append(events, e)
	}
}

func TestMonitorFromStartToEnd(t *testing.T) {
	s := newScript()
	events, dir := watchScript(t, s)
	if len(events) != 2 || events[0].Started == nil || events[1].Ended == nil || events[1].Ended.Code != 3 {
		t.Fatalf("events %+v", events)
	}
	if seen := events[0].Started.Seen; !seen.Gone {
		t.Errorf("a process that never was has walls: %+v", seen)
	}
	if len(s.calls) < 5 || !slices.Equal(s.calls[:5], []string{"create", "start", "kill", "wait", "remove"}) {
		t.Errorf("calls %v", s.calls)
	}
	if exists(dir) {
		t.Error("the container's directory is left")
	}
}

// Whatever fails, the container is removed and the step is named.
func TestMonitorFailures(t *testing.T) {
	reason := errors.New("because")
	for step, change := range map[string]func(*script){
		"create": func(s *script) { s.createErr = reason },
		"start":  func(s *script) { s.startErr = reason },
		"wait":   func(s *script) { s.waitErr = reason },
	} {
		s := newScript()
		change(s)
		events, dir := watchScript(t, s)
		last := events[len(events)-1]
		if last.Failed == nil || last.Failed.Step != step || last.Failed.Reason != "because" {
			t.Errorf("%s: %+v", step, last)
		}
		if s.calls[len(s.calls)-1] != "remove" || exists(dir) {
			t.Errorf("%s: calls %v, directory left %v", step, s.calls, exists(dir))
		}
	}
}

// The end is told even when the runtime does not clear up, and the plan stays.
func TestMonitorCannotRemove(t *testing.T) {
	s := newScript()
	s.removeErr = errors.New("busy")
	events, dir := watchScript(t, s)
	if last := events[len(events)-1]; last.Ended == nil {
		t.Errorf("events %+v", events)
	}
	if !exists(dir) || exists(filepath.Join(dir, "file")) {
		t.Error("the directory is gone, or its files are left")
	}
}

func TestMonitorRefusesNonsense(t *testing.T) {
	for _, plan := range []string{"", "{", "[]\n", "no end"} {
		var out bytes.Buffer
		m := &monitor{events: json.NewEncoder(&out)}
		if code := m.run(strings.NewReader(plan)); code == 0 || !strings.Contains(out.String(), `"Step":"plan"`) {
			t.Errorf("%q: %d, %s", plan, code, out.String())
		}
	}
}

func TestWalls(t *testing.T) {
	r := &Request{Limits: Limits{DataBytes: 512 << 20, MemoryBytes: Unlimited}, Binds: []Bind{{}, {}}}
	find := func(walls []Wall, name string) Wall {
		return walls[slices.IndexFunc(walls, func(w Wall) bool { return w.Name == name })]
	}
	for name, c := range map[string]struct {
		plan    plan
		started started
		wall    string
		on      bool
		words   string
	}{
		"seen":         {plan{Engine: "/sbin/runc"}, started{Runtime: "runc 1", Seen: sight{Complete: true}}, "container runtime", true, "runc 1; seen from outside"},
		"gone":         {plan{Engine: "/sbin/runc"}, started{Seen: sight{Gone: true}}, "container runtime", true, "had ended"},
		"gVisor":       {plan{Engine: "/sbin/runsc"}, started{Seen: sight{Hidden: "a kernel of its own"}}, "container runtime", true, "not seen from outside: a kernel of its own"},
		"grants":       {plan{}, started{}, "mount namespace", true, "2 grants"},
		"user":         {plan{}, started{Seen: sight{Namespaces: []string{"user"}}}, "user namespace", true, "one uid"},
		"docker":       {plan{Engine: dockerEngine}, started{}, "seccomp", true, "Docker's default"},
		"profile":      {plan{Engine: "/usr/bin/crun"}, started{}, "seccomp", true, "applied by crun"},
		"groups":       {plan{}, started{Groups: []string{"memory", "cpu"}}, "cgroup", true, "memory, cpu; memory not limited"},
		"no groups":    {plan{}, started{}, "cgroup", false, "cannot make control groups"},
		"no landlock":  {plan{}, started{}, "landlock", false, "runtimes build none"},
		"disk is open": {plan{}, started{}, "private directory", false, "not bounded"},
	} {
		w := find(walls(r, &c.plan, &c.started), c.wall)
		if w.On != c.on || !strings.Contains(w.Detail, c.words) {
			t.Errorf("%s: %+v", name, w)
		}
	}
}

func TestFindEngine(t *testing.T) {
	dir := t.TempDir()
	tool := filepath.Join(dir, "myrunc")
	if err := os.WriteFile(tool, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	plain := filepath.Join(dir, "plain")
	if err := os.WriteFile(plain, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
	for name, want := range map[string]string{"docker": "docker", "myrunc": tool, tool: tool, plain: "", "plain": "", "./myrunc": "", "absent": ""} {
		got, err := findEngine(name)
		if (err == nil) != (want != "") || err == nil && got != want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

func TestExecutable(t *testing.T) {
	if err := executable(filepath.Join(t.TempDir(), "absent")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(mounts)) {
		fields := strings.Fields(line)
		if len(fields) < 4 || !strings.HasPrefix(fields[3], "rw,") {
			continue
		}
		refused := slices.Contains(strings.Split(fields[3], ","), "noexec")
		if _, err := os.Stat(fields[1]); err == nil && (executable(fields[1]) != nil) != refused {
			t.Errorf("%s: %v", line, executable(fields[1]))
		}
	}
}
