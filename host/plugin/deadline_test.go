// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// lateCalls is a watch that reports the late.
func lateCalls() (*callWatch, <-chan string) {
	late := make(chan string, 16)
	return &callWatch{late: func(method string) { late <- method }}, late
}

func TestCallWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, late := lateCalls()
		defer w.stop()
		const timeout = 100 * time.Millisecond
		a, b, c := w.begin("a", timeout), w.begin("b", timeout), w.begin("c", timeout)
		w.end(b) // from the middle,
		w.end(a) // the front
		select {
		case method := <-late:
			if method != "c" || time.Now().Before(c.at) {
				t.Errorf("%q was late %v before its time", method, time.Until(c.at))
			}
		case <-time.After(bound):
			t.Fatal("the call that was left is never late")
		}
		w.end(c)
		if w.first != nil || w.last != nil {
			t.Error("calls that ended are still known")
		}
	})
}

// A timer that finds nothing late waits for what began since.
func TestCallWatchGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, late := lateCalls()
		defer w.stop()
		const timeout = 200 * time.Millisecond
		w.end(w.begin("in time", timeout))
		time.Sleep(timeout / 2)
		later := w.begin("late", timeout)
		select {
		case method := <-late:
			if method != "late" || time.Now().Before(later.at) {
				t.Errorf("%q was late %v before its time", method, time.Until(later.at))
			}
		case <-time.After(bound):
			t.Fatal("nothing was late")
		}
	})
}

// An idle watch holds no timer, and starts one again.
func TestCallWatchRests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, late := lateCalls()
		for range 2 {
			w.end(w.begin("quick", 20*time.Millisecond))
			for deadline := time.Now().Add(bound); ; time.Sleep(5 * time.Millisecond) {
				w.mu.Lock()
				resting := w.timer == nil
				w.mu.Unlock()
				if resting {
					break
				}
				if time.Now().After(deadline) {
					t.Fatal("the timer goes on without calls")
				}
			}
		}
		if len(late) > 0 {
			t.Errorf("%q was late", <-late)
		}
	})
}

// The plugin is told of the deadline, and the host's own context stays as it was.
func TestDeadlineContext(t *testing.T) {
	parent, cancel := context.WithCancel(context.Background())
	at := time.Now().Add(-time.Second)
	ctx := deadlineContext{parent, at}
	if got, ok := ctx.Deadline(); !ok || got != at || ctx.Err() != nil {
		t.Errorf("%v, %v, %v", got, ok, ctx.Err())
	}
	cancel()
	<-ctx.Done()
}
