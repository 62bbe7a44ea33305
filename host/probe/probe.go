// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/bulkhead-ml/bulkhead/host/sandbox"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// Probe is one thing to try.
type Probe struct {
	// Address of the fact that tells the result.
	Address string
	// Title says what is tried, for progress: "import torch in /venv".
	Title string
	// Deadline of the whole probe.
	Deadline time.Duration

	run func(ctx context.Context, o *Options) []fact.Fact
}

// Options of a run.
type Options struct {
	// Env is the environment of the examined process; Home and Project are its
	// home and the user's project.
	Env           map[string]string
	Home, Project string
	// Floor is the lowest sandbox level to accept.
	Floor sandbox.Level
	// Network is the user's consent to probes that leave the machine.
	Network bool
	// Deadline shortens that of each probe; 0 leaves the probe its own.
	Deadline time.Duration
	// Parallel is how many probes run at the same time; 0 means half of the
	// processors: a framework uses several while it is imported.
	Parallel int
	// Progress, when not nil, is told before and after each probe. Calls do not
	// overlap.
	Progress func(Event)
}

// Event tells how far a run is.
type Event struct {
	Done, Total int
	// Title of the probe that started or ended.
	Title string
	Ended bool
}

func (o *Options) parallel() int {
	if o.Parallel > 0 {
		return o.Parallel
	}
	return max(1, runtime.NumCPU()/2)
}

// Run tries every probe and returns what each found, in the order of the probes.
// A probe that was cut off by ctx gives a fact that is unknown.
func Run(ctx context.Context, probes []Probe, o Options) []fact.Fact {
	found := make([][]fact.Fact, len(probes))
	turns := make(chan struct{}, o.parallel())
	tell := teller(len(probes), o.Progress)
	var all sync.WaitGroup
	for i, p := range probes {
		all.Go(func() {
			turns <- struct{}{}
			defer func() { <-turns }()
			tell(p.Title, false)
			defer tell(p.Title, true)
			found[i] = p.try(ctx, &o)
		})
	}
	all.Wait()
	var out []fact.Fact
	for _, facts := range found {
		out = append(out, facts...)
	}
	return out
}

// teller counts the probes that ended.
func teller(total int, progress func(Event)) func(title string, ended bool) {
	var mu sync.Mutex
	done := 0
	return func(title string, ended bool) {
		mu.Lock()
		defer mu.Unlock()
		if ended {
			done++
		}
		if progress != nil {
			progress(Event{Done: done, Total: total, Title: title, Ended: ended})
		}
	}
}

func (p Probe) try(ctx context.Context, o *Options) []fact.Fact {
	if ctx.Err() != nil {
		return []fact.Fact{unknown(p.Address, "the diagnosis was ended before this was tried")}
	}
	deadline := p.Deadline
	if o.Deadline > 0 && o.Deadline < deadline {
		deadline = o.Deadline
	}
	limited, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	return p.run(limited, o)
}

// unknown is a fact that could not be found out.
func unknown(address, reason string) fact.Fact { return fact.Fact{Address: address, Unknown: reason} }

// known is a fact with its evidence: the call that was made.
func known(address string, value any, call, result string) fact.Fact {
	data, err := json.Marshal(value)
	if err != nil {
		return unknown(address, fmt.Sprintf("its result cannot be written: %v", err))
	}
	return fact.Fact{Address: address, Value: data, Evidence: []fact.Evidence{{Call: call, Value: result}}}
}
