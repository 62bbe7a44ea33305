// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/bulkhead-ml/bulkhead/host/factcache"
	"github.com/bulkhead-ml/bulkhead/host/report"
	"github.com/bulkhead-ml/bulkhead/sdk/check"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

// Selection says which checks run and how the user wants them judged.
type Selection struct {
	// Codes to run, each exact or "group.*"; nil runs all, an empty list none.
	Codes []string
	// Skips maps codes to the reason why they are skipped. They are told as
	// skipped whether Codes names them or not.
	Skips map[string]string
	// Severity replaces error, warning and info of the findings of a code.
	Severity map[string]check.Severity
	// Config holds settings by code, as JSON objects with defaults filled in.
	Config map[string][]byte
	// Excused leaves out findings about some subjects, by code.
	Excused map[string][]Excuse
	// Waivers accept findings; Judge holds them against the clock.
	Waivers []Waiver
	// Requires are the policies to hold.
	Requires []Require
}

// Checked is what the plugins and the policies found.
type Checked struct {
	// Findings are sorted; see package report. Their roots are not yet found.
	Findings []report.Finding
	// Skipped is sorted by code.
	Skipped []report.Skip
	// Ran counts the checks that ran, those that crashed included.
	Ran         int
	Diagnostics []report.Diagnostic
	Durations   map[string]time.Duration
	TimedOut    bool

	// areas maps the selected codes to their areas. Of these, lost are those
	// that a plugin failed to judge, declined those that the user skipped.
	areas          map[string]string
	lost, declined map[string]bool
	launches       *launches
	// titles and owners of the selected codes, for the list of checks.
	titles, owners map[string]string
}

// Check asks every plugin to judge the facts. All are asked at the same time
// and each has the whole timeout. It does not fail: what went wrong is among
// the diagnostics, the findings (a check that crashed) and the skipped.
func Check(ctx context.Context, plugins []Plugin, facts fact.Set, s Selection, timeout time.Duration) Checked {
	return CheckCached(ctx, plugins, facts, s, timeout, nil)
}

// CheckCached is Check with a cache: what it has kept of a plugin's findings is
// used when the facts that its checks look at are the same.
func CheckCached(ctx context.Context, plugins []Plugin, facts fact.Set, s Selection, timeout time.Duration, cache *factcache.Cache) Checked {
	out := Checked{Durations: map[string]time.Duration{}, areas: map[string]string{}, lost: map[string]bool{}, declined: map[string]bool{},
		titles: map[string]string{}, owners: map[string]string{}, launches: newLaunches()}
	asked := s.assign(plugins, &out)
	q := question{facts: facts, cache: cache, wire: sync.OnceValue(func() []*pluginv1.Fact { return fact.ToProto(facts.All()) })}
	replies := askAll(asked.plugins, func(p Plugin) reply[*pluginv1.CheckResponse] {
		return q.put(ctx, p, out.launches, asked.request(p, s), timeout)
	})
	for i, p := range asked.plugins {
		r := replies[i]
		out.Durations[p.Name] = r.took
		if r.err != nil {
			out.lose(p, asked.codes[p.Name], r.err, timeout)
			continue
		}
		out.answer(p, asked.codes[p.Name], r.message, s)
	}
	out.policies(facts, s)
	out.agree(facts, s)
	out.observe(facts, s)
	out.excuse(s.Excused)
	out.sort()
	return out
}

// question is what every plugin is asked about.
type question struct {
	facts fact.Set
	wire  func() []*pluginv1.Fact
	cache *factcache.Cache
}

// put asks one plugin, unless it was asked the same before and the facts that
// matter to it are the same.
func (q *question) put(ctx context.Context, p Plugin, l *launches, req *pluginv1.CheckRequest, timeout time.Duration) reply[*pluginv1.CheckResponse] {
	begin := time.Now()
	cache, plugin := q.cache, ""
	if p.View != nil {
		plugin = p.View.Plugin
	}
	if f, ok := cache.Findings(plugin, req, q.facts); ok {
		l.keeps(p, kept{sandbox: f.Sandbox})
		return reply[*pluginv1.CheckResponse]{message: f.Response, took: time.Since(begin)}
	}
	return call(ctx, p, l, timeout, func(ctx context.Context, s Started) (*pluginv1.CheckResponse, error) {
		req.Facts = q.wire()
		r, err := pluginv1.NewCheckerServiceClient(s.Conn).Check(ctx, req, callOptions...)
		if err == nil {
			cache.KeepFindings(plugin, req, q.facts, r, s.Sandbox)
		}
		return r, err
	})
}

// assignment says which plugin is asked for which codes.
type assignment struct {
	plugins []Plugin
	codes   map[string][]string
}

// isCode reports whether a code has its form: visible words joined by dots.
func isCode(code string) bool {
	words := strings.Split(code, ".")
	return len(words) > 1 && !slices.ContainsFunc(words, func(word string) bool {
		return word == "" || strings.ContainsFunc(word, func(r rune) bool { return r == ' ' || unicode.Is(unicode.C, r) })
	})
}

