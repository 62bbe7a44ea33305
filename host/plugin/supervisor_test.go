// SPDX-License-Identifier: Apache-2.0

//go:build linux

package plugin

import (
	"context"
	"errors"
	"testing"
	"time"

	"google.golang.org/grpc"
)

func supervise(t *testing.T, kind string, backoff Backoff) *Supervisor {
	t.Helper()
	spec, options, _ := fixture(t, kind)
	s := Supervise(context.Background(), spec, options, backoff)
	t.Cleanup(func() { _ = s.Close(context.Background()) })
	return s
}

func TestSupervisorRestarts(t *testing.T) {
	s := supervise(t, "good", Backoff{First: 50 * time.Millisecond})
	first, err := s.Process(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if again, _ := s.Process(context.Background()); again != first {
		t.Fatal("a living plugin was started again")
	}
	_, _ = call(first, "exit:1")
	<-first.Done()
	second, err := s.Process(context.Background())
	if err != nil || second == first {
		t.Fatal(second, err)
	}
	if second.PID() == first.PID() {
		t.Error("the same process")
	}
	if wait := time.Since(first.Exit().At); wait < 50*time.Millisecond {
		t.Errorf("restarted after %v, before the pause was over", wait)
	}
	if got, err := call(second, "echo:x"); err != nil || got != "x" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestCrashLoopEnds(t *testing.T) {
	defer timed(t, bound)()
	s := supervise(t, "exit", Backoff{First: time.Millisecond, Tries: 3})
	for range 3 {
		var start *StartError
		if _, err := s.Process(context.Background()); !errors.As(err, &start) {
			t.Fatal(err)
		}
	}
	_, err := s.Process(context.Background())
	var loop *CrashLoopError
	var death *Death
	if !errors.As(err, &loop) || loop.Deaths != 3 || !errors.As(err, &death) || death.ExitCode != 3 {
		t.Fatalf("got %v", err)
	}
}

func TestSupervisorWaitsNoLongerThanAsked(t *testing.T) {
	defer timed(t, bound)()
	s := supervise(t, "exit", Backoff{First: time.Hour, Most: time.Hour})
	_, _ = s.Process(context.Background())
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if _, err := s.Process(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("got %v", err)
	}
}

func TestSupervisorCloses(t *testing.T) {
	s := supervise(t, "good", Backoff{})
	p, err := s.Process(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(context.Background()); err != nil || p.Exit() == nil {
		t.Fatalf("%v, %v", err, p.Exit())
	}
	if _, err := s.Process(context.Background()); !errors.Is(err, errClosed) {
		t.Fatalf("got %v", err)
	}
}

func TestPauses(t *testing.T) {
	b := Backoff{First: time.Second, Most: 5 * time.Second}.withDefaults()
	for deaths, want := range map[int]time.Duration{1: 1, 2: 2, 3: 4, 4: 5, 60: 5} {
		if got := b.pause(deaths); got != want*time.Second {
			t.Errorf("after %d deaths %v", deaths, got)
		}
	}
}

// Close ends a start that is under way, and whoever waits for it.
func TestSupervisorClosesDuringAStart(t *testing.T) {
	s := supervise(t, "silent", Backoff{})
	results := make(chan error, 2)
	for range 2 {
		go func() {
			_, err := s.Process(context.Background())
			results <- err
		}()
	}
	time.Sleep(200 * time.Millisecond)
	defer timed(t, patience/2)()
	if err := s.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := <-results; !errors.Is(err, errClosed) {
			t.Errorf("got %v", err)
		}
	}
}

// Nobody gets a process that is being closed, and closing is no failure.
func TestSupervisorSkipsTheDying(t *testing.T) {
	s := supervise(t, "good", Backoff{Tries: 1})
	first, err := s.Process(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	closed := make(chan struct{})
	first.options.Drain = func(context.Context, *grpc.ClientConn) error {
		close(closed)
		time.Sleep(200 * time.Millisecond)
		return nil
	}
	go first.Close(context.Background())
	<-closed
	second, err := s.Process(context.Background())
	if err != nil || second == first {
		t.Fatal(second, err)
	}
	if got, err := call(second, "echo:x"); err != nil || got != "x" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestSupervisorRejects(t *testing.T) {
	s := supervise(t, "good", Backoff{Tries: 1})
	p, err := s.Process(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	reason := errors.New("it describes itself wrongly")
	s.Reject(p, reason)
	if p.Exit() == nil {
		t.Error("the rejected plugin lives")
	}
	if _, err := s.Process(context.Background()); !errors.Is(err, reason) {
		t.Errorf("got %v", err)
	}
}

// The start goes on for others when one caller leaves.
func TestSupervisorOutlivesACaller(t *testing.T) {
	s := supervise(t, "good", Backoff{})
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	if p, err := s.Process(ctx); err == nil {
		t.Skipf("process %d was started within a millisecond", p.PID())
	}
	p, err := s.Process(context.Background())
	if err != nil || p.Exit() != nil || s.deaths != 0 {
		t.Fatalf("%v, %v, %d deaths", p, err, s.deaths)
	}
}
