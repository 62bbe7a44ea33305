// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"
)

// gathering is a queue that keeps what it sends.
func gathering(limit, batch int, every time.Duration) (*queue, *[]string, *[]error) {
	var sent []string
	var losses []error
	q := &queue{limit: limit, batch: batch, every: every, wake: make(chan struct{}, 1)}
	q.send = func(_ context.Context, items message, n int) (int, error) {
		if len(items) != n {
			sent = append(sent, fmt.Sprintf("%d items in %q", n, items))
		}
		sent = append(sent, string(items))
		return 0, nil
	}
	q.lost = func(n int, err error) {
		for range n {
			losses = append(losses, err)
		}
	}
	return q, &sent, &losses
}

// digit is an item of one byte.
func digit(i int) func(message) message {
	return func(m message) message { return append(m, byte('0'+i)) }
}

func TestQueueSendsInOrderAndInBatches(t *testing.T) {
	q, sent, _ := gathering(100, 4, time.Hour)
	for i := range 10 {
		q.put(digit(i))
	}
	q.flush(t.Context())
	if !slices.Equal(*sent, []string{"0123", "4567", "89"}) {
		t.Errorf("sent %v", *sent)
	}
	if q.counts() != (Counts{Delivered: 10}) || len(q.batches) != 0 {
		t.Errorf("counts %+v", q.counts())
	}
}

func TestQueueIsBounded(t *testing.T) {
	q, sent, losses := gathering(3, 10, time.Hour)
	for i := range 8 {
		q.put(digit(i))
	}
	if len(*losses) != 5 || !errors.Is((*losses)[0], errFull) {
		t.Errorf("losses %v", *losses)
	}
	if q.counts() != (Counts{Dropped: 5 + 3}) { // what still waits would be lost, too
		t.Errorf("counts %+v", q.counts())
	}
	q.flush(t.Context())
	if !slices.Equal(*sent, []string{"012"}) || q.counts() != (Counts{Delivered: 3, Dropped: 5}) {
		t.Errorf("sent %v, counts %+v", *sent, q.counts())
	}
}

func TestQueueCountsRefusals(t *testing.T) {
	q, _, losses := gathering(100, 4, time.Hour)
	answers := []struct {
		refused int
		err     error
	}{{1, nil}, {0, errors.New("gone")}, {0, nil}}
	q.send = func(context.Context, message, int) (int, error) {
		a := answers[0]
		answers = answers[1:]
		return a.refused, a.err
	}
	for i := range 12 {
		q.put(digit(i))
	}
	q.flush(t.Context())
	if q.counts() != (Counts{Delivered: 3 + 4, Dropped: 1 + 4}) || len(*losses) != 5 {
		t.Errorf("counts %+v, losses %v", q.counts(), *losses)
	}
}

// TestQueueRuns: a full batch goes at once, a part of one at its time, the rest
// at the end.
func TestQueueRuns(t *testing.T) {
	var mu sync.Mutex
	total := 0
	seen := func() int {
		mu.Lock()
		defer mu.Unlock()
		return total
	}
	q := &queue{limit: 100, batch: 4, every: time.Hour, wake: make(chan struct{}, 1), lost: func(int, error) {}}
	q.send = func(_ context.Context, _ message, n int) (int, error) {
		mu.Lock()
		defer mu.Unlock()
		total += n
		return 0, nil
	}
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		q.run(t.Context(), stop)
	}()
	for i := range 4 {
		q.put(digit(i))
	}
	for at := time.Now(); seen() < 4; time.Sleep(time.Millisecond) {
		if time.Since(at) > time.Minute {
			t.Fatal("a full batch waits")
		}
	}
	q.put(digit(5))
	close(stop)
	<-done
	if seen() != 5 {
		t.Errorf("%d of 5 were sent at the end", seen())
	}
}

func TestSleepGivesUpEarly(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	if sleep(ctx, 2*time.Hour, nil) || ctx.Err() != nil {
		t.Error("it slept towards a deadline that it cannot meet")
	}
	if !sleep(ctx, time.Millisecond, nil) {
		t.Error("it did not sleep a millisecond")
	}
	gone, stop := context.WithCancel(t.Context())
	stop()
	if sleep(gone, time.Hour, nil) {
		t.Error("it slept after the end")
	}
}

func TestDefaults(t *testing.T) {
	l := Limits{Batch: 7, Retry: -1}.withDefaults()
	if l.Queue != 8192 || l.Batch != 7 || l.Interval != 2*time.Second || l.Retry != 30*time.Second || l.Close != 2*time.Second || l.Request != 10*time.Second || l.MetricInterval != 15*time.Second {
		t.Errorf("limits %+v", l)
	}
}

func TestSummary(t *testing.T) {
	s := Summary{Spans: Counts{10, 1}, Metrics: Counts{2, 0}, Lineage: Counts{2, 3}}
	if s.Dropped() != 4 || s.String() != "10 spans, 2 pushes of metrics and 2 lineage events delivered; 1, 0 and 3 dropped" {
		t.Errorf("%d: %s", s.Dropped(), s)
	}
}
