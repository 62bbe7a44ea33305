// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"context"
	"errors"
	"iter"
	"runtime"
	"sync"
)

// GatherOption changes how Gather works.
type GatherOption func(*gatherOptions)

type gatherOptions struct{ all bool }

// AllErrors goes on after an error: each one stands in the place of the result
// that it is instead of.
func AllErrors() GatherOption { return func(o *gatherOptions) { o.all = true } }

// Gather calls work for each item, at most n calls at a time (as many as there
// are processors when n is below 1), and yields the results in the order of the
// items. At most 2n+1 results wait to be taken: when the caller takes none, no
// more work begins. slices.Values gives the items of a slice.
//
// The first error, in the order of the items, is yielded and ends it: the context
// of the calls is cancelled, and no other begins; see AllErrors. When ctx ends
// early, its cause is yielded last.
//
// The loop over the results ends when all calls have returned, also after a
// break, so that nothing is left behind: work must heed its context. A panic in
// work or in items happens again in the loop.
func Gather[T, R any](ctx context.Context, n int, items iter.Seq[T], work func(context.Context, T) (R, error), options ...GatherOption) iter.Seq2[R, error] {
	if n < 1 {
		n = runtime.GOMAXPROCS(0)
	}
	var o gatherOptions
	for _, set := range options {
		set(&o)
	}
	return func(yield func(R, error) bool) {
		inner, cancel := context.WithCancel(ctx)
		g := &gathering[T, R]{work: work, queue: make(chan chan outcome[R], n), running: make(chan struct{}, n)}
		defer func() {
			cancel()
			g.wait.Wait()
			if g.crash != nil {
				panic(g.crash.value)
			}
		}()
		g.wait.Go(func() { g.begin(inner, items) })
		g.deliver(ctx, o.all, yield)
	}
}

// gathering is one loop over the results of Gather.
type gathering[T, R any] struct {
	work func(context.Context, T) (R, error)
	// queue holds the outcomes in the order of the items, running a token for
	// each call.
	queue   chan chan outcome[R]
	running chan struct{}
	wait    sync.WaitGroup
	// complete is set before queue is closed, when all items were begun.
	complete bool
	// crash is set by deliver.
	crash *crash
}

// outcome of one call.
type outcome[R any] struct {
	result R
	err    error
	crash  *crash
}

// crash is what a panic had.
type crash struct{ value any }

// begin starts a call for each item.
func (g *gathering[T, R]) begin(ctx context.Context, items iter.Seq[T]) {
	defer close(g.queue)
	defer func() {
		if r := recover(); r != nil {
			out := make(chan outcome[R], 1)
			out <- outcome[R]{crash: &crash{r}}
			g.enqueue(ctx, out)
		}
	}()
	for item := range items {
		select {
		case g.running <- struct{}{}:
		case <-ctx.Done():
			return
		}
		out := make(chan outcome[R], 1)
		if ctx.Err() != nil || !g.enqueue(ctx, out) {
			return
		}
		g.wait.Go(func() { g.call(ctx, item, out) })
	}
	g.complete = true
}

func (g *gathering[T, R]) enqueue(ctx context.Context, out chan outcome[R]) bool {
	select {
	case g.queue <- out:
		return true
	case <-ctx.Done():
		return false
	}
}

// call always gives an outcome, also when work panics or ends its goroutine.
func (g *gathering[T, R]) call(ctx context.Context, item T, out chan<- outcome[R]) {
	o := outcome[R]{err: errors.New("the work ended its goroutine (runtime.Goexit) and gave no result")}
	defer func() {
		if r := recover(); r != nil {
			o.crash = &crash{r}
		}
		<-g.running
		out <- o
	}()
	o.result, o.err = g.work(ctx, item)
}

// deliver yields the outcomes in their order.
func (g *gathering[T, R]) deliver(ctx context.Context, all bool, yield func(R, error) bool) {
	for {
		o, more := g.next(ctx)
		switch {
		case !more:
			return
		case o.crash != nil:
			g.crash = o.crash
			return
		case !yield(o.result, o.err), o.err != nil && !all, ctx.Err() != nil && errors.Is(o.err, context.Cause(ctx)):
			return
		}
	}
}

// next waits for the outcome whose turn it is, or for the end of ctx.
func (g *gathering[T, R]) next(ctx context.Context) (outcome[R], bool) {
	select {
	case out, ok := <-g.queue:
		if !ok && g.complete {
			return outcome[R]{}, false
		}
		if !ok {
			return outcome[R]{err: context.Cause(ctx)}, true
		}
		select {
		case o := <-out:
			return o, true
		case <-ctx.Done():
		}
	case <-ctx.Done():
	}
	return outcome[R]{err: context.Cause(ctx)}, true
}
