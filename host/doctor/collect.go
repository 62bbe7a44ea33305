// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/bulkhead-ml/bulkhead/host/factcache"
	"github.com/bulkhead-ml/bulkhead/host/report"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

// Collected is what the plugins observed.
type Collected struct {
	Facts fact.Set
	// Diagnostics are in the order of the plugins' names.
	Diagnostics []report.Diagnostic
	// Durations of the calls by plugin.
	Durations map[string]time.Duration
	// TimedOut is true when a plugin did not answer in time.
	TimedOut bool

	launches *launches
}

// Collect asks every plugin that has collectors for its facts. All are asked
// at the same time and each has the whole timeout. It does not fail: what went
// wrong is among the diagnostics.
func Collect(ctx context.Context, plugins []Plugin, timeout time.Duration) Collected {
	return CollectCached(ctx, plugins, timeout, nil)
}

// CollectCached is Collect with a cache: facts of a plugin that it has kept and
// that still hold are taken from there, and the plugin is not asked.
func CollectCached(ctx context.Context, plugins []Plugin, timeout time.Duration, cache *factcache.Cache) Collected {
	plugins = slices.DeleteFunc(slices.Clone(plugins), func(p Plugin) bool { return len(p.Description.GetCollectors()) == 0 })
	out := Collected{Durations: map[string]time.Duration{}, launches: newLaunches()}
	replies := askAll(plugins, func(p Plugin) reply[*pluginv1.CollectResponse] { return out.launches.collect(ctx, p, timeout, cache) })
	g := gathering{byAddress: map[string]given{}}
	for i, p := range plugins {
		r := replies[i]
		out.Durations[p.Name] = r.took
		if r.err != nil {
			out.TimedOut = out.TimedOut || timedOut(r.err)
			out.Diagnostics = append(out.Diagnostics, silent(p, "No facts from plugin "+p.Name, "Checks that need its facts are skipped", r.err, timeout))
			continue
		}
		out.Diagnostics = append(out.Diagnostics, g.add(p, r.message)...)
	}
	out.Facts = g.set()
	sortDiagnostics(out.Diagnostics)
	return out
}

// collect returns the facts of one plugin: those that were kept, or new ones,
// which are kept.
func (l *launches) collect(ctx context.Context, p Plugin, timeout time.Duration, cache *factcache.Cache) reply[*pluginv1.CollectResponse] {
	begin := time.Now()
	if f, ok := cache.Facts(p.View, begin); ok {
		l.keeps(p, kept{sandbox: f.Sandbox, facts: true, age: f.Age})
		return reply[*pluginv1.CollectResponse]{message: f.Response, took: time.Since(begin)}
	}
	want := cache != nil && p.View != nil
	return call(ctx, p, l, timeout, func(ctx context.Context, s Started) (*pluginv1.CollectResponse, error) {
		began := time.Now()
		r, err := pluginv1.NewCollectorServiceClient(s.Conn).Collect(ctx, &pluginv1.CollectRequest{Target: s.Target, WantInputs: want}, callOptions...)
		if err == nil && want && p.View.Told(s.Target) {
			cache.KeepFacts(p.View, r, s.Sandbox, s.Private, began)
		}
		return r, err
	})
}

// given is a fact and the plugin that gave it.
type given struct {
	fact   fact.Fact
	plugin string
}

// gathering joins the facts of the plugins.
type gathering struct {
	byAddress map[string]given
	bytes     int
}

// add takes the facts of one plugin and tells of those that it refuses.
func (g *gathering) add(p Plugin, r *pluginv1.CollectResponse) []report.Diagnostic {
	refused := refusals{plugin: p.Name, what: "fact"}
	described := describedFacts(p.Description)
	for i, wire := range r.GetFacts() {
		if i == MaxFacts {
			refused.add(fmt.Sprintf("a plugin may give %d facts", MaxFacts), fmt.Sprintf("%d given", len(r.GetFacts())))
			break
		}
		f, reason, example := readFact(wire, described)
		if reason == "" {
			reason = g.insert(p.Name, f, proto.Size(wire))
		}
		if reason != "" {
			refused.add(reason, example)
		}
	}
	return append(diagnosticsOf(p.Name, r.GetDiagnostics()), refused.diagnostics()...)
}

// insert keeps a fact unless its place is taken or there is no room.
func (g *gathering) insert(plugin string, f fact.Fact, size int) (reason string) {
	if first, ok := g.byAddress[f.Address]; ok {
		switch {
		case first.plugin == plugin:
			return "the plugin gave one address twice; the first value stands"
		case bytes.Equal(first.fact.Value, f.Value) && first.fact.Unknown == f.Unknown:
			return ""
		}
		return fmt.Sprintf("plugin %s gave another value first, which stands", first.plugin)
	}
	if g.bytes+size > MaxFactsBytes {
		return fmt.Sprintf("all facts together may have %d MiB", MaxFactsBytes>>20)
	}
	g.bytes += size
	g.byAddress[f.Address] = given{f, plugin}
	return ""
}

func (g *gathering) set() fact.Set {
	all := make([]fact.Fact, 0, len(g.byAddress))
	for _, x := range g.byAddress {
		all = append(all, x.fact)
	}
	return fact.NewSet(all)
}

// describedFacts are the addresses that a plugin announced.
func describedFacts(d *pluginv1.DescribeResponse) map[string]bool {
	out := map[string]bool{}
	for _, c := range d.GetCollectors() {
		for _, f := range c.GetFacts() {
			out[f.GetAddress()] = true
		}
	}
	return out
}

// readFact reads a fact from the wire, or says in a clause why not. The example
// names it in a message.
func readFact(wire *pluginv1.Fact, described map[string]bool) (f fact.Fact, reason, example string) {
	example = wire.GetAddress()
	switch {
	case len(wire.GetValueJson()) > MaxValueBytes:
		return f, fmt.Sprintf("a value may have %d MiB", MaxValueBytes>>20), example
	case len(wire.GetEvidence()) > maxEvidence:
		return f, fmt.Sprintf("a fact may have %d pieces of evidence", maxEvidence), example
	}
	f = fact.Fact{Address: wire.GetAddress(), Evidence: evidenceOf(wire.GetEvidence())}
	if f.Unknown = bounded(report.CleanLine(wire.GetUnknown()), maxProseBytes); f.Unknown == "" {
		f.Value = report.CanonicalValue(wire.GetValueJson())
	}
	if err := report.CheckFact(f); err != nil {
		return f, "a fact breaks the rules", err.Error()
	}
	if !described[report.WithoutKeys(f.Address)] {
		return f, "the plugin did not describe the address", example
	}
	return f, "", example
}

// evidenceOf reads evidence from the wire, cleaned and bounded. What is empty
// is left out.
func evidenceOf(wire []*pluginv1.Evidence) []fact.Evidence {
	var out []fact.Evidence
	for _, e := range fact.EvidenceFromProto(wire) {
		e = fact.Evidence{
			Fact:  bounded(report.CleanLine(e.Fact), maxPathBytes),
			Path:  bounded(report.Clean(e.Path), maxPathBytes),
			Line:  max(e.Line, 0),
			Call:  bounded(report.CleanLine(e.Call), maxLineBytes),
			Value: bounded(report.CleanLine(e.Value), maxLineBytes),
		}
		if e != (fact.Evidence{}) {
			out = append(out, e)
		}
	}
	return out
}
