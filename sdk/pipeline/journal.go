// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"context"
	"iter"
	"slices"
	"sort"
	"sync"
)

// journal holds the events of a run for those who follow it, also late or
// slowly. Of the progress of a node it keeps the last alone, so that its size is
// bounded by the nodes and the calls of the run and not by its length.
type journal struct {
	mu      sync.Mutex
	entries []entry
	seq     int
	dropped int
	// progress is the number of the entry with the last progress of a node.
	progress map[string]int
	// changed is closed with the next event, and with the end.
	changed chan struct{}
	closed  bool
}

type entry struct {
	seq   int
	event *Event // nil when a later one took its place
}

func newJournal() *journal {
	return &journal{progress: map[string]int{}, changed: make(chan struct{})}
}

func (j *journal) add(e *Event) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.seq++
	if e.Kind == Progressed {
		if before, ok := j.progress[e.Node]; ok {
			j.drop(before)
		}
		j.progress[e.Node] = j.seq
	}
	j.entries = append(j.entries, entry{j.seq, e})
	j.wake()
}

// drop forgets an entry, and in time its place.
func (j *journal) drop(seq int) {
	j.entries[j.place(seq)].event = nil
	j.dropped++
	if j.dropped > 64 && j.dropped > len(j.entries)/2 {
		j.entries = slices.DeleteFunc(j.entries, func(e entry) bool { return e.event == nil })
		j.dropped = 0
	}
}

// place is where the first entry from a number on stands.
func (j *journal) place(seq int) int {
	return sort.Search(len(j.entries), func(i int) bool { return j.entries[i].seq >= seq })
}

func (j *journal) wake() {
	close(j.changed)
	j.changed = make(chan struct{})
}

func (j *journal) close() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.closed = true
	j.wake()
}

// next is the first event after a number; nil when there is none yet, with what
// tells of the next one, or nil when none will come.
func (j *journal) next(after int) (int, *Event, <-chan struct{}) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, e := range j.entries[j.place(after+1):] {
		if e.event != nil {
			return e.seq, e.event, nil
		}
	}
	if j.closed {
		return after, nil, nil
	}
	return after, nil, j.changed
}

// follow yields all events from the first on, until the end of the run or of ctx.
func (j *journal) follow(ctx context.Context) iter.Seq[Event] {
	return func(yield func(Event) bool) {
		for at := 0; ctx.Err() == nil; {
			seq, e, changed := j.next(at)
			at = seq
			switch {
			case e != nil:
				if !yield(*e) {
					return
				}
			case changed == nil:
				return
			default:
				select {
				case <-changed:
				case <-ctx.Done():
				}
			}
		}
	}
}
