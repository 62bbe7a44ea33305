// SPDX-License-Identifier: Apache-2.0

package plugintest

import (
	"context"
	"fmt"
	"os"
	"time"

	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

var leakRules = []rule{
	{"leak/descriptors", "Two hundred calls leave no descriptor open.", leakOf("descriptors", func(m *measured) holding { return m.descriptors }, spareDescriptors)},
	{"leak/processes", "Two hundred calls leave no process running.", leakOf("processes", func(m *measured) holding { return m.processes }, 0)},
	{"leak/memory", "Two hundred calls add at most 32 MiB of private memory.", leakOf("bytes of private memory", func(m *measured) holding { return m.memory }, spareMemory)},
}

// Calls before and between the two looks at a process, and how much more it may
// hold at the second: garbage collectors and pools have no fixed size.
const (
	warmCalls        = 60
	leakCalls        = 200
	leastCalls       = 20
	spareDescriptors = 4
	spareMemory      = 32 << 20
)

// leakTime is what calls before a look may take: a plugin whose calls take seconds
// is looked at after fewer of them, but not after less than leastCalls.
var leakTime = time.Minute

// measured is what a process held before and after many calls.
type measured struct {
	descriptors, processes, memory holding
	calls                          int // between the two looks
}

// holding is one amount at two times.
type holding struct {
	before, after int64
	err           error // why it is not known
}

func (h *holding) look(amount func() (int64, error)) {
	if h.err == nil {
		h.before = h.after
		h.after, h.err = amount()
	}
}

// look measures everything once more.
func (m *measured) look(pid int) {
	m.descriptors.look(func() (int64, error) { return descriptors(pid) })
	m.memory.look(func() (int64, error) { return privateMemory(pid) })
	m.processes.look(func() (int64, error) {
		family, err := familyOf(pid)
		return int64(len(family)), err
	})
}

// leakOf compares one amount, which is measured once for all rules.
func leakOf(what string, pick func(*measured) holding, spare int64) func(*bench) error {
	return func(b *bench) error {
		if b.usage == nil {
			m, err := b.measure()
			if err != nil {
				return err
			}
			b.usage = m
		}
		h := pick(b.usage)
		if h.err == nil && h.after > h.before+spare {
			return fmt.Errorf("%d calls took the process from %d to %d %s; at most %d more are spared", b.usage.calls, h.before, h.after, what, spare)
		}
		return h.err
	}
}

// measure makes calls to an instance of its own and looks at it from outside.
func (b *bench) measure() (*measured, error) {
	d, err := b.describe()
	if err != nil {
		return nil, err
	}
	// Collectors are called only where there is a machine to look at.
	dir, err := machine(garbage())
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	m := &measured{}
	err = b.with(dir, func(p *Plugin) error {
		if p.PID == 0 {
			return skip("there is no process of its own to look at from here")
		}
		for _, n := range []int{warmCalls, leakCalls} {
			if m.calls, err = b.exercise(p, d, n); err != nil {
				return err
			}
			m.look(p.PID)
		}
		return nil
	})
	return m, err
}

// exercise makes n calls of all that a plugin offers, in turn, or as many as there
// is time for, and returns how many it made.
func (b *bench) exercise(p *Plugin, d *pluginv1.DescribeResponse, n int) (int, error) {
	calls := []func() error{func() error { _, err := describe(b.ctx, p); return err }}
	if len(d.GetChecks()) > 0 {
		calls = append(calls, func() error {
			ctx, cancel := context.WithTimeout(b.ctx, p.callTime())
			defer cancel()
			_, err := pluginv1.NewCheckerServiceClient(p.Conn).Check(ctx, &pluginv1.CheckRequest{})
			return err
		})
	}
	if len(d.GetCollectors()) > 0 && p.Target != nil {
		calls = append(calls, func() error { _, err := callCollect(b.ctx, p); return err })
	}
	s := samples()[0]
	for _, k := range d.GetKernels() {
		calls = append(calls, func() error { _, _, err := b.run(p, k, s.batches, s.schema); return err })
	}
	begin := time.Now()
	for i := range n {
		if err := calls[i%len(calls)](); err != nil {
			return i, fmt.Errorf("call %d of %d failed: %w", i+1, n, err)
		}
		if i+1 >= leastCalls && time.Since(begin) > leakTime {
			return i + 1, nil
		}
	}
	return n, nil
}
