// SPDX-License-Identifier: Apache-2.0

package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bulkhead-ml/bulkhead/sdk/pipeline"
)

// count yields 0 to n-1 and notes how many were taken.
func count(n int, taken *atomic.Int64) iter.Seq[int] {
	return func(yield func(int) bool) {
		for i := range n {
			taken.Add(1)
			if !yield(i) {
				return
			}
		}
	}
}

// TestGatherOrder: results come in order, whatever each takes, and no more calls
// run at once than were allowed.
func TestGatherOrder(t *testing.T) {
	before := runtime.NumGoroutine()
	for _, n := range []int{1, 3, 8} {
		var running, most, taken atomic.Int64
		second := make(chan struct{})
		work := func(_ context.Context, i int) (int, error) {
			now := running.Add(1)
			for old := most.Load(); now > old && !most.CompareAndSwap(old, now); old = most.Load() {
			}
			switch {
			case i == 1:
				close(second)
			case i == 0 && n > 1: // both at once
				<-second
			}
			time.Sleep(time.Duration(rand.IntN(2000)) * time.Microsecond)
			running.Add(-1)
			return i * i, nil
		}
		at := 0
		for r, err := range pipeline.Gather(t.Context(), n, count(100, &taken), work) {
			if err != nil || r != at*at {
				t.Fatalf("result %d = %d, %v", at, r, err)
			}
			if ahead := int(taken.Load()) - at; ahead > 2*n+2 {
				t.Fatalf("%d items ahead of the results with n = %d", ahead, n)
			}
			at++
		}
		if at != 100 || int(most.Load()) > n {
			t.Errorf("n = %d: %d results, %d at once", n, at, most.Load())
		}
	}
	settled(t, before)
}

var errThird = errors.New("the third")

// thirdFails fails for 2 and 4, the later one sooner.
func thirdFails(ctx context.Context, i int) (int, error) {
	switch i {
	case 2:
		time.Sleep(20 * time.Millisecond)
		return 0, errThird
	case 4:
		return 0, errors.New("the fifth")
	}
	return i, ctx.Err()
}

func TestGatherErrors(t *testing.T) {
	var taken atomic.Int64
	var got []int
	var last error
	for r, err := range pipeline.Gather(t.Context(), 4, count(1000, &taken), thirdFails) {
		if last = err; err == nil {
			got = append(got, r)
		}
	}
	if !slices.Equal(got, []int{0, 1}) || !errors.Is(last, errThird) || taken.Load() > 50 {
		t.Errorf("results %v, %v, after %d items", got, last, taken.Load())
	}
	failed := 0
	got = nil
	for r, err := range pipeline.Gather(t.Context(), 4, count(10, &taken), thirdFails, pipeline.AllErrors()) {
		if err != nil {
			failed++
			continue
		}
		got = append(got, r)
	}
	if !slices.Equal(got, []int{0, 1, 3, 5, 6, 7, 8, 9}) || failed != 2 {
		t.Errorf("results %v, %d errors", got, failed)
	}
}

// TestGatherEnds: a break, a panic and the end of the context leave nothing
// behind.
func TestGatherEnds(t *testing.T) {
	before := runtime.NumGoroutine()
	wait := func(ctx context.Context, i int) (int, error) {
		if i == 0 {
			return 0, nil
		}
		<-ctx.Done()
		return 0, ctx.Err()
	}
	var taken atomic.Int64
	for range pipeline.Gather(t.Context(), 3, count(1000, &taken), wait) {
		break
	}
	settled(t, before)

	why := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	var errs []error
	for _, err := range pipeline.Gather(ctx, 3, count(1000, &taken), wait, pipeline.AllErrors()) {
		if errs = append(errs, err); err == nil {
			time.AfterFunc(10*time.Millisecond, func() { cancel(why) }) // the others wait by then
		}
	}
	if len(errs) < 2 || errs[0] != nil || !errors.Is(errs[len(errs)-1], why) || len(errs) > 6 {
		t.Errorf("errors = %v", errs)
	}
	settled(t, before)
	for _, err := range pipeline.Gather(ctx, 3, count(1000, &taken), wait) {
		if !errors.Is(err, why) {
			t.Errorf("after the end: %v", err)
		}
	}
	settled(t, before)
}

func TestGatherPanics(t *testing.T) {
	before := runtime.NumGoroutine()
	caught := func(f func()) (value any) {
		defer func() { value = recover() }()
		f()
		return nil
	}
	drain := func(items iter.Seq[int], work func(context.Context, int) (int, error)) func() {
		return func() {
			for range pipeline.Gather(t.Context(), 2, items, work) {
			}
		}
	}
	var taken atomic.Int64
	if got := caught(drain(count(9, &taken), func(_ context.Context, i int) (int, error) { panic(fmt.Sprint("work ", i)) })); got != "work 0" {
		t.Errorf("panic = %v", got)
	}
	sad := func(yield func(int) bool) { yield(1); panic("items") }
	if got := caught(drain(sad, func(context.Context, int) (int, error) { return 0, nil })); got != "items" {
		t.Errorf("panic = %v", got)
	}
	for _, err := range pipeline.Gather(t.Context(), 2, count(1, &taken), func(context.Context, int) (int, error) { runtime.Goexit(); return 0, nil }) {
		if err == nil {
			t.Error("no result and no error")
		}
	}
	settled(t, before)
}

// TestGatherNothing: no items, no n.
func TestGatherNothing(t *testing.T) {
	var taken atomic.Int64
	for range pipeline.Gather(t.Context(), 0, count(0, &taken), thirdFails) {
		t.Error("a result of nothing")
	}
	got := 0
	for r := range pipeline.Gather(t.Context(), -1, count(2, &taken), thirdFails) {
		got += r
	}
	if got != 1 {
		t.Errorf("sum = %d", got)
	}
}

func ExampleGather() {
	words := slices.Values([]string{"a", "bb", "ccc"})
	length := func(_ context.Context, s string) (int, error) { return len(s), nil }
	for n, err := range pipeline.Gather(context.Background(), 2, words, length) {
		fmt.Println(n, err)
	}
	// Output:
	// 1 <nil>
	// 2 <nil>
	// 3 <nil>
}
