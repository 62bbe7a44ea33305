// SPDX-License-Identifier: Apache-2.0

package plugintest

import (
	"context"
	"os"
	"os/exec"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	checks "github.com/bulkhead-ml/bulkhead/sdk/check"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// here is a plugin whose process is the one of the test.
func here(p *parts) Subject {
	s := p.subject()
	return Subject{Name: s.Name, Start: func(ctx context.Context, machine string) (*Plugin, error) {
		instance, err := s.Start(ctx, machine)
		if err == nil {
			instance.PID = os.Getpid()
		}
		return instance, err
	}}
}

// TestLeaks leaks one thing with each call. It runs alone: others would be
// measured with it.
func TestLeaks(t *testing.T) {
	if r := RunWith(t.Context(), here(sound()), Options{Only: []string{"leak"}}); len(failures(r)) > 0 {
		t.Fatalf("a sound plugin fails: %+v", r.Cases)
	}
	var kept []any
	for what, leak := range map[string]func(){
		"leak/descriptors": func() {
			f, err := os.Open(os.DevNull)
			if err != nil {
				t.Error(err)
			}
			t.Cleanup(func() { _ = f.Close() })
		},
		"leak/memory": func() {
			block := make([]byte, 1<<20)
			for i := 0; i < len(block); i += 4096 {
				block[i] = 1
			}
			kept = append(kept, block)
		},
		"leak/processes": func() { sleep(t) },
	} {
		t.Run(what, func(t *testing.T) {
			debug.FreeOSMemory() // else what leaks fills what other tests have left
			p := sound()
			p.check.Needs = nil
			p.check.Run = func(*checks.Context) { leak() }
			got := failures(RunWith(t.Context(), here(p), Options{Only: []string{what}}))
			if len(got) != 1 || got[0] != what {
				t.Errorf("fails %v", got)
			}
		})
	}
	_ = kept
}

// TestLeaksOfCollectors: they are called although an instance without a machine has
// no target.
func TestLeaksOfCollectors(t *testing.T) {
	p := sound()
	p.collector.Collect = func(context.Context, *fact.Target, *fact.Recorder) error { sleep(t); return nil }
	whole := here(p)
	blind := Subject{Name: whole.Name, Start: func(ctx context.Context, machine string) (*Plugin, error) {
		instance, err := whole.Start(ctx, machine)
		if err == nil && machine == "" {
			instance.Target = nil
		}
		return instance, err
	}}
	if got := failures(RunWith(t.Context(), blind, Options{Only: []string{"leak/processes"}})); len(got) != 1 {
		t.Errorf("fails %v", got)
	}
}

// sleep starts a process that ends with the test.
func sleep(t *testing.T) int {
	t.Helper()
	cmd := exec.Command("sleep", "60")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return cmd.Process.Pid
}

// TestNothingStays: a process that outlives its end is seen, one that ends is not.
func TestNothingStays(t *testing.T) {
	for name, tt := range map[string]struct {
		ends bool
		want string
	}{"ends": {true, ""}, "stays": {false, "1 of its processes run"}} {
		subject := Subject{Name: "sample", Start: func(context.Context, string) (*Plugin, error) {
			cmd := exec.Command("sleep", "60")
			if err := cmd.Start(); err != nil {
				return nil, err
			}
			stop := func() error {
				_ = cmd.Process.Kill()
				_ = cmd.Wait()
				return nil
			}
			t.Cleanup(func() { _ = stop() })
			if !tt.ends {
				return &Plugin{PID: cmd.Process.Pid, Stop: func() error { return nil }}, nil
			}
			return &Plugin{PID: cmd.Process.Pid, Stop: stop}, nil
		}}
		b := &bench{ctx: t.Context(), subject: subject}
		if err := lifeNothingStays(b); (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestAnotherProcessOfTheNumber is not the one that was looked at.
func TestAnotherProcessOfTheNumber(t *testing.T) {
	family, err := familyOf(os.Getpid())
	if err != nil || len(family) == 0 {
		t.Fatalf("%v, %v", family, err)
	}
	me := process{os.Getpid(), family[0].started}
	if s, err := stat(os.Getpid()); err != nil || !(process{os.Getpid(), s.started}).runs() {
		t.Errorf("this process does not run: %+v, %v", me, err)
	}
	if left := survivors([]process{{os.Getpid(), "1"}}, time.Millisecond); len(left) > 0 {
		t.Errorf("a process of another start survives: %v", left)
	}
}
