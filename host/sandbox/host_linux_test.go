// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"context"
	"errors"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A level that the machine refuses is tried once by a process.
func TestRefusalsAreRemembered(t *testing.T) {
	defer func() { known.levels = nil }()
	spec := Spec{}
	for _, tt := range []struct {
		err  error
		want bool
	}{
		{&StepError{Level: Full, Step: "clone", Err: unix.EPERM}, true},
		{&StepError{Level: Full, Step: "pivot-root", Err: unix.EINVAL}, true},
		{&StepError{Level: Full, Step: "clone", Err: unix.EAGAIN}, false},
		{&StepError{Level: Full, Step: "clone", Err: unix.ENOMEM}, false},
		{&StepError{Level: Full, Step: "scratch", Err: unix.EPERM}, false},
		{&BindError{Err: unix.EPERM}, false},
		{context.Canceled, false},
	} {
		known.levels = nil
		learn(&spec, Full, tt.err)
		if got := knownFailure(&spec, Full); (got != nil) != tt.want {
			t.Errorf("%v: remembered %v", tt.err, got)
		}
	}
	known.levels = map[Level]error{FullQuota: &StepError{Level: FullQuota, Step: "cgroup", Err: unix.EROFS}}
	_, r := look(t, "nothing:", nil)
	if r.Level != Full || len(r.Fallen) != 1 || !strings.Contains(r.Fallen[0], "step cgroup") {
		t.Errorf("%+v", r)
	}
	if err := knownFailure(&Spec{Without: []string{"pid namespace"}}, FullQuota); err != nil {
		t.Errorf("a test of single walls was refused for it: %v", err)
	}
}

// While programs of the same uid run beside it, the host's memory is hidden.
func TestHostHides(t *testing.T) {
	dumpable := func() int {
		n, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	before := dumpable()
	for level, want := range map[Level]int{WallsOnly: 0, Full: before} {
		spec, _, finish := testSpec(t, "sleep")
		spec.Ceiling, spec.Floor = level, level
		p, err := Launch(context.Background(), spec)
		if err != nil {
			t.Fatal(err)
		}
		if got := dumpable(); got != want {
			t.Errorf("%v: dumpable is %d, want %d", level, got, want)
		}
		if level == WallsOnly { // a launch beside it lifts the cover and puts it back
			if exit, _ := die(t, "nothing:", spaced); exit.Code != 0 || dumpable() != 0 {
				t.Errorf("%+v, dumpable is %d", exit, dumpable())
			}
		}
		p.Kill()
		waitFor(t, p)
		finish()
		if got := dumpable(); got != before {
			t.Errorf("after %v dumpable is %d, want %d", level, got, before)
		}
	}
}

// Starts and failures leave no descriptor, no process and no goroutine behind.
func TestNothingLeaks(t *testing.T) {
	_, _ = die(t, "nothing:", spaced) // what is made once
	files, goroutines := openCount(t), runtime.NumGoroutine()
	for _, level := range []Level{FullQuota, Full, WallsOnly, None} {
		for range 5 {
			_, _ = die(t, "socket:", func(s *Spec) { s.Ceiling, s.Floor = level, None })
		}
	}
	for _, step := range []string{"sockets", "pivot-root", "exec", "seccomp", "filter", "verify"} {
		spec, _, finish := testSpec(t, "nothing:")
		inject(t, step, syscall.EPERM)
		spec.Ceiling, spec.Floor = Full, Full
		if p, err := Launch(context.Background(), spec); err == nil {
			<-p.Done()
		}
		finish()
		injected = nil
	}
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		if openCount(t) <= files && runtime.NumGoroutine() <= goroutines+1 {
			break
		}
		runtime.GC() // closes what the tests themselves forgot
		pause()
	}
	if n := openCount(t); n > files {
		t.Errorf("%d descriptors, %d before", n, files)
	}
	if n := runtime.NumGoroutine(); n > goroutines+1 {
		t.Errorf("%d goroutines, %d before", n, goroutines)
	}
	if err := unix.Waitid(unix.P_ALL, 0, nil, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil); !errors.Is(err, unix.ECHILD) {
		t.Errorf("a child is left: %v", err)
	}
}

// openCount counts the descriptors that are not the tests' own files.
func openCount(t *testing.T) (n int) {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if name, _ := os.Readlink("/proc/self/fd/" + e.Name()); !strings.Contains(name, "pipe:") && !strings.HasSuffix(name, ".test") {
			n++
		}
	}
	return n
}

// Launches do not disturb each other.
func TestParallelLaunches(t *testing.T) {
	type seen struct {
		pid   int
		level Level
	}
	results := make(chan seen, 16)
	for range cap(results) {
		go func() {
			spec, _, finish := testSpec(t, "sleep")
			spaced(&spec)
			p, err := Launch(context.Background(), spec)
			if err != nil {
				t.Error(err)
				results <- seen{}
				return
			}
			results <- seen{p.PID(), p.Report().Level}
			p.Kill()
			<-p.Done()
			finish()
		}()
	}
	pids := map[int]bool{}
	for range cap(results) {
		s := <-results
		if s.level != Full || pids[s.pid] {
			t.Errorf("%+v", s)
		}
		pids[s.pid] = true
	}
}
