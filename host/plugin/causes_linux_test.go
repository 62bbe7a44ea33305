// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"context"
	"errors"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bulkhead-ml/bulkhead/host/sandbox"
)

// deathOf runs a command that kills the plugin and returns the death.
func deathOf(t *testing.T, command string, change func(*Spec, *Options)) *Death {
	t.Helper()
	defer timed(t, bound)()
	p, _ := start(t, "good", change)
	_, err := call(p, command)
	var failure *CallFailure
	if !errors.As(err, &failure) {
		t.Fatalf("%s: got %v", command, err)
	}
	if failure.Death != p.Exit() {
		t.Error("the call tells of another death than the process")
	}
	return failure.Death
}

func TestRealCauses(t *testing.T) {
	for _, c := range []struct {
		command string
		change  func(*Spec, *Options)
		cause   Cause
		words   []string
	}{
		{"die:1:" + pythonChain, nil, Crashed, []string{"crashed: ValueError: no model (exit status 1)"}},
		{"die:101:thread 'main' panicked at src/main.rs:4:5:\nno tensor", nil, Crashed, []string{"panicked at src/main.rs:4:5: no tensor (exit status 101)"}},
		{"die:1:Traceback (most recent call last):\nMemoryError", nil, OutOfMemory, []string{"ran out of memory: "}},
		{"die:3:" + pythonChain, nil, Exited, []string{"ended with exit status 3", "ValueError: no model"}},
		{"hang", func(s *Spec, _ *Options) { s.CallTimeout = 200 * time.Millisecond }, Deadline, []string{"took longer than 200ms", "call_timeout = ..."}},
		{"hang", func(s *Spec, _ *Options) { s.LifeTime = 200 * time.Millisecond }, LifeTime, []string{"it ran for 200ms", "life_time = ..."}},
		{"spin", func(s *Spec, _ *Options) { s.Limits.CPUSeconds = 1 }, CPULimit, []string{"processor time of 1s", "cpu_time = ..."}},
		{"fill:8", func(s *Spec, _ *Options) { s.Limits.FileBytes = 1 << 20 }, FileLimit, []string{"larger than its limit of 1 MiB", "file_size = ..."}},
	} {
		t.Run(string(c.cause), func(t *testing.T) {
			t.Parallel()
			d := deathOf(t, c.command, c.change)
			if d.Cause != c.cause {
				t.Errorf("cause %s, want %s: %v", d.Cause, c.cause, d)
			}
			for _, want := range c.words {
				if !strings.Contains(d.Error(), want) {
					t.Errorf("%q lacks %q", d, want)
				}
			}
			// A peak of 0 is one that nobody saw: some die within milliseconds.
			if d.PeakBytes > 0 && d.PeakBytes < 1<<20 || d.CPU <= 0 {
				t.Errorf("used %d bytes, %v", d.PeakBytes, d.CPU)
			}
		})
	}
}

func TestMemoryIsBounded(t *testing.T) {
	if testLimits.DataBytes == sandbox.Unlimited {
		t.Skip("the race detector needs unlimited memory")
	}
	d := deathOf(t, "memory:1024", nil)
	// With cgo the first to fail may be the stack of a thread.
	if d.Cause == Crashed && strings.Contains(d.Error(), "pthread_create failed") && strings.Contains(d.Error(), "MiB of memory with their stacks") {
		return
	}
	if d.Cause != OutOfMemory || d.Limit < defaultDataBytes {
		t.Errorf("%s: %v", d.Cause, d)
	}
}

func TestKilledByUser(t *testing.T) {
	p, _ := start(t, "good", nil)
	go func() {
		time.Sleep(100 * time.Millisecond)
		p.Kill("interrupted")
	}()
	_, err := call(p, "hang")
	if d := p.Exit(); d == nil || d.Cause != KilledByUser || !strings.Contains(err.Error(), "killed by the user: interrupted") {
		t.Fatalf("%v, %v", d, err)
	}
}

// The context's cause says whose will it was.
func TestCancelCauses(t *testing.T) {
	for name, c := range map[string]struct {
		cause error
		want  Cause
		words string
	}{
		"plain":     {nil, Cancelled, "the work was cancelled"},
		"told":      {errors.New("the pipeline failed"), Cancelled, "cancelled: the pipeline failed"},
		"interrupt": {&Interrupt{"Ctrl-C"}, KilledByUser, "by the user: Ctrl-C"},
	} {
		t.Run(name, func(t *testing.T) {
			spec, options, _ := fixture(t, "good")
			ctx, cancel := context.WithCancelCause(context.Background())
			p, err := Launch(ctx, spec, options)
			if err != nil {
				t.Fatal(err)
			}
			cancel(c.cause)
			<-p.Done()
			if d := p.Exit(); d.Cause != c.want || !strings.HasSuffix(d.Error(), c.words) {
				t.Errorf("%s: %v", d.Cause, d)
			}
		})
	}
}

func TestKilledByAStranger(t *testing.T) {
	p, _ := start(t, "good", nil)
	if err := syscall.Kill(p.PID(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-p.Done()
	if d := p.Exit(); d.Cause != Signalled || !strings.Contains(d.Error(), "signal killed; somebody killed it") {
		t.Errorf("%s: %v", d.Cause, d)
	}
}

// A user's kill is no failure: the plugin is started again without a pause.
func TestSupervisorForgivesTheUser(t *testing.T) {
	s := supervise(t, "good", Backoff{First: time.Hour, Tries: 1})
	first, err := s.Process(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	first.Kill("to try again")
	<-first.Done()
	if second, err := s.Process(t.Context()); err != nil || second == first {
		t.Errorf("%v, %v", second, err)
	}
}

// A system call that no plugin may make ends it, and is named.
func TestForbiddenCall(t *testing.T) {
	p, log := start(t, "good", nil)
	wall, known := p.Sandbox().Wall("seccomp")
	if !known || !wall.On {
		t.Skip("no seccomp wall at level " + p.Sandbox().Level.String())
	}
	if _, err := call(p, "ptrace"); err == nil {
		t.Skip("this level answers with an error instead")
	}
	<-p.Done()
	d := p.Exit()
	if d.Cause != ForbiddenCall || !strings.Contains(d.Error(), "it called ptrace, which no plugin may") {
		t.Errorf("%s: %v\n%s", d.Cause, d, log)
	}
}

// A refusal that a program survives is counted and told once.
func TestDenialsOfAPlugin(t *testing.T) {
	p, log := start(t, "good", nil)
	if _, err := call(p, "socket"); err != nil {
		t.Fatal(err)
	}
	_ = p.Close(context.Background())
	d := p.Exit()
	if len(d.Denials) == 0 {
		t.Skip("level " + p.Sandbox().Level.String() + " cannot tell what it refused")
	}
	if d.Denials[0].Count == 0 || !strings.Contains(log.String(), "the sandbox refused "+d.Denials[0].Call) {
		t.Errorf("%+v\n%s", d.Denials, log)
	}
}
