// SPDX-License-Identifier: Apache-2.0

package report

import (
	"cmp"
	"fmt"
	"strings"
)

// everything writes what the terse report leaves out.
func (p *page) everything(d *Doctor) {
	for _, g := range d.lesserGroups() {
		p.group(g)
	}
	p.skipped(d.Skipped)
	p.plugins(d.Plugins)
}

// group writes findings that stand alone, under their title.
func (p *page) group(g group) {
	p.heading(g.Title)
	for _, f := range g.Findings {
		p.prose(2, f.Title)
		if f.Waived != nil {
			p.prose(4, CleanLine(f.Waived.String()))
		}
		p.finding(4, f)
		p.remedies(4, f)
		p.line(4, f.Code)
	}
	p.blank()
}

func (p *page) skipped(skips []Skip) {
	if len(skips) == 0 {
		return
	}
	p.heading("Skipped")
	width := 0
	for _, s := range skips {
		width = min(max(width, columns(p.clean(s.Code))), p.width/2)
	}
	for _, s := range skips {
		reason := s.Reason
		if s.Subject != "" {
			reason = s.Subject + ": " + reason
		}
		p.hanging(2, pad(cut(p.clean(s.Code), width), width)+"  ", reason)
	}
	p.blank()
}

// plugins names who took part and the walls around them.
func (p *page) plugins(plugins []Plugin) {
	if len(plugins) == 0 {
		return
	}
	p.heading("Plugins")
	for _, plugin := range plugins {
		p.line(2, fmt.Sprintf("%s %s, %s, sandbox %s", plugin.Name, plugin.Version, taken(plugin), level(plugin.Sandbox)+profile(plugin.Sandbox)))
		if plugin.Digest != "" {
			p.line(4, cutMiddle(p.clean(plugin.Digest), p.width-4))
		}
		p.walls("walls: ", plugin.Sandbox.Walls, true)
		p.walls("off: ", plugin.Sandbox.Walls, false)
		p.listed("not reached: ", plugin.Sandbox.Fallen)
		p.listed("not given: ", plugin.Sandbox.Skipped)
		p.listed("refused: ", refusals(plugin.Sandbox.Refused))
	}
	p.blank()
}

// taken is the time that a plugin took, and whether its facts are from before.
func taken(p Plugin) string {
	if p.Cached {
		return duration(p.DurationMS) + " (facts cached)"
	}
	return duration(p.DurationMS)
}

// refusals tells what was refused and what would allow it.
func refusals(list []Refusal) (out []string) {
	for _, r := range list {
		text := r.What
		if r.Count > 1 {
			text += fmt.Sprintf(" (%d times)", r.Count)
		}
		if r.Grant != "" {
			text += fmt.Sprintf(", which the grant %q would allow", r.Grant)
		}
		out = append(out, text)
	}
	return out
}

// profile is the kind of program in brackets; nothing when it is not known.
func profile(s Sandbox) string {
	if s.Profile == "" {
		return ""
	}
	return " (" + s.Profile + ")"
}

func level(s Sandbox) string { return cmp.Or(s.Level, "none") }

// listed writes each item on a line of its own.
func (p *page) listed(label string, items []string) {
	for _, item := range items {
		p.hanging(4, label, CleanLine(item))
	}
}

func (p *page) walls(label string, walls []Wall, on bool) {
	var names []string
	for _, w := range walls {
		if w.On == on {
			names = append(names, CleanLine(w.Name))
		}
	}
	if len(names) > 0 {
		p.hanging(4, label, strings.Join(names, ", "))
	}
}