// assign gives each selected code to the first plugin that described it.
func (s Selection) assign(plugins []Plugin, out *Checked) assignment {
	a := assignment{codes: map[string][]string{}}
	owner, matched := map[string]string{}, map[string]bool{}
	for _, p := range plugins {
		refused := refusals{plugin: p.Name, what: "check"}
		for _, c := range p.Description.GetChecks() {
			code := c.GetCode()
			if len(code) > maxLineBytes || !isCode(code) {
				refused.add("a code has the form group.name", code)
				continue
			}
			if first, ok := owner[code]; ok {
				refused.add(fmt.Sprintf("plugin %s has a check of that code first", first), code)
				continue
			}
			owner[code] = p.Name
			if _, skipped := s.Skips[code]; !s.selects(code, matched) && !skipped {
				continue
			}
			out.areas[code], out.titles[code], out.owners[code] = areaName(c.GetArea()), report.CleanLine(c.GetTitle()), p.Name
			if !out.skip(code, s.Skips) {
				a.codes[p.Name] = append(a.codes[p.Name], code)
			}
		}
		out.Diagnostics = append(out.Diagnostics, refused.diagnostics()...)
		if len(a.codes[p.Name]) > 0 {
			a.plugins = append(a.plugins, p)
		}
	}
	s.unmatched(matched, out)
	return a
}

// selects reports whether the user wants a code, and notes which of the
// user's names matched.
func (s Selection) selects(code string, matched map[string]bool) bool {
	selected := s.Codes == nil
	for _, pattern := range s.Codes {
		if matches(pattern, code) {
			selected, matched[pattern] = true, true
		}
	}
	return selected
}

func (s Selection) unmatched(matched map[string]bool, out *Checked) {
	for _, pattern := range s.Codes {
		if !matched[pattern] {
			out.Diagnostics = append(out.Diagnostics, report.Diagnostic{
				Severity: report.Warning, Summary: fmt.Sprintf("No check is called %s", bounded(report.CleanLine(pattern), maxLineBytes)),
				Detail: "Nothing was run for it. List the checks that are installed with: bulkhead plugin describe",
			})
		}
	}
}

// skip notes a check that the user skips.
func (c *Checked) skip(code string, skips map[string]string) bool {
	reason, ok := skips[code]
	if !ok {
		return false
	}
	if reason == "" {
		reason = "skipped by configuration"
	}
	c.declined[code] = true
	c.Skipped = append(c.Skipped, report.Skip{Code: code, Reason: report.CleanLine(reason)})
	return true
}

func (a assignment) request(p Plugin, s Selection) *pluginv1.CheckRequest {
	req := &pluginv1.CheckRequest{Codes: a.codes[p.Name], ConfigJson: map[string][]byte{}}
	for _, code := range req.Codes {
		if config, ok := s.Config[code]; ok {
			req.ConfigJson[code] = config
		}
	}
	return req
}

// lose notes a plugin that gave no answer: none of its checks ran.
func (c *Checked) lose(p Plugin, codes []string, err error, timeout time.Duration) {
	c.TimedOut = c.TimedOut || timedOut(err)
	c.Diagnostics = append(c.Diagnostics, silent(p, "No findings from plugin "+p.Name, "Its checks are skipped", err, timeout))
	for _, code := range codes {
		c.lost[code] = true
		c.Skipped = append(c.Skipped, report.Skip{Code: code, Reason: "plugin " + p.Name + " gave no answer: " + causeOf(err, timeout)})
	}
}

// answer takes the outcomes and findings of one plugin.
func (c *Checked) answer(p Plugin, codes []string, r *pluginv1.CheckResponse, s Selection) {
	c.Diagnostics = append(c.Diagnostics, diagnosticsOf(p.Name, r.GetDiagnostics())...)
	areas := areasOf(p)
	failed := c.outcomes(p, codes, areas, r.GetOutcomes())
	refused := refusals{plugin: p.Name, what: "finding"}
	for i, wire := range r.GetFindings() {
		if i == MaxFindings {
			refused.add(fmt.Sprintf("a plugin may report %d findings", MaxFindings), fmt.Sprintf("%d reported", len(r.GetFindings())))
			break
		}
		area, known := areas[wire.GetCode()]
		switch {
		case !known:
			refused.add("the plugin did not describe the code", wire.GetCode())
		case !slices.Contains(codes, wire.GetCode()) || failed[wire.GetCode()]:
			continue // not asked for, or left behind by a crash: listed as such
		default:
			if reason := excess(wire); reason != "" {
				refused.add(reason, wire.GetCode())
				continue
			}
			c.Findings = append(c.Findings, readFinding(p.Name, area, wire, s))
		}
	}
	c.Diagnostics = append(c.Diagnostics, refused.diagnostics()...)
}

// areasOf maps the codes that a plugin described to their areas.
func areasOf(p Plugin) map[string]string {
	out := map[string]string{}
	for _, c := range p.Description.GetChecks() {
		out[c.GetCode()] = areaName(c.GetArea())
	}
	return out
}
