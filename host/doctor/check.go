// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/bulkhead-ml/bulkhead/host/report"
	"github.com/bulkhead-ml/bulkhead/sdk/check"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

// Selection says which checks run and how the user wants them judged.
type Selection struct {
	// Codes to run, each exact or "group.*"; nil runs all, an empty list none.
	Codes []string
	// Skips maps codes to the reason why they are skipped.
	Skips map[string]string
	// Severity replaces error, warning and info of the findings of a code.
	Severity map[string]check.Severity
	// Config holds settings by code, as JSON objects with defaults filled in.
	Config map[string][]byte
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
}

// Check asks every plugin to judge the facts. All are asked at the same time
// and each has the whole timeout. It does not fail: what went wrong is among
// the diagnostics, the findings (a check that crashed) and the skipped.
func Check(ctx context.Context, plugins []Plugin, facts fact.Set, s Selection, timeout time.Duration) Checked {
	out := Checked{Durations: map[string]time.Duration{}, areas: map[string]string{}, lost: map[string]bool{}, declined: map[string]bool{}}
	wire := fact.ToProto(facts.All())
	asked := s.assign(plugins, &out)
	replies := askAll(ctx, asked.plugins, timeout, func(ctx context.Context, p Plugin) (*pluginv1.CheckResponse, error) {
		return pluginv1.NewCheckerServiceClient(p.Conn).Check(ctx, asked.request(p, wire, s), callOptions...)
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
	out.sort()
	return out
}

// assignment says which plugin is asked for which codes.
type assignment struct {
	plugins []Plugin
	codes   map[string][]string
}

// codeForm is the form of a code: visible words joined by dots.
var codeForm = regexp.MustCompile(`^[^\s.\pC]+(\.[^\s.\pC]+)+$`)

// assign gives each selected code to the first plugin that described it.
func (s Selection) assign(plugins []Plugin, out *Checked) assignment {
	a := assignment{codes: map[string][]string{}}
	owner, matched := map[string]string{}, map[string]bool{}
	for _, p := range plugins {
		refused := refusals{plugin: p.Name, what: "check"}
		for _, c := range p.Description.GetChecks() {
			code := c.GetCode()
			if len(code) > maxLineBytes || !codeForm.MatchString(code) {
				refused.add("a code has the form group.name", code)
				continue
			}
			if first, ok := owner[code]; ok {
				refused.add(fmt.Sprintf("plugin %s has a check of that code first", first), code)
				continue
			}
			owner[code] = p.Name
			if !s.selects(code, matched) {
				continue
			}
			out.areas[code] = areaName(c.GetArea())
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

func (a assignment) request(p Plugin, facts []*pluginv1.Fact, s Selection) *pluginv1.CheckRequest {
	req := &pluginv1.CheckRequest{Facts: facts, Codes: a.codes[p.Name], ConfigJson: map[string][]byte{}}
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
