// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/bulkhead-ml/bulkhead/host/bench"
	"github.com/bulkhead-ml/bulkhead/host/doctor"
	"github.com/bulkhead-ml/bulkhead/host/probe"
	"github.com/bulkhead-ml/bulkhead/host/report"
	"github.com/bulkhead-ml/bulkhead/host/target"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// Levels of a diagnosis.
const (
	levelStatic = 1
	levelProbe  = 2
	levelBench  = 3
	levelLong   = 4
)

// depth says how deep a diagnosis goes.
type depth struct {
	level            int
	network, offline bool
}

func (d *depth) register(cmd *cobra.Command) {
	f := cmd.Flags()
	f.IntVar(&d.level, "level", levelStatic, "`depth`: 1 reads files, 2 also tries frameworks, driver and engine, 3 also measures, 4 measures long")
	f.BoolVar(&d.network, "network", false, "at level 2, let probes use the network: hub, package index, the cloud's metadata service")
	f.BoolVar(&d.offline, "offline", false, "use no network; this is the default")
}

// check refuses what cannot be meant.
func (d *depth) check(machine *target.Machine) error {
	switch {
	case d.level < levelStatic || d.level > levelLong:
		return misuse("--level %d: the levels are %d to %d", d.level, levelStatic, levelLong)
	case d.level > levelStatic && machine == nil:
		return misuse("--level %d tries things out, and a snapshot is no machine that runs; leave it out", d.level)
	case d.level > levelStatic && !machine.Live():
		return misuse("--level %d tries things out on this machine; it does not go with --root", d.level)
	case d.network && d.offline:
		return misuse("--network and --offline contradict each other")
	case d.network && d.level < levelProbe:
		return misuse("--network lets the probes of --level %d use the network; level %d uses none", levelProbe, levelStatic)
	}
	return nil
}

// probe tries out what the facts show, and adds what it found to them.
func (s *session) probe(ctx context.Context, d *depth, collected *doctor.Collected) {
	if d.level < levelProbe {
		return
	}
	m := s.launcher.Machine
	o := probe.Options{
		Env: m.Env, Home: m.Home, Project: m.ProjectDir, Floor: s.launcher.Floor, Network: d.network,
		Deadline: s.app.flags.timeout / 2,
	}
	probes := probe.Plan(collected.Facts, o)
	line := s.app.probing(len(probes))
	o.Progress = line.event
	found := probe.Run(ctx, probes, o)
	line.done()
	if d.level >= levelBench {
		found = append(found, s.measure(ctx, d, collected.Facts)...)
	}
	collected.Facts = fact.NewSet(append(collected.Facts.All(), found...))
}

// Samples of each benchmark at the levels that measure.
const (
	benchRounds = 5
	longRounds  = 30
)

// measure runs the benchmarks and tells them as facts, bench[NAME], each with the
// verdict against the last run on this machine.
func (s *session) measure(ctx context.Context, d *depth, facts fact.Set) []fact.Fact {
	m := s.launcher.Machine
	o := bench.Options{Rounds: benchRounds, Budget: 3 * time.Second, Probe: probe.Options{Env: m.Env, Home: m.Home, Floor: s.launcher.Floor}}
	if d.level >= levelLong {
		o.Rounds, o.Budget = longRounds, time.Minute
	}
	all := append(bench.Machine(), environmentBenches(facts, len(m.Pythons))...)
	line := s.app.probing(len(all))
	o.Progress = line.measuring
	entry := bench.Entry{SchemaVersion: bench.EntryVersion, At: time.Now().UTC(), Machine: subjectOf(facts)}
	var err error
	entry.Results, err = bench.Run(ctx, all, o)
	line.done()
	return s.measured(entry, err == nil)
}

// measured compares a run with the last one, remembers it when it is whole, and
// turns it into facts.
func (s *session) measured(entry bench.Entry, whole bool) []fact.Fact {
	var before []bench.Result
	if history, err := benchHistory(); err == nil {
		if last := s.app.lastRun(history, entry); last != nil {
			before = last.Results
		}
		if whole {
			if err := history.Append(entry); err != nil {
				s.app.warn("the benchmarks are not remembered: %v", err)
			}
		}
	}
	compared := map[string]bench.Comparison{}
	for _, c := range bench.Compare(entry.Results, before) {
		compared[c.Name] = c
	}
	out := make([]fact.Fact, 0, len(entry.Results))
	for _, r := range entry.Results {
		out = append(out, benchFact(r, compared[r.Name]))
	}
	return out
}

// benchFact is one benchmark as a fact.
func benchFact(r bench.Result, c bench.Comparison) fact.Fact {
	f := fact.Fact{Address: fact.At(doctor.BenchAddress, r.Name, ""), Unknown: r.Skipped}
	if r.Skipped != "" {
		return f
	}
	f.Value, _ = json.Marshal(doctor.Bench{ // plain values
		Name: r.Name, Unit: r.Unit, Median: r.Median, Low: r.Low, High: r.High, Verdict: c.Verdict, Ratio: c.Ratio.Median, Then: c.Then,
	})
	f.Evidence = []fact.Evidence{{Call: "bulkhead bench " + r.Name, Value: fmt.Sprintf("%s %s", figure(r.Median), r.Unit)}}
	return f
}

// probing shows on one line of standard error which probes run.
type probing struct {
	app     *app
	total   int
	on      bool
	start   time.Time
	mu      sync.Mutex
	running []string
}

func (a *app) probing(total int) *probing {
	return &probing{app: a, total: total, on: a.interactive(), start: time.Now()}
}

func (p *probing) event(e probe.Event) { p.show(e, "probes") }

// show rewrites the line.
func (p *probing) show(e probe.Event, what string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.app.log.Debug(what, "title", e.Title, "ended", e.Ended)
	if e.Ended {
		for i, title := range p.running {
			if title == e.Title {
				p.running = append(p.running[:i], p.running[i+1:]...)
				break
			}
		}
	} else {
		p.running = append(p.running, e.Title)
	}
	if p.on && len(p.running) > 0 {
		line := fmt.Sprintf("%d of %d %s%s  %s", e.Done, e.Total, what, left(p.start, e.Done, e.Total), p.running[0])
		fmt.Fprintf(p.app.stderr, "\r\x1b[K%.78s", report.CleanLine(line))
	}
}

// left guesses the time that is left from what ended.
func left(start time.Time, done, total int) string {
	if done == 0 || done == total {
		return ""
	}
	rest := time.Since(start) / time.Duration(done) * time.Duration(total-done)
	return fmt.Sprintf(", about %s left", rest.Round(time.Second))
}

// done removes the line.
func (p *probing) done() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.on && p.total > 0 {
		fmt.Fprint(p.app.stderr, "\r\x1b[K")
	}
	p.on = false
}
